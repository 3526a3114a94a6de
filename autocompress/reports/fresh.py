"""What fresh seeds say of a front: member by member, how lucky the search was, and what became of its pick."""

from autocompress.reports.against import points
from autocompress.reports.grid import cell
from autocompress.reports.plural import plural
from autocompress.reports.view import StudyView
from autocompress.values.validated import Curse, Validated, winners_curse

HEADS = ("", "trial", "search accuracy", "fresh accuracy", "seeds", "test accuracy", "verdict")


def rows(view: StudyView) -> list[tuple[str, ...]]:
    """Under HEADS a row for each member, best first; `*` marks the pick."""
    found: list[tuple[str, ...]] = [HEADS]
    for member in view.front.members:
        one = view.validated.get(member.number)
        mark = "*" if view.pick is not None and view.pick.trial is member else ""
        searched = (mark, str(member.number), cell(member.measured("accuracy")))
        if one is None:
            found.append((*searched, "–", "0", "–", "not tried yet"))
        else:
            again = (cell(one.measured("accuracy")), str(len(one.seeds)), cell(one.test_accuracy))
            found.append((*searched, *again, _verdict(one)))
    return found


def words(view: StudyView) -> list[str]:
    """How lucky the search was, and what became of its pick."""
    curse, taken = winners_curse(view.front, view.validated), _pick(view)
    lines = [_lucky(curse)] if curse else []
    if view.pick is not None and taken is not None:
        lines.append(f"the pick, trial {taken.trial} ({view.pick.rule}): {_verdict(taken)}")
    return lines


def holds(view: StudyView) -> bool:
    """Whether the pick is as good as it looked; untried, nothing speaks against it."""
    taken = _pick(view)
    return taken is None or taken.stands


def _pick(view: StudyView) -> Validated | None:
    return view.validated.get(view.pick.trial.number) if view.pick is not None else None


def _lucky(curse: Curse) -> str:
    spread = f" ± {points(curse.spread).removeprefix('+')}" if curse.spread else ""
    return (
        f"winner's curse: {points(curse.value)}{spread} points, by which the search's accuracy is above that of fresh "
        f"seeds, over {plural(curse.members, 'model')}"
    )


def _verdict(one: Validated) -> str:
    return f"{one.verdict}: {one.why}" if one.why else one.verdict

"""`validate`: is the front as good as it looks? Its recipes are trained again with fresh seeds and measured again."""

import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autocompress.cli.launch import Json, Plain, Storage, Trust, Workers, follow, override, trusting
from autocompress.cli.out import INTERRUPTED, NOTHING_FITS, data, document, people

if TYPE_CHECKING:
    from autocompress.reports.view import StudyView
    from autocompress.values.measurement import Measurement
    from autocompress.values.validated import Curse, Validated

USUAL = 3  # seeds, where the study's file says nothing


def validate(
    name: Annotated[str, typer.Argument(help="The name of a study that has been run here.")],
    seeds: Annotated[
        int | None,
        typer.Option(min=1, max=20, help="Fresh seeds for each model. [default: what its file says, else 3]"),
    ] = None,
    workers: Workers = None,
    storage: Storage = None,
    trust: Trust = False,
    plain: Plain = False,
    json: Json = False,
) -> None:
    """Train the models of the front again, from their recipes with fresh seeds, and say which were only lucky.

    All are measured again, on the device and on the test split. Asked again with more seeds, only those are added.
    """
    from autocompress.reports import bundle, table
    from autocompress.reports.of_study import view_of
    from autocompress.study import validation
    from autocompress.study.study import Study

    trusting(trust)
    study = Study.open(name, storage=storage)
    override(study, None, None, workers)
    view, many = view_of(study), seeds or study.spec.budget.validation or USUAL
    if view.pick is None:
        people().print(table.summary(view), markup=False, highlight=False, soft_wrap=True, end="")
        sys.exit(NOTHING_FITS)
    _say(f"{name}: {_of(len(view.front), 'model')} on the front, {_of(many, 'fresh seed')} each")
    finished = follow(validation.beside(study), lambda brake: validation.steps(study, many, brake), plain)
    bundle.write(view_of(study, whole=True), study.folder / "report")
    found = study.validated
    if json:
        document("validation", _document(view, found))
    else:
        data("\n".join(grid(view, found)))
    for line in words(view, found):
        _say(line)
    if not finished:
        _say(f"interrupted; go on with: autocompress validate {name} --seeds {many}")
        sys.exit(INTERRUPTED)
    if not found[view.pick.trial.number].stands:
        sys.exit(NOTHING_FITS)


def grid(view: "StudyView", found: "Mapping[int, Validated]") -> list[str]:
    """A line for each member, best first; `*` marks the pick."""
    from autocompress.cli.told import aligned

    rows = [("", "trial", "search accuracy", "fresh accuracy", "seeds", "test accuracy", "verdict")]
    for member in view.front.members:
        one = found.get(member.number)
        mark = "*" if view.pick is not None and view.pick.trial is member else ""
        row = (mark, str(member.number), _cell(member.measured("accuracy")))
        if one is None:
            rows.append((*row, "–", "0", "–", "not tried yet"))
        else:
            fresh = (_cell(one.measured("accuracy")), str(len(one.seeds)), _cell(one.test_accuracy))
            rows.append((*row, *fresh, _verdict(one)))
    return aligned(rows).splitlines()


def words(view: "StudyView", found: "Mapping[int, Validated]") -> list[str]:
    """How lucky the search was, and what became of its pick."""
    from autocompress.values.validated import winners_curse

    curse = winners_curse(view.front, found)
    lines = [_lucky(curse)] if curse else []
    if view.pick is not None and (taken := found.get(view.pick.trial.number)):
        lines.append(f"the pick, trial {taken.trial} ({view.pick.rule}): {_verdict(taken)}")
    return lines


def _lucky(curse: "Curse") -> str:
    from autocompress.reports.against import points

    spread = f" ± {points(curse.spread).removeprefix('+')}" if curse.spread else ""
    return (
        f"winner's curse: {points(curse.value)}{spread} points, by which the search's accuracy is above that of fresh "
        f"seeds, over {_of(curse.members, 'model')}"
    )


def _document(view: "StudyView", found: "Mapping[int, Validated]") -> dict[str, Any]:
    from autocompress.values.validated import winners_curse

    assert view.pick is not None
    searched, curse = {t.number: t for t in view.front.members}, winners_curse(view.front, found)
    taken = found.get(view.pick.trial.number)
    return {
        "study": view.spec.name,
        "pick": {"trial": view.pick.trial.number, "rule": view.pick.rule, "stands": taken.stands if taken else None},
        "winners_curse": asdict(curse) if curse else None,
        "members": [
            {
                "trial": number,
                "verdict": one.verdict,
                "why": one.why,
                "seeds": list(one.seeds),
                "search": [m.model_dump(mode="json") for m in searched[number].measurements],
                "fresh": [m.model_dump(mode="json") for m in one.measurements],
                "test_accuracy": one.test_accuracy.model_dump(mode="json") if one.test_accuracy else None,
            }
            for number, one in found.items()
        ],
    }


def _verdict(one: "Validated") -> str:
    return f"{one.verdict}: {one.why}" if one.why else one.verdict


def _cell(m: "Measurement | None") -> str:
    from autocompress.values.metric import show

    return show(m.metric, m.value, m.spread) if m else "–"


def _of(many: int, what: str) -> str:
    return f"{many} {what}{'s' if many != 1 else ''}"


def _say(text: str) -> None:
    people().print(text, markup=False, highlight=False, soft_wrap=True)

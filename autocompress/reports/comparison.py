"""Studies held against each other, for a terminal, a pipe, a comment and a program."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rich.console import Group as Stack
from rich.text import Text

from autocompress.reports.grid import ESTIMATED, cell, heading
from autocompress.reports.markdown import code
from autocompress.reports.sheet import Sheet
from autocompress.values.attainment import Goal, Lead
from autocompress.values.compared import Attainment, Beaten, Comparison, Group, Member, Side
from autocompress.values.limit import Objective
from autocompress.values.metric import show

SCHEMA = "autocompress.comparison/v1"
MAYBE = "?"  # beaten, but perhaps only by noise
MOST_BEATS = 3  # named of those that beat one model
MOST_CHANGES = 20  # shown of what differs between two studies


def plain(c: Comparison) -> str:
    """For a file or a pipe."""
    return "\n".join(part.plain() if isinstance(part, Sheet) else f"{part}\n" for part in parts(c))


def ruled(c: Comparison, width: int) -> Stack:
    """For a terminal."""
    return Stack(*(part.ruled(width) if isinstance(part, Sheet) else Text(f"{part}\n") for part in parts(c)))


def markdown(c: Comparison) -> str:
    """For a pull request."""
    title = f"### autocompress: {' against '.join(code(s.name) for s in c.sides)}\n"
    texts = [part.markdown(code) if isinstance(part, Sheet) else _listed(part, code) for part in parts(c)]
    return "\n".join([title, *texts])


def _listed(text: str, code: Callable[[str], str]) -> str:
    """Lines as Markdown; those that are indented as points of a list."""
    lines = [f"- {code(x)}" if x.startswith("  ") else f"{code(x)}\n" for x in text.splitlines()]
    return "\n".join(lines) + "\n" * lines[-1].startswith("- ")


def parts(c: Comparison) -> Iterator[Sheet | str]:
    """Tables, and between them lines."""
    if c.cautions:
        yield "\n".join(f"warning: {x}" for x in c.cautions)
    yield f"reference for all: {_goal(c.objectives, c.bounds)}"
    yield _studies(c)
    yield _table(c)
    yield _models(c)
    if c.groups:
        yield _groups(c.groups)
        yield _medians(c)
    yield (
        "\n".join(line for a in c.attainment for line in _attained(c, a))
        or f"no attainment difference: {c.no_attainment}"
    )
    yield "\n".join(line for side in c.sides[1:] for line in _changes(c.sides[0], side))


# --- tables ----------------------------------------------------------------------------------------------------------


def _studies(c: Comparison) -> Sheet:
    rows = [
        (
            s.name,
            s.entrant.life,
            str(len(s.entrant.trials)),
            str(len(s.front)),
            str(s.joint),
            f"{s.volume.value:.3f}"
            + (f" ({s.volume.low:.3f} to {s.volume.high:.3f})" if s.volume.low < s.volume.high else ""),
            "–" if s.ratio is None else f"{s.ratio:.3f}",
        )
        for s in c.sides
    ]
    title = "models on the own front and on the joint one; hypervolume (95 % interval) and its ratio to the first"
    header = ("study", "state", "trials", "front", "joint", "hypervolume", "ratio")
    return Sheet(title, header, (*rows,), ("study", "state"))


def _table(c: Comparison) -> Sheet:
    names = [s.name for s in c.sides]
    rows = [
        (name, *("–" if i == j else _share(share) for j, share in enumerate(row)))
        for i, (name, row) in enumerate(zip(names, c.beaten, strict=True))
    ]
    header = ("study", *(f"by {n}" for n in names))
    return Sheet(f"how many models of each are beaten ({MAYBE}: perhaps only by noise)", header, (*rows,), ("study",))


def _share(b: Beaten) -> str:
    return f"{b.surely} of {b.of}" + (f", {b.maybe}{MAYBE}" if b.maybe else "")


def _models(c: Comparison) -> Sheet:
    rows = [
        (
            c.sides[m.study].name,
            str(m.trial.number),
            *(cell(m.trial.measured(o.metric)) for o in c.objectives),
            _beats(c, m) or "–",
        )
        for m in c.members
    ]
    estimates = any(text.startswith(ESTIMATED) for row in rows for text in row)
    title = "who beats whom (–: on the joint front" + (f"; {ESTIMATED}: estimated)" if estimates else ")")
    header = ("study", "trial", *(heading(o.metric) for o in c.objectives), "beaten by")
    return Sheet(title, header, (*rows,), ("study", "beaten by"))


def _beats(c: Comparison, m: Member) -> str:
    said = [f"{c.sides[b.study].name} {b.trial}{'' if b.surely else MAYBE}" for b in m.beaten_by[:MOST_BEATS]]
    more = len(m.beaten_by) - len(said)
    return ", ".join([*said, *([f"{more} more"] if more else [])])


def _groups(groups: Sequence[Group]) -> Sheet:
    rows = [
        (
            g.repeated.name,
            ", ".join(map(str, g.repeated.seeds)),
            f"{g.volume[0]:.3f} ± {g.volume[1]:.3f}",
        )
        for g in groups
    ]
    return Sheet("studies with several seeds", ("study", "seeds", "hypervolume"), (*rows,), ("study", "seeds"))


def _medians(c: Comparison) -> Sheet:
    pair = c.objectives[:2]
    rows = [
        (g.repeated.name, *(show(o.metric, x) for o, x in zip(pair, goal, strict=True)))
        for g in c.groups
        for goal in g.median
    ]
    header = ("study", *(heading(o.metric) for o in pair))
    return Sheet("what at least half of the seeds reach", header, (*rows,), ("study",))


# --- sentences -------------------------------------------------------------------------------------------------------


def _attained(c: Comparison, a: Attainment) -> Iterator[str]:
    first, second = c.groups[a.first], c.groups[a.second]
    yield f"attainment difference of {first.repeated.name} and {second.repeated.name}:"
    if a.ahead is None and a.behind is None:
        yield "  none: both reach the same in as many runs"
    else:
        yield _led(c, a.ahead, first, second)
        yield _led(c, a.behind, second, first)


def _led(c: Comparison, found: Lead | None, ours: Group, theirs: Group) -> str:
    if found is None:
        return f"  {ours.repeated.name} is nowhere ahead"
    goal = _goal(c.objectives[:2], found.goal)
    runs, others = len(ours.repeated.runs), len(theirs.repeated.runs)
    return (
        f"  {ours.repeated.name} is furthest ahead at {goal}: {found.ours} of {runs} runs reach it, "
        f"{found.theirs} of {others} of {theirs.repeated.name}"
    )


def _goal(objectives: Sequence[Objective], values: Goal) -> str:
    """`accuracy ≥ 97.20 %, latency ≤ 8.00 µs`."""
    return ", ".join(
        f"{heading(o.metric)} {'≥' if o.direction == 'maximize' else '≤'} {show(o.metric, x)}"
        for o, x in zip(objectives, values, strict=True)
    )


def _changes(first: Side, other: Side) -> list[str]:
    if not other.changed:
        return [f"{other.name} differs from {first.name} in nothing but its name"]
    shown, more = other.changed[:MOST_CHANGES], len(other.changed) - MOST_CHANGES
    lines = [f"{other.name} differs from {first.name}:", *(f"  {x}" for x in shown)]
    return [*lines, *([f"  and in {more} more (--json has all)"] if more > 0 else [])]


# --- for programs ----------------------------------------------------------------------------------------------------


def comparison_json(c: Comparison) -> dict[str, Any]:
    """Everything that was computed. Studies, members and runs are named; values are in SI units."""
    names, pair = [s.name for s in c.sides], [o.metric for o in c.objectives[:2]]
    return {
        "schema": SCHEMA,
        "warnings": list(c.cautions),
        "objectives": [o.model_dump(mode="json") for o in c.objectives],
        "reference": dict(zip((o.metric for o in c.objectives), c.bounds, strict=True)),
        "studies": [_side(s) for s in c.sides],
        "beaten": [
            {"study": names[i], "by": names[j], "beyond_noise": b.surely, "within_noise": b.maybe, "of": b.of}
            for i, row in enumerate(c.beaten)
            for j, b in enumerate(row)
            if i != j
        ],
        "members": [_member(names, m) for m in c.members],
        "groups": [
            {
                "name": g.repeated.name,
                "studies": [names[i] for i in g.repeated.runs],
                "seeds": list(g.repeated.seeds),
                "hypervolume": g.volume[0],
                "hypervolume_spread": g.volume[1],
                "median": [dict(zip(pair, goal, strict=True)) for goal in g.median],
            }
            for g in c.groups
        ],
        "attainment": [
            {
                "first": c.groups[a.first].repeated.name,
                "second": c.groups[a.second].repeated.name,
                "ahead": _lead(pair, a.ahead),
                "behind": _lead(pair, a.behind),
            }
            for a in c.attainment
        ],
        "no_attainment": c.no_attainment or None,
    }


def _side(s: Side) -> dict[str, Any]:
    spec = s.entrant.spec
    return {
        "study": s.name,
        "hash": spec.hash,
        "state": s.entrant.life,
        "seed": spec.seed,
        "device": spec.device.id if spec.device else None,
        "trials": len(s.entrant.trials),
        "limits": [x.model_dump(mode="json") for x in s.front.limits],
        "baseline": [m.model_dump(mode="json") for m in s.front.baseline],
        "front": len(s.front),
        "joint_front": s.joint,
        "hypervolume": s.volume.value,
        "hypervolume_interval": [s.volume.low, s.volume.high],
        "ratio": s.ratio,
        "changes": list(s.changed),
    }


def _member(names: Sequence[str], m: Member) -> dict[str, Any]:
    return {
        "study": names[m.study],
        "trial": m.trial.number,
        "joint": m.joint,
        "recipe": m.trial.recipe.tree,
        "measurements": [x.model_dump(mode="json") for x in m.trial.measurements],
        "beaten_by": [{"study": names[b.study], "trial": b.trial, "beyond_noise": b.surely} for b in m.beaten_by],
    }


def _lead(pair: Sequence[str], found: Lead | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {"goal": dict(zip(pair, found.goal, strict=True)), "runs": found.ours, "others": found.theirs}

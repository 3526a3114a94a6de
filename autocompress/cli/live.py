"""What a person sees while a study runs: a few numbers that move on a terminal, lines with the time elsewhere."""

import time
from collections.abc import Iterator

from rich.console import Group
from rich.live import Live
from rich.text import Text

from autocompress.cli.out import people
from autocompress.study.core import Happening, Loop
from autocompress.study.study import Study
from autocompress.values.metric import show
from autocompress.values.trial import Trial

Steps = Iterator[tuple[Happening, Loop]]


def watch(study: Study, steps: Steps, *, plain: bool) -> None:
    """Follow the steps to their end."""
    began = time.monotonic()
    if plain:
        _lines(study, steps, began)
    else:
        _live(study, steps, began)


def _live(study: Study, steps: Steps, began: float) -> None:
    console, begun_with, note = people(), None, ""
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        for happening, loop in steps:
            if begun_with is None:
                begun_with = loop.paid - len(loop.running)
            if happening.kind == "progress":
                note = happening.text
            for line in _ended(happening, loop):
                console.print(line)
            live.update(Group(*_status(study, loop, time.monotonic() - began, begun_with, note)))
    if begun_with is not None:
        console.print(str(loop.counts), highlight=False, soft_wrap=True)


def _lines(study: Study, steps: Steps, began: float) -> None:
    console, begun_with = people(), None
    for happening, loop in steps:
        if begun_with is None:
            begun_with = loop.paid - len(loop.running)
            console.print(f"{_clock()} {study.spec.name}: {study.spec.budget.trials} trials", highlight=False)
        for line in _ended(happening, loop):
            status = _status(study, loop, time.monotonic() - began, begun_with, "")[0] if happening.trial else Text()
            console.print(Text(f"{_clock()} ") + line, soft_wrap=True)
            if status and loop.counts.ended % 10 == 0:
                console.print(Text(f"{_clock()} ") + status, soft_wrap=True)
    if begun_with is not None:
        console.print(f"{_clock()} {loop.counts}", highlight=False, soft_wrap=True)


def _status(study: Study, loop: Loop, elapsed: float, begun_with: int, note: str) -> list[Text]:
    """The numbers that move."""
    done, budget = loop.counts, study.spec.budget
    left = _left(loop, elapsed, begun_with, study)
    first = Text.assemble(
        (study.spec.name, "bold"),
        f"  {max(0, loop.paid - len(loop.running))}/{budget.trials} trials",
        f"  asked {len(loop.trials)}  refused {done.refused}  stopped {done.stopped}",
        f"  failed {done.failed}  complete {done.complete}  running {len(loop.running)}",
    )
    second = Text.assemble(_best(loop), f"  hypervolume {loop.hypervolume:.3f}", f"  ETA {left}")
    if note:
        second.append(f"  {note}", "dim")
    return [Text("  ").join([first, second])] if not people().is_terminal else [first, second]


def _best(loop: Loop) -> str:
    if not loop.front.members:
        return "nothing fits the limits yet"
    lead = loop.spec.objectives[0].metric
    trial = loop.front.members[0]
    return f"best {lead} that fits {show(lead, trial.value(lead))} (trial {trial.number})"


def _left(loop: Loop, elapsed: float, begun_with: int, study: Study) -> str:
    """From the pace of this run; unknown until something has been done."""
    done = loop.paid - len(loop.running) - begun_with
    todo = study.spec.budget.trials - loop.paid + len(loop.running)
    if done <= 0:
        return "?"
    seconds = elapsed / done * max(0, todo)
    if study.spec.budget.seconds is not None:
        seconds = min(seconds, max(0.0, study.spec.budget.seconds - elapsed))
    return f"{int(seconds // 60)}:{int(seconds % 60):02d}"


def _ended(happening: Happening, loop: Loop) -> list[Text]:
    """A line for what is over."""
    if happening.kind == "baseline":
        numbers = "  ".join(f"{m.metric} {show(m.metric, m.value)}" for m in loop.baseline)
        return [Text.assemble(("baseline  ", "bold"), numbers)]
    if happening.kind != "ended" or happening.trial is None:
        return []
    return [_line(happening.trial, loop)]


def _line(trial: Trial, loop: Loop) -> Text:
    head = f"#{trial.number:<4} "
    match trial.state:
        case "complete":
            numbers = "  ".join(show(o.metric, trial.value(o.metric)) for o in loop.spec.objectives)
            broken = f"  breaks {', '.join(trial.broken)}" if trial.broken else ""
            member = any(t.number == trial.number for t in loop.front.members)
            style = "bold green" if member else "" if trial.feasible else "yellow"
            return Text.assemble(head, (f"{numbers}{broken}", style), ("  " + trial.recipe.line, "dim"))
        case "infeasible":
            by = ", ".join(f"{metric} by {_percent(amount)}" for metric, amount in trial.broken.items())
            return Text.assemble(head, (f"refused by the gate: over {by}", "dim"))
        case "stopped":
            return Text.assemble(head, ("stopped early", "dim"))
    first = trial.message.strip().splitlines()[-1] if trial.message.strip() else ""
    return Text.assemble(head, (f"failed [{trial.code}] {first}", "red"))


def _percent(amount: float) -> str:
    import math

    return f"{(math.exp(amount) - 1) * 100:.0f} %"


def _clock() -> str:
    return time.strftime("%H:%M:%S")

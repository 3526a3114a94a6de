"""What a person sees while a study runs: a few numbers that move on a terminal, lines with the time elsewhere."""

import math
import time
from collections.abc import Iterator

from rich.console import Group
from rich.live import Live
from rich.text import Text

from autocompress.cli.out import people
from autocompress.reports.grid import ESTIMATED
from autocompress.study.core import Happening, Loop
from autocompress.study.study import Study
from autocompress.values.measurement import Measurement
from autocompress.values.metric import show
from autocompress.values.study import Budget
from autocompress.values.trial import Trial

Steps = Iterator[tuple[Happening, Loop]]


def watch(study: Study, steps: Steps, *, plain: bool) -> None:
    """Follow the steps to their end."""
    if plain:
        _lines(study, steps)
    else:
        _live(study, steps)


def _live(study: Study, steps: Steps) -> None:
    """What ended scrolls by; below it the numbers that move."""
    console, pace, note = people(), Pace(), ""
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        said = study.spec.name
        for happening, loop in steps:
            if loop.spec.name != said:  # the search by chance that it is held against
                said = loop.spec.name
                console.print(f"{said}: {loop.spec.budget}", highlight=False)
            if happening.kind == "progress":
                note = happening.text
            for line in _ended(happening, loop):
                console.print(line, soft_wrap=True)
            live.update(Group(_numbers(loop), Text(f"{_quality(loop)}  ETA {pace.left(loop)}"), Text(note, "dim")))


def _lines(study: Study, steps: Steps) -> None:
    """A line for what ended, and after every tenth how the study stands."""
    console, pace = people(), Pace()
    console.print(f"{_clock()} {study.spec.name}: {study.spec.budget}", highlight=False)
    said = study.spec.name
    for happening, loop in steps:
        lines = _ended(happening, loop)
        if loop.spec.name != said:  # the search by chance that it is held against
            said = loop.spec.name
            console.print(f"{_clock()} {said}: {loop.spec.budget}", highlight=False)
        if happening.kind == "ended" and loop.counts.ended % 10 == 0:
            lines.append(Text(f"{_numbers(loop)}  {_quality(loop)}  ETA {pace.left(loop)}"))
        for line in lines:
            console.print(Text(f"{_clock()} ") + line, soft_wrap=True)


class Pace:
    """When it may be over, from how fast this run has been; unknown until something is done."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._before: float | None = None  # what earlier runs had done

    def left(self, loop: Loop) -> str:
        elapsed = time.monotonic() - self._began
        done = loop.share(elapsed)
        self._before = loop.share(0.0) if self._before is None else self._before
        if done <= self._before:
            return "?"
        seconds = elapsed / (done - self._before) * (1 - done)
        return f"{int(seconds // 60)}:{int(seconds % 60):02d}"


def _numbers(loop: Loop) -> Text:
    done = loop.counts
    return Text.assemble(
        (loop.spec.name, "bold"),
        f"  {spent(loop.paid_for_done, loop.spec.budget)}",
        f"  asked {done.asked}  refused {done.refused}  stopped {done.stopped}",
        f"  failed {done.failed}  complete {done.complete}  running {len(loop.running)}",
    )


def spent(paid: float, budget: Budget) -> str:
    """In whole trainings: `7/30 trials`; stopped ones were parts of one."""
    wanted = f"/{budget.trials}" if budget.trials else ""
    return f"{paid:.1f}".removesuffix(".0") + f"{wanted} trials"


def _quality(loop: Loop) -> str:
    return f"{_best(loop)}  hypervolume {loop.hypervolume:.3f}"


def _best(loop: Loop) -> str:
    if not loop.front.members:
        return "nothing fits the limits yet"
    lead = loop.spec.objectives[0].metric
    trial = loop.front.members[0]
    return f"best {lead} that fits {show(lead, trial.value(lead))} (trial {trial.number})"


def _ended(happening: Happening, loop: Loop) -> list[Text]:
    """A line for what is over."""
    if happening.kind == "baseline":
        numbers = "  ".join(f"{m.metric} {_shown(m.metric, m)}" for m in loop.baseline)
        return [Text.assemble(("baseline  ", "bold"), numbers)]
    if happening.kind != "ended" or happening.trial is None:
        return []
    return [_line(happening.trial, loop)]


def _line(trial: Trial, loop: Loop) -> Text:
    head = f"#{trial.number:<4} "
    match trial.state:
        case "complete":
            numbers = "  ".join(_shown(o.metric, trial.measured(o.metric)) for o in loop.spec.objectives)
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


def _shown(metric: str, m: Measurement | None) -> str:
    if m is None:
        return "–"
    return f"{ESTIMATED} {show(metric, m.value)}" if m.how == "estimated" else show(metric, m.value)


def _percent(amount: float) -> str:
    """A violation as people say it: log 2 is 100 % over."""
    return f"{(math.exp(amount) - 1) * 100:.0f} %"


def _clock() -> str:
    return time.strftime("%H:%M:%S")

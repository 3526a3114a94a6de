"""`run` and `resume`: the same thing, from a file or from what was begun before."""

import json as jsonlib
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autocompress.cli.out import INTERRUPTED, NOTHING_FITS, data, people

if TYPE_CHECKING:
    from autocompress.cli.live import Steps
    from autocompress.study.core import Brake
    from autocompress.study.study import Study

Trials = Annotated[int | None, typer.Option(min=1, help="Budget: candidates that pass the gate.")]
Time = Annotated[str | None, typer.Option("--budget", metavar="TIME", help="Budget: wall clock, such as 10m.")]
Workers = Annotated[int | None, typer.Option(min=1, max=256, help="Worker processes on this machine.")]
Storage = Annotated[
    str | None,
    typer.Option(envvar="AUTOCOMPRESS_STORE", help="postgresql+psycopg://... instead of a file.", show_default=False),
]
Trust = Annotated[
    bool,
    typer.Option("--trust-code", help="Open weights that are not safetensors: such files may run any code."),
]
Plain = Annotated[bool, typer.Option("--plain", help="Plain lines with the time, even on a terminal.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


def run(
    study: Annotated[str, typer.Argument(help="A study file, or the name of a shipped one.")],
    name: Annotated[str | None, typer.Option("--as", metavar="NAME", help="Start it under another name.")] = None,
    trials: Trials = None,
    budget: Time = None,
    workers: Workers = None,
    storage: Storage = None,
    trust: Trust = False,
    plain: Plain = False,
    json: Json = False,
) -> None:
    """Run a study to its front; if it was begun before, go on where it ended.

    Ctrl-C finishes the running trials and stops; a second Ctrl-C drops them. Either way nothing that is done is lost.
    """
    from autocompress.study.load import load

    trusting(trust)
    found = load(study, name=name, storage=storage)
    if found.inherits.all:
        people().print(_inherited(found), highlight=False, soft_wrap=True)
    _foresee(found)
    launch(found, trials, budget, workers, plain, json)


def resume(
    name: Annotated[str, typer.Argument(help="The name of a study that was begun before.")],
    trials: Trials = None,
    budget: Time = None,
    workers: Workers = None,
    storage: Storage = None,
    trust: Trust = False,
    plain: Plain = False,
    json: Json = False,
) -> None:
    """Go on with a study, without its file."""
    from autocompress.study.study import Study

    trusting(trust)
    launch(Study.open(name, storage=storage), trials, budget, workers, plain, json)


def _inherited(study: "Study") -> str:
    """What comes of the study it starts from."""
    took = study.inherits
    parts = [f"{len(took.wishes)} of its {took.all} models are tried first"]
    parts += [f"{took.again} of its front have to be trained again"] if took.again else []
    parts += [f"{took.untrained} others would have to be, and are left out"] if took.untrained else []
    parts += [f"{took.foreign} are not in this space"] if took.foreign else []
    return f"from {study.spec.source}: {'; '.join(parts)}"


def _foresee(study: "Study") -> None:
    """Can the limits of a new study be kept? Where the search for a way was cut short, it may try."""
    from autocompress.study.reach import foreseen

    if (reached := foreseen(study)) is None:
        return
    words = [reached.brief] if reached.possible else [*reached.lines, reached.verdict, f"hint: {reached.hint}"]
    people().print("\n".join(words), markup=False, highlight=False, soft_wrap=True)
    if not reached.possible and reached.settled:
        people().print("nothing was trained", highlight=False)
        sys.exit(NOTHING_FITS)


def trusting(trust: bool) -> None:
    """For this process and its workers."""
    if trust:
        os.environ["AUTOCOMPRESS_TRUST_CODE"] = "1"


def launch(
    study: "Study", trials: int | None, budget: str | None, workers: int | None, plain: bool, json: bool
) -> None:
    override(study, trials, budget, workers)
    finished = follow(study, study.steps, plain)
    fits = _show(study, json)
    if not finished:
        people().print(f"interrupted; go on with: autocompress resume {study.spec.name}", highlight=False)
        sys.exit(INTERRUPTED)
    if not fits:
        sys.exit(NOTHING_FITS)


def follow(study: "Study", steps: "Callable[[Brake], Steps]", plain: bool) -> bool:
    """To their end, with a brake in people's hands. False: it was pulled."""
    from autocompress.cli.live import watch
    from autocompress.study.core import Brake

    brake = Brake()
    previous = signal.signal(signal.SIGINT, lambda number, frame: _pull(brake, frame))
    try:
        watch(study, steps(brake), plain=plain or not people().is_terminal)
    finally:
        signal.signal(signal.SIGINT, previous)
    return not brake.level


def override(study: "Study", trials: int | None, budget: str | None, workers: int | None) -> None:
    """Flags that may change from run to run: how long, and on how many processes."""
    from autocompress.config.units import quantity
    from autocompress.plugin import find
    from autocompress.study.drivers.base import Driver

    change: dict[str, Any] = {}
    if trials is not None:
        change["trials"] = trials
    if budget is not None:
        try:
            change["seconds"] = quantity(re.sub(r"(?<=\d)\s*m$", " min", budget.strip()), "time")
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--budget") from None
    spec = study.spec.model_copy(update={"budget": study.spec.budget.model_copy(update=change)})
    if workers is not None:
        if "workers" not in find(Driver, spec.driver["use"]).model_fields:
            raise typer.BadParameter(f"the study's driver {spec.driver['use']!r} has none", param_hint="--workers")
        spec = spec.model_copy(update={"driver": {**spec.driver, "workers": workers}})
    study.spec = spec


def _pull(brake: "Brake", _frame: FrameType | None) -> None:
    brake.level += 1
    words = {
        1: "finishing the running trials; Ctrl-C again drops them",
        2: "dropping the running trials; they are done again when the study is resumed",
    }
    if brake.level in words:
        os.write(sys.stderr.fileno(), f"\n{words[brake.level]}\n".encode())
    else:
        raise KeyboardInterrupt


def _show(study: "Study", json: bool) -> bool:
    """The front, the pick and why, and where the files are. False: nothing fits, or the pick does not hold."""
    from autocompress.cli.told import aligned, say
    from autocompress.reports import bundle, fresh, table
    from autocompress.reports.of_study import view_of

    view = view_of(study, whole=True)
    folder = study.folder / "report"
    bundle.write(view, folder)
    if view.front.members:
        if json:
            data(jsonlib.dumps(bundle.front_json(view), indent=2, ensure_ascii=False, allow_nan=False))
        elif people().is_terminal and sys.stdout.isatty():
            people().print(table.front_table(view, people().width))
        else:
            data(table.plain(view))
    people().print(table.summary(view), markup=False, highlight=False, soft_wrap=True, end="")
    if view.validated:
        for line in (*aligned(fresh.rows(view)).splitlines(), *fresh.words(view)):
            say(line)
    say(f"report: {_short(folder / 'report.html')}")
    if view.pick is not None and (model := view.models.get(view.pick.trial.number)):
        say(f"model:  {_short(folder / model.place)}")
    return bool(view.front.members) and fresh.holds(view)


def _short(path: Path) -> str:
    """Relative where that is shorter to type."""
    try:
        near = os.path.relpath(path)
    except ValueError:
        return str(path)
    return near if len(near) < len(str(path)) else str(path)

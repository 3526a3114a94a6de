"""`analyse sweep`: every recipe of a small space, trained with several seeds; beside what others have published."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autocompress.cli.analyse import Out, may_lose
from autocompress.cli.launch import Json, Plain, Storage, Trust, Workers, follow, override, trusting
from autocompress.cli.out import INTERRUPTED, STUDY_FAILED, data, whole
from autocompress.cli.told import say, written

if TYPE_CHECKING:
    from autocompress.reports.sheet import Sheet
    from autocompress.values.analysis import Analysis, Size
    from autocompress.values.sweep import Sweep

Seeds = Annotated[
    int | None, typer.Option(min=1, max=20, help="Trainings of each recipe. [default: what its file says]")
]


def sweep(
    what: Annotated[
        str, typer.Argument(metavar="FILE", help="An analysis or a study file, or the name of a shipped one.")
    ],
    reduced: Annotated[
        bool, typer.Option("--reduced", help="At the scale for a laptop that its file describes.")
    ] = False,
    smoke: Annotated[bool, typer.Option("--smoke", help="The small version that its file describes.")] = False,
    on: Annotated[
        str | None, typer.Option("--data", metavar="DATA", help="Other data: digits, '{use: npz, path: mnist.npz}'.")
    ] = None,
    seeds: Seeds = None,
    drop: Annotated[str, typer.Option(metavar="DROP", help="What accuracy may lose at a breakpoint.")] = "1 pp",
    out: Out = None,
    workers: Workers = None,
    storage: Storage = None,
    trust: Trust = False,
    plain: Plain = False,
    json: Json = False,
) -> None:
    """Train every recipe of a small space, several times, and say what each number comes to, and how sure it is.

    Asked again, it goes on where it was; with more seeds, only those are added. Of lines that begin with nothing taken
    it says how far they bear it.
    """
    from autocompress.config.load import load_analysis

    trusting(trust)
    if reduced and smoke:
        raise typer.BadParameter("give --reduced or --smoke, not both")
    size: Size = "smoke" if smoke else "reduced" if reduced else "whole"
    allowed = may_lose("drop", drop)
    _run(load_analysis(what, size=size, data=on), seeds, out, workers, storage, plain, json, allowed)


def techniques(
    what: Annotated[str, typer.Argument(metavar="STUDY", help="A study file, or the name of a shipped one.")],
    seeds: Annotated[int, typer.Option(min=1, max=20, help="Trainings of each recipe.")] = 3,
    out: Out = None,
    workers: Workers = None,
    storage: Storage = None,
    trust: Trust = False,
    plain: Plain = False,
    json: Json = False,
) -> None:
    """Each technique alone against every combination in every order, all with as many epochs of training.

    One recipe of the study's space for each, as cheap as the space allows, with ranges in their middle.
    """
    from autocompress.config.load import load_study
    from autocompress.study.techniques import techniques as listed

    trusting(trust)
    _run(listed(load_study(what), seeds), None, out, workers, storage, plain, json)


def _run(
    analysis: "Analysis",
    seeds: int | None,
    out: Path | None,
    workers: int | None,
    storage: str | None,
    plain: bool,
    json: bool,
    drop: float = 0.01,
) -> None:
    from autocompress.reports.plural import plural
    from autocompress.study.sweep import outcome, studies

    done = studies(analysis, seeds=seeds, storage=storage)
    for study in done:
        say(f"{study.spec.name}: {plural(len(study.inherits.wishes), 'training')}")
        override(study, None, None, workers)
        if not follow(study, study.steps, plain):
            _tell(outcome(analysis, done), drop, out, json)
            say("interrupted; the same command goes on")
            sys.exit(INTERRUPTED)
    found = outcome(analysis, done)
    _tell(found, drop, out, json)
    if not any(row.seeds for row in found.rows):
        sys.exit(STUDY_FAILED)


def _tell(found: "Sweep", drop: float, out: Path | None, json: bool) -> None:
    from autocompress.reports import analysed, swept
    from autocompress.study.environment import environment
    from autocompress.study.sweep import breakpoints

    breaks = breakpoints(found, drop)
    document = swept.document(found, environment(), breaks, drop)
    if json:
        whole(document)
    else:
        for sheet in (
            swept.table(found),
            swept.broken(document["breakpoints"], found.axis, drop),
            swept.compared(found),
        ):
            if sheet is not None:
                _print(sheet)
    if found.analysis.scale:
        say(f"scale: {' '.join(found.analysis.scale.split())}")
    if out is not None:
        figures = {p.name: p.svg({}) for p in swept.pictures(found, breaks)}
        files = analysed.write(out, {"sweep": swept.tidy(found)}, figures, {"sweep": document})
        written(out, files)


def _print(sheet: "Sheet") -> None:
    if sys.stdout.isatty():
        from rich.console import Console

        console = Console()
        console.print(sheet.ruled(console.width))
    else:
        data(sheet.plain())

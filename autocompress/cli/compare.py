"""`compare`: studies held against each other."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autocompress.cli.launch import Json, Storage
from autocompress.cli.look import life_of
from autocompress.cli.out import data, people, whole

if TYPE_CHECKING:
    from autocompress.values.compared import Comparison
    from autocompress.values.entrant import Entrant


def compare(
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="Studies that have been run here.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", metavar="FILE", help="Write it too: FILE.html, a page, or FILE.md, for a pull request."
        ),
    ] = None,
    storage: Storage = None,
    json: Json = False,
) -> None:
    """Which study has found better models: one reference for all fronts, who beats whom, and what differs between them.

    Ratios and differences are against the first. Studies that differ in name and seed alone count as runs of one.
    """
    from autocompress.reports import comparison
    from autocompress.study.artifacts import write_durably
    from autocompress.values.compared import compared

    if len(set(names)) < len(names):
        raise typer.BadParameter("name each study once", param_hint="NAME")
    if out is not None and out.suffix not in (".md", ".html"):
        raise typer.BadParameter(f"{out.name!r} ends neither in .html nor in .md", param_hint="-o")
    entrants = [_entrant(name, storage) for name in names]
    try:
        found = compared(entrants)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="NAME") from None
    if out is not None:
        write_durably(out, _written(found, out.suffix).encode())
        people().print(f"written: {out}", markup=False, highlight=False, soft_wrap=True)
    if json:
        whole(comparison.comparison_json(found))
    elif sys.stdout.isatty():
        from rich.console import Console

        console = Console()
        console.print(comparison.ruled(found, console.width))
    else:
        data(comparison.plain(found))


def _written(found: "Comparison", suffix: str) -> str:
    from autocompress.reports.comparison import markdown
    from autocompress.reports.comparison_page import comparison_page

    return comparison_page(found) if suffix == ".html" else markdown(found)


def _entrant(name: str, storage: str | None) -> "Entrant":
    from autocompress.reports.of_study import view_of
    from autocompress.study.study import Study
    from autocompress.values.entrant import Entrant

    study = Study.open(name, storage=storage)
    view = view_of(study)
    return Entrant(view.spec, view.trials, view.baseline, life_of(study), view.environment.get("processor", ""))

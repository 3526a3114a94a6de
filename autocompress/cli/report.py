"""`report`: a study as a page, tables and pictures in a folder."""

from pathlib import Path
from typing import Annotated

import typer

from autocompress.cli.launch import Storage
from autocompress.cli.look import Name, Rule, view_for
from autocompress.cli.out import data, people


def report(
    name: Name,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="DIR", help="Where to; without it, into the study's folder.")
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Show the page in your browser.")] = False,
    rule: Rule = "accuracy-first",
    storage: Storage = None,
) -> None:
    """One page that says which model to take and why; the front and all trials as CSV and Parquet; charts as files."""
    from autocompress.reports import bundle, table
    from autocompress.study.home import study_folder

    view = view_for(name, storage, rule, entire=True)
    folder = out or study_folder(name) / "report"
    files = bundle.write(view, folder, pictures=True)
    people().print(table.summary(view), markup=False, highlight=False, soft_wrap=True, end="")
    page = next(file for file in files if file.suffix == ".html")
    models = ", models in models/" if view.models else ""
    told = f"and {len(files) - 1} more files beside it, pictures in figures/{models}"
    people().print(told, highlight=False, soft_wrap=True)
    data(str(page))
    if show:
        import webbrowser

        webbrowser.open(page.absolute().as_uri())

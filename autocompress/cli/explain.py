"""`analyse explain`: what compression has done to models, beside their baseline."""

from typing import Annotated

import typer

from autocompress.cli.analyse import Json, Out
from autocompress.cli.launch import Storage
from autocompress.cli.out import data, titled, whole
from autocompress.cli.told import aligned, one_by_one, say, written


def explain(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A study that was run here.")],
    trial: Annotated[
        list[int] | None, typer.Option("--trial", min=0, help="This model; may be given again. Default: the front.")
    ] = None,
    out: Out = None,
    storage: Storage = None,
    json: Json = False,
) -> None:
    """Models beside their baseline, on the test split: answers, calibration, other light, and where they look."""
    from autocompress.reports import analysed
    from autocompress.reports import explained as told
    from autocompress.study import explain as study
    from autocompress.study.study import Study

    if len(set(trial or ())) > study.MOST:
        raise typer.BadParameter(f"at most {study.MOST} models at once", param_hint="--trial")
    opened = Study.open(name, storage=storage)
    models, more = study.chosen(opened, trial or ())
    if more:
        say(f"{len(models)} of the {len(models) + more} models on the front; name others with --trial")
    one_by_one(study.explaining(opened, models))
    found, base = study.explained(opened, models), study.baseline(opened)
    table = told.rows(found, base)
    document = titled("explain", {"study": name, "models": told.document(table, found)})
    if json:
        whole(document)
    else:
        heads = ("", *told.NUMBERS.values(), "recipe")
        data(f"{name}: models on the test split; ± is one standard error\n\n")
        data(aligned([heads, *((row.name, *told.cells(row), row.recipe) for row in table)]))
    for text in told.missing(found, base):
        say(text)
    if out is not None:
        tables = {"explain": told.number_rows, "light": told.light_rows, "classes": told.class_rows}
        rows = {name: make(table) for name, make in tables.items()}
        written(out, analysed.write(out, rows, told.figures(table, found), {"explain": document}))

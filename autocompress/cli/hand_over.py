"""`export`, `verify`: taking a model out of a study, and trying whether it still is what its papers say."""

import json as jsonlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autocompress.cli.launch import Json, Storage
from autocompress.cli.look import Name, view_for
from autocompress.cli.out import NOTHING_FITS, data, document, people

if TYPE_CHECKING:
    from autocompress.reports.view import StudyView
    from autocompress.values.trial import Trial

Which = Annotated[int | None, typer.Option("--trial", min=0, help="A trial by its number.")]
ByRule = Annotated[
    str | None,
    typer.Option("--pick", metavar="RULE", help="accuracy-first (default), balanced, fastest, smallest."),
]


def export(
    name: Name,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Where to put it.")],
    trial: Which = None,
    rule: ByRule = None,
    storage: Storage = None,
    json: Json = False,
) -> None:
    """Copy a model out of a study: the file, weights, manifest, a card, a script that runs it, and checksums."""
    if trial is not None and rule is not None:
        raise typer.BadParameter("give --trial or --pick, not both")
    from autocompress.errors import StudyError
    from autocompress.reports.parcel import FACTS, parcel, write
    from autocompress.study.study import Study

    view = view_for(name, storage, rule or "accuracy-first")
    taken = chosen(view, trial, "export")
    kept = Study.open(name, storage=storage).artifacts
    try:
        files = parcel(view, taken, {role: kept.get(digest) for role, digest in taken.artifacts.items()})
        write(files, out)
    except (ValueError, OSError) as error:  # a file of the study is damaged or gone, or there is no room for a copy
        raise StudyError(f"cannot export trial {taken.number}: {error}") from error
    if json:
        data(files[FACTS].decode())
        return
    people().print(f"trial {taken.number}: {taken.recipe.line}", markup=False, highlight=False, soft_wrap=True)
    people().print(f"try it: autocompress verify {out}", markup=False, highlight=False, soft_wrap=True)
    data(str(out / jsonlib.loads(files[FACTS])["model"]))


def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="What `export` wrote.")],
    trust_code: Annotated[
        bool,
        typer.Option("--trust-code", help="Run code of whoever packed it: a data function, a changed script, a .pt2."),
    ] = False,
    json: Json = False,
) -> None:
    """Check an exported folder: its checksums, and its accuracy, measured again by itself and by its own script."""
    from autocompress.errors import StudyError
    from autocompress.reports.verify import verified

    found = []
    try:
        for finding in verified(folder, trust_code=trust_code):
            found.append(finding)
            if not json:
                data(f"{'ok  ' if finding.right else 'NO  '} {finding.what:<22} {finding.text}")
    except ValueError as error:
        raise StudyError(str(error)) from error
    if json:
        document("verified", {"findings": [finding.__dict__ for finding in found]})
    if not all(finding.right for finding in found):
        sys.exit(NOTHING_FITS)


def chosen(view: "StudyView", number: int | None, doing: str) -> "Trial":
    """By its number, else the pick; in any case one that has a model."""
    from autocompress.errors import StudyError

    if number is None:
        if view.pick is None:
            raise StudyError("nothing fits the limits, so there is nothing to pick; name a trial with --trial N")
        return view.pick.trial
    found = next((t for t in view.trials if t.number == number), None)
    if found is None:
        raise StudyError(f"study {view.spec.name!r} has no trial {number}; it has 0 to {len(view.trials) - 1}")
    if "model" not in found.artifacts:
        raise StudyError(f"trial {number} has no model to {doing}: it is {found.state}")
    return found

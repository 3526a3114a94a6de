"""`status`, `front`: what a study holds."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autocompress.cli.launch import Json, Storage
from autocompress.cli.out import NOTHING_FITS, data, document, people, whole

if TYPE_CHECKING:
    from autocompress.reports.view import StudyView
    from autocompress.study.study import Study
    from autocompress.values.entrant import Life

Name = Annotated[str, typer.Argument(help="The name of a study that has been run here.")]
Rule = Annotated[str, typer.Option("--pick", metavar="RULE", help="accuracy-first, balanced, fastest or smallest.")]


def status(
    name: Annotated[str | None, typer.Argument(help="One study; without it, all that were run here.")] = None,
    storage: Storage = None,
    json: Json = False,
) -> None:
    """How far studies are, and how good their best models."""
    from autocompress.study.home import study_names

    found = [_status(each, storage) for each in ([name] if name else study_names())]
    if json:
        document("status", {"studies": found})
        return
    if not found:
        people().print("no study has been run here yet; try: autocompress run quickstart", highlight=False)
    for one in found:
        counts, spent = one["counts"], f"{one['paid']:.1f}".removesuffix(".0")
        wanted = f"/{one['budget']['trials']}" if one["budget"].get("trials") else ""
        best = f"  best {one['best']['shown']} (trial {one['best']['trial']})" if one["best"] else "  nothing fits yet"
        data(
            f"{one['study']}  {one['state']}  {spent}{wanted} trials  refused {counts['refused']}"
            f"  failed {counts['failed']}"
            f"  front {one['front']}{best}"
        )


def front(
    name: Name,
    rule: Rule = "accuracy-first",
    storage: Storage = None,
    json: Json = False,
    csv: Annotated[bool, typer.Option("--csv", help="One row per model, for spreadsheets.")] = False,
) -> None:
    """The models nobody beats, and which of them to take."""
    view = view_for(name, storage, rule)
    if json or csv:
        from autocompress.reports import bundle

        whole(bundle.front_json(view)) if json else data(bundle.front_csv(view))
    else:
        _tell(view)
    if not view.front.members:
        sys.exit(NOTHING_FITS)


def _tell(view: "StudyView") -> None:
    """A table, on a terminal a picture too, and the answer in words."""
    from autocompress.reports import table

    if sys.stdout.isatty():
        from rich.console import Console

        from autocompress.reports.scatter import scatter

        console = Console()
        console.print(table.front_table(view, console.width))
        if picture := scatter(view, console.width):
            console.print(picture)
    else:
        data(table.plain(view))
    people().print(table.summary(view), markup=False, highlight=False, soft_wrap=True, end="")


def view_for(name: str, storage: str | None, rule: str = "accuracy-first", *, entire: bool = False) -> "StudyView":
    from autocompress.reports.of_study import view_of
    from autocompress.study.study import Study
    from autocompress.values.front import RULES

    if rule not in RULES:
        raise typer.BadParameter(f"{rule!r} is not one of {', '.join(RULES)}", param_hint="--pick")
    return view_of(Study.open(name, storage=storage), rule, whole=entire)


def life_of(study: "Study") -> "Life":
    return "running" if study.running else "finished" if study.over else "interrupted"


def _status(name: str, storage: str | None) -> dict[str, Any]:
    from dataclasses import asdict

    from autocompress.reports.of_study import view_of
    from autocompress.study.study import Study
    from autocompress.values.counts import counts
    from autocompress.values.metric import show

    study = Study.open(name, storage=storage)
    view = view_of(study)
    lead = study.spec.objectives[0].metric
    best = view.front.members[0] if view.front.members else None
    return {
        "study": name,
        "state": life_of(study),
        "budget": study.spec.budget.model_dump(exclude_none=True),
        "paid": study.paid,
        "counts": asdict(counts(view.trials)),
        "front": len(view.front),
        "best": best
        and {"trial": best.number, lead: best.value(lead), "shown": f"{lead} {show(lead, best.value(lead))}"},
        "seconds": view.seconds,
        "folder": str(study.folder),
    }

"""`validate`: is the front as good as it looks? Its recipes are trained again with fresh seeds and measured again."""

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autocompress.cli.launch import Json, Plain, Storage, Trust, Workers, follow, override, trusting
from autocompress.cli.out import INTERRUPTED, NOTHING_FITS, data, document, people

if TYPE_CHECKING:
    from autocompress.reports.view import StudyView

USUAL = 3  # seeds, where the study's file says nothing


def validate(
    name: Annotated[str, typer.Argument(help="The name of a study that has been run here.")],
    seeds: Annotated[
        int | None,
        typer.Option(min=1, max=20, help="Fresh seeds for each model. [default: what its file says, else 3]"),
    ] = None,
    workers: Workers = None,
    storage: Storage = None,
    trust: Trust = False,
    plain: Plain = False,
    json: Json = False,
) -> None:
    """Train the models of the front again, from their recipes with fresh seeds, and say which were only lucky.

    All are measured again, on the device and on the test split. Asked again with more seeds, only those are added.
    """
    from autocompress.cli.told import aligned, say
    from autocompress.reports import bundle, fresh, table
    from autocompress.reports.of_study import view_of
    from autocompress.reports.plural import plural
    from autocompress.study import validation
    from autocompress.study.study import Study

    trusting(trust)
    study = Study.open(name, storage=storage)
    override(study, None, None, workers)
    view, many = view_of(study), seeds or study.spec.budget.validation or USUAL
    if view.pick is None:
        people().print(table.summary(view), markup=False, highlight=False, soft_wrap=True, end="")
        sys.exit(NOTHING_FITS)
    say(f"{name}: {plural(len(view.front), 'model')} on the front, {plural(many, 'fresh seed')} each")
    finished = follow(validation.beside(study), lambda brake: validation.steps(study, many, brake), plain)
    view = view_of(study, whole=True)
    bundle.write(view, study.folder / "report")
    if json:
        document("validation", _document(view))
    else:
        data(aligned(fresh.rows(view)))
    for line in fresh.words(view):
        say(line)
    if not finished:
        say(f"interrupted; go on with: autocompress validate {name} --seeds {many}")
        sys.exit(INTERRUPTED)
    if not fresh.holds(view):
        sys.exit(NOTHING_FITS)


def _document(view: "StudyView") -> dict[str, Any]:
    from autocompress.values.validated import winners_curse

    assert view.pick is not None
    searched, curse = {t.number: t for t in view.front.members}, winners_curse(view.front, view.validated)
    taken = view.validated.get(view.pick.trial.number)
    return {
        "study": view.spec.name,
        "pick": {"trial": view.pick.trial.number, "rule": view.pick.rule, "stands": taken.stands if taken else None},
        "winners_curse": asdict(curse) if curse else None,
        "members": [
            {
                "trial": number,
                "verdict": one.verdict,
                "why": one.why,
                "seeds": list(one.seeds),
                "search": [m.model_dump(mode="json") for m in searched[number].measurements],
                "fresh": [m.model_dump(mode="json") for m in one.measurements],
                "test_accuracy": one.test_accuracy.model_dump(mode="json") if one.test_accuracy else None,
            }
            for number, one in view.validated.items()
        ],
    }

"""A stored study as a view: the only place where reports look at a store."""

from dataclasses import replace

from autocompress.reports.view import StudyView
from autocompress.study.study import Study
from autocompress.values.front import front
from autocompress.values.job import BASELINE
from autocompress.values.limit import resolved
from autocompress.values.measurement import Measurement, by_metric
from autocompress.values.techniques import Part, parts


def view_of(study: Study, rule: str = "accuracy-first", *, whole: bool = False) -> StudyView:
    """The study as it is stored now; `whole` brings what takes seconds to find out, for a page."""
    trials, facts = study.trials, study.facts()
    baseline = tuple(Measurement.model_validate(m) for m in facts.get("baseline") or ())
    limits = resolved(study.spec.limits, by_metric(baseline))
    tested = facts.get("test_accuracy") or {}
    view = StudyView(
        spec=study.spec,
        trials=tuple(trials),
        baseline=baseline,
        front=front(trials, study.spec.objectives, limits, baseline),
        test_accuracy={
            BASELINE if name == "baseline" else int(name): Measurement.model_validate(m) for name, m in tested.items()
        },
        seconds=facts.get("seconds") or 0.0,
        environment=facts.get("environment") or {},
        rule=rule,
        control=tuple(control.trials) if (control := study.control) and control.begun else (),
    )
    if not whole:
        return view
    return replace(
        view,
        parts=_parts(study, view),
        examinations=study.examinations,
        stopped_at=study.stopped_at,
        validated=study.validated,
    )


def _parts(study: Study, view: StudyView) -> tuple[Part, ...]:
    """Only compression has techniques that a recipe can do without."""
    craft = study.craft
    return tuple(parts(view.trials, view.front, view.point, craft)) if craft else ()

"""A stored study as a view: the only place where reports look at a store."""

from autocompress.reports.view import StudyView
from autocompress.study.study import Study
from autocompress.values.front import front
from autocompress.values.job import BASELINE
from autocompress.values.limit import resolved
from autocompress.values.measurement import Measurement, by_metric


def view_of(study: Study, rule: str = "accuracy-first") -> StudyView:
    """The study as it is stored now."""
    trials, facts = study.trials, study.facts()
    baseline = tuple(Measurement.model_validate(m) for m in facts.get("baseline") or ())
    limits = resolved(study.spec.limits, by_metric(baseline))
    tested = facts.get("test_accuracy") or {}
    return StudyView(
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

"""A stored study as a view: the only place where reports look at a store."""

import json
from contextlib import suppress
from dataclasses import replace

from autocompress.reports.view import MODELS, ModelFile, StudyView
from autocompress.study.artifacts import Artifacts
from autocompress.study.study import Study
from autocompress.values.borne import BASE, BORNE, Borne
from autocompress.values.front import Front, front
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
        test_accuracy={_number(name): Measurement.model_validate(m) for name, m in tested.items()},
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
        borne={_number(name): Borne.model_validate(one) for name, one in (facts.get(BORNE) or {}).items()},
        stopped_at=study.stopped_at,
        validated=study.validated,
        models=_models(study.artifacts, view.front),
    )


def _number(name: str) -> int:
    """Of a trial; facts about the teacher stand under its name."""
    return BASELINE if name == BASE else int(name)


def _models(artifacts: Artifacts, members: Front) -> dict[int, ModelFile]:
    """A file that is gone or damaged is left out; the suffix is that of the runtime it was made for."""
    found = {}
    for t in members.members:
        if not {"model", "runtime"} <= set(t.artifacts):
            continue
        with suppress(OSError, ValueError):
            suffix = json.loads(artifacts.get(t.artifacts["runtime"]))["suffix"]
            artifacts.get(t.artifacts["model"])  # looks whether it is whole
            found[t.number] = ModelFile(f"{MODELS}/trial-{t.number}{suffix}", artifacts.path(t.artifacts["model"]))
    return found


def _parts(study: Study, view: StudyView) -> tuple[Part, ...]:
    """Only compression has techniques that a recipe can do without."""
    craft = study.craft
    return tuple(parts(view.trials, view.front, view.point, craft)) if craft else ()

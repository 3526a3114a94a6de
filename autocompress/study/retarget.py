"""A study's models on another device: exported and measured again, not trained. A front of its own, in minutes."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autocompress.config.load import load_device
from autocompress.errors import StudyError
from autocompress.study.here import refuse_what_cannot_be_measured
from autocompress.study.home import study_names
from autocompress.study.inheritance import Inheritance, inheritance
from autocompress.study.study import Study
from autocompress.values.device import Device, Provenance, estimated_as
from autocompress.values.limit import Limit, Objective
from autocompress.values.study import NAME, Budget, StudySpec

ROUND_TO = "operators.channels.round_to"


@dataclass(frozen=True)
class Retargeted:
    """The new study, and what is worth saying of how it came about."""

    study: Study
    old: StudySpec
    device: Device  # as its file says it
    only_front: bool

    @property
    def of_study(self) -> tuple[Limit, ...]:
        """The limits that do not come with the device."""
        return tuple(x for x in self.study.spec.limits if x not in self.device.limits)


def retarget(
    name: str,
    device: str | Path,
    *,
    called: str | None = None,
    only_front: bool = False,
    train: bool = False,
    storage: str | None = None,
    command: str | None = None,
) -> Retargeted:
    """The study to run. Models whose training is not in the cache any more are left out, unless `train`."""
    from autocompress.study.compression import Bench

    old = Study.open(name, storage=storage)
    target = load_device(device)
    spec = for_device(old.spec, target, called or f"{name}-on-{target.id}")
    refuse_what_cannot_be_measured(spec)
    trials = list(old.front().members) if only_front else old.trials
    inherits = inheritance(spec, trials, old.params, {t.number for t in trials} if train else ())
    study = Study.of(spec, storage=storage, command=command)
    study.inherits = inherits
    if spec.name not in study_names():
        if not inherits.wishes:
            raise StudyError(_nothing(old.spec, target, inherits))
        if not train and not Bench(spec, study.folder).has_teacher:
            text = f"the teacher of study {name!r}, which is the baseline, would have to be trained again"
            raise StudyError(f"{text}: it is not in the cache, or another version made it; --train trains it")
    return Retargeted(study, old.spec, target, only_front)


def for_device(old: StudySpec, device: Device, name: str) -> StudySpec:
    """The same study for another device. What its file had said beside its own device's limits still holds."""
    if old.device is None:
        raise StudyError(f"study {old.name!r} has no device, so there are no models to measure on another")
    if not re.match(NAME, name) or name == old.name:
        text = "small letters, digits, '-' and '_', at most 63, and not those of the old one"
        raise StudyError(f"the new study cannot be called {name!r} ({text}); give it a name with --as NAME")
    limits = _limits(old, old.device, device)
    if old.teacher is None and (lost := [x for x in limits if x.below_baseline is not None]):
        raise StudyError(f"{device.id} wants {lost[0]}, and study {old.name!r} has no teacher to be the baseline")
    change: dict[str, Any] = {
        "name": name,
        "source": old.name,
        "device": _with_widths_of(old, old.device, device),
        "limits": limits,
        "objectives": _objectives(old, old.device, device),
        "first": "nothing",
        "budget": Budget(trials=0),
    }
    return old.model_copy(update=change)


def _limits(old: StudySpec, had: Device, device: Device) -> tuple[Limit, ...]:
    """The device's; those that the study's file had set, or taken away, stay where they are."""
    own = {x.metric: _spared(x, had, device) for x in old.limits if x not in had.limits}
    gone = {x.metric for x in had.limits} - {x.metric for x in old.limits}
    return (*(x for x in device.limits if x.metric not in own and x.metric not in gone), *own.values())


def _spared(limit: Limit, had: Device, device: Device) -> Limit:
    """A margin that was the error of an estimator becomes that of the new one."""
    if limit.margin != _error(had, limit.metric):
        return limit  # somebody has said it
    return limit.model_copy(update={"margin": _error(device, limit.metric)})


def _error(device: Device, metric: str) -> float:
    if device.estimator(metric) is None:
        return 0.0
    return device.origin(f"measurement.estimators.{estimated_as(metric)}").error or 0.0


def _objectives(old: StudySpec, had: Device, device: Device) -> tuple[Objective, ...]:
    return device.objectives if device.objectives and old.objectives == had.objectives else old.objectives


def _with_widths_of(old: StudySpec, had: Device, device: Device) -> Device:
    """Models are as wide as they are: they were made in other multiples of channels. A device that can run only its own
    says so itself."""
    runs_only_its_own = device.channel_policy == "require" and had.round_to % device.round_to
    if device.round_to == had.round_to or runs_only_its_own:
        return device
    known = {**device.provenance, ROUND_TO: Provenance(by=f"the models of study {old.name}")}
    return device.model_copy(update={"round_to": had.round_to, "provenance": known})


def _nothing(old: StudySpec, device: Device, inherits: Inheritance) -> str:
    if not inherits.all:
        return f"study {old.name!r} has no complete trials, so there are no models to measure on {device.id}"
    assert old.device is not None
    text = f"all {inherits.all} models of study {old.name!r} would have to be trained again"
    if device.channel_policy == "require" and old.device.round_to % device.round_to:
        why = f"{device.id} runs only multiples of {device.round_to} channels; theirs are of {old.device.round_to}"
    else:
        why = "their training is not in the cache any more, or another version of autocompress did it"
    return f"{text}: {why}; --train trains them"

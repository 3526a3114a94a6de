"""Can this machine answer for that device? A number taken on another machine would be a lie with two decimals."""

import platform

from autocompress.config.limits import KNOWN, NEEDS_ESTIMATOR
from autocompress.errors import StudyError
from autocompress.measure.estimators.base import Estimator
from autocompress.measure.runtimes.base import Runtime
from autocompress.plugin import make
from autocompress.values.device import Device, estimated_as
from autocompress.values.study import StudySpec


def refuse_what_cannot_be_measured(spec: StudySpec) -> None:
    """Before the first second is spent."""
    if why := refusal(spec):
        raise StudyError(why)


def refusal(spec: StudySpec) -> str:
    """Why the study cannot be run on this machine, and what would help; empty if it can."""
    device = spec.device
    if device is None:
        return f"study {spec.name!r} has no device: nothing says where its models must fit"
    if why := elsewhere(device):
        return f"{why}; run the study on the device itself, or use device: this-machine"
    known = _told(device)
    wanted = {o.metric for o in spec.objectives} | {x.metric for x in spec.limits}
    if missing := sorted(wanted - set(known)):
        return f"nothing here measures {', '.join(missing)} yet; objectives and limits may use {', '.join(known)}"
    lacking = [make(Runtime, {"use": runtime.name}).missing for runtime in device.runtimes]
    if all(lacking):
        return f"{device.id} wants {' or '.join(r.name for r in device.runtimes)}: {'; '.join(lacking)}"
    used = [make(Estimator, plug) for name, plug in device.estimators.items() if device.estimator(name)]
    if absent := [estimator.missing for estimator in used if estimator.missing]:
        return f"{device.id} is estimated: {'; '.join(absent)}"
    return ""


def elsewhere(device: Device) -> str:
    """Why this machine cannot answer for the device; empty if it can."""
    if device.machine is None or device.machine == platform.machine():
        return ""
    return (
        f"{device.id} is measured on the machine that runs the study, and this one is {platform.machine()}, "
        f"not {device.machine}"
    )


def _told(device: Device) -> list[str]:
    """What is measured or counted, and what the device's file can tell. Elsewhere's clocks are not heard here."""
    away = ("latency", "peak_ram") if device.measurement == "estimate" else ()
    return [
        metric
        for metric in KNOWN
        if estimated_as(metric) in device.estimators or not (metric in NEEDS_ESTIMATOR or estimated_as(metric) in away)
    ]

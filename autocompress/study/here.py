"""Can this machine answer for that device? A number taken on another machine would be a lie with two decimals."""

import platform

from autocompress.config.limits import MEASURED
from autocompress.errors import StudyError
from autocompress.values.study import StudySpec


def refuse_what_cannot_be_measured(spec: StudySpec) -> None:
    """Before the first second is spent."""
    device = spec.device
    if device is None:
        raise StudyError(f"study {spec.name!r} has no device: nothing says where its models must fit")
    if device.machine is not None and device.machine != platform.machine():
        raise StudyError(
            f"{device.id} is measured on the machine that runs the study, and this one is {platform.machine()}, "
            f"not {device.machine}; run the study on the device itself, or use device: this-machine"
        )
    wanted = {o.metric for o in spec.objectives} | {x.metric for x in spec.limits}
    if missing := sorted(wanted - set(MEASURED)):
        raise StudyError(
            f"nothing here measures {', '.join(missing)} yet; objectives and limits may use {', '.join(MEASURED)}"
        )
    if device.runtime.threads != 1:
        raise StudyError("latency is measured with one thread, by CPU time; set runtime.threads of the device to 1")

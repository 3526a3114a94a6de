"""`retarget`: the models of a study on another device, without training."""

from typing import TYPE_CHECKING, Annotated

import typer

from autocompress.cli.launch import Json, Plain, Storage, Trust, Workers, launch, trusting
from autocompress.cli.out import people

if TYPE_CHECKING:
    from autocompress.study.retarget import Retargeted


def retarget(
    study: Annotated[str, typer.Argument(help="The name of a study that has been run here.")],
    device: Annotated[str, typer.Option("--device", metavar="DEVICE", help="A device file, or a shipped one's name.")],
    name: Annotated[
        str | None,
        typer.Option("--as", metavar="NAME", help="What the new study is called. [default: STUDY-on-DEVICE]"),
    ] = None,
    front: Annotated[
        bool, typer.Option("--front", help="Only the models of the front; else all complete ones.")
    ] = False,
    train: Annotated[bool, typer.Option("--train", help="Train again what is not in the cache any more.")] = False,
    workers: Workers = None,
    storage: Storage = None,
    trust: Trust = False,
    plain: Plain = False,
    json: Json = False,
) -> None:
    """Export and measure a study's models for another device, without training them: a new study, a front of its own.

    The limits and objectives are the new device's; those that the old study's file had set itself still hold.
    """
    from autocompress.study.retarget import retarget

    trusting(trust)
    command = f"autocompress retarget {study} --device {device}" + (f" --as {name}" if name else "")
    command += " --front" * front + " --train" * train
    found = retarget(study, device, called=name, only_front=front, train=train, storage=storage, command=command)
    for line in _told(found):
        people().print(line, markup=False, highlight=False, soft_wrap=True)
    launch(found.study, None, None, workers, plain, json)


def _told(found: "Retargeted") -> list[str]:
    """What is tried, what is left out, and whose limits hold."""
    old, spec, inherits, device = found.old, found.study.spec, found.study.inherits, found.device
    which = f"models {'on the front ' if found.only_front else ''}of {old.name}"
    lines = [f"{spec.name}: {len(inherits.wishes)} of the {inherits.all} {which}, on {device.name}"]
    if inherits.untrained:
        lines.append(
            f"left out: {inherits.untrained} whose training is not in the cache any more (--train trains them)"
        )
    if spec.device and spec.device.round_to != device.round_to:
        was = f"channels: multiples of {spec.device.round_to}, as the models were made"
        lines.append(f"{was}; {device.id} would rather have {device.round_to}")
    own = found.of_study
    for whose, limits in ((device.id, [x for x in spec.limits if x not in own]), (f"study {old.name}", own)):
        if limits:
            lines.append(f"limits of {whose}: {', '.join(map(str, limits))}")
    whose = device.id if spec.objectives == device.objectives else f"study {old.name}"
    lines.append(f"objectives of {whose}: {', '.join(o.metric for o in spec.objectives)}")
    return lines

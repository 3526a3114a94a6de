"""What a stage takes and gives: a plain network and the facts needed to build, save and export it again."""

import copy
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from autocompress.compress.grid.grids import gridded
from autocompress.compress.students.base import Parts, Scale, Student
from autocompress.errors import Failure
from autocompress.plugin import make

PARTS = "parts"  # in the `meta` of a network that is a graph: the only attribute that torch copies with one


@dataclass(frozen=True)
class Model:
    """`net` is an ordinary module, pruned for real: no hooks, no wrappers left behind.

    Between stages it rests on the CPU, in eval mode. In layers that are `sparse` a weight of 0 was taken out and stays.
    """

    net: nn.Module
    student: dict[str, Any]  # {"use": name, **settings}: what built `net` before anything was cut from it
    inputs: tuple[int, int, int]
    classes: int
    quantizer: dict[str, Any] | None = None  # what takes its bits, as {"use": name, **settings}
    sparse: tuple[str, ...] = ()  # names of layers
    scale: Scale | None = None  # how it wants its pixels; None: as the data set says

    @classmethod
    def fresh(
        cls, student: dict[str, Any], inputs: tuple[int, int, int], classes: int, seed: int, *, pretrain: bool = False
    ) -> "Model":
        """Random weights that depend on nothing but the seed; or, to `pretrain`, those from elsewhere if there are."""
        family = make(Student, student)
        if min(inputs[1:]) < family.least_side:
            name = student["use"]
            raise Failure("unsupported", f"{name} wants images of {family.least_side} pixels or more, got {inputs[1:]}")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            net = family.build(inputs, classes).eval()
        if pretrain:
            family.pretrain(net)
        return cls(net, student, inputs, classes, scale=_fitting(family.scale, inputs[0]))

    @property
    def parts(self) -> Parts:
        """A network that was followed to put grids into it knows its own."""
        own: Parts | None = getattr(self.net, "meta", {}).get(PARTS)
        return own or make(Student, self.student).parts(self.net)

    @property
    def gridded(self) -> bool:
        """Whether its weights are on grids."""
        return bool(gridded(self.net))

    def refuse_on_grids(self, what: str) -> None:
        """What changes how a network is built has to come before its weights are on grids."""
        if self.gridded:
            raise Failure("unsupported", f"{what} before quantizing: the weights of this network are on grids already")

    def copy(self) -> "Model":
        """A stage changes its own copy, never the model it was given."""
        return replace(self, net=copy.deepcopy(self.net))

    def example(self, batch: int = 1) -> torch.Tensor:
        return torch.zeros(batch, *self.inputs)


def _fitting(scale: Scale | None, channels: int) -> Scale | None:
    """Of weights for colours, on grey images: one for all."""
    if scale is None or len(scale.mean) == channels:
        return scale
    many = len(scale.mean)
    return Scale((sum(scale.mean) / many,) * channels, (sum(scale.std) / many,) * channels)

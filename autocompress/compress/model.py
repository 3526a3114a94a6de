"""What a stage takes and gives: a plain network and the facts needed to build, save and export it again."""

import copy
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from autocompress.compress.students.base import Parts, Student
from autocompress.plugin import make


@dataclass(frozen=True)
class Model:
    """`net` is an ordinary module, pruned for real: no masks, no hooks, no wrappers left behind.

    Between stages it rests on the CPU, in eval mode.
    """

    net: nn.Module
    student: dict[str, Any]  # {"use": name, **settings}: what built `net` before anything was cut from it
    inputs: tuple[int, int, int]
    classes: int
    quantizer: dict[str, Any] | None = None  # what the export has to do to the file, as {"use": name, **settings}

    @classmethod
    def fresh(cls, student: dict[str, Any], inputs: tuple[int, int, int], classes: int, seed: int) -> "Model":
        """Random weights that depend on nothing but the seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            net = make(Student, student).build(inputs, classes).eval()
        return cls(net, student, inputs, classes)

    @property
    def parts(self) -> Parts:
        return make(Student, self.student).parts(self.net)

    def copy(self) -> "Model":
        """A stage changes its own copy, never the model it was given."""
        return replace(self, net=copy.deepcopy(self.net))

    def example(self, batch: int = 1) -> torch.Tensor:
        return torch.zeros(batch, *self.inputs)

"""Which recipe next. All samplers are Optuna's, behind one seam; a fresh one is built for every question."""

from abc import ABC, abstractmethod
from typing import Literal

from optuna.samplers import BaseSampler

from autocompress.plugin import Plugin

Encoding = Literal["flat", "tree"]


class Sampler(Plugin, ABC):
    """`flat` asks for every hole of every branch each time, `tree` only for the holes of the branches taken.

    A sampler keeps nothing between questions: its answer depends on the seed and on the trials so far alone,
    so a study that was interrupted goes on as if it had not been.
    """

    encoding: Encoding = "flat"

    @abstractmethod
    def build(self, seed: int) -> BaseSampler: ...

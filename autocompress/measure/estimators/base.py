"""A metric told without the device: a formula with constants that were measured once."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from autocompress.config.units import Fraction
from autocompress.errors import Failure
from autocompress.measure.graph import Graph
from autocompress.plugin import Plugin
from autocompress.values.device import Device

Metric = Literal["latency", "peak_ram", "energy"]  # as device files call them


class Error(BaseModel):
    """Of an estimate, relative to what is measured: half of them are off by no more than p50, nine in ten by p90."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    p50: Fraction | None = None
    p90: Fraction


@dataclass(frozen=True)
class Board:
    """What estimators ask of a device."""

    clock_hz: float | None = None
    io_in_arena: bool = True  # input and output lie among the activations

    @classmethod
    def of(cls, device: Device) -> "Board":
        return cls(device.clock_hz, device.ram.io_in_arena if device.ram else True)

    @property
    def clock(self) -> float:
        if self.clock_hz is None:
            raise Failure("measure", "an estimate in cycles needs the clock of the device")
        return self.clock_hz


class Estimator(Plugin, ABC):
    """Fields are the constants of one operating point and how wrong the formula is with them."""

    metric: ClassVar[Metric]
    needs: ClassVar[tuple[Metric, ...]] = ()  # what has to be known before
    needs_clock: ClassVar[bool] = False

    error: Error

    @property
    def missing(self) -> str:
        """Why it cannot tell anything here, and what would help; empty if it can."""
        return ""

    @property
    def ranks_only(self) -> bool:
        """Good enough to say which of two is faster, not to hold a limit against."""
        return False

    @abstractmethod
    def estimate(self, graph: Graph, board: Board, known: Mapping[str, float]) -> float:
        """For one image, in seconds, bytes or joules. What it cannot tell is a Failure("measure")."""

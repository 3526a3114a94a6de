"""What each layer of a network bears to lose alone: kept with the study that it was asked of, for its report."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from autocompress.values.measurement import Measurement

BORNE = "borne"  # the fact: by trial, the teacher's under BASE
BASE = "baseline"


class Layer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    size: int  # channels, or weights
    kept: tuple[int, ...]  # of these, after each ratio
    accuracy: tuple[float, ...]
    cap: float | None  # the largest ratio that costs no more than the drop; None: nothing goes at any


class Borne(BaseModel):
    """Accuracies after each of `ratios` was cut from one layer alone, without training."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    what: Literal["channels", "weights"]
    how: str  # by which score or pattern, and what is done about it
    dense: Measurement  # accuracy before any cut
    drop: float  # that a cap allows
    ratios: tuple[float, ...]
    layers: tuple[Layer, ...]

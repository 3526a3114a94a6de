"""How to train: for how long, how fast, by which optimizer, and what of the network."""

import math
from dataclasses import dataclass
from typing import Literal

Scope = Literal["all", "head", "norms"]


@dataclass(frozen=True)
class Plan:
    """How to train. The rates are for one optimizer step, which sees `batch_size` x `accumulate` examples."""

    epochs: int
    lr: float
    batch_size: int = 64
    accumulate: int = 1
    optimizer: Literal["sgd", "adamw"] = "sgd"
    pace: Literal["cosine", "one_cycle", "constant"] = "cosine"
    warmup: float = 0.1  # share of the steps
    weight_decay: float = 5e-4
    smoothing: float = 0.0  # of the labels
    ema: float = 0.0  # how much of the average stays at each step; 0: no average
    scope: Scope = "all"
    compiled: bool = False
    views: int | None = None  # after how many epochs examples look the same again; None: as many as can be kept
    teacher: str = "teacher"


def pace(step: int, steps: int, kind: str = "cosine", warmup: float = 0.1) -> float:
    """Share of the full learning rate: up in a line over the warm-up, then down along half a cosine, or not at all.

    One cycle (Smith and Topin 2018, arXiv 1708.07120) spends three times the warm-up on the way up, along a cosine.
    """
    warm = max(1, round(steps * (3 * warmup if kind == "one_cycle" else warmup)))
    if step < warm:
        up = (step + 1) / warm
        return up if kind != "one_cycle" else 0.04 + 0.96 * 0.5 * (1 - math.cos(math.pi * up))
    if kind == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (step - warm + 1) / (steps - warm + 1)))

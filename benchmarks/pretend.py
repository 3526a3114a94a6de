"""A pretend joint problem for the search: 29 holes, 3 objectives, 3 limits, laws in closed form, a clock of its own.

Architecture, width, resolution; training alone or by four methods; pruning; calibrated or trained bits; all in any
order. One recipe in three fits the limits. A full training is about one unit of 100 pretend seconds. What was done
before is not done again: prefixes are remembered, as the real cache does, and calibration costs next to nothing.
"""

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

import numpy as np

from autocompress.values.craft import Craft
from autocompress.values.job import Done, Event, Gated, Job, Outcome, Rung
from autocompress.values.limit import Limit, Objective
from autocompress.values.measurement import How, Measurement
from autocompress.values.recipe import Recipe, digest
from autocompress.values.trial import Trial

UNIT = 100.0  # pretend seconds of a training without recovery
GATE, EXPORT, CALIBRATION = 0.5, 1.0, 1.0  # seconds
NOISE = 0.003  # standard deviation of the accuracy between seeds

# floor of the error, MACs in millions and parameters in thousands at width 1 and 224 pixels, time in 8 bits, pace of
# learning: after a ninth of its training it knows 59 to 81 % of what it will (ResNet-8 on CIFAR-10: about 56 to 80 %)
ARCHITECTURES = {
    "plain": (0.140, 420.0, 2400.0, 0.45, 13.0),
    "residual": (0.105, 900.0, 5200.0, 0.40, 11.0),
    "mobile": (0.125, 160.0, 1500.0, 0.65, 9.0),
    "squeezing": (0.118, 110.0, 1900.0, 1.15, 8.0),
    "dense": (0.110, 700.0, 2900.0, 0.60, 10.0),
    "thin": (0.175, 60.0, 500.0, 0.55, 15.0),
}
TEACHERS = {"small": 0.6, "middle": 1.0, "large": 0.8}  # how much of its knowledge a student can take
IMPORTANCES = {"random": 1.6, "magnitude": 1.0, "taylor": 0.85, "fpgm": 0.95}

SPACE: dict[str, Any] = {
    "student": {
        "arch": {"choice": list(ARCHITECTURES)},
        "width": {"float": [0.25, 1.5]},
        "resolution": {"choice": [96, 128, 160, 192, 224]},
    },
    "stages": [
        {
            "order": [
                {
                    "use": "distill",
                    "lr": {"float": [0.003, 0.3], "log": True},
                    "decay": {"float": [1e-6, 1e-2], "log": True},
                    "teacher": {"choice": list(TEACHERS)},
                    "method": {
                        "choice": [
                            "none",
                            {"use": "logit", "temperature": {"float": [1, 10]}, "alpha": {"float": [0, 1]}},
                            {
                                "use": "dkd",
                                "temperature": {"float": [1, 10]},
                                "alpha": {"float": [0.2, 3]},
                                "beta": {"float": [0.5, 10], "log": True},
                            },
                            {"use": "hint", "weight": {"float": [0.1, 100], "log": True}},
                            {"use": "attention", "weight": {"float": [0.1, 1000], "log": True}},
                        ]
                    },
                },
                {
                    "choice": [
                        "none",
                        {
                            "use": "prune",
                            "by": {"choice": list(IMPORTANCES)},
                            "ratio": {"float": [0.1, 0.85]},
                            "steps": {"int": [1, 5]},
                            "scope": {"choice": ["local", "global"]},
                            "granularity": {"choice": ["channels", "groups"]},
                            "recover": {"int": [0, 6]},
                        },
                    ]
                },
                {
                    "choice": [
                        "none",
                        {
                            "use": "calibrate",
                            "method": {"choice": ["minmax", "average", "percentile", "entropy"]},
                            "examples": {"choice": [32, 128, 512]},
                        },
                        {
                            "use": "quantize",
                            "weights": {"choice": [2, 3, 4, 8]},
                            "activations": {"choice": [4, 8]},
                            "lr": {"float": [0.001, 0.05], "log": True},
                            "recover": {"int": [1, 6]},
                        },
                    ]
                },
            ]
        }
    ],
}
OBJECTIVES = (
    Objective(metric="accuracy", direction="maximize"),
    Objective(metric="latency_p50", direction="minimize"),
    Objective(metric="size", direction="minimize"),
)
LIMITS = (
    Limit(metric="latency_p50", side="max", bound=0.006),
    Limit(metric="size", side="max", bound=8e5),
    Limit(metric="peak_ram", side="max", bound=9e5),
)
BOX = ((0.05, 0.45), (math.log10(0.0004), math.log10(0.006)), (math.log10(1e4), math.log10(8e5)))  # error, s, bytes


@dataclass
class World:
    """`gated`: whether it says what is known before training. `done` remembers the seconds of work per prefix."""

    gated: bool = True
    done: dict[tuple[str, int], float] = field(default_factory=dict)

    def __call__(self, job: Job) -> Generator[Event, bool | None, None]:
        facts = hardware(job.recipe.tree)
        spent = 0.0
        if self.gated:
            spent = GATE
            if not (yield Gated(job.number, facts, spent)):
                yield Done(job.number, Outcome("stopped", facts, seconds=spent))
                return
        took = seconds(job.recipe)
        total, keys = sum(took), [(key, job.seed) for key in job.recipe.keys[1:]]
        prefix = list(accumulate(took))
        at = max((self._far(i, keys, prefix, took) for i in range(len(keys))), default=0.0)
        for rung in job.rungs:
            due = rung * total
            if due > at:
                spent, at = spent + due - at, due
                self._note(at, keys, prefix)
            so_far = Measurement(metric="accuracy", value=accuracy(job.recipe, job.seed, rung), how="measured")
            if not (yield Rung(job.number, rung, (so_far,), spent)):
                yield Done(job.number, Outcome("stopped", facts, seconds=spent))
                return
        spent += total - at + EXPORT
        self._note(total, keys, prefix)
        final = Measurement(metric="accuracy", value=accuracy(job.recipe, job.seed, 1.0), how="measured")
        yield Done(job.number, Outcome("complete", (final, *facts), seconds=spent, stages=len(took)))

    def _far(self, i: int, keys: Sequence[tuple[str, int]], prefix: Sequence[float], took: Sequence[float]) -> float:
        """Seconds from the beginning that stage `i` was brought to before, by whoever."""
        within = self.done.get(keys[i], 0.0)
        return prefix[i] - took[i] + within if within else 0.0

    def _note(self, at: float, keys: Sequence[tuple[str, int]], prefix: Sequence[float]) -> None:
        begin = 0.0
        for key, end in zip(keys, prefix, strict=True):
            if at > begin:
                self.done[key] = max(self.done.get(key, 0.0), min(at, end) - begin)
            begin = end


def free(stage: dict[str, Any]) -> bool:
    """Whether a stage trains nothing."""
    return stage["use"] == "calibrate" or (stage["use"] == "prune" and stage["recover"] == 0)


def craft() -> Craft:
    return Craft(free=free, techniques=techniques)


def techniques(stage: dict[str, Any]) -> frozenset[str]:
    match stage:
        case {"use": "distill", "method": "none"}:
            return frozenset()
        case {"use": "distill"}:
            return frozenset({"distillation"})
        case {"use": "prune"}:
            return frozenset({"pruning"})
    return frozenset({"quantization"})


def seconds(recipe: Recipe) -> list[float]:
    took = []
    for stage in recipe.stages:
        match stage["use"]:
            case "distill":
                took.append(UNIT * (0.8 if stage["method"] == "none" else 0.9))
            case "calibrate":
                took.append(CALIBRATION)
            case _:
                took.append(UNIT * 0.04 * stage["recover"] + 1.0)
    return took


def hardware(tree: dict[str, Any]) -> tuple[Measurement, ...]:
    """Size, latency, memory: exact before any training."""
    student, by = tree["student"], {stage["use"]: stage for stage in tree["stages"]}
    _, macs, params, int8, _ = ARCHITECTURES[student["arch"]]
    share = _left(by.get("prune"))
    macs *= student["width"] ** 2 * (student["resolution"] / 224) ** 2 * share
    params *= student["width"] ** 2 * share
    bits, active = 32, 32
    if "calibrate" in by:
        bits = active = 8
    if "quantize" in by:
        bits, active = by["quantize"]["weights"], by["quantize"]["activations"]
    speed = int8 if active < 32 else 1.0
    groups = by.get("prune", {}).get("granularity") == "groups"
    latency = (0.0004 + 8e-5 * macs * speed) * (1.12 if groups else 1.0)
    memory = 4.2e6 * student["width"] * (student["resolution"] / 224) ** 2 * (0.3 if active < 32 else 1.0) * share**0.25
    return (
        _m("size", params * 1e3 * bits / 8, "counted"),
        _m("latency_p50", latency),
        _m("peak_ram", memory, "counted"),
    )


def _left(prune: dict[str, Any] | None) -> float:
    return 1.0 if prune is None else (1 - prune["ratio"]) ** 1.5


def accuracy(recipe: Recipe, seed: int, share: float) -> float:
    """After a share of the training. Wide is better, harm is recovered, what comes in which order matters."""
    tree = recipe.tree
    student, stages = tree["student"], tree["stages"]
    floor, _, params, _, pace = ARCHITECTURES[student["arch"]]
    capacity = params * student["width"] ** 2
    error = floor + 0.9 / math.sqrt(capacity) + 0.10 * math.log(224 / student["resolution"]) ** 1.3
    uses = [stage["use"] for stage in stages]
    for place, stage in enumerate(stages):
        later = uses[place + 1 :]
        match stage["use"]:
            case "distill":
                error += 0.012 * math.log(stage["lr"] / 0.05) ** 2 / 4
                error += 0.006 * abs(math.log10(stage["decay"] / 3e-4))
                error -= _taught(stage, capacity)
                pace *= 1.0 if stage["method"] == "none" else 1.25
            case "prune":
                harm = 0.16 * stage["ratio"] ** 2.5 * IMPORTANCES[stage["by"]] / (1 + 0.1 * (stage["steps"] - 1))
                harm *= 0.85 if stage["scope"] == "global" else 1.0
                harm *= 0.9 if stage["granularity"] == "groups" else 1.0
                healed = 0.12 * stage["recover"] + (0.45 if "distill" in later else 0.0)
                error += harm * (1 - min(0.9, healed)) * (1.3 if "quantize" in uses[:place] else 1.0)
            case "calibrate":
                off = {"minmax": 1.0, "average": 0.8, "percentile": 0.7, "entropy": 1.1}[stage["method"]]
                error += (
                    0.012 * off * (1 + 4 / stage["examples"] ** 0.5) * (1.8 if student["arch"] == "squeezing" else 1)
                )
                error += 0.25 if "distill" in later else 0.0  # its calibration is worth nothing afterwards
            case "quantize":
                harm = {2: 0.12, 3: 0.045, 4: 0.018, 8: 0.004}[stage["weights"]]
                harm += 0.015 if stage["activations"] == 4 else 0.0
                harm += 0.004 * math.log(stage["lr"] / 0.01) ** 2
                healed = 0.09 * stage["recover"] + (0.2 if "distill" in uses[:place] else 0.0)
                error += harm * (1 - min(0.85, healed))
                error += 0.02 if "distill" in later else 0.0
    learned = (1 - math.exp(-pace * share)) / (1 - math.exp(-pace))
    noise = np.random.default_rng(int(digest(recipe.key, str(seed))[:12], 16)).normal(0, NOISE)
    return float(np.clip((1 - error) * learned + noise, 0.05, 0.99))


def _taught(stage: dict[str, Any], capacity: float) -> float:
    method, takes = stage["method"], TEACHERS[stage["teacher"]]
    if stage["teacher"] == "large" and capacity < 1000:
        takes = 0.3  # too far above its pupil
    match method:
        case {"use": "logit", "temperature": t, "alpha": a}:
            return takes * 0.028 * math.exp(-(math.log(t / 4) ** 2)) * (1 - 2 * (a - 0.8) ** 2)
        case {"use": "dkd", "temperature": t, "alpha": a, "beta": b}:
            return takes * 0.036 * math.exp(-(math.log(t / 4) ** 2) - 0.3 * (a - 1) ** 2 - 0.5 * math.log(b / 2) ** 2)
        case {"use": "hint", "weight": w}:
            return takes * (0.022 * math.exp(-(math.log10(w / 5) ** 2)) - 0.004)
        case {"use": "attention", "weight": w}:
            return takes * (0.018 * math.exp(-(math.log10(w / 100) ** 2)) - 0.004)
    return 0.0


def covered(trials: Sequence[Trial]) -> float:
    """Hypervolume of what is complete and fits, in a fixed box of side one."""
    from autocompress.values.hypervolume import hypervolume, nondominated

    points = [
        (1 - t.value("accuracy"), math.log10(t.value("latency_p50")), math.log10(t.value("size")))
        for t in trials
        if t.feasible
    ]
    if not points:
        return 0.0
    low, high = np.array(BOX).T
    scaled = np.clip((np.array(points) - low) / (high - low), 0.0, None)
    return hypervolume(scaled[nondominated(scaled)], np.ones(3))


def _m(metric: str, value: float, how: How = "measured") -> Measurement:
    return Measurement(metric=metric, value=float(value), how=how)

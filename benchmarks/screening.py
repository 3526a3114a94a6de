"""Does the regression refuse only what measuring would refuse, and what does it save? CPU seconds of each way.

    python benchmarks/screening.py [--many 40] [--known 20] [--scheme lsq] [--splits 10]

ResNets of random widths, within blocks too, are exported and measured as the gate does it. Some of them, at random, are
what is known; the others are held out, and judged under limits from what the fastest took to what the slowest did.
"""

import argparse
import resource
import tempfile
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import torch
from candidate import CLASSES, INPUTS, pretend
from torch import nn

from autocompress.compress.model import Model
from autocompress.compress.quantizers.base import Quantizer
from autocompress.measure.estimators.convolutions import _fit
from autocompress.plugin import make
from autocompress.search.gate import refused
from autocompress.study.appraise import Appraiser
from autocompress.study.foresight import Foresight, _layers
from autocompress.study.screen import LEAST, Screen, breaks, keeps
from autocompress.values.device import Device
from autocompress.values.limit import Limit
from autocompress.values.measurement import Measurement

METRIC = "latency_p50"
LIMITS = 9
Timed = tuple[Model, Measurement]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--many", type=int, default=40)
    parser.add_argument("--known", type=int, default=20)
    parser.add_argument("--scheme", default="")
    parser.add_argument("--splits", type=int, default=10)
    given = parser.parse_args()
    if not LEAST <= given.known < given.many:
        parser.error(f"--known: at least {LEAST}, and fewer than --many")
    torch.set_num_threads(1)
    chance = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        measured, each = measure([variant(chance, given.scheme) for _ in range(given.many)], Path(name))
        verdicts, errors, seconds = Counter[str](), [], 0.0
        for split in range(given.splits):
            order = chance.permutation(len(measured))
            known, others = ([measured[i] for i in some] for some in np.split(order, [given.known]))
            before = cpu()
            told = screened(known, others, Path(name) / f"split{split}")
            seconds += (cpu() - before) / len(others)
            errors += [abs(m.value / true.value - 1) for m, (_, true) in zip(told, others, strict=True)]
            verdicts += judged(told, [true for _, true in others])
    took = [m.value * 1e3 for _, m in measured]
    print(f"{len(took)} ResNets, {min(took):.2f} to {max(took):.2f} ms; {given.known} known, the others held out")
    print(f"error: median {np.median(errors):.1%}, nine in ten within {np.quantile(errors, 0.9):.1%}")
    print(f"CPU seconds a candidate: {each:.2f} exported and measured, {seconds / given.splits:.3f} screened")
    total = sum(verdicts.values())
    for verdict, many in sorted(verdicts.items()):
        print(f"{verdict:45} {many / total:6.1%}")


def variant(chance: np.random.Generator, scheme: str) -> Model:
    depth, width = int(chance.choice([8, 14, 20])), int(chance.integers(4, 40))
    model = Model.fresh({"use": "resnet", "depth": depth, "width": width}, INPUTS, CLASSES, 0)
    for block in (module for module in model.net.modules() if hasattr(module, "conv1")):
        first, second = block.conv1, block.conv2
        inside = max(2, round(first.out_channels * float(chance.uniform(0.3, 1.0))))
        block.conv1 = nn.Conv2d(first.in_channels, inside, 3, first.stride, 1, bias=False)
        block.bn1 = nn.BatchNorm2d(inside)
        block.conv2 = nn.Conv2d(inside, second.out_channels, 3, 1, 1, bias=False)
    model.net.eval()
    return make(Quantizer, scheme).placed(model) if scheme else model


def measure(models: list[Model], folder: Path) -> tuple[list[Timed], float]:
    """With the CPU seconds that one takes. The first pays for imports and is done once more."""
    device = Device(id="here", name="Here", kind="cpu")
    strict = [Limit(metric=METRIC, side="max", bound=1e-9)]
    seen = Foresight(Appraiser(device, {METRIC}, folder / "references"), device, strict, folder / "files")
    data, wanted = pretend(100), frozenset({METRIC})
    seen._measured(models[0], data, wanted)
    before, found = cpu(), []
    for model in models:
        [m] = seen._measured(model, data, wanted)
        found.append((model, m))
    return found, (cpu() - before) / len(models)


def screened(known: list[Timed], others: list[Timed], folder: Path) -> list[Measurement]:
    screen = Screen(folder, "here")
    for model, m in known:
        screen.add(_layers(model), {METRIC: m.value})
    return list(map(partial(fresh, screen), others))


def fresh(screen: Screen, asked: Timed) -> Measurement:
    """As if one more had been measured since the last was asked for."""
    _fit.cache_clear()
    told = screen.latency(METRIC, _layers(asked[0]))
    assert told is not None
    return told


def judged(told: list[Measurement], true: list[Measurement]) -> Counter[str]:
    values = [m.value for m in true]
    bounds = np.geomspace(min(values), max(values), LIMITS)
    limits = [Limit(metric=METRIC, side="max", bound=float(bound)) for bound in bounds]
    return Counter(_verdict(limit, *each) for limit in limits for each in zip(told, true, strict=True))


def _verdict(limit: Limit, told: Measurement, true: Measurement) -> str:
    by_measuring = bool(refused((true,), (limit,)))
    if breaks(limit, told):
        right = by_measuring or limit.violation(true.value) > 0
        return "refused" if by_measuring else f"refused, {'within the noise of the limit' if right else 'WRONGLY'}"
    if keeps(limit, told):
        return "WRONGLY taken as fast enough" if by_measuring else "taken as fast enough"
    return "not sure, to be measured"


def cpu() -> float:
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


if __name__ == "__main__":
    main()

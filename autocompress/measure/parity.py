"""Does the exported file answer as the network does that it came from?"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from autocompress.errors import Failure
from autocompress.measure.difference import first_difference

EXACT = 1e-9  # shares are sums of fractions

PART = 64  # images that a network is shown at once: more do not stay in the processor's caches


@dataclass(frozen=True)
class Parity:
    agreement: float  # share of examples with the same answer
    accuracy_change: float  # file minus network

    def __str__(self) -> str:
        return f"agrees with the network on {self.agreement:.2%}, accuracy {self.accuracy_change:+.2%}"


def parity(
    net: nn.Module,
    logits: NDArray[np.float32],
    batches: Iterable[NDArray[np.float32]],
    y: NDArray[np.int64],
    *,
    agreement: float = 0.98,
    change: float = 0.005,
    file: Path | None = None,
    layers: Callable[[], nn.Module] | None = None,
) -> Parity:
    """Compare the file's answers `logits` to all `batches` with the network's. Beyond the tolerances it is a Failure,
    which names the first layer of `file` that differs: from those of `layers`, if `net` was written in other ones. They
    are asked for only then.

    One example of `y` is always tolerated: no share of a small set is finer than that.
    """
    expected, some = _torch_answers(net, batches)
    own = layers or (lambda: net)
    if not np.isfinite(logits).all():
        raise Failure("parity", f"the exported file gives answers that are not finite{_where(own, file, some)}")
    right, found = expected.argmax(1), logits.argmax(1)
    seen = Parity(float((found == right).mean()), float((found == y).mean() - (right == y).mean()))
    one = 1 / len(y)
    if seen.agreement < min(agreement, 1 - one) - EXACT or abs(seen.accuracy_change) > max(change, one) + EXACT:
        wanted = f"wanted {agreement:.2%} and at most ±{change:.2%}"
        raise Failure("parity", f"the exported file {seen}; {wanted}{_where(own, file, some)}")
    return seen


def _where(layers: Callable[[], nn.Module], file: Path | None, x: NDArray[np.float32]) -> str:
    if file is None:
        return ""
    if file.suffix != ".onnx":
        return f"; a {file.suffix} file does not show its layers"
    try:
        found = first_difference(layers(), file, x)
    except Exception as error:  # a broken file may break anything that looks at it
        return f"; its layers cannot be looked at: {type(error).__name__}"
    return f"; {found or 'layer by layer it answers as the network does in ONNX Runtime'}"


def _torch_answers(
    net: nn.Module, batches: Iterable[NDArray[np.float32]]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """To all of them; and the first batch."""
    training = net.training
    net.eval()
    parts, first = [], None
    with torch.inference_mode():
        for x in batches:
            first = x if first is None else first
            parts += [net(some).numpy() for some in torch.split(torch.from_numpy(x), PART)]
    net.train(training)
    assert first is not None
    return np.concatenate(parts), first

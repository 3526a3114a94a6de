"""Does the exported file answer as the network does that it came from?"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from autocompress.errors import Failure


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
) -> Parity:
    """Compare the file's answers `logits` to all `batches` with the network's. Beyond the tolerances it is a Failure.

    One example of `y` is always tolerated: no share of a small set is finer than that.
    """
    if not np.isfinite(logits).all():
        raise Failure("parity", "the exported file gives answers that are not finite")
    expected = _torch_answers(net, batches).argmax(1)
    found = logits.argmax(1)
    seen = Parity(float((found == expected).mean()), float((found == y).mean() - (expected == y).mean()))
    one = 1 / len(y) + 1e-9
    if seen.agreement < min(agreement, 1 - one) or abs(seen.accuracy_change) > max(change, one):
        raise Failure("parity", f"the exported file {seen}; wanted {agreement:.2%} and at most ±{change:.2%}")
    return seen


def _torch_answers(net: nn.Module, batches: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
    training = net.training
    net.eval()
    with torch.inference_mode():
        parts = [net(torch.from_numpy(x)).numpy() for x in batches]
    net.train(training)
    return np.concatenate(parts)

"""How much of an image is still its own when two are mixed: Beta(alpha, alpha)."""

import torch
from torch import Tensor

from autocompress.compress.draws import Draws

TRIES = 24  # one in two is good or better, so all miss once in 17 million


def share(draws: Draws, alpha: float) -> Tensor:
    """One for each example, (B,), in [0, 1]; `alpha` 0 < alpha <= 1.

    Jöhnk (1964): of two uniform numbers to the power of 1 / alpha that add up to at most 1, the first one's part has
    that distribution. The first good pair of a fixed number of pairs is taken, so that nobody draws more than others.
    """
    pairs = (1 - draws.uniform(2 * TRIES).double()) ** (1 / alpha)  # 1 - x: zero would divide by zero
    one, other = pairs.chunk(2, dim=1)
    good = (one + other <= 1).to(torch.uint8).argmax(1, keepdim=True)
    return (one / (one + other)).gather(1, good)[:, 0].float()

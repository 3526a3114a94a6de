"""Random numbers by address: the same for the same (seed, view, place, example), whoever asks, in whatever batch.

A generator that is stepped through cannot give that. Without it a teacher's kept answers would belong to pixels that
the student never sees.
"""

import torch
from torch import Tensor

_MIX_1, _MIX_2, _GOLDEN = -0x40A7B892E31B1A47, -0x6B2FB644ECCEEE15, -0x61C8864680B583EB  # splitmix64, as signed words
_MASK = 2**64 - 1


class Draws:
    """For each example of `index`, as many uniform numbers as one asks for, on the device where `index` is."""

    def __init__(self, seed: int, view: int, place: int, index: Tensor) -> None:
        start = seed
        for word in (view, place):
            start = _scrambled(start) ^ word
        self.index = index
        self._state = _mixed(_scrambled(start) ^ index)
        self._asked = 0

    def uniform(self, columns: int = 1) -> Tensor:
        """(len(index), columns) numbers in [0, 1), new ones with each call."""
        counter = torch.arange(self._asked, self._asked + columns, device=self.index.device)
        self._asked += columns
        words = _mixed(self._state[:, None] + (counter + 1) * _GOLDEN)
        return ((words >> 40) & 0xFFFFFF).float() / 2**24

    def whole(self, low: int, high: int, columns: int = 1) -> Tensor:
        """(len(index), columns) whole numbers from `low` to `high`, both among them."""
        return low + (self.uniform(columns) * (high - low + 1)).long()


def _scrambled(word: int) -> int:
    """The same for one number, without a tensor: a batch asks for several, and each tensor costs 10 µs."""
    word = (word + _GOLDEN) & _MASK
    word = ((word ^ (word >> 30)) * _MIX_1) & _MASK
    word = ((word ^ (word >> 27)) * _MIX_2) & _MASK
    word ^= word >> 31
    return word - 2**64 if word >= 2**63 else word


def _mixed(x: Tensor) -> Tensor:
    """splitmix64's finaliser: every bit of the input moves half of the output's."""
    x = (x ^ _shifted(x, 30)) * _MIX_1
    x = (x ^ _shifted(x, 27)) * _MIX_2
    return x ^ _shifted(x, 31)


def _shifted(x: Tensor, by: int) -> Tensor:
    """To the right, zeros coming in: torch's own shift keeps the sign."""
    return (x >> by) & ((1 << (64 - by)) - 1)

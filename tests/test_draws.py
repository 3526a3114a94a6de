"""Random numbers by address: they are random, and they are the address's own."""

import itertools

import pytest
import torch

from autocompress.compress import draws as module
from autocompress.compress.draws import Draws

MANY = 100_000


def some(seed: int = 0, view: int = 0, place: int = 0, many: int = MANY, columns: int = 1) -> torch.Tensor:
    return Draws(seed, view, place, torch.arange(many)).uniform(columns)


def test_the_mixer_is_splitmix64():
    """The first numbers of Vigna's generator for the seed 0."""
    states = torch.arange(1, 4) * module._GOLDEN
    found = [word % 2**64 for word in module._mixed(states).tolist()]
    assert found == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]


@pytest.mark.parametrize("address", [(0, 0, 0), (0, 1, 0), (0, 0, 1), (1, 0, 0), (123_456_789, 77, 3)])
def test_numbers_are_uniform(address):
    seed, view, place = address
    found = some(seed, view, place, columns=2)
    assert found.dtype == torch.float32
    assert 0 <= found.min() <= found.max() < 1
    counts = torch.histc(found, 100, 0, 1)
    expected = found.numel() / 100
    assert ((counts - expected) ** 2 / expected).sum() < 149  # chi-square, 99 degrees of freedom: 1 in 1,000
    low = (found * 2**24).long() & 0xFF  # the last bits too
    counts = torch.bincount(low.flatten(), minlength=256)
    expected = found.numel() / 256
    assert ((counts - expected) ** 2 / expected).sum() < 331  # 255 degrees of freedom: 1 in 1,000


def test_seeds_views_places_calls_and_neighbours_know_nothing_of_each_other():
    streams = {(s, v, p): some(s, v, p)[:, 0] for s, v, p in itertools.product((0, 1, 2), repeat=3)}
    both = some(columns=2)
    streams["next column"] = both[:, 1]
    streams["neighbour"] = both[:, 0].roll(1)
    twice = Draws(0, 0, 0, torch.arange(MANY))
    twice.uniform(2)
    streams["next call"] = twice.uniform()[:, 0]
    table = torch.corrcoef(torch.stack(list(streams.values()))).fill_diagonal_(0)
    assert table.abs().max() < 5 / MANY**0.5  # five standard deviations of 450 pairs


def test_an_example_draws_the_same_in_any_batch():
    whole = some(7, 3, 1, many=1000, columns=5)
    for index in (torch.arange(1000).flip(0), torch.tensor([13]), torch.tensor([5, 999, 5]), torch.arange(0, 1000, 7)):
        draws = Draws(7, 3, 1, index)
        first, rest = draws.uniform(2), draws.uniform(3)
        assert torch.equal(torch.cat((first, rest), 1), whole[index])


def test_positions_beyond_32_bits_have_their_own():
    near, far = Draws(0, 0, 0, torch.tensor([1])), Draws(0, 0, 0, torch.tensor([1 + 2**32]))
    assert near.uniform() != far.uniform()


def test_whole_numbers_have_both_ends_and_are_all_alike():
    found = Draws(0, 0, 0, torch.arange(90_000)).whole(-4, 4, 2)
    counts = torch.bincount(found.flatten() + 4, minlength=9)
    assert len(counts) == 9
    assert ((counts - 20_000) ** 2 / 20_000).sum() < 26  # 8 degrees of freedom: 1 in 1,000
    assert Draws(0, 0, 0, torch.arange(50)).whole(6, 6).unique().tolist() == [6]


def test_the_largest_draw_stays_within(monkeypatch):
    """A product of floats may round up, to one past the end."""
    largest = torch.tensor([[1 - 2**-24]])
    monkeypatch.setattr(Draws, "uniform", lambda self, columns=1: largest)
    draws = Draws(0, 0, 0, torch.arange(1))
    for top in [*range(300), *(2**k + d for k in range(9, 24) for d in (-2, -1, 0, 1)), 50_000, 1_281_167]:
        assert draws.whole(0, top) == top

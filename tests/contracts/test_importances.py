"""Every importance: finite, one score per channel, and channels that swap places swap scores."""

import pytest
import torch
from hands import fresh, lab, made, same, settings, state
from torch import nn

from autocompress.compress.importances.base import Importance, Slice
from autocompress.compress.surgery import cut

every = pytest.mark.parametrize("importance", settings(Importance))

CHANNELS = 6


def group(order: list[int]) -> list[Slice]:
    """A convolution, its norm, and a matrix behind a flattened 2 x 2 map, with the channels in some order."""
    generator = torch.Generator().manual_seed(0)
    places = torch.tensor(order)
    flat = (places[:, None] * 4 + torch.arange(4)).flatten()
    slices = []
    for shape, dim, index in (((6, 3, 3, 3), 0, places), ((6,), 0, places), ((5, 24), 1, flat)):
        parameter = nn.Parameter(torch.randn(shape, generator=generator).index_select(dim, index))
        parameter.grad = torch.randn(shape, generator=generator).index_select(dim, index)
        each = shape[dim] // CHANNELS
        slices.append(Slice(parameter, dim, torch.arange(CHANNELS).repeat_interleave(each)))
    return slices


@every
def test_one_finite_score_per_channel(importance):
    scores = made(Importance, importance).score(group([0, 1, 2, 3, 4, 5]), CHANNELS)
    assert scores.shape == (CHANNELS,)
    assert scores.isfinite().all()
    assert not scores.requires_grad


@every
def test_channels_that_swap_places_swap_scores(importance):
    order = [3, 0, 5, 1, 4, 2]
    plain = made(Importance, importance).score(group([0, 1, 2, 3, 4, 5]), CHANNELS)
    swapped = made(Importance, importance).score(group(order), CHANNELS)
    assert torch.allclose(swapped, plain[torch.tensor(order)], rtol=1e-5)


@every
def test_entries_of_no_channel_do_not_count(importance):
    slices = group([0, 1, 2, 3, 4, 5])
    stranger = nn.Parameter(torch.full((7, 2), 1e6))
    stranger.grad = torch.full((7, 2), 1e6)
    foreign = Slice(stranger, 0, torch.full((7,), -1))
    plugin = made(Importance, importance)
    assert torch.equal(plugin.score(slices, CHANNELS), plugin.score([*slices, foreign], CHANNELS))


@every
def test_channels_of_nothing_but_zeros_go_first(importance):
    slices = group([0, 1, 2, 3, 4, 5])
    for part in slices:
        part.parameter.data.index_fill_(part.dim, (part.channels == 2).nonzero().flatten(), 0.0)
    assert made(Importance, importance).score(slices, CHANNELS).argmin() == 2


@every
def test_the_model_is_left_as_it_was(importance):
    model = fresh()
    before = state(model)
    smaller = cut(model, lab(), 0.5, made(Importance, importance))
    assert same(before, state(model))
    assert all(p.grad is None for net in (model.net, smaller.net) for p in net.parameters())

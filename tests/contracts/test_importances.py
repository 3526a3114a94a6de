"""Every importance: finite, one score per channel, and channels that swap places swap scores."""

import pytest
import torch
from hands import fresh, lab, made, same, settings, state

from autocompress.compress.cutting.surgery import Rules, cut
from autocompress.compress.importances.base import Importance, Slice

every = pytest.mark.parametrize("importance", settings(Importance))

CHANNELS = 6


def group(order: list[int]) -> list[Slice]:
    """A convolution, its norm, and a matrix behind a flattened 2 x 2 map, with the channels in some order."""
    generator = torch.Generator().manual_seed(0)
    places = torch.tensor(order)
    flat = (places[:, None] * 4 + torch.arange(4)).flatten()
    slices = []
    for shape, dim, index, role in (
        ((6, 3, 3, 3), 0, places, "makes"),
        ((6,), 0, places, "scales"),
        ((5, 24), 1, flat, "reads"),
    ):
        weights = torch.randn(shape, generator=generator).index_select(dim, index)
        gradient = torch.randn(shape, generator=generator).index_select(dim, index).square()
        each = shape[dim] // CHANNELS
        slices.append(Slice(weights, dim, torch.arange(CHANNELS).repeat_interleave(each), role, gradient))
    return slices


def scored(importance: dict, slices: list[Slice], seed: int = 0) -> torch.Tensor:
    return made(Importance, importance).score(slices, CHANNELS, torch.Generator().manual_seed(seed))


@every
def test_one_finite_score_per_channel(importance):
    assert made(Importance, importance).judges(group([0, 1, 2, 3, 4, 5]))
    scores = scored(importance, group([0, 1, 2, 3, 4, 5]))
    assert scores.shape == (CHANNELS,)
    assert scores.isfinite().all()
    assert (scores >= 0).all()
    assert not scores.requires_grad


@every
def test_channels_that_swap_places_swap_scores(importance):
    order = [3, 0, 5, 1, 4, 2]
    plain, swapped = scored(importance, group([0, 1, 2, 3, 4, 5])), scored(importance, group(order))
    if made(Importance, importance).draws:
        assert torch.equal(plain, swapped)  # whatever the weights are
    else:
        assert torch.allclose(swapped, plain[torch.tensor(order)], rtol=1e-5)


@every
def test_chance_matters_to_those_who_say_so(importance):
    one, again, other = (scored(importance, group([0, 1, 2, 3, 4, 5]), seed) for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert torch.equal(one, other) == (not made(Importance, importance).draws)


@every
def test_entries_of_no_channel_do_not_count(importance):
    slices = group([0, 1, 2, 3, 4, 5])
    foreign = Slice(torch.full((7, 2), 1e6), 0, torch.full((7,), -1), "makes", torch.full((7, 2), 1e6))
    assert torch.equal(scored(importance, slices), scored(importance, [*slices, foreign]))


@every
def test_channels_of_nothing_but_zeros_go_first(importance):
    slices = group([0, 1, 2, 3, 4, 5])
    for part in slices:
        part.weights.index_fill_(part.dim, (part.channels == 2).nonzero().flatten(), 0.0)
    assert scored(importance, slices).argmin() == 2 or made(Importance, importance).draws


@every
def test_a_group_of_nothing_but_zeros_has_scores(importance):
    slices = [Slice(torch.zeros(6, 2), 0, torch.arange(6), role, torch.zeros(6, 2)) for role in ("makes", "scales")]
    assert scored(importance, slices).isfinite().all()


@every
@pytest.mark.parametrize("scope", ["local", "global", "isomorphic"])
def test_the_model_is_left_as_it_was(importance, scope):
    model = fresh()
    before = state(model)
    smaller = cut(model, lab(), 0.5, made(Importance, importance), Rules(scope))
    assert same(before, state(model))
    assert all(p.grad is None for net in (model.net, smaller.net) for p in net.parameters())
    assert same(state(smaller), state(cut(model, lab(), 0.5, made(Importance, importance), Rules(scope))))

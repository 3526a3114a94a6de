"""Every pattern: the share that was asked for, exactly, and what is out stays out."""

import pytest
import torch
from hands import made, settings
from torch import Tensor

from autocompress.compress.patterns.base import Pattern

every = pytest.mark.parametrize("pattern", settings(Pattern))
shares = pytest.mark.parametrize("sparsity", [0.25, 0.5, 0.75])

SHAPES = {"conv": (16, 8, 3, 3), "narrow": (8, 16, 1, 1), "line": (12, 4, 5), "wide": (40, 24)}


def weights(seed: int = 0) -> dict[str, Tensor]:
    """Layers that differ in size and scale."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(shape, generator=generator) * (place + 1)
        for place, (name, shape) in enumerate(SHAPES.items())
    }


def kept(pattern, some: dict[str, Tensor], sparsity: float) -> dict[str, Tensor]:
    return made(Pattern, pattern).kept(some, sparsity, torch.Generator().manual_seed(1))


def out(found: dict[str, Tensor]) -> int:
    return sum(int((~stays).sum()) for stays in found.values())


@every
@shares
def test_as_many_go_as_are_asked_to(pattern, sparsity):
    some = weights()
    wanted = sparsity * sum(weight.numel() for weight in some.values())
    assert wanted <= out(kept(pattern, some, sparsity)) < wanted + len(some)


@every
@shares
def test_among_equals_as_well(pattern, sparsity):
    some = {name: torch.ones_like(weight) for name, weight in weights().items()}
    wanted = sparsity * sum(weight.numel() for weight in some.values())
    assert wanted <= out(kept(pattern, some, sparsity)) < wanted + len(some)


@every
def test_says_yes_or_no_of_every_weight(pattern):
    some = weights()
    found = kept(pattern, some, 0.5)
    assert {name: stays.shape for name, stays in found.items()} == {name: w.shape for name, w in some.items()}
    assert {stays.dtype for stays in found.values()} == {torch.bool}


@every
def test_nothing_goes_unasked(pattern):
    assert out(kept(pattern, weights(), 0.0)) == 0


@every
def test_a_thinner_mask_lies_within_the_one_before_though_weights_have_moved(pattern):
    first = kept(pattern, weights(), 0.5)
    moved = {name: weight.masked_fill(~first[name], 0.0) for name, weight in weights(seed=7).items()}
    then = kept(pattern, moved, 0.75)
    assert not any((then[name] & ~first[name]).any() for name in first)


@every
def test_the_unit_of_the_weights_does_not_matter(pattern):
    some = weights()
    one, other = (kept(pattern, {name: k * w for name, w in some.items()}, 0.5) for k in (1.0, 2.0**-10))
    assert all(torch.equal(one[name], other[name]) for name in one)


@every
def test_depends_on_weights_and_generator_alone_and_changes_neither_weights_nor_chance(pattern):
    some, again = weights(), weights()
    torch.manual_seed(1)
    one = kept(pattern, some, 0.5)
    torch.manual_seed(2)
    before = torch.get_rng_state()
    other = kept(pattern, again, 0.5)
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert all(torch.equal(some[name], weight) for name, weight in weights().items())


@every
def test_the_most_it_can_do_can_be_done(pattern):
    most = min(made(Pattern, pattern).most, 0.99)
    assert out(kept(pattern, weights(), most)) >= most * sum(weight.numel() for weight in weights().values()) - 1e-6

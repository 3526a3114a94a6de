"""The allocator's answer is the best there is: no brute search finds a better one."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autocompress.compress.allocators._exact import Option, cheapest_harm

number = st.integers(0, 30).map(float)
items = st.lists(st.lists(st.builds(Option, number, number), min_size=1, max_size=4), min_size=1, max_size=5)


def total(chosen: tuple[Option, ...]) -> Option:
    return Option(sum(o.cost for o in chosen), sum(o.harm for o in chosen))


@given(items, st.floats(0, 100))
@settings(max_examples=300, deadline=None)
def test_nobody_does_less_harm_within_the_limit(items, limit):
    found = cheapest_harm(items, limit)
    possible = [total(chosen).harm for chosen in product(*items) if total(chosen).cost <= limit]
    if found is None:
        assert not possible
        return
    mine = total(tuple(item[place] for item, place in zip(items, found, strict=True)))
    assert mine.cost <= limit
    assert mine.harm == pytest.approx(min(possible))


def test_fifty_layers_of_odd_sizes_are_no_trouble():
    """Bits of 2 to 8 for layers of some network: 7 to the power of 50 ways."""
    rng = np.random.default_rng(0)
    layers = [
        [Option(int(n) * bits, float(worth) * 4.0**-bits) for bits in range(2, 9)]
        for n, worth in zip(rng.integers(100, 200_000, 50), rng.lognormal(size=50), strict=True)
    ]
    limit = sum(layer[2].cost for layer in layers)  # 4 bits on average
    found = cheapest_harm(layers, limit)
    assert found is not None
    mine = total(tuple(layer[place] for layer, place in zip(layers, found, strict=True)))
    even = total(tuple(layer[2] for layer in layers))
    assert mine.cost <= limit
    assert mine.harm < 0.8 * even.harm


def test_a_limit_below_the_cheapest_has_no_answer():
    assert cheapest_harm([[Option(2, 0)], [Option(3, 0)]], 4.9) is None
    assert cheapest_harm([[Option(2, 0)], [Option(3, 0)]], 5) == [0, 0]

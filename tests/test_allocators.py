"""Bits per layer: what each layer bears is measured, and the limit is kept to the bit."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from hands import BIGGER, FAST, digits, finish, fresh, lab

from autocompress.compress.allocators.base import Layer
from autocompress.compress.allocators.knapsack import Knapsack
from autocompress.compress.grid.grids import gridded
from autocompress.compress.grid.sensitivity import harms
from autocompress.compress.quantizers.base import Quantizer
from autocompress.compress.train import fit
from autocompress.errors import Failure
from autocompress.plugin import make, written
from autocompress.study.evaluate import diagnosed


@pytest.fixture(scope="module")
def trained():
    return finish(fit(fresh(BIGGER), lab(), replace(FAST, epochs=4)))


def test_what_a_layer_bears_is_measured_one_at_a_time_and_nothing_is_left_changed(trained):
    model = make(Quantizer, "lsq").prepare(trained, lab())
    before = {name: value.clone() for name, value in model.net.state_dict().items()}
    found = harms(model.net, lab(), (2, 4, 8), 64)
    assert list(found) == list(gridded(model.net))
    assert all(each[2] > each[8] for each in found.values())
    assert all(each[8] < 1e-3 for each in found.values())  # they have 8 bits already
    assert all(torch.equal(value, before[name]) for name, value in model.net.state_dict().items())
    again = harms(model.net, lab(), (2,), 64)
    assert {name: each[2] for name, each in again.items()} == {name: each[2] for name, each in found.items()}


@pytest.mark.parametrize("of", ["size", "bops"])
def test_the_average_is_kept_and_the_ends_have_what_they_are_said_to(trained, of):
    scheme = make(Quantizer, {"use": "lsq", "allocate": {"use": "knapsack", "bits": 4.5, "of": of}})
    model = scheme.prepare(trained, lab())
    layers = gridded(model.net)
    bits = {name: layer.grid.bits for name, layer in layers.items()}
    names = list(layers)
    assert bits[names[0]] == bits[names[-1]] == 8
    assert len({bits[name] for name in names[1:-1]}) > 1
    written = make(Quantizer, model.quantizer)
    assert written.layers == bits
    assert written.allocate is None  # it is settled: whoever reads it need not measure again
    assert scheme.weight_bits == scheme.bits_of(scheme.placed(trained).net) == 4.5  # what the gate goes by
    if of == "size":
        assert written.bits_of(model.net) <= 4.5


def test_layers_that_bear_less_have_more(trained):
    layers = {
        "tender": Layer(1000, 10, {2: 1.0, 4: 0.1, 8: 0.0}),
        "tough": Layer(1000, 990, {2: 0.01, 4: 0.001, 8: 0.0}),
    }
    assert Knapsack(bits=5.0).allocate(layers) == {"tender": 8, "tough": 2}
    assert Knapsack(bits=7.99, of="bops").allocate(layers) == {"tender": 8, "tough": 4}
    with pytest.raises(Failure, match=r"2 bits on average are too few: these layers need 4\.00"):
        Knapsack(bits=2.0).allocate({"one": Layer(5, 5, {4: 0.0, 8: 0.0})})


@pytest.mark.parametrize("weights", [3, 4])
def test_allocated_bits_do_less_harm_than_as_many_everywhere(weights):
    deep = finish(fit(fresh({**BIGGER, "depth": 14}), lab(), replace(FAST, epochs=4)))
    even = make(Quantizer, {"use": "lsq", "weights": weights}).prepare(deep, lab())
    average = make(Quantizer, even.quantizer).bits_of(even.net)
    chosen = make(Quantizer, {"use": "lsq", "allocate": {"use": "knapsack", "bits": average}}).prepare(deep, lab())
    data = digits()
    x = torch.from_numpy(data.prepared(data.val.x))
    with torch.inference_mode():
        whole, *others = (model.net(x).log_softmax(1) for model in (deep, chosen, even))
        mine, theirs = (F.kl_div(other, whole, log_target=True, reduction="batchmean") for other in others)
    assert mine < 0.9 * theirs


def test_bits_are_said_once():
    with pytest.raises(ValueError, match="leave out `weights` and `layers`") as caught:
        make(Quantizer, {"use": "lsq", "weights": 4, "allocate": "knapsack"})
    text = "allocate: says how many bits weights have; leave out `weights` and `layers`"
    assert diagnosed(caught.value) == ("bad_recipe", text)
    plug = make(Quantizer, {"use": "lsq", "allocate": "knapsack"})
    assert plug.allocate == Knapsack()
    assert make(Quantizer, written(Quantizer, plug)) == plug  # as a model on the disk says it

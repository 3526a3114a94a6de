"""What a device file says has an effect: one test for each field that nothing else holds."""

from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import torch
from hands import SMALL, digits, fresh
from test_devices_mistakes import GOOD
from torch import nn

from autocompress.cli.devices import _facts
from autocompress.config.diagnostic import ConfigError
from autocompress.config.load import load_device
from autocompress.errors import Failure
from autocompress.measure.estimators.base import Board, Estimator
from autocompress.measure.graph import Graph, Operation, Tensor
from autocompress.measure.rules import broken, uneven
from autocompress.measure.skipped import skipped
from autocompress.plugin import make
from autocompress.study.appraise import Appraiser, picky
from autocompress.study.fits import Fit
from autocompress.values.device import Device, Memory, Operators
from autocompress.values.measurement import Measurement


def device(**changes: Any) -> Device:
    return Device(**{"id": "d", "name": "D", "kind": "mcu", "measurement": "estimate", **changes})


def chain(*bits: int) -> Graph:
    """Convolutions, one after the other, each in so many bits."""
    names = [f"t{i}" for i in range(len(bits) + 1)]
    shape = (1, 8, 4, 4)
    operations = tuple(
        Operation("conv2d", f"c{i}", (names[i],), (names[i + 1],), shape, shape, macs=1, bits=b)
        for i, b in enumerate(bits)
    )
    tensors = MappingProxyType({name: Tensor(shape, 8) for name in names})
    return Graph(operations, tensors, (names[0],), (names[-1],))


def whys(graph: Graph, **changes: Any) -> list[tuple[str, bool]]:
    return [(one.why, one.fatal) for one in broken(graph, device(**changes))]


@pytest.mark.parametrize(
    ("bits", "changes", "why"),
    [
        ((8, 32), {}, []),
        ((8, 32), {"mixed": False}, [("computes in 8 and 32 bits; it wants one for all", True)]),
        ((8, 8), {"mixed": False}, []),
        ((8, 32), {"mixed": False, "bits": (8,)}, [("computes in 32 bits; it wants 8", False)]),  # that falls back
        ((32, 32), {"activation_bits": (8,)}, 2 * [("computes in 32 bits; it wants 8", True)]),
    ],
)
def test_bits_of_activations_and_whether_they_may_differ(bits: Any, changes: Any, why: Any) -> None:
    assert whys(chain(*bits), **changes) == why


def test_weights_of_several_widths_where_one_is_wanted() -> None:
    layers = {"stem": (8.0, 8.0), "body": (3.0, 8.0)}
    one, other = device(bits=(4, 8), mixed=False), device(bits=(8,), mixed=False)
    assert uneven(layers, one) == "weights of 4 and 8 bits; it wants one for all"
    assert uneven(layers, other) == "", "3 bits are widened to 8 there"
    assert uneven(layers, device(bits=(4, 8))) == uneven({}, one) == ""
    assert picky(one)
    assert not picky(device(bits=(16, 32)))


def test_a_candidate_of_several_widths_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Appraiser, "_bits", lambda self, model: {"stem": (8.0, 8.0), "body": (32.0, 32.0)})
    (tmp_path / "room").mkdir()
    scales = Appraiser(device(mixed=False), set(), tmp_path / "references")
    with pytest.raises(Failure, match="d cannot run it: weights of 8 and 32 bits; it wants one for all"):
        scales.appraised(fresh(SMALL), digits(), tmp_path / "room")


@pytest.mark.parametrize(
    ("unsupported", "why"),
    [
        ("error", ("conv2d is denied", True)),
        ("cpu", ("conv2d is denied; the processor does it", False)),
        ("warn", ("conv2d is denied", False)),
    ],
)
def test_what_becomes_of_operators_it_lacks(unsupported: Any, why: tuple[str, bool]) -> None:
    rules = Operators(deny=("conv2d",), unsupported=unsupported)
    assert whys(chain(8), operators=rules) == [why]


def test_input_and_output_may_lie_beside_the_activations() -> None:
    plug = make(Estimator, {"use": "greedy_arena", "error": {"p90": "30 %"}})
    outside = Board.of(device(ram=Memory(total=1, io_in_arena=False)))
    sizes = [plug.estimate(chain(8, 8, 8), board, {}) for board in (Board.of(device()), outside)]
    assert sizes == [3 * 128, 2 * 128]  # the two between them are its own
    assert [plug.estimate(chain(8, 8), board, {}) for board in (Board(), outside)] == [2 * 128, 128]


def test_memory_that_is_not_fast_is_told() -> None:
    needs = Measurement(metric="peak_ram", value=3000, how="estimated")
    found = Fit((), (needs,), (), chain(8))
    assert (
        found.slow_memory(device(ram=Memory(total=9000, fast=2048)))
        == "needs 2.93 KiB of memory, and 2.00 KiB are fast"
    )
    assert found.slow_memory(device(ram=Memory(total=9000, fast=3000))) == ""
    assert found.slow_memory(device(ram=Memory(total=9000))) == found.slow_memory(device()) == ""


@pytest.mark.parametrize(
    ("changes", "fit"),
    [
        ({}, None),
        ({"sparsity": "2:4"}, 3),
        ({"sparsity": "2:4", "sparse_operators": ("linear", "conv2d")}, 2),
        ({"sparsity": "2:4", "sparse_operators": ("pointwise",)}, 1),
    ],
)
def test_zeros_that_a_device_skips(changes: Any, fit: int | None) -> None:
    net = nn.Sequential(
        nn.Conv2d(8, 4, 3), nn.Conv2d(4, 4, 1), nn.Linear(8, 2), nn.Linear(8, 2), nn.Conv2d(3, 4, 3),
        nn.Conv2d(4, 4, 3, groups=4),
    )  # fmt: skip
    with torch.no_grad():
        for layer in net:
            layer.weight.fill_(1.0)
        for layer in (net[0], net[1], net[2]):
            layer.weight[:, 1::2] = 0.0
        net[3].weight[:, ::4] = 0.0  # one of every four
    said = "d computes zeros like any other number"
    if fit is not None:
        said = f"d skips zeros in {fit} of 6 layers that have some: where 2 of every 4 are"
    assert skipped(net, list("012345"), device(**changes)) == said
    assert skipped(net, (), device(**changes)) == ""


def test_threads_need_cores() -> None:
    text = GOOD.replace("runtime: {", "runtime: {threads: 4, ")
    assert text != GOOD
    with pytest.raises(ConfigError, match=r"runtime\.threads: 4 threads on a device with 1 core"):
        load_device(Path("x.yaml"), source=text)
    assert load_device(Path("x.yaml"), source=text.replace("hardware: {", "hardware: {cores: 4, ")).runtime.threads == 4


def test_activations_have_the_bits_of_weights_unless_somebody_says_more() -> None:
    shipped = load_device("nvidia-h200")
    assert (shipped.bits, shipped.activation_bits) == ((8, 16), (8, 16))
    text = GOOD.replace("weights: {bits: [8]}, activations: {bits: [8]}", "weights: {bits: [8, 16]}")
    assert load_device(Path("x.yaml"), source=text).activation_bits == (8, 16)


def test_notes_are_shown() -> None:
    assert ("notes", "mind the gap", "") in list(_facts(device(notes="mind\n  the gap")))


def test_devices_that_were_stored_with_what_is_gone_are_read() -> None:
    """A study goes on with what it holds."""
    old = device().model_dump(mode="json")
    old |= {"granularity": "per_channel", "symmetric": True, "ram": {"total": 1.0, "external": None, "bandwidth": 1e9}}
    old["runtimes"] = [{**old["runtimes"][0], "provider": "", "options": {"device_index": 0}}]
    assert Device.model_validate(old) == device(ram=Memory(total=1))
    with pytest.raises(ValueError, match="colour"):
        Device.model_validate({**old, "colour": "red"})

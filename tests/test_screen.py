"""Candidates that others tell to be too slow, or fast enough, are neither exported nor measured."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hands import digits, fresh

from autocompress.compress.model import Model
from autocompress.measure.counted import counted
from autocompress.measure.estimators._layer import Layer
from autocompress.measure.estimators._layer import layers as layers_of_graph
from autocompress.measure.graph_of_file import read
from autocompress.measure.layers_of_network import layers_of
from autocompress.measure.runtimes.onnxruntime import Onnxruntime
from autocompress.search.gate import refused
from autocompress.study import foresight
from autocompress.study.appraise import Appraiser
from autocompress.study.foresight import Foresight
from autocompress.study.screen import LEAST, Screen, breaks, keeps
from autocompress.values.device import Device, Operators, Protocol, Runtime
from autocompress.values.limit import Limit
from autocompress.values.measurement import Measurement

P50 = "latency_p50"
HERE = Device(id="d", name="D", kind="cpu", protocol=Protocol(runs=3, processes=1, warmup=1))


@cache
def network(width: int) -> Model:
    return fresh({"use": "cnn", "width": width, "depth": 3})


def took(layers: tuple[Layer, ...]) -> float:
    """A machine with vectors of 16."""
    return sum(2e-6 + 1e-10 * each.padded(16) for each in layers)


@cache
def layers(width: int) -> tuple[Layer, ...]:
    return layers_of(network(width).net, (1, 8, 8), {})


WIDTHS = range(4, 4 + 2 * LEAST, 2)


@pytest.fixture(scope="module")
def known() -> list[tuple[Layer, ...]]:
    return [layers(width) for width in WIDTHS]


@pytest.fixture
def screen(tmp_path, known) -> Screen:
    made = Screen(tmp_path / "measured", "here")
    for each in known:
        made.add(each, {P50: took(each)})
    return made


def most(bound: float) -> Limit:
    return Limit(metric=P50, side="max", bound=bound)


def test_layers_of_a_network_are_those_of_its_file(tmp_path):
    model, file = fresh({"use": "resnet", "depth": 8, "width": 8}), tmp_path / "model.onnx"
    Onnxruntime().lower(model.net, (1, 8, 8), file)
    there = [each._replace(activation="") for each in layers_of_graph(read(file)) if each.macs]
    assert list(layers_of(model.net, (1, 8, 8), {})) == there


def test_layers_in_few_bits_are_integers_and_what_keeps_more_is_not():
    net = network(8).net
    one, *others = (name for name, each in net.named_modules() if hasattr(each, "weight") and each.weight.ndim > 1)
    few = layers_of(net, (1, 8, 8), {one: (16.0, 16.0)} | dict.fromkeys(others, (4.0, 8.0)))
    assert [each.bits for each in few] == [32] + [8] * len(others)


def test_too_few_tell_nothing(tmp_path, known):
    screen = Screen(tmp_path, "here")
    for each in known[1:]:
        screen.add(each, {P50: took(each)})
    screen.add(known[1], {P50: took(known[1])})  # the same again is no other
    assert screen.latency(P50, known[0]) is None
    screen.add(known[0], {P50: took(known[0])})
    assert screen.latency(P50, known[0]) is not None
    assert screen.latency("latency_p95", known[0]) is None


def test_what_is_told_says_that_it_is_estimated_from_what_and_how_wrong(screen):
    told = screen.latency(P50, layers(21))
    assert (told.how, told.n, told.on) == ("estimated", LEAST, "the network, here by convolutions")
    assert told.note.startswith(f"not exported; {LEAST} others were told within ")
    assert abs(told.value - took(layers(21))) < 2 * told.spread < 0.5 * told.value


def test_it_is_sure_of_nothing_that_measuring_would_deny(screen):
    """Held out, at limits from far below to far above what they take; at the limit itself it is never sure."""
    sure = 0
    for width in (5, 9, 17, 27, 35, 41, 47):
        asked = layers(width)
        told, true = screen.latency(P50, asked), Measurement(metric=P50, value=took(asked), how="measured")
        for share in np.geomspace(0.3, 3, 15):
            limit = most(true.value * share)
            denied = bool(refused((true,), (limit,)))
            assert not (breaks(limit, told) and not denied)
            assert not (keeps(limit, told) and denied)
            sure += breaks(limit, told) or keeps(limit, told)
        assert not breaks(most(true.value), told)
        assert not keeps(most(true.value), told)
    assert sure > 0.6 * 7 * 15


def test_of_what_resembles_nothing_measured_it_is_not_sure(screen):
    strange = tuple(Layer("depthwise", 96, 96, 32, 32, 5, 5, groups=96, bits=8) for _ in range(9))
    told = screen.latency(P50, strange)
    assert not breaks(most(told.value / 1.5), told)
    assert not keeps(most(told.value * 1.5), told)
    assert breaks(most(0.1 * took(layers(40))), screen.latency(P50, layers(40)))


def test_a_damaged_file_is_left_out(screen, tmp_path, known):
    next((tmp_path / "measured").iterdir()).write_text("{")
    assert screen.latency(P50, known[0]) is None


class Timed:
    """Pretends to export and to race: seconds from the network that was lowered last."""

    def __init__(self, monkeypatch) -> None:
        self.exported = 0

        def lower(shape, runtime, folder, data):
            self.exported += 1
            self.layers = layers_of(shape.net, shape.inputs, {})
            (folder / "model.onnx").write_bytes(b"bytes")
            return folder / "model.onnx"

        def of_file(scales, file, model, listed, is_baseline=False, *, timed=True):
            each = took(self.layers)
            times = [Measurement(metric=m, value=each, how="measured", on=file.name) for m in (P50, "latency_p95")]
            return (*times, Measurement(metric="size", value=file.stat().st_size, how="measured"))

        monkeypatch.setattr(foresight, "lowered", lower)
        monkeypatch.setattr(Appraiser, "of_file", of_file)


def gate(folder: Path, *limits: Limit, device: Device = HERE) -> Foresight:
    return Foresight(Appraiser(device, {P50}, folder / "references"), device, limits, folder / "files")


def asked(seen: Foresight, shape: Model) -> tuple[Measurement, ...]:
    return seen.of(shape, counted(shape.net, shape.inputs), digits(), {})


def learned(seen: Foresight) -> None:
    for width in WIDTHS:
        m = Measurement(metric=P50, value=took(layers(width)), how="measured")
        seen.learn(network(width), (m, m.model_copy(update={"metric": "latency_p95"})))


def test_the_gate_measures_only_what_is_near_its_limit(tmp_path, monkeypatch):
    clock, limit = Timed(monkeypatch), most(took(layers(25)))
    seen = gate(tmp_path, limit)
    learned(seen)
    slow = asked(seen, network(47))
    assert [m.how for m in slow] == ["estimated"]
    assert refused(slow, (limit,))
    assert asked(seen, network(6)) == ()
    assert clock.exported == 0
    near = asked(seen, network(25))
    assert [m.how for m in near] == ["measured"]
    assert clock.exported == 1
    assert asked(seen, network(25)) == near


def test_what_is_told_of_one_limit_leaves_the_others_to_be_measured(tmp_path, monkeypatch):
    clock = Timed(monkeypatch)
    seen = gate(tmp_path, most(took(layers(25))), Limit(metric="size", side="max", bound=1000))
    learned(seen)
    assert [m.metric for m in asked(seen, network(6))] == ["size"]
    assert clock.exported == 1
    strict = HERE.model_copy(update={"operators": Operators(deny=("mul",))})
    asked(gate(tmp_path, most(took(layers(25))), device=strict), network(6))
    assert clock.exported == 2  # fast enough, but it may hold what the device cannot run


def test_the_gate_learns_from_what_it_measures_and_from_what_was_trained(tmp_path, monkeypatch):
    clock, limit = Timed(monkeypatch), most(took(layers(25)))
    few, *rest = WIDTHS
    seen = gate(tmp_path, limit)
    for width in rest:
        asked(seen, network(width))
    assert clock.exported == LEAST - 1
    seen.learn(network(few), (Measurement(metric=P50, value=took(layers(few)), how="measured"),))
    again = gate(tmp_path, limit)  # another study, another day
    assert [m.how for m in asked(again, network(47))] == ["estimated"]
    assert clock.exported == LEAST - 1


@pytest.mark.parametrize(
    "other",
    [
        HERE.model_copy(update={"runtimes": (Runtime(threads=2),)}),
        HERE.model_copy(update={"protocol": Protocol(runs=3, processes=1, warmup=1, batch=8)}),
    ],
    ids=["threads", "batch"],
)
def test_what_runs_otherwise_tells_nothing(other, tmp_path, monkeypatch):
    clock, limit = Timed(monkeypatch), most(took(layers(25)))
    learned(gate(tmp_path, limit))
    assert [m.how for m in asked(gate(tmp_path, limit, device=other), network(47))] == ["measured"]
    assert clock.exported == 1


def test_another_scheme_of_few_bits_is_another_way_to_run(tmp_path, monkeypatch):
    Timed(monkeypatch)
    limit, half = most(took(layers(25))), replace(network(47), quantizer={"use": "half"})
    learned(gate(tmp_path, limit))
    assert [m.how for m in asked(gate(tmp_path, limit), half)] == ["measured"]

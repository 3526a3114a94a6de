"""Every estimator: read from text with units, states its error, tells a finite number, and the same each time."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
from graphs import chain

from autocompress.errors import Failure
from autocompress.measure.estimators import vela
from autocompress.measure.estimators._layer import layers
from autocompress.measure.estimators.base import Board, Estimator
from autocompress.measure.estimators.layer_table import write
from autocompress.measure.graph import Graph
from autocompress.measure.vela import Estimate
from autocompress.plugin import find, make, names
from autocompress.values.device import Device

SMALL = replace(chain(3, 8, 8), source=Path("small.tflite"))
LARGE = replace(chain(3, 16, 16, 32), source=Path("large.tflite"))
ERROR = {"p50": "10 %", "p90": "25 %"}


def example(name: str, tmp_path) -> dict[str, object]:
    """As a device file would say it."""
    table = tmp_path / "layers.csv"
    write(table, {layer: 1e-9 * layer.macs for graph in (SMALL, LARGE) for layer in layers(graph)})
    points = [
        [[list(layer) for layer in layers(graph)], 1e-9 * graph.macs + 1e-5]
        for graph in (chain(3, 8), chain(3, 16, 8), chain(3, 4, 4), chain(3, 32, 16), chain(3, 12))
    ]
    settings: dict[str, dict[str, object]] = {
        "convolutions": {"points": points},
        "greedy_arena": {"scale": 1.3, "per_op": "275 B", "per_channel": "8 B", "scratch": "cmsis-dsp"},
        "layer_table": {"table": str(table), "b_per_op": "1 ns"},
        "macs": {"cycles_per_mac": 2, "fixed": "1 us", "round_to": 4},
        "op_cycles": {
            "cycles_per_mac": {"conv2d": 1.4, "pointwise": 1.5, "depthwise": 1.5, "linear": 2},
            "per_op": "4 us",
        },
        "power_times_latency": {"power": "23.6 mW"},
        "vela": {"accelerator": "ethos-u55-256"},
        "roofline": {"macs_per_second": {"int8": "20 G"}, "bandwidth": "4.8 GB/s", "per_op": "1 us"},
    }
    return {"use": name, "error": ERROR, **settings[name]}


@pytest.fixture(autouse=True)
def compiler(monkeypatch):
    """Not installed where most tests run."""

    def ask(file: Path, *how: str | None) -> Estimate:
        cycles = float((SMALL if file.stem == "small" else LARGE).macs)
        return Estimate(0.0, 0.0, 0.0, cycles, cycles / 500e6, 500e6, 0, "vela")

    monkeypatch.setattr(vela, "vela", ask)


every = pytest.mark.parametrize("name", names(Estimator))
BOARD = Board(160e6)


def known(graph: Graph) -> dict[str, float]:
    return {"latency": 1e-9 * graph.macs}


@every
def test_larger_networks_take_more_and_the_same_each_time(name, tmp_path):
    plug = make(Estimator, example(name, tmp_path))
    small, large = (plug.estimate(graph, BOARD, known(graph)) for graph in (SMALL, LARGE))
    assert 0 < small < large < math.inf
    assert plug.estimate(SMALL, BOARD, known(SMALL)) == small


@every
def test_states_its_error_as_fractions(name, tmp_path):
    error = make(Estimator, example(name, tmp_path)).error
    assert (error.p50, error.p90) == (0.1, 0.25)
    silent = example(name, tmp_path)
    del silent["error"]
    with pytest.raises(ValueError, match="error"):
        make(Estimator, silent)


@every
def test_says_what_it_needs(name, tmp_path):
    plug = make(Estimator, example(name, tmp_path))
    assert plug.metric in ("latency", "peak_ram", "energy")
    assert plug.metric not in plug.needs
    for board, told in ((Board(None), known(SMALL)), (BOARD, {})):
        lacks = plug.needs_clock if board.clock_hz is None else bool(plug.needs)
        if lacks:
            with pytest.raises(Failure, match=r"clock|latency"):
                plug.estimate(SMALL, board, told)
        else:
            assert plug.estimate(SMALL, board, told) > 0


@every
def test_quantities_have_units(name, tmp_path):
    """A number without one is refused, whatever field it stands in."""
    for field in ("fixed", "per_op", "b_per_op", "power", "bandwidth"):
        if field in find(Estimator, name).model_fields:
            with pytest.raises(ValueError, match="no unit"):
                make(Estimator, {**example(name, tmp_path), field: 4})


@every
def test_has_a_schema_and_is_frozen(name, tmp_path):
    plug = make(Estimator, example(name, tmp_path))
    assert "error" in type(plug).model_json_schema()["required"]
    with pytest.raises(ValueError, match="frozen"):
        plug.error = None


def test_a_board_is_what_estimators_ask_of_a_device():
    device = Device(id="some", name="Some", kind="mcu", clock_hz=64e6)
    assert Board.of(device) == Board(64e6)

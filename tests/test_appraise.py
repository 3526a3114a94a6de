"""A candidate on the scales of a device: here, away, in several runtimes; and what is known before it is trained."""

import json
from pathlib import Path
from typing import Any

import pytest
from hands import SMALL, digits, fresh, lab

from autocompress.compress.model import Model
from autocompress.compress.quantizers.base import Quantizer
from autocompress.errors import Failure
from autocompress.measure.counted import counted
from autocompress.measure.graph_of_file import read
from autocompress.measure.runtimes.onnxruntime import Onnxruntime
from autocompress.plugin import make
from autocompress.search.gate import refused
from autocompress.study import appraise, cache
from autocompress.study.appraise import Appraiser
from autocompress.study.estimates import estimated
from autocompress.study.foresight import Foresight
from autocompress.values.device import Device, Operators, Protocol, Runtime
from autocompress.values.limit import Limit
from autocompress.values.measurement import Measurement

QUICK = Protocol(runs=3, processes=2, warmup=1)
CYCLES = {"conv2d": 1.4, "pointwise": 1.5, "depthwise": 1.5, "linear": 1.94}
LATENCY = {"use": "op_cycles", "dtype": "float32", "cycles_per_mac": CYCLES, "error": {"p50": "15 %", "p90": "22 %"}}
ENERGY = {"use": "power_times_latency", "power": "23.6 mW", "error": {"p90": "25 %"}}
ARENA = {"use": "greedy_arena", "error": {"p90": "30 %"}}


def device(**changes: Any) -> Device:
    return Device(**{"id": "d", "name": "D", "kind": "cpu", "protocol": QUICK, **changes})


def away(**changes: Any) -> Device:
    """A microcontroller that nobody here has."""
    estimators = {"energy": ENERGY, "latency": LATENCY, "peak_ram": ARENA}  # energy first: it needs the latency
    foreign = Runtime(of="x-cube-ai", flash_code=36 * 1024)
    given = {"kind": "mcu", "measurement": "estimate", "clock_hz": 160e6, "estimators": estimators}
    return device(**{**given, "runtimes": (foreign,), **changes})


def weighed(
    device: Device, folder: Path, wanted: set[str] = frozenset(), scheme: int | None = None
) -> dict[str, Measurement]:
    (folder / "room").mkdir(parents=True)
    model = fresh(SMALL)
    if scheme:
        model = make(Quantizer, {"use": "lsq", "weights": scheme}).prepare(model, lab())
        device = device.model_copy(update={"estimators": {}})
    found = Appraiser(device, set(wanted), folder / "references").appraised(model, digits(), folder / "room")
    assert json.loads(found.files["runtime"].read_text())["use"] == "onnxruntime"
    return {m.metric: m for m in found.measurements}


def test_away_nothing_is_run_and_each_estimate_says_how_wrong_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(appraise, "race", lambda *a, **k: pytest.fail("this machine's clock says nothing of another's"))
    found = weighed(away(), tmp_path, {"flash", "latency_p95"})
    told = {"latency_p50", "latency_p95", "energy", "peak_ram"}
    assert {m for m, each in found.items() if each.how == "estimated"} == told
    latency = found["latency_p50"]
    assert latency.spread == pytest.approx(latency.value * 0.22 / 1.645)
    assert latency.note == "within 22 % in nine of ten cases"
    assert found["energy"].value == pytest.approx(0.0236 * latency.value)
    kept = found["params"].value * 4
    assert 0.9 * kept < found["flash"].value - 36 * 1024 <= 1.1 * kept  # weights, and the code beside them
    assert found["accuracy"].how == "measured"


def test_a_measured_latency_is_what_energy_is_told_from(tmp_path):
    file = tmp_path / "model.onnx"
    Onnxruntime().lower(fresh(SMALL).net, (1, 8, 8), file)
    here = device(estimators={"energy": ENERGY, "latency": LATENCY}, clock_hz=1e9)
    told = estimated(here, read(file), {"latency_p50": 2e-3}, "model.onnx", set())
    assert [m.metric for m in told.found] == ["energy"]  # where the file is run, its latency is not estimated
    assert told.found[0].value == pytest.approx(0.0236 * 2e-3)


def test_what_follows_from_an_unknown_number_is_unknown_for_its_reason(tmp_path):
    """Energy comes from latency: that latency is unknown helps nobody, why it is does."""
    file = tmp_path / "model.onnx"
    Onnxruntime().lower(fresh(SMALL).net, (1, 8, 8), file)
    cycles = dict.fromkeys(("conv2d", "pointwise", "depthwise", "linear"), 1.0)
    eight = {"use": "op_cycles", "cycles_per_mac": cycles, "error": {"p90": "10 %"}}
    told = estimated(away(estimators={"energy": ENERGY, "latency": eight}), read(file), {}, "model.onnx", set())
    assert told.reasons["energy"] == told.reasons["latency_p50"]
    assert told.reasons["energy"].startswith("op_cycles speaks of int8")


def test_images_a_second_and_watts_follow_from_what_is_estimated(tmp_path):
    """The errors of what they follow from are theirs."""
    found = weighed(away(), tmp_path, {"throughput", "power", "energy"})
    latency, energy = found["latency_p50"].value, found["energy"].value
    assert found["throughput"].value == pytest.approx(1 / latency)
    assert found["throughput"].spread == pytest.approx(0.22 / 1.645 / latency)
    assert found["throughput"].how == found["power"].how == "estimated"
    assert found["power"].value == pytest.approx(energy / latency)
    assert found["power"].spread == pytest.approx(energy / latency * (0.22**2 + 0.25**2) ** 0.5 / 1.645)
    assert found["power"].on == "model.onnx, from energy and latency, d by power_times_latency and d by op_cycles"


def test_watts_where_the_file_is_run_follow_from_its_own_latency(tmp_path):
    file = tmp_path / "model.onnx"
    Onnxruntime().lower(fresh(SMALL).net, (1, 8, 8), file)
    here, wanted = device(estimators={"energy": ENERGY}), {"power", "throughput"}
    told = estimated(here, read(file), {"latency_p50": 2e-3}, "model.onnx", wanted)
    assert {m.metric: m.value for m in told.found}.keys() == {"energy", "power"}  # images a second are measured
    assert told.found[-1].value == pytest.approx(0.0236)
    assert told.found[-1].spread == pytest.approx(0.0236 * 0.25 / 1.645)
    lost = estimated(here, read(file), {}, "model.onnx", wanted)
    assert lost.reasons["power"] == "power_times_latency needs the latency, which is not known"
    assert "throughput" not in lost.reasons


def test_what_a_device_cannot_run_is_refused_by_name(tmp_path):
    int8 = away(bits=(8,), float_fallback=False)
    with pytest.raises(Failure, match=r"d cannot run .*: computes in 32 bits; it wants 8 \(and \d+ more\)"):
        weighed(int8, tmp_path / "float")
    with pytest.raises(Failure, match="conv2d is denied"):
        weighed(away(operators=Operators(deny=("conv2d",))), tmp_path / "denied")


def test_the_baseline_of_an_integer_device_is_told_as_if_it_had_few_bits(tmp_path):
    int8 = away(bits=(8,), estimators={"latency": {**LATENCY, "dtype": "int8"}})
    (tmp_path / "room").mkdir()
    scales = Appraiser(int8, {"flash"}, tmp_path / "references")
    found = scales.appraised(fresh(SMALL), digits(), tmp_path / "room", is_baseline=True)
    numbers = {m.metric: m for m in found.measurements}
    assert numbers["latency_p50"].on.startswith("model.onnx if it were in 8 bits, d by")
    assert numbers["flash"].value - 36 * 1024 < 1.5 * numbers["params"].value


def test_a_front_member_says_how_well_its_file_agrees_with_its_network(tmp_path):
    found = weighed(away(), tmp_path)
    assert found["accuracy"].note == "agrees with the network on 100.00%, accuracy +0.00%"
    assert found["nll"].note == ""


def test_a_file_runs_beside_the_baselines_once_there_is_one_and_never_beside_itself(tmp_path, monkeypatch):
    ran, race = [], appraise.race

    def watched(files, *more, **kept):
        ran.append([file.name for file in files])
        return race(files, *more, **kept)

    monkeypatch.setattr(appraise, "race", watched)
    scales, model = Appraiser(device(), {"latency_p50"}, tmp_path / "references"), fresh(SMALL)
    for place, is_baseline in (("first", False), ("baseline", True), ("second", False)):
        (tmp_path / place).mkdir()
        scales.appraised(model, digits(), tmp_path / place, is_baseline=is_baseline)
    beside = ["model.onnx", "reference-onnxruntime.onnx"]
    assert ran == [["model.onnx"], beside, beside]


def test_bit_operations_are_counted_as_the_layers_have_them(tmp_path):
    plain, few = (weighed(away(), tmp_path / str(scheme), {"bops"}, scheme=scheme) for scheme in (None, 4))
    macs = plain["macs"].value
    assert plain["bops"].value == macs * 32 * 32
    assert macs * 8 * 4 < few["bops"].value < macs * 8 * 8  # the ends have 8


def test_of_several_runtimes_the_fastest_counts_and_one_that_cannot_is_left_out(tmp_path, monkeypatch):
    listed = tuple(Runtime(name="onnxruntime", version=v) for v in ("slow", "broken", "fast"))
    speeds = {"slow": 3e-3, "broken": None, "fast": 1e-3}

    def in_one(self, listed, model, data, folder, is_baseline):
        speed = speeds[listed.version]
        if speed is None:
            raise Failure("export", "cannot be written")
        m = Measurement(metric="latency_p50", value=speed, how="measured", on=listed.version)
        return appraise.Appraised((m,), {})

    monkeypatch.setattr(Appraiser, "_in", in_one)
    room = tmp_path / "room"
    room.mkdir()
    scales = Appraiser(device(runtimes=listed), set(), tmp_path)
    assert scales.appraised(fresh(SMALL), digits(), room).measurements[0].on == "fast"
    speeds.update(dict.fromkeys(speeds))
    (tmp_path / "again").mkdir()
    with pytest.raises(Failure, match="cannot be written"):
        scales.appraised(fresh(SMALL), digits(), tmp_path / "again")


def foresight(folder: Path, device: Device, *hard: str) -> Foresight:
    limits = [Limit(metric=metric, side="max", bound=1e-3) for metric in hard]
    return Foresight(Appraiser(device, set(hard), folder / "references"), device, limits, folder / "files")


def foretold(seen: Foresight, shape: Model, baseline: dict[str, float]) -> tuple[Measurement, ...]:
    return seen.of(shape, counted(shape.net, shape.inputs), digits(), baseline)


def test_what_a_hard_limit_speaks_of_is_known_before_training_and_asked_for_once(tmp_path, monkeypatch):
    seen = foresight(tmp_path, away(), "latency_p95", "accuracy", "macs")
    first = foretold(seen, fresh(SMALL), {})
    assert [m.metric for m in first] == ["latency_p95"]
    assert first[0].on == "model.onnx, d by op_cycles, untrained"
    monkeypatch.setattr(Appraiser, "of_file", lambda *a, **k: pytest.fail("asked twice"))
    assert foretold(seen, fresh(SMALL, seed=5), {}) == first  # other weights, same shapes
    with pytest.raises(pytest.fail.Exception):
        foretold(seen, fresh({**SMALL, "width": 12}), {})
    with pytest.raises(pytest.fail.Exception):
        foretold(foresight(tmp_path, away(clock_hz=80e6), "latency_p95"), fresh(SMALL), {})


def test_without_such_a_limit_nothing_is_exported(tmp_path, monkeypatch):
    monkeypatch.setattr("autocompress.study.foresight.lowered", lambda *a: pytest.fail("exported"))
    assert foretold(foresight(tmp_path, away(), "accuracy", "params"), fresh(SMALL), {}) == ()


def test_what_the_baseline_keeps_with_ease_its_smaller_need_not_prove(tmp_path, monkeypatch):
    monkeypatch.setattr("autocompress.study.foresight.lowered", lambda *a: pytest.fail("exported"))
    seen, shape = foresight(tmp_path, away(), "latency_p95"), fresh(SMALL)
    base = {"latency_p95": 0.4e-3, "params": 1e9, "macs": 1e9}
    assert foretold(seen, shape, base) == ()
    for other in ({"latency_p95": 0.6e-3}, {"params": 10.0}, {"macs": 10.0}):
        with pytest.raises(pytest.fail.Exception):
            foretold(seen, shape, base | other)
    with pytest.raises(pytest.fail.Exception):  # it may hold what the device cannot run
        foretold(foresight(tmp_path, away(operators=Operators(deny=("mul",))), "latency_p95"), shape, base)


def test_a_size_that_weights_leave_far_behind_is_not_exported_and_only_exported_otherwise(tmp_path, monkeypatch):
    here, shape = device(), fresh(SMALL)
    weights = counted(shape.net, shape.inputs)[2].value
    monkeypatch.setattr(appraise, "race", lambda *a, **k: pytest.fail("run"))
    for bound, known in ((2 * weights + 16_384, []), (weights, ["size"])):
        limits = [Limit(metric="size", side="max", bound=bound)]
        seen = Foresight(Appraiser(here, {"size"}, tmp_path), here, limits, tmp_path / "files")
        assert [m.metric for m in foretold(seen, shape, {})] == known


def test_a_note_is_of_the_sources_that_measured_it(tmp_path, monkeypatch):
    """Files and numbers are made by measure/, too: what another version of it said is not believed."""
    seen = foresight(tmp_path, away(), "latency_p95")
    foretold(seen, fresh(SMALL), {})
    notes = set((tmp_path / "files").iterdir())
    root, inside = Path(cache.__file__).parent.parent, cache.Path.read_bytes
    touched = root / "measure" / "rewrite.py"
    monkeypatch.setattr(cache.Path, "read_bytes", lambda at: inside(at) + b"#" * (at == touched))
    cache.code_version.cache_clear()
    try:
        foretold(seen, fresh(SMALL), {})
    finally:
        cache.code_version.cache_clear()
    assert len(set((tmp_path / "files").iterdir()) - notes) == 1


def test_a_damaged_note_is_made_again(tmp_path):
    seen = foresight(tmp_path, away(), "latency_p95")
    first = foretold(seen, fresh(SMALL), {})
    for note in (tmp_path / "files").iterdir():
        note.write_text("{")
    assert foretold(seen, fresh(SMALL), {}) == first


@pytest.mark.parametrize(("how", "spread", "broken"), [("measured", 0.3e-3, False), ("measured", 0.2e-3, True)])
def test_what_noise_alone_may_have_broken_is_not_refused(how, spread, broken):
    limit = Limit(metric="latency_p50", side="max", bound=1e-3)
    m = Measurement(metric="latency_p50", value=1.5e-3, how=how, spread=spread)
    assert bool(refused((m,), (limit,))) == broken
    counted = m.model_copy(update={"how": "estimated"})
    assert refused((counted,), (limit,))  # its error is in the limit's margin
    quick = Measurement(metric="throughput", value=900.0, how="measured", spread=60.0)
    assert not refused((quick,), (Limit(metric="throughput", side="min", bound=1000),))

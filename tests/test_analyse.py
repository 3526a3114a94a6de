"""Sensitivity and breakpoints: the numbers by hand, on small networks, and as commands on a study that was run."""

import csv
import io
import json
import re
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hands import BIGGER, SMALL, digits, fresh, lab, same, state
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from autocompress.cli.app import main
from autocompress.cli.told import watched
from autocompress.compress.breakpoint import breakpoint, falling, spread
from autocompress.compress.cutting.sensitivity import Loss, channels, sensitivity, weights
from autocompress.compress.cutting.surgery import Rules, cut
from autocompress.compress.importances.base import Importance
from autocompress.compress.importances.magnitude import Magnitude
from autocompress.compress.patterns.base import Pattern
from autocompress.config.document import parsed
from autocompress.data.base import Dataset, Split
from autocompress.data.digits import Digits
from autocompress.errors import Failure, StudyError
from autocompress.measure.accuracy import accuracy as measured
from autocompress.plugin import make, names
from autocompress.reports.cuts import loss_chart
from autocompress.reports.of_study import view_of
from autocompress.study.analyse import dense, layers, losses, of_folder, of_study, sweep
from autocompress.study.evaluate import FunctionWork
from autocompress.study.lock import held
from autocompress.study.study import Study
from autocompress.values.device import Device, Protocol
from autocompress.values.job import BASELINE
from autocompress.values.limit import Objective
from autocompress.values.recipe import Recipe
from autocompress.values.study import Budget, StudySpec
from autocompress.values.trial import Trial

TENTHS = [i / 10 for i in range(10)]
UNIFORM = [91.7, 91.6, 90.7, 90.7, 90.8, 88.9, 78.7, 52.7, 21.8, 20.1]  # resnet20 on CIFAR-10, weights of each layer
GLOBAL = [91.7, 91.6, 91.1, 91.0, 91.0, 89.8, 83.3, 72.2, 42.5, 10.5]  # of the whole network

curves = st.lists(st.floats(0, 1), min_size=2, max_size=12)
drops = st.floats(0.001, 0.5)
counts = st.integers(1, 100_000)


def shares(percent):
    return [p / 100 for p in percent]


def evenly(curve):
    return [i / len(curve) for i in range(len(curve))]


@pytest.mark.parametrize(
    ("curve", "rule", "drop", "ratio"),
    [
        (GLOBAL, "drop", 0.01, 0.4),
        (GLOBAL, "drop", 0.02, 0.5),
        (GLOBAL, "relative", 0.05, 0.5),
        (GLOBAL, "kneedle", 1.0, 0.6),
        (UNIFORM, "drop", 0.01, 0.4),  # 0.2 is on the bound, and 0.4 above 0.3 by luck
        (UNIFORM, "drop", 0.02, 0.4),
        (UNIFORM, "drop", 0.028, 0.5),
        (UNIFORM, "relative", 0.05, 0.5),
        (UNIFORM, "kneedle", 1.0, 0.5),
    ],
)
def test_the_breakpoint_of_a_sweep_that_was_published(curve, rule, drop, ratio):
    found = breakpoint(TENTHS, shares(curve), 1000, rule=rule, drop=drop)
    assert found.ratio == ratio
    assert found.beyond == TENTHS[TENTHS.index(ratio) + 1]


def test_a_drop_of_one_point_takes_thousands_of_images():
    few, many = (breakpoint(TENTHS, shares(GLOBAL), n, drop=0.01) for n in (1000, 5000))
    assert (few.resolved, many.resolved) == (False, True)
    assert few.enough == many.enough == 3375
    assert spread(few.threshold, few.enough) == pytest.approx(0.005, rel=1e-3)
    assert breakpoint(TENTHS, shares(GLOBAL), 1000, drop=0.02).resolved


def test_the_interval_is_where_the_fit_and_its_error_cross_the_threshold():
    found = breakpoint([0, 0.5, 0.9], [0.9, 0.8, 0.5], 2500, drop=0.2)
    assert (found.ratio, found.beyond, found.threshold) == (0.5, 0.9, pytest.approx(0.7))
    below = [p - (p * (1 - p) / 2500) ** 0.5 for p in (0.8, 0.5)]
    above = [p + (p * (1 - p) / 2500) ** 0.5 for p in (0.8, 0.5)]
    assert found.low == pytest.approx(np.interp(-0.7, [-p for p in below], [0.5, 0.9]))
    assert found.high == pytest.approx(np.interp(-0.7, [-p for p in above], [0.5, 0.9]))
    assert found.low < 0.5 + 0.4 / 3 < found.high


def test_a_knee_is_as_wide_as_the_noise():
    flat_then_steep = [0.9, 0.9, 0.9, 0.9, 0.1]
    sure = breakpoint(evenly(flat_then_steep), flat_then_steep, 10_000, rule="kneedle")
    assert (sure.ratio, sure.beyond, sure.low, sure.high) == (0.6, 0.8, 0.6, 0.6)
    rounded = [0.9, 0.89, 0.86, 0.66, 0.1]
    assert breakpoint(evenly(rounded), rounded, 100_000, rule="kneedle").low == 0.4
    assert breakpoint(evenly(rounded), rounded, 20, rule="kneedle").high == 0.6
    at_once = [0.9, 0.2, 0.15, 0.1]
    none = breakpoint(evenly(at_once), at_once, 1000, rule="kneedle")
    assert (none.ratio, none.low, none.high) == (0, 0, 0)  # although the other end lies on the line as well


@given(curves, drops, counts, st.sampled_from(["drop", "relative", "kneedle"]))
def test_it_is_never_outside_what_was_tried(curve, drop, n, rule):
    ratios = evenly(curve)
    found = breakpoint(ratios, curve, n, rule=rule, drop=drop)
    at = ratios.index(found.ratio)
    assert found.beyond == (ratios[at + 1] if at + 1 < len(ratios) else None)
    assert ratios[0] <= found.low <= found.high <= ratios[-1]
    assert found.low <= (ratios[-1] if found.beyond is None else found.beyond)
    assert found.ratio <= found.high
    assert all(a >= b for a, b in pairwise(found.fit))
    assert sum(found.fit) == pytest.approx(sum(curve), abs=1e-6)


@given(curves, drops, st.integers(1, 10_000))
def test_where_nothing_rises_it_is_the_last_that_is_good_enough(curve, drop, n):
    curve = sorted(curve, reverse=True)
    ratios = evenly(curve)
    found = breakpoint(ratios, curve, n, drop=drop)
    assert found.fit == pytest.approx(curve, abs=1e-12)
    assert found.ratio == max(r for r, a in zip(ratios, curve, strict=True) if a >= curve[0] - drop - 1e-9)


@given(curves, drops, drops, counts, st.sampled_from(["drop", "relative"]))
def test_who_may_lose_more_never_breaks_earlier(curve, one, other, n, rule):
    small, large = (breakpoint(evenly(curve), curve, n, rule=rule, drop=d) for d in sorted([one, other]))
    assert small.ratio <= large.ratio
    assert small.low <= large.low
    assert small.high <= large.high


@given(st.floats(0, 1), st.integers(2, 12), counts, st.sampled_from(["drop", "relative", "kneedle"]))
def test_what_never_falls_never_breaks(level, many, n, rule):
    curve = [level] * many
    found = breakpoint(evenly(curve), curve, n, rule=rule, drop=0.01)
    assert (found.ratio, found.beyond, found.high) == (evenly(curve)[-1], None, evenly(curve)[-1])


@given(st.integers(1, 500), st.floats(0, 1))
def test_one_standard_error_is_that_of_the_reports(n, part):
    right = round(part * n)
    y = np.zeros(n, dtype=np.int64)
    logits = np.zeros((n, 2), dtype=np.float32)
    logits[right:, 1] = 1
    if right:  # a file that gets nothing right has no business in a report, but half a hit is possible here too
        assert spread(right / n, n) == pytest.approx(measured(logits, y, "").spread)


@pytest.mark.parametrize(
    ("ratios", "accuracies", "n", "drop", "text"),
    [
        ([0], [0.9], 10, 0.1, "wants two or more ratios and an accuracy for each, got 1 and 1"),
        ([0, 0.5], [0.9], 10, 0.1, "wants two or more ratios and an accuracy for each, got 2 and 1"),
        ([0.1, 0.5], [0.9, 0.8], 10, 0.1, r"ratios must rise from 0, got \[0.1, 0.5\]"),
        ([0, 0.5, 0.5], [0.9, 0.8, 0.8], 10, 0.1, "ratios must rise from 0"),
        ([0, 0.5], [91.0, 80.0], 10, 0.1, "accuracies are shares from 0 to 1"),
        ([0, 0.5], [0.9, 0.8], 0, 0.1, "wants one or more images and a drop above 0, got 0 and 0.1"),
        ([0, 0.5], [0.9, 0.8], 10, 0.0, "wants one or more images and a drop above 0, got 10 and 0.0"),
    ],
)
def test_what_is_no_curve_is_refused(ratios, accuracies, n, drop, text):
    with pytest.raises(ValueError, match=text):
        breakpoint(ratios, accuracies, n, drop=drop)


def test_the_fit_shares_out_what_rose():
    assert falling([0.9, 0.7, 0.8, 0.5]) == pytest.approx([0.9, 0.75, 0.75, 0.5])


# --- one layer at a time ---


@pytest.fixture(scope="module")
def net():
    """Its norms have seen something, so that it does not answer the same to everything."""
    model = fresh(BIGGER, seed=3)
    torch.manual_seed(0)
    with torch.no_grad():
        for batch in lab().batches(100, epoch=0):
            model.net.train()(batch.x)
    model.net.eval()
    return model


def test_each_group_is_cut_as_surgery_would_cut_it_alone(net):
    where, by = lab(round_to=2), Magnitude()
    before = state(net)
    places = channels(net, where, by)
    names_of_all = [name for place in places for name in (place.layer, *place.others)]
    assert len(set(names_of_all)) == len(names_of_all)
    assert [p.layer for p in places] == [
        name for name, _ in net.net.named_modules() if name in {p.layer for p in places}
    ]
    assert any(place.others for place in places)
    for place in places:
        mine = {place.layer, *place.others}
        rules = Rules(ignore=tuple(name for name in names_of_all if name not in mine))
        smaller, kept = place.cut(0.5)
        assert same(dict(smaller.state_dict()), state(cut(net, where, 0.5, by, rules)))
        assert kept == smaller.get_submodule(place.layer).out_channels == place.size / 2
    assert same(state(net), before)


@pytest.mark.parametrize("name", sorted(names(Pattern)))
def test_each_layer_is_thinned_alone(net, name):
    by = make(Pattern, {"use": name})
    before = state(net)
    for place in weights(net, lab(), by):
        smaller, kept = place.cut(0.5)
        assert kept == smaller.get_submodule(place.layer).weight.count_nonzero() == pytest.approx(place.size / 2, abs=1)
        left = {key: value for key, value in smaller.state_dict().items() if key != f"{place.layer}.weight"}
        assert same(left, {key: before[key] for key in left})
    assert same(state(net), before)


def test_a_cut_that_is_too_fine_for_the_steps_costs_nothing(net):
    where = lab(round_to=4)
    whole = where.accuracy(net.net)
    for loss in sensitivity(net, where, channels(net, where, Magnitude())[:2], [0.1, 0.5, 0.6]):
        assert loss.size == 8
        assert loss.kept == (8, 4, 4)
        assert loss.accuracy[0] == pytest.approx(whole)
        assert loss.accuracy[1] == loss.accuracy[2]
        assert loss.accuracy[1] * 100 == round(loss.accuracy[1] * 100)  # of 100 images


def test_new_averages_of_the_norms_never_lose_on_the_same_images(net):
    where = lab()
    plain, norms_too = (
        list(sensitivity(net, where, channels(net, where, Magnitude())[:2], [0.5, 0.8], norms_too=norms))
        for norms in (False, True)
    )
    gains = [b - a for p, n in zip(plain, norms_too, strict=True) for a, b in zip(p.accuracy, n.accuracy, strict=True)]
    assert min(gains) >= 0
    assert max(gains) > 0


def test_what_cannot_be_judged_is_a_failure(net):
    class Silent(Magnitude):
        def judges(self, slices):
            return False

    with pytest.raises(Failure, match="there are no channels to cut that Silent can judge; 6 groups were found"):
        channels(net, lab(), Silent())


# --- a study that was run ---

FEW = {"use": "distill", "method": {"use": "none"}, "epochs": 3, "lr": 0.1}


def spec(**changes):
    return StudySpec(
        **{
            "name": "looked-into",
            "space": {"student": {**SMALL, "width": {"choice": [4, 8]}}, "stages": [FEW]},
            "device": Device(
                id="here", name="here", kind="cpu", round_to=4, protocol=Protocol(warmup=1, runs=3, processes=1)
            ),
            "data": {"use": "digits"},
            "teacher": {"student": BIGGER, "stages": [{"use": "finetune", "epochs": 3, "lr": 0.1}]},
            "objectives": (
                Objective(metric="accuracy", direction="maximize"),
                Objective(metric="size", direction="minimize"),
            ),
            "driver": {"use": "serial"},
            "budget": Budget(trials=1),
            **changes,
        }
    )


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOCOMPRESS_HOME", str(home))
        ran = Study.of(spec())
        ran.run()
        yield ran


@pytest.fixture
def program(study, capsys, monkeypatch):
    """The program, in this process: its exit code, what it printed, and what it said."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["autocompress", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        return end.value.code, out, err

    return run


@pytest.fixture(scope="module")
def folder(study, tmp_path_factory):
    """The teacher, as `export` would write it."""
    place = tmp_path_factory.mktemp("exported")
    files = study.fact("baseline_artifacts")
    for role, name in (("manifest", "manifest.json"), ("weights", "weights.safetensors")):
        (place / name).write_bytes(study.artifacts.get(files[role]))
    return place


def test_it_is_the_very_model_that_the_study_measured(study, folder):
    teacher, trial = of_study("looked-into"), of_study("looked-into", 0)
    baseline = next(m for m in study.baseline if m.metric == "accuracy")
    mine = next(m for m in study.trials[0].measurements if m.metric == "accuracy")
    for subject, theirs in ((teacher, baseline), (trial, mine)):
        assert dense(subject).value == pytest.approx(theirs.value, abs=1.5 / theirs.n)  # a tie may fall otherwise
        assert dense(subject).n == theirs.n
    assert dense(of_folder(folder, Digits())) == dense(teacher)
    assert teacher.name == "looked-into, its teacher: resnet(depth 8, width 8) → finetune(epochs 3, lr 0.1)"
    assert trial.name.startswith("looked-into, trial 0: cnn(")


def test_only_validation_images_are_looked_at(folder):
    class Guarded(np.ndarray):
        def __getitem__(self, places):
            raise AssertionError("the test split is used once, for the front")

    class Watched(Digits):
        def load(self):
            whole = digits()
            test = Split(whole.test.x.view(Guarded), whole.test.y.view(Guarded))
            return Dataset(whole.train, whole.val, test, whole.classes, whole.mean, whole.std)

    subject = of_folder(folder, Watched())
    with pytest.raises(AssertionError, match="used once"):
        subject.lab.data.test.x[0]
    places, _ = layers(subject, make(Importance, "taylor"))
    assert len(list(losses(subject, places[:1], [0.5], norms_too=True))) == 1
    left = [point.left for point in sweep(subject, make(Pattern, "uniform"), [0.0, 0.5])]
    assert left == [1.0, pytest.approx(0.5, abs=0.03)]  # the head stays


def test_some_images_are_always_the_same_and_of_all_classes(study):
    one, other = (of_study("looked-into", images=200).lab.data.val for _ in range(2))
    assert len(one) == 200
    assert np.array_equal(one.x, other.x)
    assert set(one.y) == set(range(10))
    assert len(of_study("looked-into", images=10_000).lab.data.val) == 359


def test_the_table_the_caps_and_the_document_agree(program):
    asked = ["analyse", "sensitivity", "looked-into", "--ratios", "0.5,0.1", "--examples", "200", "--drop", "5 pp"]
    code, out, _ = program(*asked, "--json")
    document = json.loads(out)
    assert code == 0
    assert document["schema"] == "autocompress.sensitivity/v1"
    assert document["ratios"] == [0.1, 0.5]
    assert document["by"] == {"use": "magnitude", "p": 2}
    whole = document["accuracy"]["value"]
    for layer in document["layers"]:
        assert layer["kept"][0] == layer["size"] == 2 * layer["kept"][1] or layer["size"] > 8
        holds = [r for r, a in zip([0, 0.1, 0.5], [whole, *layer["accuracy"]], strict=True) if a >= whole - 0.05 - 1e-9]
        if layer["accuracy"][1] <= layer["accuracy"][0] <= whole:
            assert document["caps"][layer["layer"]] == max(holds)
    assert 0 < sum(document["caps"].values()) < 0.5 * len(document["caps"])  # some bear it, some do not
    code, text, words = program(*asked)
    assert code == 0
    lines = text.splitlines()
    assert lines[0].startswith("looked-into, its teacher: ")
    assert lines[1].startswith("accuracy ")
    assert "of 200 validation images (one standard error; ± 3.54 where accuracy is 50 %)" in lines[1]
    header = next(i for i, line in enumerate(lines) if line.startswith("layer "))
    assert lines[header].split() == ["layer", "channels", "0.1", "0.5", "cap", "together", "with"]
    for row, layer in zip(lines[header + 1 :], document["layers"], strict=False):
        shown = [
            "–" if k == layer["size"] else f"{a * 100:.2f}"
            for k, a in zip(layer["kept"], layer["accuracy"], strict=True)
        ]
        cap = f"{document['caps'][layer['layer']]:g}"
        assert row.replace(",", "").split() == [layer["layer"], str(layer["size"]), *shown, cap, *layer["others"]]
    assert "–: nothing goes, channels go in larger steps" in lines
    node, mistakes = parsed(text[text.index("caps:\n") :], "stdout", Path())
    assert not mistakes
    assert node.data == {"caps": document["caps"]}
    assert "left whole: head (it makes the classes)" in words


def test_a_layer_that_cannot_be_cut_has_no_cap(program):
    """Its 8 channels go in eighths at the finest: at 0.01 and 0.02 all of them stay, and accuracy says nothing."""
    asked = ["analyse", "sensitivity", "looked-into", "--ratios", "0.01,0.02", "--examples", "100"]
    document = json.loads(program(*asked, "--json")[1])
    uncut = {one["layer"] for one in document["layers"] if set(one["kept"]) == {one["size"]}}
    assert uncut
    assert document["caps"].keys() == {one["layer"] for one in document["layers"]} - uncut
    assert {document["left_whole"][layer] for layer in uncut} == {"at none of these ratios does anything go"}
    _, text, words = program(*asked)
    rows = {line.split()[0]: line.split() for line in text.splitlines() if line.split()}
    assert {rows[layer][4] for layer in uncut} == {"–"}
    assert "(at none of these ratios does anything go)" in words
    assert "caps:" not in text or document["caps"]


def test_the_study_keeps_it_for_its_report_unless_somebody_runs_it(program, study):
    asked = ["analyse", "sensitivity", "looked-into", "--ratios", "0.5", "--examples", "100"]
    with held(study.folder, "looked-into"):
        code, _, words = program(*asked)
    assert code == 0
    assert "the report will not show it: study 'looked-into' is already being run" in words
    assert "report will not" not in program(*asked)[2]
    assert "report will not" not in program(*asked, "--trial", "0", "--pattern", "uniform")[2]
    kept = view_of(study, whole=True).borne
    assert {number: (one.what, one.how, one.ratios) for number, one in kept.items()} == {
        BASELINE: ("channels", "channels (magnitude), untrained", (0.5,)),
        0: ("weights", "weights (uniform), untrained", (0.5,)),
    }
    assert kept[BASELINE].dense.n == 100


def test_weights_of_single_layers(program):
    asked = ["analyse", "sensitivity", "looked-into", "--pattern", "{use: n_of_m, m: 4}", "--examples", "100", "--json"]
    code, out, err = program(*asked)
    document = json.loads(out)
    assert code == 0
    assert document["pattern"] == {"use": "n_of_m", "m": 4}
    assert document["ratios"] == [0.1, 0.3, 0.5, 0.7]
    assert "left out: 0.9, more than this pattern can take out" in err
    assert set(document["left_whole"].values()) == {"it makes the classes", "nofm does not fit it"}
    assert all(layer["kept"][2] == layer["size"] / 2 for layer in document["layers"])


def test_the_breakpoint_of_a_network(program, study):
    asked = ["analyse", "breakpoint", "looked-into", "--pattern", "uniform", "--drop", "3 pp"]
    code, out, _ = program(*asked, "--json")
    document = json.loads(out)
    assert code == 0
    assert document["schema"] == "autocompress.breakpoint/v1"
    curve = document["curve"]
    assert [point["ratio"] for point in curve] == TENTHS
    assert all(a["left"] > b["left"] for a, b in pairwise(curve))
    assert curve[0]["accuracy"] == document["accuracy"]["value"] > 0.8
    assert curve[9]["accuracy"] < 0.6
    expected = breakpoint(TENTHS, [point["accuracy"] for point in curve], 359, drop=0.03)
    assert document["breakpoint"]["ratio"] == expected.ratio
    assert document["breakpoint"]["fit"] == pytest.approx(expected.fit)
    code, text, _ = program(*asked)
    lines = text.splitlines()
    assert code == 0
    marked = [line.split()[1] for line in lines if line.startswith("*")]
    assert marked == [f"{expected.ratio:g}"]
    assert lines[-1].startswith(f"breakpoint {expected.ratio:g}: 3 pp lower is {expected.threshold * 100:.2f} %, ")
    assert lines[-1].endswith(f"within one standard error: {expected.low:.2f} to {expected.high:.2f}")


def test_sensitivity_leaves_tidy_tables_and_a_figure(program, tmp_path):
    asked = ["analyse", "sensitivity", "looked-into", "--ratios", "0.1,0.5", "--examples", "100", "-o", tmp_path]
    code, out, err = program(*asked, "--json")
    document = json.loads(out)
    assert code == 0
    assert json.loads((tmp_path / "sensitivity.json").read_text()) == document
    assert err.endswith(
        f"written to {tmp_path}: sensitivity.csv, sensitivity.parquet, sensitivity.json; "
        "figures/ sensitivity (svg, png, pdf)\n"
    )
    rows = list(csv.DictReader((tmp_path / "sensitivity.csv").open()))
    assert list(rows[0]) == ["layer", "channels", "ratio", "kept", "accuracy", "spread", "n", "cap", "others"]
    layers = document["layers"]
    assert [(r["layer"], r["ratio"]) for r in rows] == [(one["layer"], x) for one in layers for x in ("0.1", "0.5")]
    for r, (one, place) in zip(rows, [(one, i) for one in layers for i in (0, 1)], strict=True):
        assert (int(r["channels"]), int(r["kept"])) == (one["size"], one["kept"][place])
        assert float(r["accuracy"]) == one["accuracy"][place]
        assert float(r["spread"]) == spread(one["accuracy"][place], 100)
        assert (float(r["cap"]), r["others"]) == (document["caps"][one["layer"]], " ".join(one["others"]))
    assert pd.read_parquet(tmp_path / "sensitivity.parquet")["accuracy"].tolist() == [
        float(r["accuracy"]) for r in rows
    ]
    svg = (tmp_path / "figures" / "sensitivity.svg").read_text()
    assert len(layers) <= 8
    assert all(f">{one['layer']}<" in svg for one in layers)
    assert "share of its channels that one layer alone has lost" in svg


def test_where_nothing_went_nothing_is_drawn(study):
    subject, found = of_study("looked-into"), Loss("conv", (), 8, kept=(8, 4, 2), accuracy=(0.9, 0.7, 0.2))
    svg = loss_chart([found], [0.1, 0.5, 0.7], "channels", 0.9, subject)
    assert len(re.findall('<path[^>]*fill="#0067b1" stroke="#ffffff"', svg)) == 3 + 1  # one is beside the name
    grid = loss_chart([found] * 9, [0.1, 0.5, 0.7], "channels", 0.9, subject)
    assert [re.findall(f">{text}<", grid) != [] for text in ("–", "90.0", "70.0", "20.0")] == [True, False, True, True]


def test_many_layers_are_a_grid_of_numbers(program, tmp_path):
    asked = ["analyse", "sensitivity", "looked-into", "--pattern", "uniform", "--ratios", "0.5", "--examples", "100"]
    code, out, _ = program(*asked, "-o", tmp_path, "--json")
    layers = json.loads(out)["layers"]
    assert code == 0
    assert len(layers) > 8
    svg = (tmp_path / "figures" / "sensitivity.svg").read_text()
    assert all(f">{one['layer']}<" in svg and f">{100 * one['accuracy'][0]:.1f}<" in svg for one in layers)
    assert "accuracy in %, by the share of its weights that one layer alone has lost" in svg
    header = (tmp_path / "sensitivity.csv").read_text().splitlines()[0]
    assert header == "layer,weights,ratio,kept,accuracy,spread,n,cap,others"


def test_a_breakpoint_leaves_its_curve_and_a_figure(program, tmp_path):
    asked = ["analyse", "breakpoint", "looked-into", "--pattern", "uniform", "--steps", "4", "--drop", "3 pp"]
    code, out, _ = program(*asked, "-o", tmp_path, "--json")
    document = json.loads(out)
    assert code == 0
    assert json.loads((tmp_path / "breakpoint.json").read_text()) == document
    rows = list(csv.DictReader((tmp_path / "breakpoint.csv").open()))
    assert [float(r["accuracy"]) for r in rows] == [point["accuracy"] for point in document["curve"]]
    assert [float(r["left"]) for r in rows] == [point["left"] for point in document["curve"]]
    assert [float(r["never_rising"]) for r in rows] == document["breakpoint"]["fit"]
    assert {r["n"] for r in rows} == {"359"}
    (mark,) = [r["ratio"] for r in rows if r["breakpoint"] == "True"]
    found = document["breakpoint"]
    assert float(mark) == found["ratio"]
    svg = (tmp_path / "figures" / "breakpoint.svg").read_text()
    for text in (
        f"breakpoint {found['ratio']:g} ({found['low']:.2f} to {found['high']:.2f})",
        "measured",
        "never rising",
        "3 pp lower",
        "share of its weights that the network has lost",
    ):
        assert f">{text}<" in svg
    assert all((tmp_path / "figures" / f"breakpoint.{kind}").stat().st_size > 5_000 for kind in ("png", "pdf"))
    code, *_ = program(*asked[:-2], "--rule", "kneedle", "-o", tmp_path / "knee")
    assert code == 0
    assert "lower<" not in (tmp_path / "knee" / "figures" / "breakpoint.svg").read_text()


def test_on_a_terminal_one_sees_what_is_being_done(monkeypatch):
    screen = Console(file=io.StringIO(), force_terminal=True, width=80)
    monkeypatch.setattr("autocompress.cli.told.people", lambda: screen)
    steps = iter("abc")
    assert list(watched(steps, ["one", "two", "three"])) == ["a", "b", "c"]
    assert next(steps, None) is None  # followed to its end
    shown = screen.file.getvalue()
    assert "one" in shown
    assert "three, 3/3 done" in shown


def test_too_few_images_are_a_warning_that_says_how_many_would_do(program):
    asked = ["analyse", "breakpoint", "looked-into", "--steps", "2", "--examples", "50"]
    code, out, err = program(*asked, "--json")
    enough = json.loads(out)["breakpoint"]["enough"]
    assert code == 0
    assert err == (
        "warning: 50 validation images cannot resolve a drop of 1 pp; "
        f"it takes {enough:,} for a standard error of half of it\n"
    )
    code, out, err = program(*asked[:-2], "--rule", "relative", "--drop", "50 %")
    assert (code, err) == (0, "")
    code, out, err = program(*asked[:-2], "--rule", "kneedle", "--json")
    assert (code, json.loads(out)["drop"]) == (0, None)


@pytest.mark.parametrize(
    ("verb", "arguments", "code", "text"),
    [
        ("sensitivity", ["nobody"], 2, "there is no study 'nobody' in "),
        ("breakpoint", ["looked-into", "--trial", "7"], 5, "study 'looked-into' has no trial 7; it has 0 to 0\n"),
        (
            "sensitivity",
            ["looked-into", "--ratios", "0.5,1.2"],
            2,
            "Invalid value for --ratios: '1.2' is not a ratio: wants numbers above 0 and below 1, such as 0.1,0.5\n",
        ),
        (
            "sensitivity",
            ["looked-into", "--ratios", "half"],
            2,
            "Invalid value for --ratios: 'half' is not a ratio: wants numbers above 0 and below 1, such as 0.1,0.5\n",
        ),
        (
            "breakpoint",
            ["looked-into", "--by", "fpgm", "--pattern", "lamp"],
            2,
            "Invalid value: give --by or --pattern, not both: channels go, or single weights\n",
        ),
        (
            "sensitivity",
            ["looked-into", "--by", "magnitud"],
            3,
            "--by:1:1: error[unknown-plugin]: use: no importance is called 'magnitud'; did you mean 'magnitude'?\n",
        ),
        (
            "sensitivity",
            ["looked-into", "--by", "{use: magnitude, p: 3}"],
            3,
            "--by:1:21: error[",
        ),
        ("breakpoint", ["looked-into", "--rule", "knee"], 2, "'knee' is not one of drop, relative, kneedle\n"),
        (
            "breakpoint",
            ["looked-into", "--drop", "1 %"],
            2,
            "Invalid value for --drop: wants a difference in percentage points, and '%' in '1 %' is a percentage\n",
        ),
        (
            "breakpoint",
            ["looked-into", "--drop", "0 pp"],
            2,
            "must be more than nothing and less than all, got '0 pp'\n",
        ),
        (
            "breakpoint",
            ["looked-into", "--rule", "kneedle", "--drop", "1 pp"],
            2,
            "Invalid value for --drop: a knee does not depend on it; leave it out\n",
        ),
        (
            "sensitivity",
            ["looked-into", "--pattern", "{use: n_of_m, m: 2}", "--ratios", "0.9"],
            2,
            "Invalid value for --ratios: they are all more than this pattern can take out\n",
        ),
        (
            "sensitivity",
            ["looked-into", "--trial", "0", "--data", "digits"],
            2,
            "Invalid value: give --trial or --data, not both: a folder holds one model\n",
        ),
    ],
)
def test_mistakes_are_told_in_words(program, verb, arguments, code, text):
    ended, out, err = program("analyse", verb, *arguments)
    assert ended == code, err
    assert out == ""
    assert text in err


def test_a_folder_wants_to_know_its_data(program, folder):
    code, _, err = program("analyse", "breakpoint", folder)
    assert code == 2
    assert f"{folder} is a folder with a model; add --data, since it does not say what it was trained on\n" in err
    code, out, _ = program("analyse", "breakpoint", folder, "--data", "digits", "--steps", "2", "--examples", "50")
    assert code == 0
    assert out.startswith(f"{folder}: resnet(depth 8, width 8)\n")
    code, _, err = program("analyse", "breakpoint", folder.parent, "--data", "digits")
    assert (code, err) == (
        5,
        f"{folder.parent}: it cannot be loaded: {folder.parent}: no manifest.json in it, so no model\n",
    )


def test_a_model_of_other_images_is_refused(folder):
    class Wide(Digits):
        def load(self):
            whole = digits()
            return replace(whole, train=Split(whole.train.x.repeat(2, axis=3), whole.train.y))

    with pytest.raises(StudyError, match=r"and the data has \(\(1, 8, 16\), 10\)"):
        of_folder(folder, Wide())


def test_what_has_no_model_has_nothing_to_look_into(study, monkeypatch):
    refused = Trial(number=0, recipe=Recipe.of(spec().teacher), state="infeasible")
    monkeypatch.setattr(Study, "trials", [refused])
    with pytest.raises(StudyError, match=r"^trial 0 has no model to look into: it is infeasible$"):
        of_study("looked-into", 0)
    monkeypatch.setattr(Study, "fact", lambda self, name: None)
    text = "^study 'looked-into' has made no teacher yet; go on with: autocompress resume looked-into$"
    with pytest.raises(StudyError, match=text):
        of_study("looked-into")


def test_a_function_has_no_network(study):
    size = Objective(metric="size", direction="minimize")
    of_a_function = spec(
        name="function", space={"width": {"int": [1, 4]}}, device=None, data={}, teacher=None, objectives=(size,)
    )
    Study.of(of_a_function, work=FunctionWork(lambda recipe, fidelity: {"size": 1.0})).run()
    with pytest.raises(
        StudyError, match=r"^study 'function' searches a function of yours; there is no network to look"
    ):
        of_study("function")

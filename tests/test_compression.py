"""A real candidate through the house, on digits: cached prefixes, files that were run, the teacher made once."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from autocompress.compress import train
from autocompress.compress.manifest import load
from autocompress.compress.stages.base import Stage
from autocompress.compress.start import started
from autocompress.data.base import Split
from autocompress.errors import Failure, StudyError
from autocompress.measure import counted
from autocompress.measure.runtimes.base import Runtime
from autocompress.plugin import make
from autocompress.study.cache import code_version
from autocompress.study.compression import Bench
from autocompress.study.deploy import _calibration
from autocompress.study.examine import on_test
from autocompress.study.here import refuse_what_cannot_be_measured
from autocompress.study.study import Study
from autocompress.values.device import Device, Protocol
from autocompress.values.job import BASELINE, Done, Gated, Job, Progress, Rung
from autocompress.values.limit import Limit, Objective
from autocompress.values.recipe import Recipe
from autocompress.values.study import Budget, StudySpec

LEARN = {"use": "distill", "method": {"use": "logit"}, "epochs": 2, "lr": 0.1}
CUT = {"use": "prune", "by": {"use": "magnitude"}, "ratio": 0.5}
INT8 = {"use": "quantize", "scheme": {"use": "onnx_static", "examples": 32}}
STUDENT = {"use": "cnn", "width": 8, "depth": 3}


def study(**changes):
    return StudySpec(
        **{
            "name": "real",
            "space": {"student": {**STUDENT, "width": {"choice": [4, 8]}}, "stages": [LEARN, INT8]},
            "device": Device(
                id="here", name="here", kind="cpu", round_to=4, protocol=Protocol(warmup=1, runs=3, processes=1)
            ),
            "data": {"use": "digits"},
            "teacher": {
                "student": {"use": "resnet", "width": 8, "depth": 8},
                "stages": [{"use": "finetune", "epochs": 2}],
            },
            "objectives": (
                Objective(metric="accuracy", direction="maximize"),
                Objective(metric="latency_p50", direction="minimize"),
                Objective(metric="size", direction="minimize"),
            ),
            "budget": Budget(trials=2),
            **changes,
        }
    )


@pytest.fixture
def bench(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOCOMPRESS_HOME", str(tmp_path / "home"))
    return Bench(study(), tmp_path / "study")


def events(bench, job, answer=lambda event: True):
    """All events of a job, each question answered."""
    running, found = bench.work(job), []
    event = next(running)
    while True:
        found.append(event)
        if isinstance(event, Done):
            return found
        event = running.send(answer(event)) if isinstance(event, Gated | Rung) else next(running)


def validation(bench):
    data = bench._data
    return data.prepared(data.val.x), data.val.y


def job(*stages, number=0, rungs=(), student=STUDENT):
    return Job(number, Recipe.of({"student": student, "stages": list(stages)}), rungs=rungs)


def test_a_candidate_comes_back_measured_as_a_file(bench):
    outcome = events(bench, job(LEARN, CUT, INT8))[-1].outcome
    assert outcome.state == "complete"
    numbers = {m.metric: m for m in outcome.measurements}
    times, right = {"latency_p50", "latency_p95", "latency_p99", "latency_mean"}, {"accuracy", "top5", "nll", "ece"}
    assert set(numbers) == times | right | {"size", "params", "params_nonzero", "macs"}
    assert {m: numbers[m].how for m in ("accuracy", "latency_p50", "size")} == dict.fromkeys(
        ("accuracy", "latency_p50", "size"), "measured"
    )
    file = bench._artifacts.path(outcome.artifacts["model"])
    assert hashlib.sha256(file.read_bytes()).hexdigest() == file.name
    assert numbers["size"].value == file.stat().st_size
    x, y = validation(bench)
    answers = make(Runtime, {"use": "onnxruntime"}).open(file)(x).argmax(1)
    assert numbers["accuracy"].value == pytest.approx((answers == y).mean())
    assert numbers["accuracy"].n == len(y)
    assert "model.onnx, onnxruntime" in numbers["latency_p50"].on


def test_its_weights_and_manifest_rebuild_the_very_model(bench, tmp_path):
    outcome = events(bench, job(LEARN, CUT))[-1].outcome
    folder = tmp_path / "export"
    folder.mkdir()
    for role, name in (("manifest", "manifest.json"), ("weights", "weights.safetensors")):
        (folder / name).write_bytes(bench._artifacts.get(outcome.artifacts[role]))
    rebuilt = load(folder)
    x, _ = validation(bench)
    with torch.inference_mode():
        ours = rebuilt.net(torch.from_numpy(x)).numpy()
    theirs = make(Runtime, {"use": "onnxruntime"}).open(bench._artifacts.path(outcome.artifacts["model"]))(x)
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_the_gate_speaks_before_any_training_and_is_right(bench):
    said = events(bench, job(LEARN, CUT, INT8))
    first = said[0]
    assert isinstance(first, Gated)
    before = {m.metric: m.value for m in first.measurements}
    after = {m.metric: m.value for m in said[-1].outcome.measurements}
    assert before["params"] == after["params"]
    assert before["macs"] == after["macs"]
    assert before["size"] <= after["size"]  # a lower bound
    refused = events(bench, job(LEARN, CUT), answer=lambda event: False)
    assert [type(e) for e in refused] == [Gated, Done]
    assert refused[-1].outcome.state == "stopped"


def test_a_prefix_that_was_done_is_taken_from_the_cache(bench):
    first = events(bench, job(LEARN, CUT))[-1].outcome
    again = events(bench, job(LEARN, CUT))[-1].outcome
    longer = events(bench, job(LEARN, INT8))[-1].outcome
    other = events(bench, job({**LEARN, "epochs": 1}))[-1].outcome
    assert [(o.cached, o.stages) for o in (first, again, longer, other)] == [(0, 2), (2, 2), (1, 2), (0, 1)]
    assert again.artifacts == first.artifacts  # the very same file


def test_a_damaged_cache_entry_is_made_again(bench):
    first = events(bench, job(LEARN))[-1].outcome
    for weights in Path(bench._cache.folder).rglob("weights.safetensors"):
        weights.write_bytes(b"rubbish")
    bench = Bench(bench.spec, bench._artifacts.folder.parent)
    again = events(bench, job(LEARN))[-1].outcome
    assert again.cached == 0
    assert again.artifacts == first.artifacts
    assert events(bench, job(LEARN))[-1].outcome.cached == 1


def test_equal_seeds_give_equal_files_and_others_do_not(bench):
    one = events(bench, job(LEARN))[-1].outcome
    other = events(bench, Job(0, Recipe.of({"student": STUDENT, "stages": [LEARN]}), seed=1))[-1].outcome
    assert one.artifacts["model"] != other.artifacts["model"]
    assert other.cached == 0


def test_what_was_learned_from_another_teacher_is_other_work(bench, tmp_path):
    other = {"student": {"use": "resnet", "width": 4, "depth": 8}, "stages": [{"use": "finetune", "epochs": 1}]}
    alone = {**LEARN, "method": {"use": "none"}}
    first = [events(bench, job(stage))[-1].outcome for stage in (LEARN, alone)]
    bench = Bench(study(teacher=other), tmp_path / "other")
    again = [events(bench, job(stage))[-1].outcome for stage in (LEARN, alone)]
    assert [o.cached for o in first + again] == [0, 0, 0, 1]  # without a teacher it is the same work
    assert first[0].artifacts["weights"] != again[0].artifacts["weights"]
    assert first[1].artifacts["weights"] == again[1].artifacts["weights"]


def test_rungs_see_accuracy_on_the_way_and_can_stop_it(bench):
    four = {**LEARN, "epochs": 4}
    said = events(bench, job(four, CUT, rungs=(0.25, 0.75)))
    assert [e.at for e in said if isinstance(e, Rung)] == [0.25, 0.75]
    assert sum(isinstance(e, Progress) and e.text.startswith("distill") for e in said) == 4
    cached = events(bench, job(four, CUT, rungs=(0.25, 0.75)))
    assert [e.at for e in cached if isinstance(e, Rung)] == [0.25, 0.75]
    stopped = events(
        bench, job({**four, "lr": 0.05}, CUT, rungs=(0.5,)), answer=lambda event: not isinstance(event, Rung)
    )
    assert stopped[-1].outcome.state == "stopped"
    assert sum(isinstance(e, Progress) for e in stopped) == 2


def test_a_stage_stopped_half_way_is_not_kept(bench):
    events(bench, job(LEARN, rungs=(0.5,)), answer=lambda event: not isinstance(event, Rung))
    assert events(bench, job(LEARN))[-1].outcome.cached == 0


def test_a_stage_that_was_finished_is_kept_even_if_nothing_follows(bench):
    events(bench, job(LEARN, CUT, rungs=(1.0,)), answer=lambda event: not isinstance(event, Rung))
    assert events(bench, job(LEARN))[-1].outcome.cached == 1


def test_the_sources_of_the_stages_are_part_of_the_key(bench, monkeypatch):
    first = events(bench, job(LEARN))[-1].outcome
    monkeypatch.setattr("autocompress.study.compression.code_version", lambda: "other")
    again = events(bench, job(LEARN))[-1].outcome
    assert (first.cached, again.cached) == (0, 0)
    assert len(code_version()) == 64


def test_a_whole_study_on_worker_processes(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOCOMPRESS_HOME", str(tmp_path))
    relative = (Limit(metric="accuracy", side="min", below_baseline=0.9),)
    real = Study.of(study(limits=relative, driver={"use": "local", "workers": 2}))
    front = real.run()
    assert {t.state for t in real.trials} == {"complete"}, [t.message for t in real.trials]
    assert len(front) >= 1
    tested = real.fact("test_accuracy")
    assert set(tested) == {"baseline", *(str(t.number) for t in front.members)}
    files = [real.artifacts.path(front.members[0].artifacts[name]) for name in ("model", "manifest", "runtime")]
    assert tested[str(front.members[0].number)]["value"] == on_test(real.spec, *files).value
    assert real.baseline[0].metric == "accuracy"
    assert events(Bench(real.spec, real.folder), Job(BASELINE, Recipe.of(real.spec.teacher)))[-1].outcome.cached == 1


def test_a_study_for_a_chip_that_is_away_knows_its_teacher_and_refuses_what_does_not_fit(tmp_path, monkeypatch):
    """Nothing is timed here: all that is said of the chip is estimated, before training too."""
    monkeypatch.setenv("AUTOCOMPRESS_HOME", str(tmp_path / "home"))
    cycles = {"conv2d": 1.4, "pointwise": 1.5, "depthwise": 1.5, "linear": 1.9}
    latency = {"use": "op_cycles", "cycles_per_mac": cycles, "error": {"p90": "22 %"}}
    chip = study().device.model_copy(
        update={"measurement": "estimate", "clock_hz": 1e6, "bits": (8,), "estimators": {"latency": latency}}
    )
    few = {"use": "quantize", "scheme": {"use": "lsq", "weights": 4}}
    limits = (Limit(metric="latency_p50", side="max", bound=1e-3),)
    bench = Bench(study(device=chip, limits=limits), tmp_path / "study")
    baseline = events(bench, Job(BASELINE, Recipe.of(bench.spec.teacher)))[-1].outcome
    assert baseline.state == "complete", baseline.message
    assert {m.metric: m.how for m in baseline.measurements}["latency_p50"] == "estimated"
    said = events(bench, job(LEARN, few), answer=lambda event: len(event.measurements) < 4)
    assert [type(event) for event in said] == [Gated, Gated, Done]  # counted, then foretold; nothing was trained
    assert said[1].measurements[-1].on.endswith("untrained")
    assert said[-1].outcome.state == "stopped"


def test_before_training_a_candidate_is_counted_once_whatever_its_limits(bench, tmp_path, monkeypatch):
    limits = [Limit(metric=m, side="max", bound=1.0) for m in ("latency_p50", "latency_p95", "size", "macs")]
    many = Bench(study(limits=tuple(limits)), tmp_path / "limited")
    macs, calls = counted.macs, []
    monkeypatch.setattr(counted, "macs", lambda *given: calls.append(1) or macs(*given))
    said = events(many, job(INT8), answer=lambda event: len(event.measurements) == 3)
    assert [type(event) for event in said] == [Gated, Gated, Done]
    assert {m.metric for m in said[-1].outcome.measurements} > {"latency_p50", "latency_p95"}
    assert calls == [1]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            {"machine": "vax"},
            r"pi is measured on the machine that runs the study, and this one is \w+, not vax; "
            "run the study on the device itself, or use device: this-machine",
        ),
        (
            {"limits": (Limit(metric="energy", side="max", bound=1),)},
            "nothing here measures energy yet; objectives and limits may use accuracy, top5",
        ),
    ],
)
def test_what_this_machine_cannot_answer_is_refused_before_anything_runs(change, text):
    device = study().device.model_copy(update={"id": "pi", **change})
    spec = study(device=device, limits=device.limits)
    with pytest.raises(StudyError, match=text):
        refuse_what_cannot_be_measured(spec)


def test_a_device_that_is_told_by_a_tool_wants_it_installed_before_anything_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOCOMPRESS_HOME", str(tmp_path))
    told = {"latency": {"use": "vela", "accelerator": "ethos-u55-256", "error": {"p90": "60 %"}}}
    away = study().device.model_copy(update={"id": "u55", "measurement": "estimate", "estimators": told})
    with pytest.raises(StudyError, match=r"u55 is estimated: .* autocompress runtimes install vela"):
        refuse_what_cannot_be_measured(study(device=away))
    refuse_what_cannot_be_measured(study(device=away.model_copy(update={"measurement": "local"})))  # nobody asks it


def test_a_teacher_may_have_a_teacher_and_each_trial_says_whom_it_learns_from(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOCOMPRESS_HOME", str(tmp_path / "home"))
    assistant = {"student": {"use": "resnet", "width": 4, "depth": 8}, "stages": [{**LEARN, "epochs": 1}]}
    bench = Bench(study(teachers={"assistant": assistant}), tmp_path / "study")
    by_main, by_assistant = (
        events(bench, job({**LEARN, "teacher": name}))[-1].outcome for name in ("teacher", "assistant")
    )
    assert by_main.artifacts["weights"] != by_assistant.artifacts["weights"]
    other = Bench(study(teachers={"assistant": {**assistant, "stages": [LEARN]}}), tmp_path / "other")
    again = [events(other, job({**LEARN, "teacher": name}))[-1].outcome.cached for name in ("teacher", "assistant")]
    assert again == [1, 0]  # another assistant is other work; the main teacher is not
    unknown = {**LEARN, "teacher": "nobody"}
    with pytest.raises(ValueError, match="the study has no teacher called 'nobody'"):
        events(bench, job(unknown))


def test_a_teacher_made_here_is_shown_the_datas_scale_whatever_the_student_wants(bench):
    own = {"use": "python", "function": "hands:own", "mean": [0.5], "std": [0.25]}
    _, lab, _ = bench._begun(job(LEARN, student=own))
    teacher, batch = lab.teacher("teacher"), next(lab.batches(32, 0))
    pixels = bench._data.prepared(bench._data.train.x[batch.index.numpy()])
    assert abs(batch.x.numpy() - pixels).max() > 0.5
    expected = teacher.model.net(torch.from_numpy(pixels))
    torch.testing.assert_close(teacher(batch.x), expected, atol=1e-4, rtol=1e-4)


def test_students_in_the_datas_scale_share_its_images(bench):
    labs = [bench._begun(job(LEARN, student=student))[1] for student in (STUDENT, {"use": "same"})]
    assert labs[0].examples is labs[1].examples


def test_everything_that_the_work_depends_on_is_part_of_its_key(bench, tmp_path, monkeypatch):
    recipe = Recipe.of({"student": STUDENT, "stages": [LEARN]})
    data = bench._data
    fewer = Split(data.train.x[1:], data.train.y[1:])

    def key(data=data, job=Job(0, recipe), **changes):  # noqa: B008
        one = Bench(study(**changes), tmp_path)
        monkeypatch.setitem(vars(one), "_data", data)
        return one._key(job, [make(Stage, stage) for stage in job.recipe.stages], 1)

    plain = key()
    others = [key(job=Job(0, recipe, fidelity=0.5)), key(job=Job(0, recipe, seed=1)), key(augment=({"use": "flip"},))]
    others += [key(device=study().device.model_copy(update={"round_to": 8}))]
    changes = ({"train": fewer}, {"mean": (0.1,)}, {"std": (0.1,)}, {"classes": (*data.classes, "eleven")})
    others += [key(data=replace(data, **change)) for change in changes]
    for name, value in (("DEVICE", "cuda"), ("origin", lambda student: "weights from elsewhere")):
        monkeypatch.setattr(f"autocompress.study.compression.{name}", value)
        others += [key()]
    assert len({plain, *others}) == 11
    itself = Job(0, Recipe.of({"student": {"use": "same"}, "stages": [CUT]}))
    small = {"student": {"use": "resnet", "width": 4, "depth": 8}, "stages": []}
    assert key(job=itself) != key(job=itself, teacher=small)
    monkeypatch.undo()
    assert key() == plain


def test_the_teacher_itself_can_be_compressed(bench):
    baseline = events(bench, Job(BASELINE, Recipe.of(bench.spec.teacher)))[-1].outcome
    plain, cut, int8 = (
        events(bench, job(*stages, student={"use": "same"}))[-1].outcome for stages in ([], [CUT], [INT8])
    )
    assert plain.artifacts["model"] == baseline.artifacts["model"]
    params, smaller = ({m.metric: m.value for m in o.measurements}["params"] for o in (plain, cut))
    assert smaller < 0.4 * params
    size, fewer = ({m.metric: m.value for m in o.measurements}["size"] for o in (plain, int8))
    assert fewer < 0.5 * size


def test_a_model_that_was_exported_can_teach_or_go_on(bench, tmp_path):
    outcome = events(bench, job(LEARN))[-1].outcome
    folder = tmp_path / "kept"
    folder.mkdir()
    for role, name in (("manifest", "manifest.json"), ("weights", "weights.safetensors")):
        (folder / name).write_bytes(bench._artifacts.get(outcome.artifacts[role]))
    saved = {"use": "saved", "model": str(folder)}
    again = events(bench, job(student=saved))[-1].outcome
    assert again.artifacts["model"] == outcome.artifacts["model"]
    for inputs, classes in (((1, 8, 8), 3), ((1, 8, 9), 10)):
        with pytest.raises(ValueError, match="a model of 10 classes of images of 8 x 8 x 1, but the data has"):
            started(saved, inputs, classes, 0, lambda: pytest.fail("nobody asked for the teacher"))
    chained = Bench(study(teacher={"student": saved, "stages": []}), tmp_path / "chained")
    taught = events(chained, job(LEARN))[-1].outcome
    assert taught.artifacts["weights"] != outcome.artifacts["weights"]  # it learned from another teacher
    weights = folder / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    with pytest.raises(ValueError, match="the file is damaged or of another model"):
        events(Bench(chained.spec, tmp_path / "third"), job(student=saved))


def test_bits_are_lost_where_the_recipe_says_so_and_nowhere_else(bench, tmp_path):
    outcome = events(bench, job(LEARN, INT8))[-1].outcome
    folder = tmp_path / "short"
    folder.mkdir()
    for role, name in (("manifest", "manifest.json"), ("weights", "weights.safetensors")):
        (folder / name).write_bytes(bench._artifacts.get(outcome.artifacts[role]))
    saved = {"use": "saved", "model": str(folder)}
    whole, short = (events(bench, job(*stages, student=saved))[-1].outcome for stages in ([], [INT8]))
    assert short.artifacts["model"] == outcome.artifacts["model"]
    assert whole.artifacts["model"] != outcome.artifacts["model"]


def test_a_stage_that_was_killed_goes_on_where_it_was(bench, tmp_path):
    long = {**LEARN, "epochs": 4}
    running = bench.work(job(long))
    event = next(running)
    while not (isinstance(event, Progress) and "epoch 3/4" in event.text):
        event = running.send(True) if isinstance(event, Gated) else next(running)
    running.close()  # as a kill would, after the third epoch was put aside
    resumed = events(Bench(bench.spec, tmp_path / "again"), job(long))
    assert next(e.text for e in resumed if isinstance(e, Progress)).startswith("distill: epoch 4/4")
    assert not any((bench._cache.folder / "begun").rglob("*.tensors"))
    monolith = events(Bench(bench.spec, tmp_path / "whole"), job({**long, "views": 1}))[-1].outcome
    assert resumed[-1].outcome.artifacts["weights"] == monolith.artifacts["weights"]


def test_a_stage_that_fails_leaves_nothing_half_done(bench, monkeypatch):
    epoch, there = train.Run.epoch, []

    def failing(run):
        if run.done == 1 and run.plan.epochs == 3:
            there.extend((bench._cache.folder / "begun").rglob("*.tensors"))
            raise Failure("nan_loss", "as it would again")
        return epoch(run)

    monkeypatch.setattr(train.Run, "epoch", failing)
    with pytest.raises(Failure, match="as it would again"):
        events(bench, job({**LEARN, "epochs": 3}))
    assert len(there) == 1
    assert not there[0].exists()


def test_augmentation_is_part_of_the_work(bench, tmp_path):
    events(bench, job(LEARN))
    other = Bench(study(augment=({"use": "crop", "pad": 1},)), tmp_path / "other")
    outcome = events(other, job(LEARN))[-1].outcome
    assert outcome.cached == 0


def test_as_many_images_calibrate_as_were_asked_for_or_as_there_are(bench):
    data = bench._data
    first = np.concatenate(list(_calibration(data, 40)))
    np.testing.assert_array_equal(first, data.prepared(data.train.x[:40]))
    assert sum(len(batch) for batch in _calibration(data, 10**6)) == len(data.train)


def test_widths_follow_the_device_where_a_family_can(bench):
    small = {"use": "mobilenet_v2", "width": 0.3}
    made = bench._begun(job(student=small))[0]
    assert {conv.out_channels % 4 for conv in made.net.modules() if hasattr(conv, "out_channels")} == {0}
    assert made.student["round_to"] == 4


def test_zeros_are_counted_where_there_are_any_and_packed_where_they_are_asked_for(bench, tmp_path):
    thin = {"use": "sparsify", "by": {"use": "magnitude"}, "sparsity": 0.8}
    plain, sparse = ({m.metric: m.value for m in events(bench, job(*s))[-1].outcome.measurements} for s in ([], [thin]))
    assert "sparsity" not in plain
    assert 0.7 < sparse["sparsity"] < 0.85  # the head keeps its weights
    assert sparse["size_packed"] < 0.6 * sparse["size"]
    assert sparse["macs"] == plain["macs"]
    assert "size_lzma" not in sparse
    asks = Bench(study(limits=(Limit(metric="size_lzma", side="max", bound=1e6),)), tmp_path / "asks")
    numbers = {m.metric: m.value for m in events(asks, job(thin))[-1].outcome.measurements}
    assert numbers["size_lzma"] < sparse["size"]


def test_data_that_is_not_there_is_said_in_words(tmp_path):
    bench = Bench(study(data={"use": "npz", "path": "nowhere.npz"}), tmp_path)
    with pytest.raises(Failure, match=r"nowhere\.npz: no such file") as caught:
        next(bench.work(job(LEARN)))
    assert caught.value.code == "data"

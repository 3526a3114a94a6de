"""The training loop: repeatable to the bit, guarded against divergence, fair to the last batch."""

import gc
import math
import weakref
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hands import BIGGER, FAST, UNTRAINED, Hints, counting, digits, finish, fresh, lab, same, state, teaching
from torch import nn

from autocompress.compress.augmentations.crop import Crop
from autocompress.compress.augmentations.flip import Flip
from autocompress.compress.augmentations.mixup import Mixup
from autocompress.compress.distillers.base import Distiller, Needs, Shapes, Step
from autocompress.compress.distillers.logit import Logit
from autocompress.compress.examples import Examples
from autocompress.compress.kept import Kept
from autocompress.compress.lab import Lab
from autocompress.compress.lesson import Lesson
from autocompress.compress.plan import pace
from autocompress.compress.precision import ENOUGH, Precision, rule
from autocompress.compress.replay import WARM, Replay
from autocompress.compress.shelf import Shelf
from autocompress.compress.students.base import Scale
from autocompress.compress.taps import Taps
from autocompress.compress.teacher import Teacher
from autocompress.compress.train import CLIP, Run, _filters, _optimizer, fit
from autocompress.errors import Failure

TWICE = replace(FAST, epochs=2)


def test_the_same_seed_is_the_same_to_the_bit_and_another_is_not():
    torch.manual_seed(1)
    methods = [Logit(), Hints()]  # the second has a bridge, of random weights
    one = state(finish(fit(fresh(BIGGER), lab(seed=3), TWICE, methods)))
    torch.manual_seed(2)
    before = torch.get_rng_state()
    assert same(one, state(finish(fit(fresh(BIGGER), lab(seed=3), TWICE, methods))))
    assert torch.equal(before, torch.get_rng_state())
    assert not same(one, state(finish(fit(fresh(BIGGER), lab(seed=4), TWICE, methods))))


def test_it_learns():
    bench = Lab(digits(800))
    model, epochs = counting(fit(fresh(BIGGER), bench, replace(FAST, epochs=6)))
    assert epochs == 6
    assert bench.accuracy(model.net) > 0.9


@pytest.mark.parametrize("lr", [1e20, math.inf])
def test_divergence_is_a_failure_with_a_code(lr):
    with pytest.raises(Failure, match=r"training diverged in epoch \d of 2") as caught:
        finish(fit(fresh(), lab(), replace(TWICE, lr=lr)))
    assert caught.value.code == "nan_loss"


def test_divergence_in_the_very_last_step_is_seen():
    class Broken(Distiller):
        needs = Needs(teacher=False)

        def losses(self, step: Step, bridge: nn.Module) -> dict[str, torch.Tensor]:
            return {"finite, but its slope is not": (step.student.sum() * 0).sqrt()}

    with pytest.raises(Failure, match="diverged"):
        finish(fit(fresh(), lab(), replace(FAST, batch_size=1000), [Broken()]))


@pytest.mark.parametrize(("examples", "size", "batches"), [(200, 64, [64, 64, 64, 8]), (200, 199, [200]), (5, 64, [5])])
def test_every_example_once_and_never_a_batch_of_one(examples, size, batches):
    bench = Lab(digits(examples))
    found = list(bench.batches(size, epoch=0))
    assert [len(batch.y) for batch in found] == batches
    assert bench.steps(size) == len(batches)
    assert sorted(torch.cat([batch.index for batch in found]).tolist()) == list(range(examples))
    finish(fit(fresh(), bench, replace(FAST, batch_size=size)))


def test_an_epochs_order_depends_on_seed_and_epoch():
    def order(seed: int, epoch: int) -> list[int]:
        return next(lab(seed=seed).batches(200, epoch)).index.tolist()

    assert order(0, 0) == order(0, 0)
    assert order(0, 0) != order(0, 1) != order(1, 0)


def test_the_pace_rises_in_a_line_and_falls_along_a_cosine_to_nearly_nothing():
    for steps in (1, 2, 7, 100):
        paces = [pace(step, steps) for step in range(steps)]
        peak = paces.index(max(paces))
        assert max(paces) == 1
        assert min(paces) > 0
        assert paces[: peak + 1] == sorted(paces[: peak + 1])
        assert paces[peak:] == sorted(paces[peak:], reverse=True)
    assert pace(99, 100) < 0.001


@pytest.mark.parametrize(
    ("student", "spared"),
    [
        (BIGGER, set()),
        ({"use": "vit", "dim": 16, "depth": 1, "heads": 2, "patch": 2}, {"class_token", "pos_embedding"}),
        ({"use": "convnext"}, {"layer_scale"}),
    ],
    ids=lambda value: value["use"] if isinstance(value, dict) else "",
)
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_decay_pulls_on_filters_and_matrices_alone(student, spared, optimizer):
    net = fresh(student, inputs=(3, 32, 32)).net
    plan, rate = replace(FAST, weight_decay=0.1, optimizer=optimizer), torch.zeros(())
    pulled, left = _optimizer(net.parameters(), _filters(net), plan, rate).param_groups
    assert (pulled["weight_decay"], left["weight_decay"]) == (0.1, 0.0)
    names = {parameter: name for name, parameter in net.named_parameters()}
    assert len(names) == len(pulled["params"]) + len(left["params"])
    assert all(names[p].endswith("weight") and p.ndim > 1 for p in pulled["params"])
    assert {names[p].rpartition(".")[2] for p in left["params"] if p.ndim > 1} == spared
    assert {p.ndim for p in left["params"]} >= {1}
    assert pulled.get("nesterov") is left.get("nesterov") is (True if optimizer == "sgd" else None)


def test_the_teachers_kept_answers_are_what_it_would_say():
    bench = lab()
    batch = next(bench.batches(16, epoch=0))
    teacher = bench.teacher("it")
    torch.testing.assert_close(bench.kept_logits(teacher, 0)[batch.index], teacher(batch.x))


def test_logit_distillation_against_its_closed_form():
    random = np.random.default_rng(0)
    student, teacher = random.normal(size=(2, 5, 7)) * 3
    temperature, alpha = 3.0, 0.7

    def softmax(z: np.ndarray) -> np.ndarray:
        e = np.exp(z - z.max(1, keepdims=True))
        return e / e.sum(1, keepdims=True)

    p, q = softmax(teacher / temperature), softmax(student / temperature)
    expected = alpha * temperature**2 * (p * np.log(p / q)).sum(1).mean()
    zs, zt = (torch.tensor(z, dtype=torch.float32) for z in (student, teacher))
    y = torch.zeros(5, dtype=torch.int64)
    method = Logit(temperature=temperature, alpha=alpha)
    losses = method.losses(Step(zs, zt, y, y, 0, 1), method.bridge(None))  # type: ignore[arg-type]
    assert sum(losses.values()).item() == pytest.approx(expected, rel=1e-5)
    assert method.task_weight(0.5) == pytest.approx(0.3)
    nothing = method.losses(Step(zt, zt, y, y, 0, 1), nn.Module())
    assert sum(nothing.values()).item() == pytest.approx(0, abs=1e-6)


def test_taps_see_inside_and_go():
    model = fresh(BIGGER)
    x = torch.randn(4, 1, 8, 8)
    with Taps(model.net, model.parts, Needs(features=True, embeddings=True)) as taps:
        logits = model.net(x)
        assert [tuple(f.shape) for f in taps.features] == [(4, 8, 8, 8), (4, 16, 4, 4), (4, 32, 2, 2)]
        head = model.net.get_submodule(model.parts.head)
        assert taps.embedding is not None
        torch.testing.assert_close(head(taps.embedding), logits)
        torch.testing.assert_close(F.adaptive_avg_pool2d(taps.features[-1], 1).flatten(1), taps.embedding)
    assert all(not m._forward_hooks and not m._forward_pre_hooks for m in model.net.modules())


def test_features_of_one_step_are_gone_before_the_next():
    """They hold the graph of their forward pass: memory, and on a GPU the streams of steps that were not recorded."""
    bench, model = lab(), fresh()
    with Lesson([Hints()], model, model.net, bench, bench.teacher("it"), 32) as lesson:
        lesson.loss(next(bench.batches(32, 0)), None, 0, 1).backward()
        assert not [x for x in lesson._student._seen.values() if x.grad_fn is not None]


def test_taps_go_when_training_is_stopped_half_way():
    bench = lab()
    training = fit(fresh(), bench, TWICE, [Hints()])
    epoch = next(training)
    assert any(m._forward_hooks for m in epoch.net.modules())
    training.close()
    assert all(not m._forward_hooks for net in (epoch.net, bench.teacher("it").net) for m in net.modules())


def test_the_bridge_is_trained_and_its_gradient_clipped_like_all_others():
    seen = []

    class Steep(Distiller):
        needs = Needs(teacher=False)

        def bridge(self, shapes: Shapes) -> nn.Module:
            return nn.Linear(2, 2)

        def losses(self, step: Step, bridge: nn.Module) -> dict[str, torch.Tensor]:
            weight = bridge.get_parameter("weight")
            seen.append(weight.detach().clone())
            return {"steep": 1e6 * weight.sum()}

    finish(fit(fresh(), lab(), replace(FAST, batch_size=100), [Steep()]))
    moved = (seen[1] - seen[0]).norm()
    assert 0 < moved < 0.1 * CLIP * (1 + 0.9) + 1e-4


class Steps(Distiller):
    """For tests: writes down what it is shown."""

    needs: ClassVar[Needs] = Needs()
    seen: ClassVar[list[Step]] = []

    def losses(self, step: Step, bridge: nn.Module) -> dict[str, torch.Tensor]:
        self.seen.append(step)
        return {}


@pytest.fixture
def steps():
    Steps.seen.clear()
    return Steps.seen


PLANS = {
    "sgd": TWICE,
    "adamw": replace(TWICE, optimizer="adamw", lr=0.01),
    "average": replace(TWICE, ema=0.9),
    "accumulate": replace(TWICE, accumulate=3),
    "head": replace(TWICE, scope="head"),
}


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
@pytest.mark.parametrize("method", [[], [Logit(), Hints()]], ids=["alone", "taught"])
def test_training_killed_between_epochs_goes_on_to_the_very_same_weights(plan, method, tmp_path):
    whole = state(finish(fit(fresh(BIGGER), lab(), plan, method)))
    killed = fit(fresh(BIGGER), lab(shelf=Shelf(tmp_path)), plan, method)
    assert next(killed).done == 1
    killed.close()
    resumed = fit(fresh(BIGGER), lab(shelf=Shelf(tmp_path)), plan, method)
    assert next(resumed).done == 2
    assert same(whole, state(finish(resumed)))
    again = fit(fresh(BIGGER), lab(shelf=Shelf(tmp_path)), plan, method)
    model, epochs = counting(again)
    assert epochs == 0  # all of it was there
    assert same(whole, state(model))


def test_a_damaged_checkpoint_is_a_fresh_start(tmp_path):
    plan = replace(TWICE, epochs=1)
    whole = state(finish(fit(fresh(), lab(shelf=Shelf(tmp_path)), plan)))
    (file,) = tmp_path.glob("*.tensors")
    file.write_bytes(file.read_bytes()[:-100])
    model, epochs = counting(fit(fresh(), lab(shelf=Shelf(tmp_path)), plan))
    assert epochs == 1
    assert same(whole, state(model))


@pytest.mark.parametrize(("one", "each", "many"), [(100, 25, 4), (200, 50, 8)], ids=["all alike", "too few left"])
def test_batches_accumulate_to_the_gradient_of_one_large_batch(one, each, many):
    model = fresh()
    for module in model.net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.0
    norms = [name for name, m in model.net.named_modules() if isinstance(m, nn.BatchNorm2d)]
    for name in norms:  # a norm sees its own batch only, so without norms both are the same
        parent, _, child = name.rpartition(".")
        setattr(model.net.get_submodule(parent), child, nn.Identity())
    large = state(finish(fit(model, lab(), replace(FAST, batch_size=one))))
    small = state(finish(fit(model, lab(), replace(FAST, batch_size=each, accumulate=many))))
    for name, value in large.items():
        torch.testing.assert_close(small[name], value, atol=1e-5, rtol=1e-4)


def test_the_average_of_weights_is_what_comes_out_and_what_is_judged():
    running = fit(fresh(), lab(), replace(TWICE, ema=0.99))
    epoch = next(running)
    plain = next(fit(fresh(), lab(), TWICE))
    assert not same(dict(epoch.net.state_dict()), dict(plain.net.state_dict()))
    judged = {name: value.clone() for name, value in next(running).net.state_dict().items()}
    assert same(judged, state(finish(running)))


def test_an_average_forgets_its_start_faster_in_the_beginning_and_counts_batches_as_the_network_does():
    run = Run(fresh(BIGGER), lab(), replace(TWICE, ema=0.99), [], "any")
    for step, share in ((0, 0.9), (8, 0.5), (10_000, 0.01)):
        run._pace(step)
        assert run.follows.item() == pytest.approx(share)
    run.epoch()
    counts = {name: value for name, value in run.best.state_dict().items() if not value.is_floating_point()}
    assert set(map(int, counts.values())) == {7}


@pytest.mark.parametrize(
    ("scope", "free"),
    [("head", {"head.weight", "head.bias"}), ("norms", {"weight", "bias", "running_mean", "running_var", "tracked"})],
)
def test_what_is_out_of_scope_stays_as_it_was(scope, free):
    model = fresh(BIGGER)
    before, after = state(model), finish(fit(model, lab(), replace(TWICE, scope=scope)))
    moved = {name for name, value in state(after).items() if not torch.equal(value, before[name])}
    assert moved
    if scope == "head":
        assert moved == free
    else:
        assert all(isinstance(model.net.get_submodule(name.rpartition(".")[0]), nn.BatchNorm2d) for name in moved)
    assert all(p.requires_grad for p in after.net.parameters())


def test_weights_that_were_taken_out_stay_out():
    model = fresh(BIGGER)
    layer = "stages.1.0.conv1"
    with torch.no_grad():
        model.net.get_parameter(f"{layer}.weight")[::2] = 0
    model = replace(model, sparse=(layer,))
    for plan in (TWICE, PLANS["adamw"], PLANS["average"]):
        weight = finish(fit(model, lab(), plan)).net.get_parameter(f"{layer}.weight")
        assert (weight[::2] == 0).all()
        assert (weight[1::2] != 0).all()


@pytest.mark.parametrize("kind", ["cosine", "one_cycle", "constant"])
def test_every_pace_warms_up_and_stays_within_the_full_rate(kind):
    paces = [pace(step, 100, kind) for step in range(100)]
    assert max(paces) == pytest.approx(1.0)
    assert min(paces) > 0
    assert paces[0] <= 0.11
    assert (paces[-1] > 0.99) == (kind == "constant")
    assert paces.index(max(paces)) == (29 if kind == "one_cycle" else 9)


def test_one_cycle_rises_along_a_cosine_from_a_twenty_fifth():
    assert pace(0, 100_000, "one_cycle") == pytest.approx(1 / 25, abs=1e-6)
    assert pace(7, 100, "one_cycle") == pytest.approx(0.04 + 0.48 * (1 - math.cos(math.pi * 8 / 30)))
    assert pace(14, 100, "one_cycle") == pytest.approx(0.52)  # half way up
    assert pace(29, 100, "one_cycle") == pytest.approx(1.0)
    assert pace(30, 100, "one_cycle") == pytest.approx(0.5 * (1 + math.cos(math.pi / 71)))


@pytest.mark.parametrize(("kind", "times"), [("cosine", 1), ("one_cycle", 3), ("constant", 1)])
@pytest.mark.parametrize("warmup", [0.0, 0.05, 0.2, 0.3])
def test_the_full_rate_is_reached_after_as_long_a_warm_up_as_was_asked_for(kind, times, warmup):
    paces = [pace(step, 100, kind, warmup) for step in range(100)]
    assert paces.index(max(paces)) == max(0, round(100 * times * warmup) - 1)
    assert paces[max(0, round(100 * times * warmup) - 1)] == pytest.approx(1.0)


def test_without_augmentation_the_teacher_is_asked_once(steps):
    bench = lab()
    asked = []
    handle = bench.teacher("it").net.register_forward_hook(lambda *_: asked.append(1))
    finish(fit(fresh(), bench, replace(FAST, epochs=3), [Steps()]))
    handle.remove()
    assert len(asked) == 1  # 200 images fit into one batch


def test_kept_answers_are_those_to_the_pixels_that_the_student_sees(steps, tmp_path):
    for shelf in (None, Shelf(tmp_path), Shelf(tmp_path)):
        shown = Examples(digits(), [Crop(pad=1), Flip(), Mixup()])
        bench = lab(examples=shown, kept=Kept(shelf))
        finish(fit(fresh(), bench, replace(FAST, epochs=3, views=2), [Steps()]))
        for epoch in range(3):
            order = {int(i): t for s in steps if s.epoch == epoch for i, t in zip(s.index, s.teacher, strict=True)}
            for batch in bench.batches(64, epoch, view=epoch % 2):
                answers = bench.teacher("it")(batch.x)
                torch.testing.assert_close(torch.stack([order[int(i)] for i in batch.index]), answers)
        steps.clear()


@pytest.mark.parametrize(
    ("method", "views", "seen"),
    [([], None, [0, 1, 2, 3]), ([Hints()], None, [0, 1, 2, 3]), ([Logit()], None, [0, 1, 0, 1]), ([], 3, [0, 1, 2, 0])],
    ids=["alone", "looks inside", "reads kept answers", "told to"],
)
def test_examples_look_as_before_only_where_answers_are_kept_or_it_was_asked_for(method, views, seen):
    room = Kept(room=2 * 200 * 10 * 4)
    bench = lab(examples=Examples(digits(), [Flip()]), kept=room)
    run = Run(fresh(), bench, replace(FAST, views=views), method, "any")
    assert [run._view(epoch) for epoch in range(4)] == seen


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("augment", [(), (Mixup(),)], ids=["as they are", "mixed"])
def test_the_loss_of_an_epoch_is_the_mean_of_its_batches_with_mixed_and_smoothed_labels(accumulate, augment):
    model, bench = fresh(), lab(examples=Examples(digits(), augment))
    plan = replace(FAST, lr=1e-12, batch_size=50, accumulate=accumulate, smoothing=0.2)
    net, shares = model.copy().net.train(), 0.8 * torch.eye(10) + 0.02
    losses = []
    for batch in bench.batches(50, 0):
        wanted = shares[batch.y] if batch.mixed is None else 0.8 * batch.mixed + 0.02
        losses.append(-(wanted * net(batch.x).log_softmax(1)).sum(1).mean().item())
    assert next(fit(model, bench, plan)).loss == pytest.approx(np.mean(losses), rel=1e-4)


def test_what_a_network_came_with_frozen_stays_as_it_is():
    model = fresh(BIGGER)
    head = model.net.get_submodule(model.parts.head).requires_grad_(False)
    after = finish(fit(model, lab(), replace(FAST, weight_decay=0.1)))
    assert torch.equal(after.net.get_submodule(model.parts.head).weight, head.weight)  # type: ignore[arg-type]


def test_answers_that_do_not_fit_are_asked_for_each_time(steps):
    bench = lab(examples=Examples(digits(), [Flip()]), kept=Kept(room=100))
    finish(fit(fresh(), bench, TWICE, [Steps()]))
    batch = next(bench.batches(32, 1))
    torch.testing.assert_close(steps[7].teacher, bench.teacher("it")(batch.x))
    assert bench.views(10) == 0


def test_a_teacher_is_shown_pixels_its_own_way():
    data, model = digits(), fresh(BIGGER)
    own = replace(model, scale=Scale((0.5,), (0.25,)))
    x = torch.from_numpy(data.prepared(data.train.x[:8]))
    raw = torch.from_numpy(data.train.x[:8]).float() / 255
    said = teaching(own)("it")(x)  # type: ignore[misc]
    torch.testing.assert_close(said, model.net((raw - 0.5) / 0.25), atol=1e-4, rtol=1e-4)
    plain = replace(model, scale=Scale(data.mean, data.std))
    assert torch.equal(teaching(plain)("it")(x), teaching(model)("it")(x))  # type: ignore[misc]


def test_a_teacher_neither_learns_nor_draws_whatever_state_its_model_is_in():
    model = fresh(BIGGER)
    model.net.train()
    net = teaching(model)("it").net  # type: ignore[misc]
    assert not any(module.training for module in net.modules())
    assert not any(parameter.requires_grad for parameter in net.parameters())
    assert model.net.training
    assert all(parameter.requires_grad for parameter in model.net.parameters())


def test_decay_pulls_on_bridges_too():
    run = Run(fresh(), lab(), replace(FAST, weight_decay=0.1), [Hints()], "any")
    pulled, left = ({id(p) for p in group["params"]} for group in run.optimizer.param_groups)
    bridges = dict(run.lesson.modules.named_parameters())
    assert {name.rpartition(".")[2] for name, p in bridges.items() if id(p) in pulled} == {"weight"}
    assert {name.rpartition(".")[2] for name, p in bridges.items() if id(p) in left} == {"bias"}


def test_answers_to_pixels_in_another_scale_are_kept_apart():
    """They differ in their last bits, and who comes first must not matter to who comes second."""
    kept, data = Kept(), digits()
    other = replace(data, mean=(0.3,), std=(0.7,))
    model = replace(UNTRAINED, scale=Scale(data.mean, data.std))
    turns = ((data, kept), (other, kept), (other, Kept()))
    benches = [Lab(shown, teachers=teaching(model, shown), kept=store) for shown, store in turns]
    first, second, alone = (bench.kept_logits(bench.teacher("it"), 0) for bench in benches)
    torch.testing.assert_close(first, second, atol=1e-4, rtol=1e-4)
    assert torch.equal(second, alone)


def test_answers_are_kept_under_everything_that_they_depend_on():
    keys = []

    class Noting(Kept):
        def fetch(self, key, ask, device):
            keys.append(key)
            return torch.zeros(1)

    data, other = digits(), Teacher(UNTRAINED, "another", digits(), torch.device("cpu"))
    for view, changes in (
        (0, {}),
        (1, {}),
        (0, {"seed": 1}),
        (0, {"teachers": lambda name: other}),
        (0, {"data": replace(data, train=data.val)}),
        (0, {"data": replace(data, std=(0.7,))}),
        (0, {"augment": [Flip(), Crop()]}),
        (0, {"augment": [Crop(), Flip()]}),
        (0, {"augment": [Crop(), Flip(p=0.1)]}),
    ):
        shown = Examples(changes.pop("data", data), changes.pop("augment", ()))
        bench = Lab(shown.data, **{"teachers": teaching(UNTRAINED), "examples": shown, "kept": Noting(), **changes})
        bench.kept_logits(bench.teacher("it"), view)
    assert len(set(keys)) == len(keys) == 9


def test_answers_are_held_while_there_is_room_and_stay_on_the_shelf(tmp_path):
    asked = []

    def fetched(kept, key):
        def ask():
            asked.append(key)
            return torch.full((10,), float(ord(key)))

        return kept.fetch(key, ask, torch.device("cpu"))[0].item()

    kept = Kept(room=2 * 40)
    assert [fetched(kept, key) for key in "abacab"] == [*map(float, map(ord, "abacab"))]
    assert asked == [*"abcb"]  # whatever was longest of no use goes
    asked.clear()
    assert [fetched(Kept(Shelf(tmp_path)), key) for key in "aab"] == [*map(float, map(ord, "aab"))]
    assert asked == ["a", "b"]


def test_what_a_power_cut_changed_is_not_there(tmp_path):
    Shelf(tmp_path).put("it", {"x": torch.ones(8)})
    (file,) = tmp_path.glob("*.tensors")
    content = bytearray(file.read_bytes())
    content[-40] ^= 1  # in the numbers themselves: no format would notice
    file.write_bytes(content)
    assert Shelf(tmp_path).get("it") is None


def test_a_part_of_the_training_is_at_least_one_epoch_of_any():
    assert [lab(fidelity=0.25).epochs(wanted) for wanted in (0, 1, 10, 16)] == [0, 1, 2, 4]


@pytest.mark.parametrize("method", [[], [Logit(), Hints()]], ids=["alone", "taught"])
def test_what_a_training_needed_is_let_go_when_it_ends(method):
    """Not when the collector comes: it counts objects, and knows nothing of the memory of a GPU."""
    runs: list[weakref.ref[Run]] = []

    class Watched(Run):
        def __init__(self, *given) -> None:
            super().__init__(*given)
            runs.append(weakref.ref(self))

    gc.collect()
    gc.disable()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("autocompress.compress.train.Run", Watched)
            finish(fit(fresh(), lab(), FAST, method))
            stopped = fit(fresh(), lab(), FAST, method)
            next(stopped)
            stopped.close()
        assert [run() for run in runs] == [None, None]
    finally:
        gc.enable()


def test_whole_batches_leave_out_the_rest_and_refuse_when_there_is_none(steps):
    class Whole(Steps):
        needs: ClassVar[Needs] = Needs(whole_batches=True)

    finish(fit(fresh(), lab(), replace(FAST, batch_size=64), [Whole()]))
    assert [len(step.y) for step in steps] == [64, 64, 64]
    with pytest.raises(Failure, match="Whole wants whole batches of 300, and there are 200 examples") as caught:
        finish(fit(fresh(), lab(), replace(FAST, batch_size=300), [Whole()]))
    assert caught.value.code == "unsupported"


def test_a_bridge_far_larger_than_both_networks_is_refused():
    class Huge(Steps):
        def bridge(self, shapes: Shapes) -> nn.Module:
            return nn.Linear(2000, 2000)

    with pytest.raises(
        Failure, match=r"Huge would train 4,002,000 parameters of its own beside [\d,]+; it is for narr"
    ):
        finish(fit(fresh(), lab(), FAST, [Huge()]))

    class Modest(Steps):
        def bridge(self, shapes: Shapes) -> nn.Module:
            return nn.Linear(500, 700)

    assert sum(p.numel() for p in fresh(BIGGER).net.parameters()) < 500 * 700 / 4  # networks this small are let off
    finish(fit(fresh(), lab(), FAST, [Modest()]))


def test_a_peer_learns_beside_the_student(steps):
    class Beside(Steps):
        needs: ClassVar[Needs] = Needs(teacher=False, peer=True)

        def losses(self, step: Step, bridge: nn.Module) -> dict[str, torch.Tensor]:
            assert step.peer is not None
            self.seen.append(step)
            return {"its own": F.cross_entropy(step.peer, step.y)}

    finish(fit(fresh(), lab(teacher=None), replace(FAST, epochs=6), [Beside()]))
    losses = [F.cross_entropy(step.peer, step.y).item() for step in steps]  # type: ignore[arg-type]
    assert losses[-1] < 0.8 * losses[0]
    assert not torch.equal(steps[0].peer, steps[0].student)  # type: ignore[arg-type]


def test_networks_that_draw_draw_anew_in_each_epoch_and_the_same_in_each_run():
    drawn = []

    class Drawing(Distiller):
        needs = Needs(teacher=False)

        def losses(self, step: Step, bridge: nn.Module) -> dict[str, torch.Tensor]:
            drawn.append(torch.rand(3).tolist())
            return {}

    for _ in range(2):
        finish(fit(fresh(), lab(), replace(TWICE, batch_size=1000), [Drawing()]))
    assert drawn[:2] == drawn[2:]
    assert drawn[0] != drawn[1]


def wide(groups: int = 1, width: int = 64) -> nn.Module:
    return nn.Sequential(nn.Conv2d(width, width, 3, 1, 1, groups=groups), nn.Dropout())


def test_sixteen_bits_for_full_convolutions_that_are_large_enough_where_the_processor_has_them(monkeypatch):
    cpu = torch.device("cpu")
    assert 64 * 64 * 9 * 49 < ENOUGH < 64 * 64 * 9 * 100  # of this network, for 7 x 7 and for 10 x 10 pixels
    for has in (True, False):
        monkeypatch.setattr("autocompress.compress.precision._has_instructions", lambda has=has: has)
        assert Precision(wide(), (64, 10, 10), cpu).short == has
        assert not Precision(wide(), (64, 7, 7), cpu).short
        assert not Precision(wide(groups=64), (64, 100, 100), cpu).short
    assert [rule("cpu"), rule("cuda")] == ["cpu, 32 bits", "cuda, 16 bits"]
    monkeypatch.setattr("autocompress.compress.precision._has_instructions", lambda: True)
    assert rule("cpu") == "cpu, 16 bits"


@pytest.mark.parametrize("training", [True, False])
def test_the_dry_run_changes_nothing(training, monkeypatch):
    monkeypatch.setattr("autocompress.compress.precision._has_instructions", lambda: True)
    net = fresh(BIGGER).net.train(training)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    Precision(net, (1, 8, 8), torch.device("cpu"))
    assert same(before, dict(net.state_dict()))
    assert all(module.training == training and not module._forward_hooks for module in net.modules())


class Later(Distiller):
    """For tests: needs nobody, and yet its second epoch is another than its first."""

    needs: ClassVar[Needs] = Needs(teacher=False)

    def losses(self, step: Step, bridge: nn.Module) -> dict[str, torch.Tensor]:
        return {"large": step.progress * step.student.square().mean()}


@pytest.mark.parametrize("plan", [TWICE, PLANS["adamw"], PLANS["average"]], ids=["sgd", "adamw", "average"])
@pytest.mark.parametrize("method", [[], [Logit(), Hints()], [Later()]], ids=["alone", "taught", "later"])
def test_steps_replayed_from_fixed_places_train_the_very_same_weights(plan, method, monkeypatch):
    """Where there is no GPU, a record that does the work again stands for one that replays it."""
    plain = state(finish(fit(fresh(BIGGER), lab(), plan, method)))
    recorded = []

    def record(work, places):
        recorded.append(places)
        run = work.__self__
        done = run.done

        def again():
            run.done, now = done, run.done  # numbers, unlike tensors, are frozen into a record
            found = work(places)
            run.done = now
            return found

        return again

    monkeypatch.setattr("autocompress.compress.train.graph", record)
    monkeypatch.setattr("autocompress.compress.train.Run._records", True)
    assert same(plain, state(finish(fit(fresh(BIGGER), lab(), plan, method))))
    assert len(recorded) == (2 if method else 1)  # what a method does may depend on the epoch
    assert all("kept" not in places for places in recorded)  # features come from a teacher that runs


def test_a_network_that_rests_elsewhere_is_judged_where_the_examples_are_and_goes_home(monkeypatch):
    net, bench = fresh(BIGGER).net, lab()
    moved = []
    monkeypatch.setattr(net, "to", lambda device: moved.append(torch.device(device).type) or net)
    bench.device = torch.device("meta")  # stands for a GPU; the batches stay where they can be computed
    monkeypatch.setattr(bench.examples, "normalised", lambda x: torch.zeros(x.shape))
    bench.accuracy(net.train())
    assert moved == ["meta", "cpu"]
    assert net.training


def test_what_is_recorded_is_a_whole_batch_and_the_short_one_is_done_as_it_is():
    done, recorded = [], []

    def work(inputs):
        done.append(len(inputs["x"]))
        return (inputs["x"].sum(),)

    def record(work, places):
        recorded.append(places)
        return lambda: (places["x"].sum(),)

    replay = Replay(work, record)
    sizes = [4] * WARM + [2] + [4, 4, 2]
    sums = [replay({"x": torch.full((size,), place)})[0].item() for place, size in enumerate(sizes)]
    assert sums == [place * size for place, size in enumerate(sizes)]
    assert done == [4] * WARM + [2, 2]
    assert [len(places["x"]) for places in recorded] == [4]


def test_a_step_that_cannot_be_recorded_is_done_as_it_is(monkeypatch):
    plain = state(finish(fit(fresh(), lab(), TWICE)))

    def record(work, places):
        raise RuntimeError("no such thing\nand more")

    monkeypatch.setattr("autocompress.compress.train.graph", record)
    monkeypatch.setattr("autocompress.compress.train.Run._records", True)
    with pytest.warns(RuntimeWarning, match="training goes on without a CUDA graph: no such thing$"):
        assert same(plain, state(finish(fit(fresh(), lab(), TWICE))))


def test_a_hint_is_the_last_to_weigh():
    class Doubles(Steps):
        def task_weight(self, progress: float) -> float:
            return 2.0

        def losses(self, step: Step, bridge: nn.Module) -> dict[str, torch.Tensor]:
            return {"ten": torch.tensor(10.0)}

    class Silences(Doubles):
        def task_weight(self, progress: float) -> float:
            return 0.0 if progress == 0 else 1.0

    model, bench = fresh(), lab()
    with Lesson([Doubles(), Silences()], model, model.net, bench, bench.teacher("it"), 32) as lesson:
        batch = next(bench.batches(32, 0))
        task = F.cross_entropy(model.net(batch.x), batch.y).item()
        assert lesson.loss(batch, lesson.kept(batch, 0), 0, 2).item() == pytest.approx(10)
        assert lesson.loss(batch, lesson.kept(batch, 0), 1, 2).item() == pytest.approx(10 + 10 + 2 * task)

"""The training loop: repeatable to the bit, guarded against divergence, fair to the last batch."""

import math
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hands import BIGGER, FAST, Hints, counting, digits, finish, fresh, lab, same, state, teaching
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
from autocompress.compress.shelf import Shelf
from autocompress.compress.students.base import Scale
from autocompress.compress.taps import Taps
from autocompress.compress.train import CLIP, _optimizer, fit, pace
from autocompress.errors import Failure

TWICE = replace(FAST, epochs=2)


def test_the_same_seed_is_the_same_to_the_bit_and_another_is_not():
    torch.manual_seed(1)
    one = state(finish(fit(fresh(BIGGER), lab(seed=3), TWICE, [Logit()])))
    torch.manual_seed(2)
    before = torch.get_rng_state()
    assert same(one, state(finish(fit(fresh(BIGGER), lab(seed=3), TWICE, [Logit()]))))
    assert torch.equal(before, torch.get_rng_state())
    assert not same(one, state(finish(fit(fresh(BIGGER), lab(seed=4), TWICE, [Logit()]))))


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


def test_decay_spares_norms_and_biases():
    plan, rate = replace(FAST, weight_decay=0.1), torch.zeros(())
    decayed, spared = _optimizer(fresh(BIGGER).net.parameters(), plan, rate).param_groups
    assert {p.ndim for p in decayed["params"]} == {2, 4}
    assert {p.ndim for p in spared["params"]} == {1}
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.1, 0.0)


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


def test_batches_accumulate_to_the_gradient_of_one_large_batch():
    model = fresh()
    for module in model.net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.0
    norms = [name for name, m in model.net.named_modules() if isinstance(m, nn.BatchNorm2d)]
    for name in norms:  # a norm sees its own batch only, so without norms both are the same
        parent, _, child = name.rpartition(".")
        setattr(model.net.get_submodule(parent), child, nn.Identity())
    large = state(finish(fit(model, lab(), replace(FAST, batch_size=100))))
    small = state(finish(fit(model, lab(), replace(FAST, batch_size=25, accumulate=4))))
    for name, value in large.items():
        torch.testing.assert_close(small[name], value, atol=1e-5, rtol=1e-4)


def test_the_average_of_weights_is_what_comes_out_and_what_is_judged():
    running = fit(fresh(), lab(), replace(TWICE, ema=0.99))
    epoch = next(running)
    plain = next(fit(fresh(), lab(), TWICE))
    assert not same(dict(epoch.net.state_dict()), dict(plain.net.state_dict()))
    judged = {name: value.clone() for name, value in next(running).net.state_dict().items()}
    assert same(judged, state(finish(running)))


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
    assert torch.equal(teaching(plain)("it")(x), model.net(x))  # type: ignore[misc]


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


@pytest.mark.parametrize("plan", [TWICE, PLANS["adamw"], PLANS["average"]], ids=["sgd", "adamw", "average"])
@pytest.mark.parametrize("method", [[], [Logit(), Hints()]], ids=["alone", "taught"])
def test_steps_replayed_from_fixed_places_train_the_very_same_weights(plan, method, monkeypatch):
    """Where there is no GPU, a record that does the work again stands for one that replays it."""
    plain = state(finish(fit(fresh(BIGGER), lab(), plan, method)))
    recorded = []

    def record(work, places):
        recorded.append(places)
        return lambda: work(places)

    monkeypatch.setattr("autocompress.compress.train.graph", record)
    monkeypatch.setattr("autocompress.compress.train.Run._records", True)
    assert same(plain, state(finish(fit(fresh(BIGGER), lab(), plan, method))))
    assert len(recorded) == (2 if method else 1)  # what a method does may depend on the epoch
    assert all("kept" not in places for places in recorded)  # features come from a teacher that runs


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

"""The training loop: repeatable to the bit, guarded against divergence, fair to the last batch."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hands import BIGGER, Hints, counting, digits, finish, fresh, lab, same, state
from torch import nn

from autocompress.compress.distillers.base import Distiller, Needs, Shapes, Step
from autocompress.compress.distillers.logit import Logit
from autocompress.compress.lab import Lab
from autocompress.compress.taps import Taps
from autocompress.compress.train import CLIP, _optimizer, fit, pace
from autocompress.errors import Failure

FAST = {"epochs": 2, "lr": 0.1, "batch_size": 32}


def test_the_same_seed_is_the_same_to_the_bit_and_another_is_not():
    torch.manual_seed(1)
    one = state(finish(fit(fresh(BIGGER), lab(seed=3), Logit(), **FAST)))
    torch.manual_seed(2)
    before = torch.get_rng_state()
    assert same(one, state(finish(fit(fresh(BIGGER), lab(seed=3), Logit(), **FAST))))
    assert torch.equal(before, torch.get_rng_state())
    assert not same(one, state(finish(fit(fresh(BIGGER), lab(seed=4), Logit(), **FAST))))


def test_it_learns():
    bench = Lab(digits(800))
    model, epochs = counting(fit(fresh(BIGGER), bench, epochs=6, lr=0.1, batch_size=32))
    assert epochs == 6
    assert bench.accuracy(model.net) > 0.9


@pytest.mark.parametrize("lr", [1e20, math.inf])
def test_divergence_is_a_failure_with_a_code(lr):
    with pytest.raises(Failure, match=r"training diverged in epoch \d of 2") as caught:
        finish(fit(fresh(), lab(), epochs=2, lr=lr, batch_size=32))
    assert caught.value.code == "nan_loss"


def test_divergence_in_the_very_last_step_is_seen():
    class Broken(Distiller):
        needs = Needs(teacher=False)

        def losses(self, step: Step, bridge: nn.Module) -> dict[str, torch.Tensor]:
            return {"finite, but its slope is not": (step.student.sum() * 0).sqrt()}

    with pytest.raises(Failure, match="diverged"):
        finish(fit(fresh(), lab(), Broken(), epochs=1, lr=0.1, batch_size=1000))


@pytest.mark.parametrize(("examples", "size", "batches"), [(200, 64, [64, 64, 64, 8]), (200, 199, [200]), (5, 64, [5])])
def test_every_example_once_and_never_a_batch_of_one(examples, size, batches):
    bench = Lab(digits(examples))
    found = list(bench.batches(size, epoch=0))
    assert [len(batch.y) for batch in found] == batches
    assert bench.steps(size) == len(batches)
    assert sorted(torch.cat([batch.index for batch in found]).tolist()) == list(range(examples))
    finish(fit(fresh(), bench, epochs=1, lr=0.1, batch_size=size))


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
    decayed, spared = _optimizer([fresh(BIGGER).net], 0.1).param_groups
    assert {p.ndim for p in decayed["params"]} == {2, 4}
    assert {p.ndim for p in spared["params"]} == {1}
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.1, 0.0)


def test_the_teachers_table_is_what_it_would_answer():
    bench = lab()
    batch = next(bench.batches(16, epoch=0))
    torch.testing.assert_close(bench.teacher_logits(batch.index), bench.teacher_net(batch.x))


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
    assert method.task_weight == pytest.approx(0.3)
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
    training = fit(fresh(), bench, Hints(), **FAST)
    epoch = next(training)
    assert any(m._forward_hooks for m in epoch.net.modules())
    training.close()
    assert all(not m._forward_hooks for net in (epoch.net, bench.teacher_net) for m in net.modules())


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

    finish(fit(fresh(), lab(), Steep(), epochs=1, lr=0.1, batch_size=100))
    moved = (seen[1] - seen[0]).norm()
    assert 0 < moved < 0.1 * CLIP * (1 + 0.9) + 1e-4

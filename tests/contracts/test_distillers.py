"""Every distiller: finite, differentiable, for any width of student, and the teacher learns nothing."""

import pytest
import torch
import torch.nn.functional as F
from hands import BIGGER, SMALL, Hints, finish, fresh, lab, made, same, settings, state
from torch import nn

from autocompress.compress.distillers.base import Distiller, Step
from autocompress.compress.lesson import Lesson
from autocompress.compress.surgery import cut
from autocompress.compress.train import fit

EVERY = [*settings(Distiller), pytest.param(Hints(), id="hints")]
every = pytest.mark.parametrize("distiller", EVERY)


def one_batch(distiller: Distiller, model, bench, size: int = 8, scale: float = 1.0):
    """Loss of a batch, whose backward pass has been done, and the bridge."""
    net = model.net.eval()
    batch = next(bench.batches(size, epoch=0))
    net.zero_grad()
    with Lesson(distiller, model, net, bench) as lesson:
        logits = net(batch.x) * scale
        loss = distiller.task_weight * F.cross_entropy(logits, batch.y) + lesson.loss(batch, logits, 0, 2)
    loss.backward()
    return loss, lesson.bridge


@every
@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_finite_loss_and_gradients_that_reach_student_and_bridge(distiller, scale):
    model = fresh()
    loss, bridge = one_batch(made(Distiller, distiller), model, lab(), scale=scale)
    assert loss.isfinite()
    for name, p in [*model.net.named_parameters(), *bridge.named_parameters()]:
        assert p.grad is not None, name
        assert p.grad.isfinite().all(), name
    assert any(p.grad.abs().sum() > 0 for p in model.net.parameters())


@every
def test_the_teacher_learns_nothing(distiller):
    bench = lab()
    before = state(bench.teacher)
    finish(fit(fresh(), bench, made(Distiller, distiller), epochs=1, lr=0.1, batch_size=32))
    assert same(before, state(bench.teacher))
    assert all(p.grad is None for p in bench.teacher.net.parameters())
    assert all(not m._forward_hooks for m in bench.teacher_net.modules())


@every
@pytest.mark.parametrize("ratio", [0.0, 0.3, 0.6])
def test_works_at_any_width(distiller, ratio):
    model = cut(fresh(BIGGER), lab(round_to=1), ratio)
    loss, _ = one_batch(made(Distiller, distiller), model, lab())
    assert loss.isfinite()


@every
def test_works_on_a_batch_of_one(distiller):
    loss, _ = one_batch(made(Distiller, distiller), fresh(SMALL), lab(), size=1)
    assert loss.isfinite()


@every
def test_what_it_says_it_needs_is_all_it_needs(distiller):
    plugin = made(Distiller, distiller)
    needs = plugin.needs
    if not (needs.teacher or needs.features or needs.embeddings):
        finish(fit(fresh(), lab(teacher=None), plugin, epochs=1, lr=0.1, batch_size=32))


def test_the_bridge_is_trained():
    seen = []

    class Watched(Hints):
        def losses(self, step: Step, bridge: nn.Module) -> dict[str, torch.Tensor]:
            seen.append(bridge.get_parameter("map.weight").detach().clone())
            return super().losses(step, bridge)

    finish(fit(fresh(), lab(), Watched(), epochs=1, lr=0.1, batch_size=32))
    assert not torch.equal(seen[0], seen[-1])


@every
def test_the_same_seed_gives_the_same_student_to_the_bit(distiller):
    found = []
    for noise in (1, 2):
        torch.manual_seed(noise)
        found.append(state(finish(fit(fresh(), lab(), made(Distiller, distiller), epochs=1, lr=0.1, batch_size=32))))
    assert same(*found)

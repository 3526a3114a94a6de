"""Every distiller: finite, differentiable, for any pair of networks, repeatable, and the teacher learns nothing."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hands import (
    BIGGER,
    FAST,
    SMALL,
    SMALLEST,
    UNTRAINED,
    Hints,
    digits,
    finish,
    fresh,
    lab,
    made,
    same,
    settings,
    state,
    teaching,
)
from torch import Tensor

from autocompress.compress.cutting.surgery import cut
from autocompress.compress.distillers.base import Distiller, Step
from autocompress.compress.lab import Lab
from autocompress.compress.lesson import Lesson
from autocompress.compress.model import Model
from autocompress.compress.precision import Precision
from autocompress.compress.shelf import Shelf
from autocompress.compress.stages.distill import Distill
from autocompress.compress.train import fit
from autocompress.data.base import Dataset, Split

TREES = [case.values[0] for case in settings(Distiller)]
EVERY = [*settings(Distiller), pytest.param(Hints(), id="hints")]
every = pytest.mark.parametrize("distiller", EVERY)
OTHERS = [  # settings that change which branch is taken
    {"use": "logit", "standardise": True},
    {"use": "dkd", "standardise": True, "warmup": 0.0},
    {"use": "fitnet", "alone": 0.5},
    {"use": "fitnet", "from_end": 9},
    {"use": "at", "power": 1, "stages": 1},
    {"use": "simkd", "depthwise": True, "factor": 8},
    {"use": "semckd", "stages": 9},
]
VARIED = [*settings(Distiller), *(pytest.param(tree, id="-".join(map(str, tree.values()))) for tree in OTHERS)]
varied = pytest.mark.parametrize("distiller", VARIED)


def small_lab(**changes: Any) -> Lab:
    """Three batches an epoch."""
    return Lab(digits(96), **{"teachers": teaching(UNTRAINED), **changes})


def said(model: Model, by: float) -> Model:
    """The same network with logits so many times as large."""
    louder = model.copy()
    head = louder.net.get_submodule(louder.parts.head)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.mul_(by)
    return louder


def one_batch(
    distiller: Distiller, model: Model, bench: Lab, size: int = 8, training: bool = True
) -> tuple[Tensor, Model, Lesson]:
    """Loss of a batch, whose backward pass has been done; it is finite, and the student learns something from it."""
    teacher = bench.teacher("it") if distiller.needs.anybody else None
    model = distiller.start(model, teacher.model if teacher else None).copy()
    net = model.net.train(training)
    net.zero_grad()
    with Lesson([distiller], model, net, bench, teacher, size) as lesson:
        lesson.modules.train(training)
        batch = next(bench.batches(size, epoch=0))
        loss = lesson.loss(batch, lesson.kept(batch, view=0), epoch=0, epochs=2)
        loss.backward()
    assert loss.isfinite()
    for name, p in [*model.net.named_parameters(), *lesson.modules.named_parameters()]:
        assert p.grad is None or p.grad.isfinite().all(), name
    assert any(p.grad is not None and p.grad.any() for p in model.net.parameters())
    return loss, model, lesson


@varied
@pytest.mark.parametrize("times", [1.0, 100.0])
def test_finite_loss_and_gradients_that_reach_student_and_bridge(distiller, times):
    bench = lab(teacher=said(fresh(BIGGER, seed=9), times))
    _, model, lesson = one_batch(made(Distiller, distiller), said(fresh(), times), bench)
    assert all(p.grad is not None for p in model.net.parameters() if p.requires_grad)
    assert all(p.grad.abs().sum() > 0 for p in lesson.modules.parameters())
    assert sum(p.grad.abs().sum() for p in model.net.parameters() if p.grad is not None) > 0


@every
def test_the_teacher_learns_nothing(distiller):
    bench = lab()
    teacher = bench.teacher("it").net
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    finish(fit(fresh(), bench, FAST, [made(Distiller, distiller)]))
    assert same(before, teacher.state_dict())
    assert all(p.grad is None for p in teacher.parameters())
    assert all(not m._forward_hooks and not m._forward_pre_hooks for m in teacher.modules())


@every
@pytest.mark.parametrize("ratio", [0.3, 0.6, 0.8])
def test_works_at_any_width(distiller, ratio):
    model = cut(fresh(BIGGER), lab(round_to=1), ratio)
    one_batch(made(Distiller, distiller), model, lab())


@varied
@pytest.mark.parametrize("student", [2, 5, "resnet"])
@pytest.mark.parametrize("teacher", [1, 5, "resnet"])
def test_works_between_any_two_families_and_depths(distiller, student, teacher):
    def net(depth: int | str, seed: int) -> Model:
        return fresh(BIGGER if depth == "resnet" else {**SMALL, "depth": depth}, seed)

    one_batch(made(Distiller, distiller), net(student, 1), lab(teacher=net(teacher, 2)))


@pytest.mark.parametrize("teacher", ["resnet", "densenet", "efficientnet", "mobilenet_v2", "vgg", "squeezenet"])
def test_simkd_learns_the_map_that_the_classifier_of_any_family_takes(teacher):
    """One whose last map is another one is refused when a student starts, not after it was trained."""
    taught = lab(teacher=fresh({"use": teacher, **SMALLEST.get(teacher, {})}, 2))
    one_batch(made(Distiller, {"use": "simkd"}), fresh(SMALL, 1), taught)


@varied
@pytest.mark.parametrize("inputs", [(3, 12, 7), (1, 3, 3), (2, 1, 1)])
def test_works_with_any_image(distiller, inputs):
    random = np.random.default_rng(0)

    def some(many: int) -> Split:
        return Split(random.integers(0, 256, (many, *inputs), dtype=np.uint8), np.arange(many) % 10)

    moments = (0.5,) * inputs[0], (0.3,) * inputs[0]
    data = Dataset(some(40), some(10), some(10), tuple("abcdefghij"), *moments)
    bench = Lab(data, teachers=teaching(fresh(BIGGER, inputs=inputs), data))
    one_batch(made(Distiller, distiller), fresh(inputs=inputs), bench)


@varied
def test_works_on_a_batch_of_one_and_on_a_short_last_batch(distiller):
    plugin = made(Distiller, distiller)
    one_batch(plugin, fresh(SMALL), lab(), size=1, training=False)
    left = finish(fit(fresh(), lab(), replace(FAST, batch_size=33), [plugin]))  # 200 examples: a last batch of 2
    assert all(value.isfinite().all() for value in state(left).values())
    assert not same(state(left), state(fresh()))


@every
def test_losses_are_computed_in_full_precision(distiller, monkeypatch):
    plugin = made(Distiller, distiller)
    whole, _, _ = one_batch(plugin, fresh(), lab())
    monkeypatch.setattr(Precision, "__call__", lambda self: torch.autocast("cpu", torch.bfloat16))  # as on a GPU
    seen = watched(plugin, monkeypatch)
    loss, _, _ = one_batch(plugin, fresh(), lab())
    assert not torch.equal(loss, whole)
    step, losses = seen[0]
    inside = [step.student, step.teacher, *step.student_features, *step.teacher_features]
    inside += [x for x in (step.student_embedding, step.teacher_embedding, step.peer) if x is not None]
    for x in [*inside, *losses.values(), loss]:
        assert x.dtype == torch.float32
        assert x.isfinite().all()


def watched(plugin: Distiller, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Step, dict[str, Tensor]]]:
    """Whatever it is shown from now on, and what it says to that."""
    seen = []
    losses = type(plugin).losses

    def watch(self, step, bridge):
        seen.append((step, losses(self, step, bridge)))
        return seen[-1][1]

    monkeypatch.setattr(type(plugin), "losses", watch)
    return seen


@every
def test_what_it_says_it_needs_is_all_it_needs(distiller, monkeypatch):
    """Where nothing is declared, the step has NaN for the teacher's answers and nothing at all for the rest."""
    plugin = made(Distiller, distiller)
    losses = type(plugin).losses

    def poisoned(self, step, bridge):
        if not self.needs.teacher:
            step = replace(step, teacher=torch.full_like(step.teacher, torch.nan))
        return losses(self, step, bridge)

    monkeypatch.setattr(type(plugin), "losses", poisoned)
    one_batch(plugin, fresh(), lab() if plugin.needs.anybody else lab(teacher=None))


@every
def test_the_same_seed_gives_the_same_student_to_the_bit(distiller):
    found = []
    for noise in (1, 2):
        torch.manual_seed(noise)
        found.append(state(finish(fit(fresh(), small_lab(), FAST, [made(Distiller, distiller)]))))
    assert same(*found)
    assert not same(found[0], state(finish(fit(fresh(), small_lab(seed=1), FAST, [made(Distiller, distiller)]))))


@varied
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_killed_between_epochs_it_goes_on_to_the_very_same_student(distiller, optimizer, tmp_path):
    plugin = made(Distiller, distiller)
    plan = replace(FAST, epochs=2, optimizer=optimizer, lr=0.05 if optimizer == "sgd" else 0.005)
    whole = finish(fit(fresh(), small_lab(), plan, [plugin]))
    half = fit(fresh(), small_lab(shelf=Shelf(tmp_path)), plan, [plugin])
    next(half)
    half.close()
    again = fit(fresh(), small_lab(shelf=Shelf(tmp_path)), plan, [plugin])
    assert next(again).done == 2
    assert same(state(whole), state(finish(again)))


def trees(kind: str) -> list[object]:
    return [pytest.param(t, id=t["use"]) for t in TREES if made(Distiller, t).works_on == kind]


@pytest.mark.parametrize("method", trees("answers"))
@pytest.mark.parametrize("hint", trees("features"))
def test_one_that_works_on_answers_goes_with_one_that_works_on_features(method, hint):
    stage = Distill(method=method, hint=hint, epochs=1, batch_size=64)
    learned = finish(stage.run(fresh(), small_lab()))
    assert learned.net(learned.example(2)).isfinite().all()
    assert not same(state(learned), state(stage.shape(fresh(), small_lab())))


@every
def test_it_says_what_it_costs(distiller):
    plugin = made(Distiller, distiller)
    assert plugin.cost >= (2 if plugin.needs.looks_inside and not isinstance(plugin, Hints) else 1)

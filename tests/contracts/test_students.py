"""Every student: the right shapes, the same weights for the same seed, prunable, able to learn."""

import pytest
import torch
import torch.nn.functional as F
from hands import fresh, lab, same, state, students
from torch import nn

from autocompress.compress.cutting.surgery import cut, weights
from autocompress.compress.distillers.base import Needs
from autocompress.compress.manifest import load, save
from autocompress.compress.students.base import Student
from autocompress.compress.taps import Taps
from autocompress.plugin import make

STAYS = {"vit": 0.75}  # share of the weights that may be left at half the channels: tokens keep their width

every = pytest.mark.parametrize("student", students())


@every
@pytest.mark.parametrize("inputs", [(1, 8, 8), (3, 32, 32), (1, 5, 7), (2, 1, 1)])
def test_answers_any_batch_of_any_size_of_image(student, inputs):
    if min(inputs[1:]) < make(Student, student).least_side:
        pytest.skip("it says that these are too small")
    model = fresh(student, inputs=inputs)
    for batch in (1, 3):
        assert model.net(model.example(batch)).shape == (batch, 10)


@every
def test_weights_come_from_the_seed_alone(student):
    torch.manual_seed(5)
    one = state(fresh(student, seed=1))
    torch.manual_seed(6)
    before = torch.get_rng_state()
    assert same(one, state(fresh(student, seed=1)))
    assert not same(one, state(fresh(student, seed=2)))
    assert torch.equal(before, torch.get_rng_state())


@every
def test_all_of_it_can_learn_and_nothing_looks_on(student):
    net = make(Student, student).build((1, 8, 8), 10)
    assert all(parameter.requires_grad for parameter in net.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())


@every
@pytest.mark.parametrize("inputs", [(1, 8, 8), (3, 32, 32)])
def test_parts_are_where_it_says(student, inputs):
    model = fresh(student, inputs=inputs)
    head = model.net.get_submodule(model.parts.head)
    assert isinstance(head, nn.Linear | nn.Conv2d)
    assert head.weight.shape[0] == 10
    assert head.weight[0, 0].numel() == 1
    with Taps(model.net, model.parts, Needs(features=True, embeddings=True)) as taps:
        model.net(model.example(2))
        assert taps.features
        assert all(feature.ndim == 4 and len(feature) == 2 for feature in taps.features)
        sides = [feature.shape[-1] for feature in taps.features]
        assert sides == sorted(sides, reverse=True)
        assert taps.embedding is not None
        assert taps.embedding.shape == (2, head.weight.shape[1])


@every
def test_what_is_inside_can_be_learned_from(student):
    net = fresh(student).net.train()
    with Taps(net, make(Student, student).parts(net), Needs(features=True, embeddings=True)) as taps:
        net(torch.randn(4, 1, 8, 8))
        assert taps.embedding is not None
        sum(x.square().mean() for x in (*taps.features, taps.embedding)).backward()
    first = next(module for module in net.modules() if isinstance(module, nn.Conv2d))
    assert first.weight.grad is not None
    assert first.weight.grad.isfinite().all()
    assert first.weight.grad.any()


@every
def test_comes_back_from_disk_to_the_bit(student, tmp_path):
    model = fresh(student, inputs=(2, 9, 8))
    save(model, tmp_path, mean=(0.1, 0.2), std=(0.3, 0.4))
    again = load(tmp_path)
    x = torch.randn(2, 2, 9, 8)
    assert same(state(model), state(again))
    assert torch.equal(model.net(x), again.net(x))
    assert model.parts == again.parts
    assert str(model.net) == str(again.net)


@pytest.mark.parametrize("student", students(cuttable=True))
def test_can_be_pruned(student):
    model = fresh(student)
    smaller = cut(model, lab(round_to=1), 0.5)
    assert weights(smaller.net) < STAYS.get(student["use"], 0.5) * weights(model.net)
    assert smaller.net(smaller.example(3)).shape == (3, 10)
    assert smaller.parts == model.parts


@every
def test_learns(student):
    net = fresh(student).net.train()
    batch = next(lab().batches(64, epoch=0))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
    losses = []
    while not losses or losses[-1] > 0.7 * losses[0]:
        assert len(losses) < 80, losses
        loss = F.cross_entropy(net(batch.x), batch.y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())

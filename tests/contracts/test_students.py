"""Every student: the right shapes, the same weights for the same seed, prunable, able to learn."""

import pytest
import torch
import torch.nn.functional as F
from hands import fresh, lab, same, settings, state
from torch import nn

from autocompress.compress.distillers.base import Needs
from autocompress.compress.students.base import Student
from autocompress.compress.surgery import cut, weights
from autocompress.compress.taps import Taps

every = pytest.mark.parametrize("student", settings(Student))


@every
@pytest.mark.parametrize("inputs", [(1, 8, 8), (3, 32, 32), (1, 5, 7), (2, 1, 1)])
def test_answers_any_batch_of_any_size_of_image(student, inputs):
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
def test_parts_are_where_it_says(student):
    model = fresh(student)
    head = model.net.get_submodule(model.parts.head)
    assert isinstance(head, nn.Linear)
    assert head.out_features == 10
    with Taps(model.net, model.parts, Needs(features=True, embeddings=True)) as taps:
        model.net(model.example(2))
        sides = [feature.shape[-1] for feature in taps.features]
        assert sides == sorted(sides, reverse=True)
        assert taps.embedding is not None
        assert taps.embedding.shape == (2, head.in_features)


@every
def test_can_be_pruned(student):
    model = fresh(student)
    smaller = cut(model, lab(round_to=1), 0.5)
    assert weights(smaller.net) < 0.5 * weights(model.net)
    assert smaller.net(model.example(3)).shape == (3, 10)


@every
def test_learns(student):
    net = fresh(student).net.train()
    batch = next(lab().batches(64, epoch=0))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    losses = []
    for _ in range(10):
        loss = F.cross_entropy(net(batch.x), batch.y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]

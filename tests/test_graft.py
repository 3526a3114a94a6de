"""A student with a teacher's classifier: its body unchanged, plain, and good for all that may be done to a model."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hands import BIGGER, FAST, SMALL, digits, finish, fresh, lab, same, sizes, state, students, teaching
from torch import Tensor, nn

from autocompress.compress.cutting.surgery import cut
from autocompress.compress.distillers.base import Needs
from autocompress.compress.distillers.simkd import Simkd
from autocompress.compress.graft import graft
from autocompress.compress.importances.magnitude import Magnitude
from autocompress.compress.lab import Lab
from autocompress.compress.manifest import load, save
from autocompress.compress.model import Model
from autocompress.compress.students.base import Parts
from autocompress.compress.taps import Taps
from autocompress.compress.train import fit
from autocompress.errors import Failure
from autocompress.measure.export import to_onnx
from autocompress.measure.runtimes.onnxruntime import Onnxruntime

TEACHER = fresh(BIGGER, seed=9)


def grafted(model: Model, seed: int = 0, factor: int = 2, depthwise: bool = False) -> Model:
    return graft(model, TEACHER, seed, factor=factor, depthwise=depthwise)


def map_of(model: Model, x: Tensor) -> Tensor:
    with torch.no_grad(), Taps(model.net, model.parts, Needs(features=True)) as taps:
        model.net(x)
        return taps.features[-1]


@pytest.mark.parametrize("student", students())
def test_the_body_is_the_students_and_the_head_the_teachers(student):
    model = fresh(student, inputs=(1, 16, 16))
    x = torch.randn(2, 1, 16, 16)
    if student["use"] == "vit":
        with pytest.raises(Failure, match="wants a student that makes maps") as caught:
            grafted(model)
        assert caught.value.code == "unsupported"
        return
    last = map_of(model, x)
    before = state(model)
    new = grafted(model)
    assert same(before, state(model))
    head = new.net.get_submodule(new.parts.head)
    theirs = TEACHER.net.get_submodule(TEACHER.parts.head)
    assert torch.equal(head.weight, theirs.weight)
    assert torch.equal(head.bias, theirs.bias)
    if student["use"] != "grafted":  # of such a one the projector goes too
        assert torch.equal(new.net.get_submodule("body")(x), last)
        assert len(new.parts.stages) == len(model.parts.stages)
    made = new.net(x)
    pooled = F.adaptive_avg_pool2d(map_of(new, x), 1).flatten(1)
    torch.testing.assert_close(made, F.linear(pooled, theirs.weight, theirs.bias))


@pytest.mark.parametrize("ratio", [0.0, 0.5])
@pytest.mark.parametrize("settings", [{"factor": 2}, {"factor": 8}, {"factor": 1000}, {"depthwise": True}], ids=str)
def test_comes_back_from_disk_to_the_bit_also_after_cuts(ratio, settings, tmp_path):
    model = cut(fresh(BIGGER), lab(round_to=1), ratio, Magnitude())
    model = finish(fit(model, lab(), FAST, [Simkd(**settings)]))
    model = cut(model, lab(round_to=1), ratio, Magnitude())
    save(model, tmp_path, mean=(0.3,), std=(0.4,))
    again = load(tmp_path)
    x = torch.randn(3, 1, 8, 8)
    assert same(state(model), state(again))
    assert torch.equal(model.net(x), again.net(x))
    assert str(model.net) == str(again.net)
    assert (model.student, model.parts) == (again.student, again.parts)


def test_a_copy_is_another_network():
    model = grafted(fresh())
    other = model.copy()
    with torch.no_grad():
        for parameter in other.net.parameters():
            parameter.zero_()
    assert state(model)["body.blocks.0.0.weight"].any()
    assert not copy.deepcopy(other.net)(other.example(2)).any()


def test_can_be_cut():
    model = grafted(fresh(BIGGER))
    smaller = cut(model, lab(round_to=1), 0.5)
    assert smaller.net(smaller.example(3)).shape == (3, 10)
    assert sizes(smaller)["body.stages.2.0.conv1.weight"][0] < sizes(model)["body.stages.2.0.conv1.weight"][0]
    assert sizes(smaller)["projector.3.weight"][0] < sizes(model)["projector.3.weight"][0]


def test_can_be_exported(tmp_path):
    model = finish(fit(fresh(), lab(), FAST, [Simkd()]))
    to_onnx(model.net, model.inputs, tmp_path / "model.onnx")
    x = torch.randn(5, 1, 8, 8)
    answer = Onnxruntime().open(tmp_path / "model.onnx")(x.numpy())
    np.testing.assert_allclose(answer, model.net(x).detach().numpy(), atol=1e-4)


def test_the_teachers_head_stays_what_it_is_and_everything_else_learns():
    plan = replace(FAST, epochs=2, weight_decay=0.1)
    start = grafted(fresh())
    left = finish(fit(fresh(), lab(), plan, [Simkd()]))
    assert torch.equal(left.net.head.weight, TEACHER.net.head.weight)
    assert torch.equal(left.net.head.bias, TEACHER.net.head.bias)
    assert all(p.requires_grad for p in left.net.parameters())
    for name, value in state(start).items():
        if not name.startswith("head."):
            assert not torch.equal(value, state(left)[name]), name


def test_it_learns_to_be_the_teacher():
    data = digits(400)
    teacher = finish(fit(fresh(BIGGER), Lab(data), replace(FAST, epochs=6)))
    bench = Lab(data, teachers=teaching(teacher, data))
    found = [bench.accuracy(finish(fit(fresh(), bench, replace(FAST, epochs=e), [Simkd()])).net) for e in (1, 12)]
    assert found[1] > 0.85
    assert found[1] > found[0]


def test_the_projector_comes_from_the_seed_alone():
    torch.manual_seed(1)
    one = state(grafted(fresh(), seed=3))
    torch.manual_seed(2)
    before = torch.get_rng_state()
    assert same(one, state(grafted(fresh(), seed=3)))
    assert torch.equal(before, torch.get_rng_state())
    assert not same(one, state(grafted(fresh(), seed=4)))
    untouched = finish(fit(fresh(), lab(seed=3), replace(FAST, lr=1e-12, weight_decay=0.0), [Simkd()]))
    torch.testing.assert_close(state(untouched)["projector.0.weight"], one["projector.0.weight"])


def test_a_second_graft_replaces_the_first():
    once = cut(grafted(fresh(), seed=1), lab(round_to=1), 0.5)
    twice = graft(once, TEACHER, 2, factor=4, depthwise=False)
    assert twice.student == {"use": "grafted", "backbone": SMALL, "channels": 32, "factor": 4, "depthwise": False}
    assert same(once.net.body.state_dict(), twice.net.body.state_dict())
    assert twice.parts == once.parts


def test_weights_that_were_taken_out_stay_out():
    model = replace(fresh(), sparse=("blocks.0.0", "head"))
    with torch.no_grad():
        model.net.get_parameter("blocks.0.0.weight")[:4] = 0
    new = grafted(model)
    assert new.sparse == ("body.blocks.0.0",)
    assert grafted(new).sparse == new.sparse
    left = finish(fit(model, lab(), FAST, [Simkd()]))
    assert not state(left)["body.blocks.0.0.weight"][:4].any()


class Twisted(nn.Module):
    """Ends in something else than a matrix times the mean of a map; or looks at what it is given before it begins."""

    def __init__(self, whim: str) -> None:
        super().__init__()
        self.stage, self.head, self.whim = nn.Conv2d(1, 4, 3), nn.Linear(4, 10), whim

    def forward(self, x: Tensor) -> Tensor:
        if self.whim == "body" and x.sum() > 0:
            x = -x
        y = self.stage(x).mean((2, 3))
        return self.head(y.relu() if self.whim == "head" else y)


def test_who_cannot_be_grafted_is_told_why(monkeypatch):
    monkeypatch.setattr(Model, "parts", Parts(("stage",), "head"))
    for whim, settings, text in (
        ("head", "teacher", "classifies the mean of its last stage's map, and nothing else"),
        ("body", "student", "cannot take this student's body apart"),
    ):
        plain, twisted = (Model(Twisted(w).eval(), {"use": "own"}, (1, 8, 8), 10) for w in ("", whim))
        assert graft(plain, plain, 0, factor=2, depthwise=False)
        pair = (plain, twisted) if settings == "teacher" else (twisted, plain)
        with pytest.raises(Failure, match=text) as caught:
            graft(*pair, 0, factor=2, depthwise=False)
        assert caught.value.code == "unsupported"


def test_a_student_without_stages_is_told_so(monkeypatch):
    model = fresh()
    monkeypatch.setattr(Model, "parts", property(lambda self: Parts((), "head")))
    with pytest.raises(Failure, match="no"):
        grafted(model)

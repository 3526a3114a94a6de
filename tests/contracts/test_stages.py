"""Every stage, with everything that may go into it: `shape` foretells `run`, and the model given is left alone."""

import pytest
import torch
from hands import BIGGER, SHORTER, SMALL, counting, fresh, lab, made, same, settings, sizes, state

from autocompress.compress.quantizers.base import Quantizer
from autocompress.compress.stages.base import Stage
from autocompress.measure.counted import macs


def trees() -> list:
    """Of stages on the exported file, without what only networks can do."""
    cases = settings(Stage, **SHORTER)
    for case in cases:
        scheme = case.values[0].get("scheme")
        if scheme and made(Quantizer, scheme).works_on == "file":
            del case.values[0]["recover"]
    return cases


every = pytest.mark.parametrize("stage", trees())


@every
@pytest.mark.parametrize("student", [SMALL, BIGGER], ids=lambda s: s["use"])
def test_shape_foretells_what_run_leaves(stage, student):
    model, bench = fresh(student), lab()
    foretold = made(Stage, stage).shape(model, bench)
    left, _ = counting(made(Stage, stage).run(model, bench))
    if made(Stage, stage).exact:
        assert sizes(foretold) == sizes(left)
    assert macs(left.net, left.inputs) == pytest.approx(macs(foretold.net, foretold.inputs), rel=0.1)
    assert (foretold.quantizer, foretold.student) == (left.quantizer, left.student)


@every
def test_leaves_the_model_it_was_given_alone(stage):
    model, bench = fresh(), lab()
    before = state(model)
    made(Stage, stage).shape(model, bench)
    counting(made(Stage, stage).run(model, bench))
    assert same(before, state(model))
    assert model.quantizer is None


@every
def test_cost_is_the_number_of_epochs_it_yields(stage):
    for fidelity in (1.0, 0.5):
        bench = lab(fidelity=fidelity)
        _, epochs = counting(made(Stage, stage).run(fresh(), bench))
        assert epochs == made(Stage, stage).cost(bench)


@every
def test_the_same_seed_gives_the_same_model_to_the_bit(stage):
    torch.manual_seed(1)
    one, _ = counting(made(Stage, stage).run(fresh(), lab()))
    torch.manual_seed(2)
    again, _ = counting(made(Stage, stage).run(fresh(), lab()))
    assert same(state(one), state(again))


@every
def test_leaves_a_plain_model_at_rest(stage):
    left, _ = counting(made(Stage, stage).run(fresh(), lab()))
    for module in left.net.modules():
        assert not module.training
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
    for name, tensor in left.net.state_dict().items():
        assert tensor.device.type == "cpu", name
        assert tensor.is_contiguous(), name
    assert left.net(left.example(2)).isfinite().all()


@every
def test_works_without_a_teacher_unless_it_says_so(stage):
    plugin = made(Stage, stage)
    if plugin.teachers():
        with pytest.raises(AssertionError, match="the stage learns from a teacher; the study has none"):
            counting(plugin.run(fresh(), lab(teacher=None)))
        return
    left, _ = counting(plugin.run(fresh(), lab(teacher=None)))
    taught, _ = counting(plugin.run(fresh(), lab()))
    assert same(state(left), state(taught)), "it asks a teacher where there is one"


@every
def test_says_whether_it_trains(stage):
    plugin = made(Stage, stage)
    assert plugin.trains == (plugin.cost(lab()) > 0)
    idle = {k: v for k, v in stage.items() if k != "recover"}  # nothing is relearned by default
    assert made(Stage, idle).trains == (made(Stage, idle).cost(lab()) > 0)
    assert not plugin.wants_trained or made(Quantizer, stage["scheme"]).works_on == "network"

"""Pruning as a stage: targets, scopes, steps, recovery with a teacher, and what a killed one goes on with."""

import sys
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from hands import (
    BIGGER,
    FAST,
    SMALL,
    SMALLEST,
    counting,
    digits,
    finish,
    fresh,
    lab,
    made,
    same,
    settings,
    sizes,
    state,
)
from pydantic import ValidationError
from torch import nn

from autocompress.compress.cutting import surgery
from autocompress.compress.cutting.dissector import SHARED
from autocompress.compress.cutting.scores import SINGLES, SOFTNESS, _gradients, slices
from autocompress.compress.cutting.surgery import Rules, cut
from autocompress.compress.cutting.widths import Target
from autocompress.compress.importances.base import Importance
from autocompress.compress.importances.magnitude import Magnitude
from autocompress.compress.lab import Lab
from autocompress.compress.manifest import load, save
from autocompress.compress.model import Model
from autocompress.compress.recalibrate import recalibrate
from autocompress.compress.shelf import Shelf
from autocompress.compress.stages import prune as prune_stage
from autocompress.compress.stages.base import Stage
from autocompress.compress.train import fit
from autocompress.errors import Failure
from autocompress.measure.counted import macs

WIDE = {"use": "cnn", "depth": 4, "width": 32}
DEEP = {"use": "resnet", "depth": 14, "width": 16}
SCOPES = ["local", "global", "isomorphic"]
every = pytest.mark.parametrize("importance", settings(Importance))


def params(model: Model) -> int:
    return sum(p.numel() for p in model.net.parameters())


def left(smaller: Model, model: Model) -> dict[str, float]:
    """Shares."""
    return {
        "macs": macs(smaller.net, smaller.inputs) / macs(model.net, model.inputs),
        "params": params(smaller) / params(model),
    }


def stage(**given):
    return made(Stage, {"use": "prune", "by": "magnitude", **given})


@pytest.mark.parametrize("student", [WIDE, DEEP], ids=lambda s: s["use"])
@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("of", ["macs", "params"])
def test_the_target_is_met(student, scope, of):
    model, bench = fresh(student), lab(round_to=1)
    for share in (0.3, 0.7):
        smaller = cut(model, bench, Target(share, of), Magnitude(), Rules(scope))
        assert left(smaller, model)[of] == pytest.approx(1 - share, rel=0.05)


@every
@pytest.mark.parametrize("scope", SCOPES[1:])
def test_the_same_ratio_costs_the_same_in_every_scope(importance, scope):
    model, bench = fresh(DEEP), lab(round_to=1)
    by = made(Importance, importance)
    local, other = (cut(model, bench, 0.5, by, Rules(which)) for which in ("local", scope))
    assert left(other, model)["macs"] == pytest.approx(left(local, model)["macs"], rel=0.05)
    assert other.net(other.example(3)).shape == (3, 10)


def lopsided() -> Model:
    """Half of the channels of the first layer are tiny, and all the others' are alike."""
    model = fresh(WIDE)
    with torch.no_grad():
        for i, block in enumerate(model.net.blocks):
            block[0].weight.normal_(0, 1).div_(block[0].weight.flatten(1).norm(dim=1)[:, None, None, None])
            block[0].weight[: 16 if i == 0 else 0] *= 1e-3
    return model


def widths(model: Model) -> list[int]:
    return [block[0].out_channels for block in model.net.blocks]


def test_global_takes_where_it_costs_least():
    model, bench = lopsided(), lab(round_to=1)
    assert widths(cut(model, bench, 0.25, Magnitude())) == [24, 48, 96, 96]
    found = widths(cut(model, bench, Target(0.2, "macs"), Magnitude(), Rules("global")))
    assert found[0] <= 16
    assert found[3] > 96


def test_no_group_loses_more_than_the_most():
    model, bench = lopsided(), lab(round_to=1)
    found = widths(cut(model, bench, Target(0.4, "macs"), Magnitude(), Rules("global", most=0.25)))
    assert all(after >= 0.75 * before - 1 for after, before in zip(found, widths(model), strict=True))
    assert widths(cut(model, bench, 0.5, Magnitude(), Rules(most=0.25))) == [24, 48, 96, 96]


@pytest.mark.parametrize("scope", ["local", "global", "isomorphic"])
def test_capped_layers_lose_no_more_than_their_caps(scope):
    model, bench = lopsided(), lab(round_to=1)
    groups = {group.root: group.width for group in SHARED.anatomy(model).groups}
    first, *_, last = groups
    rules = Rules(scope, caps={first: 0.0, last: 0.25, "nobody.*": 0.0})
    smaller = cut(model, bench, 0.6, Magnitude(), rules)
    left = {group.root: group.width for group in SHARED.anatomy(smaller).groups}
    assert left[first] == groups[first]
    assert left[last] >= 0.75 * groups[last]
    assert all(left[name] < groups[name] for name in list(groups)[1:-1])


def test_a_prune_stage_takes_the_caps_that_the_analysis_prints():
    stage = made(Stage, {"use": "prune", "by": "magnitude", "ratio": 0.5, "caps": {"blocks.0.*": 0.0}})
    model = fresh(WIDE)
    assert widths(finish(stage.run(model, lab())))[0] == widths(model)[0]


def test_isomorphic_compares_like_with_like():
    """In a residual network those inside of blocks are not compared with those that all blocks share."""
    model, bench = fresh(DEEP), lab(round_to=1)
    with torch.no_grad():
        for name, tensor in model.net.named_parameters():
            if "conv1" in name:
                tensor *= torch.linspace(0.001, 1, len(tensor))[:, None, None, None]  # some tiny, some not
    pools = surgery._pools(model.net, SHARED.anatomy(model).groups)
    assert sorted(len(pool) for pool in pools) == [1, 1, 1, 6]  # those of each stage; inside of blocks
    smaller = cut(model, bench, 0.5, Magnitude(), Rules("isomorphic"))
    everywhere = cut(model, bench, 0.5, Magnitude(), Rules("global"))
    assert smaller.net.head.in_features < everywhere.net.head.in_features


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("round_to", [4, 8])
def test_widths_are_multiples_in_every_scope(scope, round_to):
    smaller = cut(fresh(DEEP), lab(round_to=round_to), Target(0.5, "macs"), Magnitude(), Rules(scope))
    found = [m.out_channels for m in smaller.net.modules() if isinstance(m, nn.Conv2d)]
    assert all(width % round_to == 0 for width in found)


def test_groups_of_channels_are_rounded_as_channels():
    model = fresh({"use": "python", "function": "patients:in_groups"})
    smaller = cut(model, lab(round_to=6), 0.5, Magnitude())
    grouped = smaller.net[1][0]
    assert (grouped.in_channels, grouped.groups) == (12, 6)  # of 24 in groups of 2


def test_ignored_layers_keep_their_channels():
    model = fresh(DEEP)
    smaller = cut(model, lab(round_to=1), 0.5, Magnitude(), Rules(ignore=("stages.0.*", "stages.2.1.conv1")))
    assert smaller.net.stem[0].out_channels == 16  # its channels go together with those of the first stage
    assert smaller.net.stages[2][1].conv1.out_channels == 64
    assert smaller.net.stages[2][0].conv1.out_channels == 32
    with pytest.raises(Failure, match="no channels to cut") as caught:
        cut(model, lab(), 0.5, Magnitude(), Rules(ignore=("*",)))
    assert caught.value.code == "unsupported"


def test_a_target_that_is_out_of_reach_is_a_failure():
    with pytest.raises(Failure, match="a cut cannot leave") as caught:
        cut(fresh(WIDE), lab(), Target(0.99, "macs"), Magnitude(), Rules(most=0.5))
    assert caught.value.code == "unsupported"


def test_who_has_nothing_to_say_about_any_group_cuts_nothing():
    with pytest.raises(Failure, match="no channels to cut that BnScale can judge") as caught:
        cut(fresh({"use": "squeezenet", "width": 0.25}), lab(), 0.5, made(Importance, "bn_scale"))
    assert caught.value.code == "unsupported"


def test_groups_that_an_importance_cannot_judge_stay_whole_and_shape_knows():
    model = fresh({"use": "mobilenet_v3", "width": 0.25})
    plugin = stage(by="bn_scale")
    smaller = plugin.shape(model, lab())
    assert sizes(smaller) == sizes(finish(plugin.run(model, lab())))
    squeezes = [name for name in sizes(model) if name.endswith("fc1.weight")]  # no batch norm follows them
    assert squeezes
    assert all(sizes(smaller)[name][0] == sizes(model)[name][0] > sizes(smaller)[name][1] / 4 for name in squeezes)
    assert left(smaller, model)["macs"] < 0.5


# what torch-pruning gets wrong


def test_every_single_example_counts_for_the_hessian():
    model, bench = fresh(SMALL), lab()
    found = _gradients(model.copy().net, bench, "squares")
    batch = next(bench.batches(SINGLES, epoch=0))
    wanted = torch.zeros(8, 1, 3, 3)
    for i in range(SINGLES):
        loss = F.cross_entropy(model.net(batch.x[i : i + 1]) / SOFTNESS, batch.y[i : i + 1])
        wanted += torch.autograd.grad(loss, model.net.blocks[0][0].weight)[0] ** 2 / SINGLES
    torch.testing.assert_close(found["blocks.0.0.weight"], wanted)


def test_the_scales_of_batch_norms_count_for_taylor():
    model = fresh(SMALL)
    found = {}
    for times in (1.0, 100.0):
        gradients = _gradients(model.copy().net, lab(), "sum")
        gradients["blocks.0.1.weight"] *= times
        group = SHARED.anatomy(model).groups[0]
        parts = slices(dict(model.net.named_parameters()), group, gradients)
        found[times] = made(Importance, "taylor").score(parts, group.width, torch.Generator())
    assert (found[100.0] > found[1.0]).all()


def test_frozen_weights_have_gradients_too_and_stay_frozen():
    model = fresh(SMALL)
    model.net.head.requires_grad_(False)
    smaller = cut(model, lab(), 0.5, made(Importance, "taylor"))
    assert [name for name, p in smaller.net.named_parameters() if not p.requires_grad] == ["head.weight", "head.bias"]
    thawed = cut(replace(model, net=model.copy().net.requires_grad_(True)), lab(), 0.5, made(Importance, "taylor"))
    assert same(state(smaller), state(thawed))


@pytest.mark.parametrize("name", ["taylor", "hessian"])
def test_a_network_without_gradients_is_cut_all_the_same(name):
    model = fresh(SMALL)
    nn.init.zeros_(model.net.head.weight)
    smaller = cut(model, lab(), 0.5, made(Importance, name), Rules("global"))
    assert smaller.net(smaller.example(2)).isfinite().all()


@every
def test_layers_in_groups_can_be_scored_by_all(importance):
    model = fresh({"use": "regnet", "size": "x_200mf", "width": 0.25})
    smaller = cut(model, lab(round_to=1), 0.5, made(Importance, importance), Rules("global"))
    assert left(smaller, model)["macs"] < 0.6


def test_torch_pruning_is_not_needed_where_models_are_cut(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch_pruning", None)
    cut(fresh({"use": "cnn", "depth": 2, "width": 20}), lab(), 0.5, Magnitude())


@pytest.fixture(scope="module")
def trained():
    model = finish(fit(fresh({**BIGGER, "width": 16}), everything(0), replace(FAST, epochs=4)))
    assert everything(0).accuracy(model.net) > 0.95
    return model


def everything(seed: int) -> Lab:
    return Lab(digits(1079), seed=seed)


def after(model: Model, by: str, seed: int = 0) -> float:
    bench = everything(seed)
    smaller = cut(model, bench, 0.5, made(Importance, by))
    recalibrate(smaller.net, bench)
    return bench.accuracy(smaller.net)


@every
def test_looking_is_better_than_chance(trained, importance):
    if not made(Importance, importance).draws:
        chance = sum(after(trained, "random", seed) for seed in range(5)) / 5
        assert after(trained, importance["use"]) > chance + 0.03


# as a stage


def test_the_target_is_one_of_three():
    assert stage().ratio == 0.5
    assert stage(macs=0.5).ratio is None
    assert stage(ratio=None, params=0.5).params == 0.5
    for wrong in ({"ratio": 0.5, "macs": 0.5}, {"macs": 0.5, "params": 0.5}, {"ratio": None}):
        with pytest.raises(ValidationError, match="wants one of ratio, macs and params"):
            stage(**wrong)


def test_what_puts_the_teacher_into_the_network_is_refused():
    with pytest.raises(ValidationError, match="simkd puts a part of the teacher into the network; distill can do that"):
        stage(method="simkd")


@pytest.mark.parametrize("target", [{"ratio": 0.6}, {"macs": 0.6}, {"params": 0.6}], ids=str)
@pytest.mark.parametrize("steps", [1, 3])
def test_shape_knows_every_width_of_a_local_cut(target, steps):
    model, bench, plugin = fresh(DEEP), lab(), stage(by="taylor", steps=steps, **target)
    assert plugin.exact
    assert sizes(plugin.shape(model, bench)) == sizes(finish(plugin.run(model, bench)))


@pytest.mark.parametrize("target", [{"ratio": 0.5}, {"macs": 0.6}, {"params": 0.6}], ids=str)
@pytest.mark.parametrize("scope", ["global", "isomorphic"])
def test_shape_knows_what_other_cuts_cost(target, scope):
    model, bench, plugin = fresh(DEEP), lab(round_to=1), stage(scope=scope, steps=2, **target)
    assert not plugin.exact
    of = "params" if "params" in target else "macs"
    foretold, found = plugin.shape(model, bench), finish(plugin.run(model, bench))
    assert left(found, model)[of] == pytest.approx(left(foretold, model)[of], rel=0.1)


def test_each_step_takes_the_same_share_of_what_is_left(monkeypatch):
    wanted = []

    def watch(model, lab, target, *args, **settings):
        wanted.append(1 - target.share)
        return surgery.trim(model, lab, target, *args, **settings)

    monkeypatch.setattr(prune_stage, "trim", watch)
    finish(stage(ratio=0.6, steps=2).run(fresh(DEEP), lab(round_to=1)))
    assert wanted == pytest.approx([0.4**0.5, 0.4])
    assert wanted[-1] == 1 - 0.6


def test_steps_that_are_too_fine_to_cut_anything_are_no_failure():
    model, bench = fresh(WIDE), lab(round_to=32)
    left = finish(stage(ratio=0.4, steps=4).run(model, bench))
    assert sizes(left) == sizes(cut(model, bench, 0.4))
    with pytest.raises(Failure, match=r"ratio 0\.1 cuts nothing"):
        finish(stage(ratio=0.1, steps=4).run(model, bench))


@pytest.mark.parametrize("student", [SMALL, BIGGER], ids=lambda s: s["use"])
def test_every_step_is_followed_by_training_with_the_teacher(student):
    bench, plugin = lab(), stage(steps=2, recover=1, method="logit", hint="at")
    assert plugin.teachers() == ("teacher",)
    model, epochs = counting(plugin.run(fresh(student), bench))
    assert epochs == plugin.cost(bench) == 2
    assert model.net(model.example(2)).isfinite().all()
    assert stage().teachers() == ()


def test_epochs_are_numbered_through():
    seen = [(epoch.done, epoch.of) for epoch in stage(steps=2, recover=2).run(fresh(), lab())]
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_killed_one_goes_on_where_it_was(tmp_path):
    plugin, model = stage(by="taylor", steps=2, recover=2, method="logit"), fresh()
    whole = finish(plugin.run(model, lab(shelf=Shelf(tmp_path / "whole"))))
    shelf = Shelf(tmp_path / "killed")
    running = plugin.run(model, lab(shelf=shelf))
    for _ in range(3):
        next(running)
    running.close()
    again, epochs = counting(plugin.run(model, lab(shelf=shelf)))
    assert epochs == 1
    assert same(state(again), state(whole))


@pytest.mark.parametrize("student", ["mobilenet_v2", "regnet", "densenet", "convnext", "vit", "efficientnet"])
def test_what_was_cut_is_loaded_without_the_pruning_library(student, tmp_path):
    """By shapes alone. That the library is not even imported: test_manifest."""
    model = fresh(SMALLEST[student] | {"use": student})
    smaller = cut(model, lab(round_to=1), 0.5, Magnitude())
    with torch.no_grad():
        for tensor in smaller.net.parameters():
            tensor.normal_(0, 0.3)
    save(smaller, tmp_path, mean=(0.3,), std=(0.4,))
    again = load(tmp_path)
    x = torch.randn(3, 1, 8, 8)
    assert same(state(again), state(smaller))
    assert torch.equal(again.net(x), smaller.net(x))
    assert str(again.net) == str(smaller.net)
    if student != "vit":
        twice = cut(again, lab(round_to=1), 0.5, Magnitude())
        assert left(twice, model)["macs"] < left(smaller, model)["macs"]

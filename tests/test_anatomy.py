"""Which channels hang together: in networks as people write them, and what is refused because nobody can tell."""

import pytest
import torch
import torchvision
from hands import fresh
from patients import CUTTABLE, UNCUTTABLE, Patient, Step, conv
from torch import nn

from autocompress.compress.cutting.anatomy import Anatomy, remove, sizes
from autocompress.compress.cutting.dissect import dissect, prove
from autocompress.compress.cutting.hidden import attends, hidden
from autocompress.compress.cutting.uses import uses
from autocompress.compress.layers import refit, sized, width
from autocompress.errors import Failure
from autocompress.measure.counted import macs

INPUTS = (3, 8, 8)


def taken_apart(patient: str) -> tuple[nn.Module, Anatomy]:
    """Weights are random afterwards, and every connection of the network matters."""
    net = CUTTABLE[patient]()
    return net, dissect(net, INPUTS, "6" if patient == "flattened" else "head")


def half(anatomy: Anatomy) -> dict[str, list[int]]:
    return {group.root: list(range(group.width))[1::2] or [0] for group in anatomy.groups}


@pytest.mark.parametrize("patient", CUTTABLE)
def test_a_cut_network_works_and_knows_how_wide_it_is(patient):
    net, anatomy = taken_apart(patient)
    before = {name: width(layer) for name, layer in sized(net).items()}
    remove(net, anatomy, half(anatomy))
    assert net(torch.randn(3, *INPUTS)).isfinite().all()
    after = {name: width(layer) for name, layer in sized(net).items()}
    assert sum(one != other for one, other in zip(before.values(), after.values(), strict=True)) >= 2
    said = str(net)
    refit(net)
    assert str(net) == said
    for name, layer in sized(net).items():
        if isinstance(layer, nn.Conv2d | nn.Linear):  # built anew with these settings, it would be the same layer
            into, out, groups = width(layer)
            assert layer.weight.shape[:2] == (out, into // groups), name


@pytest.mark.parametrize("patient", CUTTABLE)
def test_what_is_left_can_be_foretold(patient):
    net, anatomy = taken_apart(patient)
    keep = half(anatomy)
    shapes = {name: p.shape for name, p in net.named_parameters()}
    used = uses(net, INPUTS)
    assert used.macs({name: p.numel() for name, p in net.named_parameters()}) == macs(net, INPUTS)
    foretold = sizes(anatomy.groups, shapes, {root: len(kept) for root, kept in keep.items()})
    remove(net, anatomy, keep)
    assert foretold == {name: p.numel() for name, p in net.named_parameters()}
    assert used.macs(foretold) == macs(net, INPUTS)


@pytest.mark.parametrize("patient", CUTTABLE)
def test_after_a_cut_the_anatomy_is_known_without_looking(patient):
    net, anatomy = taken_apart(patient)
    keep = half(anatomy)
    remove(net, anatomy, keep)
    looked = dissect(net, INPUTS, "6" if patient == "flattened" else "head")
    known = anatomy.without(keep)
    assert [group.width for group in known.groups] == [len(keep[group.root]) for group in anatomy.groups]
    if all(group.width > 1 for group in known.groups):  # a group norm of one group has no groups
        assert {g.root: (g.width, g.each, set(g.parts)) for g in known.groups} == {
            g.root: (g.width, g.each, set(g.parts)) for g in looked.groups
        }


def test_it_can_be_written_down():
    _, anatomy = taken_apart("squeeze and excite")
    assert Anatomy.read(anatomy.written()) == anatomy


@pytest.mark.parametrize("patient", UNCUTTABLE)
def test_what_nobody_can_follow_is_refused(patient):
    with pytest.raises(Failure, match="pruning cannot follow this network") as caught:
        dissect(UNCUTTABLE[patient](), INPUTS, "head")
    assert caught.value.code == "unsupported"


def test_an_unknown_layer_is_refused():
    net = Step(lambda self, x: self.lstm(x.flatten(2))[0].reshape(x.shape), lstm=nn.LSTM(64, 64))
    with pytest.raises(Failure, match="LSTM"):
        dissect(Patient(net), INPUTS, "head")


@pytest.mark.parametrize("wrong", ["order", "missing", "foreign"])
def test_the_proof_notices_one_wrong_wire(wrong):
    net, anatomy = taken_apart("dense")
    group = max(anatomy.groups, key=lambda group: group.width)
    part = next(part for part in group.parts if part.role == "reads" and part.tensor == "head.weight")
    entries = {"order": part.entries[1:] + part.entries[:1], "missing": part.entries, "foreign": part.entries}[wrong]
    if wrong == "foreign":
        entries = (8, 9, 10, 11, *entries[4:])  # those of another group
    parts = [p for p in group.parts if p is not part]
    if wrong != "missing":
        parts.append(part._replace(entries=entries))
    broken = [group._replace(parts=tuple(parts)) if one is group else one for one in anatomy.groups]
    prove(net, INPUTS, anatomy)
    with pytest.raises(Failure, match="pruning cannot follow"):
        prove(net, INPUTS, Anatomy(tuple(broken), {}))


def test_layers_that_keep_their_channels_are_named():
    net = Patient(conv(8, 6), 6)
    net.stem = conv(3, 6, groups=3)  # each group sees one colour, and no colour can go
    net.inside = conv(6, 6)
    anatomy = dissect(net, INPUTS, "head")
    assert [group.root for group in anatomy.groups] == ["inside"]
    assert list(anatomy.left) == ["stem", "head"]
    assert "those of the image" in anatomy.left["stem"]


def test_a_group_is_cut_whole_where_layers_work_in_groups():
    net, anatomy = taken_apart("grouped")
    group = next(group for group in anatomy.groups if group.root == "stem")
    assert (group.width, group.each) == (4, 2)
    remove(net, anatomy, {"stem": [1, 3]})
    grouped = net.inside[0]
    assert (grouped.in_channels, grouped.out_channels, grouped.groups) == (4, 6, 2)


SWIN = {"patch_size": [2, 2], "embed_dim": 8, "depths": [2, 2], "num_heads": [2, 4], "window_size": [2, 2]}
ATTENTIVE = {
    "vit": lambda: torchvision.models.VisionTransformer(8, 4, 2, 2, 16, 24, num_classes=10),
    "swin": lambda: torchvision.models.SwinTransformer(**SWIN, num_classes=10),
}


@pytest.mark.parametrize("kind", ATTENTIVE)
def test_networks_with_attention_lose_hidden_widths_alone(kind):
    torch.manual_seed(0)
    net = ATTENTIVE[kind]().eval()
    assert attends(net)
    anatomy = hidden(net)
    assert len(anatomy.groups) == (2 if kind == "vit" else 4)
    with torch.no_grad():
        for tensor in net.parameters():
            tensor.normal_(0, 0.3)
        for group in anatomy.groups:
            layer = net.get_submodule(group.root)
            layer.weight[::2] = 0  # GELU of 0 is 0: these are dead
            layer.bias[::2] = 0
    x = torch.randn(2, *INPUTS)
    wanted, before = net(x), macs(net, INPUTS)
    used = uses(net, INPUTS)
    assert used.macs({name: p.numel() for name, p in net.named_parameters()}) == before
    remove(net, anatomy, half(anatomy))
    torch.testing.assert_close(net(x), wanted, atol=1e-5, rtol=1e-4)
    assert macs(net, INPUTS) < before
    assert all("mlp" in name for name in {group.root for group in anatomy.groups})
    assert all("mlp" not in name or name.endswith(".3") for name in anatomy.left)


def test_convolutions_alone_do_not_attend():
    assert not attends(fresh().net)

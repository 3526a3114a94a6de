"""The families one by one: published sizes, small images, widths in steps, weights from elsewhere, what goes wrong."""

import sys

import numpy as np
import pytest
import torch
import torchvision.models as theirs
from hands import SMALLEST, fresh, own, same, students
from pydantic import ValidationError
from safetensors.torch import save_file
from torch import nn

from autocompress.compress.manifest import load, save
from autocompress.compress.model import Model
from autocompress.compress.start import origin
from autocompress.compress.students._find_parts import quarters
from autocompress.compress.students._widths import rounded
from autocompress.compress.students.base import Parts, Scale, Student
from autocompress.errors import Failure
from autocompress.measure.counted import macs
from autocompress.measure.export import to_onnx
from autocompress.measure.runtimes.onnxruntime import Onnxruntime
from autocompress.plugin import find, make, names
from autocompress.values.space import Choice, fill

PHOTO, SMALL = (3, 224, 224), (3, 32, 32)


def built(student, inputs=SMALL, classes=10, device="meta"):
    with torch.device(device):
        return make(Student, student).build(inputs, classes)


def params(net):
    return sum(parameter.numel() for parameter in net.parameters())


def shapes_of(net):
    return {name: tensor.shape for name, tensor in net.state_dict().items()}


# --- as published -----------------------------------------------------------------------------------------------------

TORCHVISION = [  # the same network as torchvision's, and the figures on its pages
    ({"use": "resnet", "depth": 18}, "resnet18", 11_689_512, 1.814),
    ({"use": "resnet", "depth": 50}, "resnet50", 25_557_032, 4.089),
    ({"use": "mobilenet_v2"}, "mobilenet_v2", 3_504_872, 0.301),
    ({"use": "mobilenet_v3"}, "mobilenet_v3_small", 2_542_856, 0.057),
    ({"use": "mobilenet_v3", "size": "large"}, "mobilenet_v3_large", 5_483_032, 0.217),
    ({"use": "efficientnet"}, "efficientnet_b0", 5_288_548, 0.386),
    ({"use": "densenet"}, "densenet121", 7_978_856, 2.834),
    ({"use": "squeezenet"}, "squeezenet1_1", 1_235_496, 0.349),
    ({"use": "shufflenet_v2"}, "shufflenet_v2_x1_0", 2_278_604, 0.145),
    ({"use": "shufflenet_v2", "width": 2.0}, "shufflenet_v2_x2_0", 7_393_996, 0.583),
    ({"use": "regnet"}, "regnet_y_400mf", 4_344_144, 0.402),
    ({"use": "regnet", "size": "x_800mf"}, "regnet_x_800mf", 7_259_656, 0.8),
    ({"use": "convnext"}, "convnext_tiny", 28_589_128, 4.456),
]


@pytest.mark.parametrize(("student", "function", "size", "work"), TORCHVISION, ids=str)
def test_for_photographs_it_is_torchvisions(student, function, size, work):
    ours = built(student, PHOTO, 1000)
    with torch.device("cpu" if function.startswith("regnet") else "meta"):
        other = theirs.get_model(function)
    assert shapes_of(ours) == shapes_of(other)
    assert params(ours) == size
    assert macs(ours, PHOTO) == pytest.approx(work * 1e9, rel=0.01)


TO_THE_BIT = {
    "mobilenet_v2": "mobilenet_v2",
    "mobilenet_v3": "mobilenet_v3_small",
    "resnet": "resnet18",
    "shufflenet_v2": "shufflenet_v2_x1_0",
    "squeezenet": "squeezenet1_1",
}


@pytest.mark.parametrize("name", TO_THE_BIT)
def test_weights_are_drawn_as_torchvision_draws_them(name):
    torch.manual_seed(3)
    ours = built({"use": name, **({"depth": 18} if name == "resnet" else {})}, PHOTO, 1000, "cpu")
    torch.manual_seed(3)
    assert same(ours.state_dict(), theirs.get_model(TO_THE_BIT[name]).state_dict())


SIZES = [  # of a thousand classes, at 224 x 224
    ({"use": "resnet", "depth": 34}, 21_797_672),
    ({"use": "resnet", "depth": 101}, 44_549_160),
    ({"use": "resnet", "depth": 152}, 60_192_808),
    ({"use": "densenet", "depth": 161}, 28_681_000),
    ({"use": "densenet", "depth": 169}, 14_149_480),
    ({"use": "densenet", "depth": 201}, 20_013_928),
    ({"use": "efficientnet", "size": "b1"}, 7_794_184),
    ({"use": "efficientnet", "size": "b2"}, 9_109_994),
    ({"use": "efficientnet", "size": "b3"}, 12_233_232),
    ({"use": "efficientnet", "size": "b4"}, 19_341_616),
    ({"use": "efficientnet", "size": "b5"}, 30_389_784),
    ({"use": "mobilenet_v2", "width": 0.5}, 1_968_680),
    ({"use": "shufflenet_v2", "width": 0.5}, 1_366_792),
    ({"use": "shufflenet_v2", "width": 1.5}, 3_503_624),
    ({"use": "regnet", "size": "x_200mf"}, 2_684_792),
    ({"use": "regnet", "size": "y_200mf"}, 3_162_996),
    ({"use": "regnet", "size": "x_400mf"}, 5_495_976),
    ({"use": "regnet", "size": "x_1_6gf"}, 9_190_136),
    ({"use": "regnet", "size": "x_3_2gf"}, 15_296_552),
    ({"use": "regnet", "size": "y_800mf"}, 6_432_512),
    ({"use": "regnet", "size": "y_1_6gf"}, 11_202_430),
    ({"use": "regnet", "size": "y_3_2gf"}, 19_436_338),
    ({"use": "convnext", "size": "base"}, 88_591_464),
    ({"use": "vit", "dim": 768, "heads": 12}, 86_567_656),
    ({"use": "vit"}, 5_717_416),
]


@pytest.mark.parametrize(("student", "size"), SIZES, ids=str)
def test_has_the_published_size(student, size):
    assert params(built(student, PHOTO, 1000)) == size


SMALL_SIZES = [  # on CIFAR-10: parameters, millions of multiply-accumulates
    ({"use": "resnet", "depth": 20}, 272_474, 41.2),
    ({"use": "resnet", "depth": 56}, 855_770, 126),
    ({"use": "resnet", "depth": 18}, 11_173_962, 556),
    ({"use": "wideresnet", "depth": 16, "width": 2}, 691_674, 101),
    ({"use": "wideresnet", "depth": 40, "width": 2}, 2_243_546, 327),
    ({"use": "wideresnet", "depth": 28, "width": 10}, 36_479_194, 5246),
    ({"use": "vgg", "depth": 16}, 14_728_266, 313),
]


@pytest.mark.parametrize(("student", "size", "work"), SMALL_SIZES, ids=str)
def test_has_the_published_size_on_small_images(student, size, work):
    net = built(student)
    assert params(net) == size
    assert macs(net, SMALL) == pytest.approx(work * 1e6, rel=0.01)


def test_vgg_has_torchvisions_convolutions():
    with torch.device("meta"):
        features = theirs.vgg11_bn().features
    ours = built({"use": "vgg", "depth": 11}, PHOTO).get_submodule("features")
    assert str(ours) == str(features)
    assert params(ours) == params(features)


def test_the_keyword_spotter_of_mlperf_tiny():
    """Its 24,908 parameters count the averages of batch norms, and biases that norms make idle."""
    net = built({"use": "dscnn", "kernel": [10, 4]}, (1, 49, 10), 12)
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    convolutions = [module for module in net.modules() if isinstance(module, nn.Conv2d)]
    idle = sum(norm.num_features * 2 for norm in norms) + sum(conv.out_channels for conv in convolutions)
    assert params(net) + idle == 24_908
    assert net(torch.empty(2, 1, 49, 10, device="meta")).shape == (2, 12)
    assert net.get_submodule("blocks")(net.get_submodule("stem")(torch.empty(2, 1, 49, 10, device="meta"))).shape[
        2:
    ] == (25, 5)


def test_a_residual_net_of_before_is_the_same():
    net = built({"use": "resnet", "depth": 14, "width": 24}, (1, 8, 8))
    assert params(net) == 392_242
    assert list(net.state_dict())[:3] == ["stem.0.weight", "stem.1.weight", "stem.1.bias"]
    assert list(net.state_dict())[-2:] == ["head.weight", "head.bias"]
    assert params(built({"use": "resnet"})) == params(built({"use": "resnet", "depth": 8, "width": 16}))


# --- images of any size -----------------------------------------------------------------------------------------------


def maps(student, inputs):
    """Height and width of each stage's map."""
    net, found = built(student, inputs), []
    parts = make(Student, student).parts(net)
    for name in parts.stages:
        net.get_submodule(name).register_forward_hook(lambda module, args, output: found.append(output.shape[2:]))
    net.eval()(torch.empty(1, *inputs, device="meta"))
    return [tuple(shape) for shape in found]


STEMS = ["resnet", "mobilenet_v2", "mobilenet_v3", "efficientnet", "densenet", "regnet", "convnext"]


@pytest.mark.parametrize("name", STEMS)
def test_small_images_keep_the_first_two_halvings(name):
    student = {"use": name, **SMALLEST[name], **({"depth": 18} if name == "resnet" else {})}
    assert maps(student, SMALL) == [(32, 32), (16, 16), (8, 8), (4, 4)]
    assert maps({**student, "stem": "large"}, (3, 64, 96)) == [(16, 24), (8, 12), (4, 6), (2, 3)]
    assert maps(student, PHOTO) == [(56, 56), (28, 28), (14, 14), (7, 7)]
    assert maps(student, (1, 8, 8)) == [(8, 8), (4, 4), (2, 2), (2, 2)]


def test_so_do_those_with_three_stages():
    assert maps({"use": "shufflenet_v2"}, SMALL) == [(16, 16), (8, 8), (4, 4)]
    assert maps({"use": "shufflenet_v2"}, PHOTO) == [(28, 28), (14, 14), (7, 7)]
    assert maps({"use": "squeezenet"}, SMALL) == [(32, 32), (16, 16), (8, 8)]
    assert maps({"use": "squeezenet"}, PHOTO) == [(55, 55), (27, 27), (13, 13)]
    assert maps({"use": "squeezenet", "stem": "small"}, PHOTO)[0] == (224, 224)


def test_a_small_stem_is_one_of_3_by_3():
    net = built({"use": "resnet", "depth": 18})
    assert (
        str(net.get_submodule("conv1"))
        == "Conv2d(3, 64, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), bias=False)"
    )
    assert isinstance(net.get_submodule("maxpool"), nn.Identity)


def test_a_new_stem_is_as_spread_out_as_the_old_one():
    """He et al.: the variance of weights goes with one over the size of the kernel."""
    torch.manual_seed(0)
    large = built({"use": "resnet", "depth": 18}, PHOTO, device="cpu").get_submodule("conv1").weight
    small = built({"use": "resnet", "depth": 18}, (1, 32, 32), device="cpu").get_submodule("conv1").weight
    assert (small.std() * 3).item() == pytest.approx((large.std() * 7).item(), rel=0.1)


def test_tiny_nets_go_down_as_far_as_told():
    assert maps({"use": "resnet_thin", "widths": [4, 8, 8, 8, 8]}, SMALL) == [(s, s) for s in (32, 16, 8, 4)]
    assert maps({"use": "resnet_thin"}, (1, 128, 128)) == [(s, s) for s in (32, 16, 8, 4)]
    assert maps({"use": "dscnn", "depth": 3}, (1, 28, 28)) == [(7, 7)] * 3
    assert maps({"use": "dscnn", "depth": 3}, (1, 96, 96)) == [(24, 24), (12, 12), (6, 6)]
    assert maps({"use": "mbnet", "widths": [4, 4], "strides": [1, 2]}, SMALL) == [(32, 32), (16, 16)]


@pytest.mark.parametrize(("depth", "params"), [(18, 2598), (50, 6246)])
def test_thin_residual_networks_are_those_that_were_published_for_wearables(depth, params):
    net = built({"use": "resnet_thin", "depth": depth}, (1, 28, 28))
    assert sum(p.numel() for p in net.parameters()) == params


def test_mbnet_takes_a_number_for_each_stage_or_one_for_all():
    one = built({"use": "mbnet", "widths": [8, 12], "expansions": 3, "kernels": 5, "blocks": 2})
    each = built({"use": "mbnet", "widths": [8, 12], "expansions": [3, 3], "kernels": [5, 5], "blocks": [2, 2]})
    assert str(one) == str(each)
    mixed = built({"use": "mbnet", "widths": [8, 12], "expansions": [1, 6], "kernels": [3, 7]})
    kernels = [m.kernel_size[0] for m in mixed.modules() if isinstance(m, nn.Conv2d) and m.groups > 1]
    widths = [m.out_channels for m in mixed.modules() if isinstance(m, nn.Conv2d)]
    assert kernels == [3, 7]
    assert widths == [8, 8, 8, 48, 48, 12]


# --- widths -----------------------------------------------------------------------------------------------------------


def test_widths_are_rounded_like_mobilenets():
    assert [rounded(width, 8) for width in (1, 11, 12, 24, 33.5, 100)] == [8, 16, 16, 24, 32, 104]
    assert [rounded(width, 1) for width in (0.2, 1.1, 2.5)] == [1, 1, 3]


STEPS = [name for name in names(Student) if "round_to" in find(Student, name).model_fields]


@pytest.mark.parametrize("step", [1, 4, 12, 16])
@pytest.mark.parametrize("name", STEPS)
def test_widths_are_multiples_of_what_the_device_wants(name, step):
    student = {"use": name, **SMALLEST[name], "round_to": step}
    if name == "vit":
        student["mlp"] = 1.3
    net, head = built(student), make(Student, student)
    head = head.parts(net).head
    squeezed = (".fc1", ".fc2", "conv_proj", "out_proj")
    for layer, module in net.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear) and layer != head and not layer.endswith(squeezed):
            width = module.weight.shape[0]
            assert width % step == 0 or (name == "vit" and width == 48), (layer, module)


@pytest.mark.parametrize("name", [name for name in names(Student) if name != "saved"])
@pytest.mark.parametrize("end", [0, -1])
def test_both_ends_of_every_range_can_be_built(name, end):
    family = find(Student, name)
    ranges = {k: f.json_schema_extra["search"] for k, f in family.model_fields.items() if f.json_schema_extra}
    ends = fill(ranges, lambda at, hole: hole.labels[end] if isinstance(hole, Choice) else (hole.low, hole.high)[end])
    if not family.of_teacher and ranges:
        net = built({"use": name, **{k: v for k, v in SMALLEST.get(name, {}).items() if k not in ends}, **ends})
        assert net.eval()(torch.zeros(2, *SMALL, device="meta")).shape == (2, 10)


MISTAKES = [
    ({"use": "resnet", "depth": 16}, "must be 6n + 2 (8, 14, 20, 26, 32, ...) or one of 18, 34, 50, 101, 152, got 16"),
    ({"use": "resnet", "depth": 20, "stem": "large"}, "depth 20 has the small stem only"),
    ({"use": "wideresnet", "depth": 20}, "must be 6n + 4 (10, 16, 22, 28, 34, 40, ...), got 20"),
    ({"use": "vit", "dim": 100}, "dim: 100 cannot be shared by 3 heads; use a multiple of 3"),
    ({"use": "mbnet", "kernels": [3, 5]}, "kernels: 2 numbers for 4 widths; write as many, or one"),
    ({"use": "mbnet", "kernels": 4}, "kernels: must be odd, got 4"),
    (
        {"use": "torchvision", "name": "resnet_50"},
        "has no classifier 'resnet_50'; did you mean 'resnet50'?",
    ),
    (
        {"use": "torchvision", "name": "resnet50", "weights": "V3"},
        "weights: resnet50 has no 'V3', it has IMAGENET1K_V1, IMAGENET1K_V2, DEFAULT",
    ),
    ({"use": "python", "function": "hands.own"}, "wants \"package.module:name\", got 'hands.own'"),
    ({"use": "python", "function": "hands:own", "weights": "a.pt"}, "weights: a.pt may run any code when it is opened"),
    ({"use": "python", "function": "hands:own", "mean": [0.5]}, "mean, std: want as many numbers of the one as"),
]


@pytest.mark.parametrize(("student", "message"), MISTAKES, ids=str)
def test_mistakes_are_told(student, message):
    with pytest.raises(ValidationError) as caught:
        make(Student, student)
    assert message in caught.value.errors()[0]["msg"]


def test_same_is_never_built():
    assert make(Student, "same").of_teacher
    with pytest.raises(AssertionError, match="teacher"):
        make(Student, "same").build(SMALL, 10)


# --- networks nobody has described ------------------------------------------------------------------------------------


class Sevenths(nn.Module):
    """Detours and branches: a squeeze, a shortcut with a stride, a class token that is none."""

    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 7, 3, 1, 1), nn.ReLU())
        self.squeeze = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(7, 7, 1))
        self.wide = nn.Conv2d(7, 14, 1)
        self.down = nn.Conv2d(14, 7, 3, 2, 1)
        self.shortcut = nn.Conv2d(7, 7, 1, 2)
        self.last = nn.BatchNorm2d(7)
        self.inner = nn.Linear(7, 10)
        self.outer = nn.Linear(10, 10)
        self.idle = nn.Linear(10, 10)

    def forward(self, x):
        x = self.first(x)
        x = x * self.squeeze(x)
        x = self.last(self.down(self.wide(x)) + self.shortcut(x))
        return self.outer(self.inner(x.mean((2, 3))))


class Patches(nn.Module):
    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 8, 4, 4)
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.body = nn.ModuleList([nn.Sequential(nn.Linear(8, 8), nn.Sequential(nn.ReLU())) for _ in range(6)])
        self.top = layer
        self.out = nn.Linear(8, 10)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        for block in self.body:
            x = block(x)
        return self.out(self.top(x).mean(1))


def sevenths(inputs, classes):
    return Sevenths()


def patches(inputs, classes):
    return Patches()


def a_list(inputs, classes):
    return [nn.Linear(1, 1)]


def no_head(inputs, classes):
    return nn.Sequential(nn.Conv2d(inputs[0], classes, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())


def no_stages(inputs, classes):
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(classes))


def too_big(inputs, classes):
    return nn.Sequential(nn.Conv2d(inputs[0], 4, 99), nn.Flatten(), nn.Linear(4, classes))


def other_classes(inputs, classes):
    return own(inputs, classes + 1)


def theirs_of_mine(function, **settings):
    return {"use": "python", "function": f"{__name__}:{function}", **settings}


def parts_of(student, inputs=SMALL):
    made = make(Student, student)
    return made.parts(made.build(inputs, 10))


def test_stages_are_the_last_maps_of_each_size_and_the_head_runs_last():
    assert parts_of(theirs_of_mine("sevenths")) == Parts(("wide", "last"), "outer")
    assert parts_of(theirs_of_mine("patches")) == Parts(("body.1", "body.2", "body.4", "body.5"), "out")
    assert parts_of({"use": "python", "function": "hands:own"}) == Parts(("0", "1"), "4")


def test_stages_and_head_may_be_named():
    named = theirs_of_mine("sevenths", stages=["first", "down"], head="inner")
    assert parts_of(named) == Parts(("first", "down"), "inner")


def test_of_many_blocks_every_quarter_counts():
    assert quarters(tuple("abcdefgh")) == ("b", "d", "f", "h")
    assert quarters(tuple("abcde")) == ("b", "c", "d", "e")
    assert quarters(tuple("ab")) == ("a", "b")
    assert quarters(()) == ()


KNOWN = {
    "resnet18": Parts(("relu", "layer1", "layer2", "layer3", "layer4"), "fc"),
    "mobilenet_v3_small": Parts(("features.0", "features.1", "features.3", "features.8", "features"), "classifier.3"),
    "squeezenet1_1": Parts(("features.1", "features.4", "features.7", "features"), "classifier.1"),
    "vit_b_32": Parts(tuple(f"encoder.layers.encoder_layer_{i}" for i in (2, 5, 8, 11)), "heads.head"),
    "swin_t": Parts(("permute",), "head"),
}


@pytest.mark.parametrize("name", KNOWN)
def test_parts_of_torchvisions_networks_are_found(name):
    assert (
        make(Student, {"use": "torchvision", "name": name}).parts(built({"use": "torchvision", "name": name}, PHOTO))
        == KNOWN[name]
    )


WRONG = {
    "a_list": "must return a torch.nn.Module, got list",
    "no_head": "head: nothing found in {} for 10 classes; name its classifier",
    "no_stages": "stages: nothing found in {} for 10 classes; name the modules that end its stages",
    "too_big": "cannot take images of (3, 32, 32): Calculated padded input size",
    "other_classes": "must answer 2 images with logits of (2, 10), got a tensor of (2, 11)",
    "missing": "failed with AttributeError: module 'test_families' has no attribute 'missing'",
}


@pytest.mark.parametrize("function", WRONG)
def test_what_is_wrong_with_a_function_is_said(function):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        make(Student, theirs_of_mine(function)).build(SMALL, 10)
    assert WRONG[function].format(f"{__name__}:{function}") in str(caught.value)


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"head": "nowhere"}, "head: {} has no module 'nowhere'"),
        ({"stages": ["first", "middle"]}, "stages: {} has no module 'middle'"),
        ({"head": "last"}, "head: 'last' is a BatchNorm2d, wants a Linear or a convolution"),
    ],
)
def test_a_part_that_is_not_there_is_said(named, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        make(Student, theirs_of_mine("sevenths", **named)).build(SMALL, 10)
    assert message.format(f"{__name__}:sevenths") in str(caught.value)


def test_a_function_is_found_beside_the_study(tmp_path, monkeypatch):
    (tmp_path / "my_nets.py").write_text("from hands import own\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    net = make(Student, {"use": "python", "function": "my_nets:own", "kwargs": {"width": 6}}).build(SMALL, 10)
    assert params(net) == params(own(SMALL, 10, width=6))


# --- weights from elsewhere -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["safetensors", "state", "checkpoint", "module"])
def test_weights_are_those_of_the_file(kind, tmp_path, monkeypatch):
    if kind != "safetensors":
        monkeypatch.setenv("AUTOCOMPRESS_TRUST_CODE", "1")
    torch.manual_seed(1)
    source = own(SMALL, 10)
    file = tmp_path / ("w.safetensors" if kind == "safetensors" else "w.pt")
    if kind == "safetensors":
        save_file(source.state_dict(), file)
    else:
        what = {
            "state": source.state_dict(),
            "checkpoint": {"epoch": 3, "model": source.state_dict()},
            "module": source,
        }
        torch.save(what[kind], file)
    settings = {"use": "python", "function": "hands:own", "weights": str(file)}
    student = make(Student, {**settings, "mean": [0.1] * 3, "std": [0.2] * 3})
    net = student.build(SMALL, 10)
    assert not same(net.state_dict(), source.state_dict())
    student.pretrain(net)
    assert same(net.state_dict(), source.state_dict())
    assert len(student.pretrained) == 64
    assert student.scale == Scale((0.1,) * 3, (0.2,) * 3)


def test_a_function_that_was_changed_is_another_origin(tmp_path, monkeypatch):
    file = tmp_path / "changing_nets.py"
    file.write_text("from hands import own\n\ndef build(inputs, classes):\n    return own(inputs, classes)\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    tree = {"use": "python", "function": "changing_nets:build"}
    before = origin(tree)
    assert origin(tree) == before
    file.write_text(file.read_text() + "# another\n")
    assert origin(tree) != before


def test_weights_have_the_digest_of_what_is_in_them(tmp_path):
    file = tmp_path / "w.safetensors"
    seen = set()
    for width in (4, 8):
        save_file(own(SMALL, 10, width).state_dict(), file)
        seen.add(make(Student, {"use": "python", "function": "hands:own", "weights": str(file)}).pretrained)
    assert len(seen) == 2
    assert make(Student, {"use": "python", "function": "hands:own"}).pretrained == ""
    assert make(Student, {"use": "python", "function": "hands:own"}).scale is None


def test_weights_that_do_not_fit_are_told(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOCOMPRESS_TRUST_CODE", "1")
    file = tmp_path / "w.safetensors"
    student = make(Student, {"use": "python", "function": "hands:own", "weights": str(file)})
    net = student.build(SMALL, 10)
    with pytest.raises(ValueError, match="no such file"):
        student.pretrain(net)
    with pytest.raises(ValueError, match="no such file"):
        _ = student.pretrained
    save_file(own(SMALL, 10, 4).state_dict(), file)
    with pytest.raises(ValueError, match=r"does not fit hands:own: Error.* size mismatch for 0.0.weight"):
        student.pretrain(net)
    for name in ("w.safetensors", "w.pt"):
        (tmp_path / name).write_bytes(b"nothing of the kind")
        settings = {"use": "python", "function": "hands:own", "weights": str(tmp_path / name)}
        with pytest.raises(ValueError, match="does not fit hands:own"):
            make(Student, settings).pretrain(net)


@pytest.fixture
def download(monkeypatch):
    """What torchvision would fetch, made here; the list says what was asked for."""
    asked = []

    def fetched(url, **settings):
        assert settings["check_hash"]
        asked.append(url)
        torch.manual_seed(8)
        return theirs.squeezenet1_1().state_dict()

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fetched)
    return asked


def test_torchvisions_weights(download):
    student = make(Student, {"use": "torchvision", "name": "squeezenet1_1", "weights": "DEFAULT"})
    torch.manual_seed(8)
    source = theirs.squeezenet1_1().eval()
    whole, few, grey, six = (student.build((c, 64, 64), n).eval() for c, n in ((3, 1000), (3, 10), (1, 10), (6, 10)))
    assert download == []
    before = torch.get_rng_state()
    for net in (whole, few, grey, six):
        student.pretrain(net)
    assert torch.equal(torch.get_rng_state(), before)
    assert len(download) == 4
    x = torch.randn(2, 3, 64, 64)
    assert torch.equal(whole(x), source(x))
    assert torch.equal(few.features(x), source.features(x))
    assert few(x).shape == (2, 10)
    same_in_all = x[:, :1]
    assert torch.allclose(grey.features(same_in_all), source.features(same_in_all.expand(-1, 3, -1, -1)), atol=1e-4)
    assert torch.allclose(six.features(same_in_all.expand(-1, 6, -1, -1)), grey.features(same_in_all), atol=1e-4)
    assert student.pretrained == "squeezenet1_1-b8a52dc0.pth"
    assert student.scale == Scale((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def test_without_weights_nothing_is_fetched(download):
    student = make(Student, {"use": "torchvision", "name": "squeezenet1_1"})
    student.pretrain(student.build(SMALL, 10))
    assert (download, student.pretrained, student.scale) == ([], "", None)


def test_weights_that_cannot_be_fetched_are_told(monkeypatch):
    def unplugged(url, **settings):
        raise OSError("no route to host")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", unplugged)
    student = make(Student, {"use": "torchvision", "name": "squeezenet1_1", "weights": "IMAGENET1K_V1"})
    with pytest.raises(ValueError, match=r"cannot fetch https://.*squeezenet1_1-b8a52dc0.pth into .*no route to host"):
        student.pretrain(student.build(SMALL, 10))


def test_a_network_that_cannot_take_the_images_is_refused():
    with pytest.raises(Failure, match=r"inception_v3 cannot take images of \(3, 32, 32\)") as caught:
        make(Student, {"use": "torchvision", "name": "inception_v3"}).build(SMALL, 10)
    assert caught.value.code == "unsupported"


# --- for the runtime --------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("student", students())
def test_the_exported_file_answers_as_the_network_does(student, tmp_path):
    model = fresh(student, inputs=SMALL)
    torch.manual_seed(0)
    for name, module in model.net.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # its averages are those of the batch below
        elif name == "vit.heads.head":
            nn.init.normal_(module.weight)  # it starts at zero
    model.net.train()(torch.randn(64, *SMALL))
    model.net.eval()
    to_onnx(model.net, SMALL, tmp_path / "model.onnx")
    run = Onnxruntime().open(tmp_path / "model.onnx")
    for batch in (1, 5):
        x = torch.randn(batch, *SMALL)
        with torch.no_grad():
            expected = model.net(x).numpy()
        most = np.abs(expected).max()
        assert most > 0
        np.testing.assert_allclose(run(x.numpy()) / most, expected / most, atol=1e-4)


# --- what a device wants ----------------------------------------------------------------------------------------------


def test_mbnet_looks_at_a_smaller_image():
    settings = {"use": "mbnet", "widths": [4, 8], "stem": "small"}
    full, half = (make(Student, {**settings, **more}).build((3, 32, 48), 10) for more in ({}, {"resolution": 16}))
    assert macs(half, (3, 32, 48)) == pytest.approx(macs(full, (3, 16, 24)), rel=1e-6)
    assert params(half) == params(full)
    plain = make(Student, {**settings, "resolution": 64}).build((3, 32, 48), 10)
    assert not hasattr(plain, "shrink")


def test_weights_for_colours_have_one_scale_for_grey():
    student = {"use": "python", "function": "hands:own", "mean": [0.1, 0.2, 0.6], "std": [0.2, 0.2, 0.5]}
    assert Model.fresh(student, (1, 32, 32), 10, 0).scale == Scale((pytest.approx(0.3),), (pytest.approx(0.3),))
    assert Model.fresh(student, (3, 32, 32), 10, 0).scale == Scale((0.1, 0.2, 0.6), (0.2, 0.2, 0.5))


def test_a_layer_that_asks_for_its_version_is_loaded(tmp_path):
    model = Model.fresh({"use": "torchvision", "name": "mnasnet0_5"}, (3, 64, 64), 10, 0)
    save(model, tmp_path, mean=(0.5,) * 3, std=(0.5,) * 3)
    x = torch.randn(2, 3, 64, 64)
    assert torch.equal(load(tmp_path).net(x), model.net(x))

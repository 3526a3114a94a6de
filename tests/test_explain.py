"""The formulas behind what is said of single models, against hand, loops and identities."""

import numpy as np
import pytest
import torch
from hands import fresh, students
from torch import nn

from autocompress.compress.augmentations.colour import Colour
from autocompress.compress.distillers.base import Needs
from autocompress.compress.draws import Draws
from autocompress.compress.explain.filters import filters, folded, order
from autocompress.compress.explain.heat import grad_cam, last_map
from autocompress.compress.explain.jitter import changed, jittered
from autocompress.compress.quantizers.base import Quantizer
from autocompress.compress.taps import Taps
from autocompress.errors import Failure
from autocompress.measure.accuracy import BINS, ece
from autocompress.measure.calibration import reliability
from autocompress.measure.divergence import divergence
from autocompress.measure.likeness import ssim
from autocompress.plugin import make

# --- structural similarity ---


def slow_ssim(x, y, width, sigma=1.5):
    """As Wang et al. write it down (their equations 13 to 17), place by place."""
    half = width // 2
    w = np.array(
        [[np.exp(-((i - half) ** 2 + (j - half) ** 2) / (2 * sigma**2)) for j in range(width)] for i in range(width)]
    )
    w /= w.sum()
    found = []
    for top in range(x.shape[0] - width + 1):
        for left in range(x.shape[1] - width + 1):
            a, b = (m[top : top + width, left : left + width] for m in (x, y))
            mean_a, mean_b = (w * a).sum(), (w * b).sum()
            var_a, var_b = (w * (a - mean_a) ** 2).sum(), (w * (b - mean_b) ** 2).sum()
            both = (w * (a - mean_a) * (b - mean_b)).sum()
            c1, c2 = 0.01**2, 0.03**2
            top_line = (2 * mean_a * mean_b + c1) * (2 * both + c2)
            found.append(top_line / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)))
    return np.mean(found)


@pytest.mark.parametrize(("shape", "width"), [((14, 17), 11), ((8, 8), 7), ((11, 30), 11), ((7, 12), 7), ((2, 5), 1)])
def test_ssim_is_what_its_authors_wrote_down(shape, width):
    rng = np.random.default_rng(0)
    x, y = rng.random((2, 3, *shape))
    assert ssim(x, y) == pytest.approx([slow_ssim(a, b, width) for a, b in zip(x, y, strict=True)], abs=1e-9)


def test_ssim_of_equals_is_one_and_sides_do_not_matter():
    x, y = np.random.default_rng(1).random((2, 2, 12, 12))
    assert ssim(x, x) == pytest.approx(1.0)
    assert ssim(np.zeros((1, 8, 8)), np.zeros((1, 8, 8))) == pytest.approx(1.0)
    assert (ssim(x, y) == ssim(y, x)).all()
    assert (ssim(x, y) < 0.9).all()


def test_ssim_of_flat_pictures_is_a_matter_of_their_light_alone():
    dark, light = np.full((1, 8, 8), 0.25), np.full((1, 8, 8), 0.75)
    assert ssim(dark, light)[0] == pytest.approx((2 * 0.25 * 0.75 + 1e-4) / (0.25**2 + 0.75**2 + 1e-4))


def test_ssim_wants_pictures_of_one_size():
    with pytest.raises(ValueError, match="two stacks of pictures of one size"):
        ssim(np.zeros((1, 8, 8)), np.zeros((1, 8, 9)))


# --- divergence and calibration ---


def test_divergence_by_hand():
    known, found = np.log([[0.5, 0.25, 0.25]]), np.log([[0.25, 0.5, 0.25]])
    wanted = 0.5 * np.log(2) + 0.25 * np.log(0.5)
    assert divergence(known.astype(np.float32) + 7, found.astype(np.float32))[0] == pytest.approx(wanted, abs=1e-6)
    one_sided = np.log([[0.9, 0.05, 0.05]]).astype(np.float32)
    assert divergence(one_sided, known)[0] != pytest.approx(divergence(known, one_sided)[0], abs=1e-3)


def test_divergence_of_equals_is_nothing_and_never_below():
    logits = np.random.default_rng(0).normal(size=(50, 10)).astype(np.float32) * 30
    assert (divergence(logits, logits) == 0).all()
    assert (divergence(logits, logits[::-1]) > 0).all()
    assert np.isfinite(divergence(logits, logits * 50)).all()


def test_bins_by_hand_and_what_they_sum_to():
    """Two classes; sure to 0.9 and right twice of three times; to 0.6, and wrong."""
    odds = [0.9, 0.9, 0.9, 0.6]
    logits = np.array([[np.log(p), np.log(1 - p)] for p in odds], dtype=np.float32)
    y = np.array([0, 0, 1, 1])
    bins = reliability(logits, y)
    assert len(bins) == BINS
    assert [(i, b.n) for i, b in enumerate(bins) if b.n] == [(9, 1), (13, 3)]  # 0.6 x 15 = 9 and 0.9 x 15 = 13.5
    assert bins[13].confidence == pytest.approx(0.9)
    assert bins[13].accuracy == pytest.approx(2 / 3)
    assert bins[0] == (0, None, None)
    gaps = sum(b.n / 4 * abs(b.confidence - b.accuracy) for b in bins if b.n)
    assert gaps == pytest.approx(0.75 * (0.9 - 2 / 3) + 0.25 * 0.6)
    assert ece(logits, y, "").value == pytest.approx(gaps)


def test_the_surest_answers_are_in_the_last_bin():
    bins = reliability(np.array([[100.0, 0.0]], dtype=np.float32), np.array([0]))
    assert (len(bins), bins[-1].n, bins[-1].accuracy) == (BINS, 1, 1.0)


# --- where a network looks ---


class Linear(nn.Module):
    """Two features, the image and its opposite; class 0 wants the first, class 1 the second."""

    def __init__(self):
        super().__init__()
        self.features = nn.Conv2d(1, 2, 1, bias=False)
        self.features.weight.data = torch.tensor([1.0, -1.0]).reshape(2, 1, 1, 1)
        self.act = nn.ReLU(inplace=True)
        self.head = nn.Linear(2, 2, bias=False)
        self.head.weight.data = torch.tensor([[3.0, -1.0], [-2.0, 1.0]])

    def forward(self, x):
        return self.head(self.act(self.features(x)).mean((2, 3)))


def test_grad_cam_of_a_linear_network_by_hand():
    """Each feature counts by its weight for the class: 3 x the bright pixels, for a bright image."""
    x = torch.tensor([[2.0, 1.0], [0.0, 1.0]]).reshape(1, 1, 2, 2)
    seen = grad_cam(Linear().eval(), "act", x)
    assert seen.answers.tolist() == [0]
    torch.testing.assert_close(seen.heat[0], torch.tensor([[1.0, 0.5], [0.0, 0.5]]))


def test_grad_cam_speaks_for_the_class_that_is_answered_and_leaves_out_what_is_against_it():
    x = torch.tensor([[1.0, -4.0], [-2.0, -2.0]]).reshape(1, 1, 2, 2)
    seen = grad_cam(Linear().eval(), "act", x)
    assert seen.answers.tolist() == [1]
    torch.testing.assert_close(seen.heat[0], torch.tensor([[0.0, 1.0], [0.5, 0.5]]))  # at the bright one -2: nothing


def test_grad_cam_weighs_a_map_by_the_mean_of_its_gradients():
    """Of the features before the rectifier, which overwrites them: what is below 0 there has no gradient."""
    net = Linear().eval()
    net.features.bias = nn.Parameter(torch.tensor([1.0, 0.0]))
    x = torch.tensor([[2.0, 1.0], [0.0, -1.0]]).reshape(1, 1, 2, 2)
    seen = grad_cam(net, "features", x)
    wanted = ((x[0, 0] + 1) * 3 * 3 / 4 + -x[0, 0] * -1 * 1 / 4).relu()  # 3 places of one are above 0, 1 of the other
    torch.testing.assert_close(seen.heat[0], wanted / wanted.max())


def test_grad_cam_of_many_is_that_of_each_alone_and_nothing_is_left_behind():
    model = fresh({"use": "cnn", "depth": 3, "width": 8})
    layer, grid = last_map(model)
    assert (layer, grid) == ("blocks.2", (2, 2))
    x = torch.randn(20, *model.inputs)
    many, alone = grad_cam(model.net, layer, x), [grad_cam(model.net, layer, one[None]) for one in x]
    torch.testing.assert_close(many.heat, torch.cat([one.heat for one in alone]), atol=1e-5, rtol=0)
    assert many.heat.shape == (20, *model.inputs[1:])
    assert (many.heat.amax((1, 2)) <= 1).all()
    assert (many.heat >= 0).all()
    assert many.answers.tolist() == model.net(x).argmax(1).tolist()
    assert all(p.grad is None for p in model.net.parameters())
    assert not any(module._forward_hooks for module in model.net.modules())


def test_heat_that_is_nowhere_stays_nothing():
    dark = torch.zeros(1, 1, 2, 2)
    assert torch.equal(grad_cam(Linear().eval(), "act", dark).heat, torch.zeros(1, 2, 2))


def test_networks_that_know_of_no_places_say_so():
    with pytest.raises(Failure, match="its stages are not convolutions"):
        last_map(fresh({"use": "vit", "dim": 48, "depth": 2, "patch": 2}))
    with pytest.raises(Failure, match="1 x 1"):
        last_map(fresh({"use": "cnn", "depth": 2, "width": 4}, inputs=(1, 1, 1)))


@pytest.mark.parametrize("student", students())
def test_of_maps_the_deepest_that_still_has_places_is_taken(student):
    model = fresh(student, inputs=(3, 32, 32))
    if student["use"] == "vit":
        pytest.skip("it has none")
    layer, grid = last_map(model)
    with Taps(model.net, model.parts, Needs(features=True)) as taps, torch.no_grad():
        model.net(model.example())
        shapes = dict(zip(model.parts.stages, (tuple(f.shape[2:]) for f in taps.features), strict=True))
    assert shapes[layer] == grid > (1, 1)
    deeper = model.parts.stages[model.parts.stages.index(layer) + 1 :]
    assert all(shapes[name] == (1, 1) for name in deeper)


# --- another light ---


def test_the_light_changes_each_image_in_its_own_way_whatever_batch_it_comes_in():
    x = np.random.default_rng(0).integers(60, 180, (6, 3, 8, 8), dtype=np.uint8)
    places = np.array([4, 0, 9, 7, 2, 5])
    whole = jittered(x, 0.4, 3, places)
    assert whole.dtype == np.uint8
    assert np.array_equal(jittered(x[2:4], 0.4, 3, places[2:4]), whole[2:4])
    assert not np.array_equal(jittered(x, 0.4, 4, places), whole)
    assert np.array_equal(jittered(x, 0.0, 3, places), x)


def test_more_strength_goes_further_the_same_way():
    flat = np.full((40, 1, 4, 4), 100, np.uint8)  # contrast has nothing to do here
    weak, strong = (jittered(flat, s, 0, np.arange(40))[:, 0, 0, 0].astype(float) - 100 for s in (0.2, 0.4))
    assert strong == pytest.approx(2 * weak, abs=1.01)
    assert {np.sign(x) for x in weak} >= {-1.0, 1.0}
    assert abs(weak).max() <= 20


def test_only_images_in_colour_have_saturation():
    assert changed(3) == ("brightness", "contrast", "saturation")
    assert changed(1) == changed(4) == ("brightness", "contrast")
    places = np.arange(20)
    for channels, colourful in ((1, 0.0), (3, 0.5), (4, 0.0)):
        x = np.random.default_rng(0).integers(60, 180, (20, channels, 4, 4), dtype=np.uint8)
        light = Colour(brightness=0.5, contrast=0.5, saturation=colourful)
        wanted = light.apply(torch.from_numpy(x), Draws(7, 0, 0, torch.arange(20)))
        assert np.array_equal(jittered(x, 0.5, 7, places), wanted.numpy())


# --- layers ---


@pytest.mark.parametrize("student", students())
def test_layers_hold_all_filters_and_matrices(student):
    model = fresh(student, inputs=(3, 32, 32))
    found = filters(model.net)
    weights = sum(one.weights.numel() for one in found.values())
    every = sum(p.numel() for p in model.net.parameters() if p.ndim > 1)
    assert 0.98 * every <= weights <= every  # scales and tokens have two dimensions, too


def test_the_order_is_that_in_which_layers_run():
    model = fresh({"use": "resnet", "depth": 8, "width": 8})
    names = order(model)
    assert set(names) == set(filters(model.net))
    assert names[0] == "stem.0"
    assert names[-1] == "head"


def test_a_layer_says_what_it_is_and_how_wide():
    found = filters(fresh({"use": "mobilenet_v2", "width": 0.25}, inputs=(3, 32, 32)).net)
    kinds = {one.kind for one in found.values()}
    assert {"conv 3x3", "conv 1x1", "depthwise 3x3", "linear"} == kinds
    assert next(iter(found.values())).channels == (3, 8)
    grouped = nn.Sequential(nn.Conv2d(4, 8, (3, 1), groups=2), nn.Flatten(), nn.LayerNorm(4))
    assert {name: one.kind for name, one in filters(grouped).items()} == {"0": "grouped 3x1"}


def test_weights_on_grids_are_those_that_count_and_norms_are_folded_on_both_sides():
    model = fresh({"use": "cnn", "depth": 2, "width": 4})
    few = make(Quantizer, {"use": "lsq", "weights": 2, "ends": None}).placed(model)
    for layer in few.net.modules():
        if hasattr(layer, "grid"):
            layer.grid.suit(layer.weight)
    on_grid, whole = filters(few.net), folded(model)
    assert set(on_grid) == set(whole)
    for name, one in on_grid.items():
        assert len(one.weights[0].unique()) <= 4  # 2 bits in each channel
        steps = (one.weights - whole[name].weights).abs()
        assert steps.max() < whole[name].weights.abs().max()
    before = filters(model.net)["blocks.0.0"].weights
    assert not torch.equal(before, whole["blocks.0.0"].weights)  # a norm has 1e-5 in it
    assert torch.allclose(before, whole["blocks.0.0"].weights, rtol=1e-4)

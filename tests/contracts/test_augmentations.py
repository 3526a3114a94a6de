"""Every augmentation: pixels stay pixels, an example looks the same in any batch, strength 0 does nothing."""

import pytest
import torch
from hands import made, settings
from torch import Tensor

from autocompress.compress.augmentations.base import Augmentation
from autocompress.compress.augmentations.colour import Colour
from autocompress.compress.augmentations.crop import Crop
from autocompress.compress.augmentations.cutmix import Cutmix
from autocompress.compress.augmentations.cutout import Cutout
from autocompress.compress.augmentations.flip import Flip
from autocompress.compress.augmentations.mixup import Mixup
from autocompress.compress.augmentations.randaugment import OPERATIONS, Randaugment
from autocompress.compress.augmentations.rotate import Rotate
from autocompress.compress.augmentations.zoom import Zoom
from autocompress.compress.draws import Draws

every = pytest.mark.parametrize("augmentation", settings(Augmentation))
kinds = pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
sizes = pytest.mark.parametrize("size", [(3, 12, 12), (1, 12, 9), (2, 7, 10), (3, 2, 1)], ids=str)

STILL = {  # settings with which each does nothing
    "colour": {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0},
    "crop": {"pad": 0},
    "cutmix": {"p": 0.0},
    "cutout": {"side": 0},
    "flip": {"p": 0.0},
    "mixup": {"p": 0.0},
    "randaugment": {"ops": 0},
    "rotate": {"degrees": 0.0},
    "zoom": {"smallest": 1.0, "widest": 1.0},
}


def pixels(many: int, size: tuple[int, int, int] = (3, 12, 12), dtype: torch.dtype = torch.uint8) -> Tensor:
    found = torch.randint(0, 256, (many, *size), generator=torch.Generator().manual_seed(3))
    return found.to(dtype) if dtype == torch.uint8 else (found * 0.99 + 0.3).clamp(0, 255)


def shown(plug: Augmentation, x: Tensor, index: Tensor, view: int = 0, seed: int = 0) -> Tensor:
    """What becomes of the examples `index`, whose pixels are `x`."""
    draws = Draws(seed, view, 0, index)
    if plug.mixes:
        mixed, own = plug.mix(x, 255 - x, draws)
        assert own.shape == (len(x),)
        assert own.dtype == torch.float32
        assert 0 <= own.min() <= own.max() <= 1
        return mixed
    return plug.apply(x, draws)


@every
@kinds
@sizes
def test_pixels_stay_pixels_and_the_input_stays_as_it_was(augmentation, dtype, size):
    x = pixels(40, size, dtype)
    before = x.clone()
    found = shown(made(Augmentation, augmentation), x, torch.arange(40))
    assert (found.shape, found.dtype, found.device) == (x.shape, x.dtype, x.device)
    assert 0 <= found.min() <= found.max() <= 255
    assert torch.equal(x, before)


@every
@kinds
@sizes
def test_an_example_looks_the_same_in_any_batch(augmentation, dtype, size):
    plug, x = made(Augmentation, augmentation), pixels(64, size, dtype)
    whole = shown(plug, x, torch.arange(64))
    batches = [torch.arange(64).flip(0), torch.arange(3, 64, 5), torch.tensor([17]), torch.tensor([9, 9, 40])]
    for index in batches:
        assert torch.equal(shown(plug, x[index], index), whole[index])
    channels_last = x.contiguous(memory_format=torch.channels_last)
    assert torch.equal(shown(plug, channels_last, torch.arange(64)), whole)


@every
def test_other_views_and_seeds_show_other_pixels(augmentation):
    plug, x = made(Augmentation, augmentation), pixels(64)
    found = shown(plug, x, torch.arange(64))
    assert torch.equal(found, shown(plug, x, torch.arange(64)))
    assert not torch.equal(found, shown(plug, x, torch.arange(64), view=1))
    assert not torch.equal(found, shown(plug, x, torch.arange(64), seed=1))


@every
@kinds
@sizes
def test_at_strength_0_nothing_is_done(augmentation, dtype, size):
    plug, x = made(Augmentation, augmentation | STILL[augmentation["use"]]), pixels(20, size, dtype)
    found = shown(plug, x, torch.arange(20))
    torch.testing.assert_close(found, x, rtol=0, atol=0 if dtype == torch.uint8 else 1e-3)


@every
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_shows_what_a_cpu_shows(augmentation):
    plug, x = made(Augmentation, augmentation), pixels(64)
    there = shown(plug, x.cuda(), torch.arange(64).cuda())
    assert there.is_cuda
    off = (there.cpu().int() - shown(plug, x, torch.arange(64)).int()).abs()
    assert (off > 1).float().mean() < 0.01  # rounding may decide which pixel is looked at


def places(many: int) -> Tensor:
    """Images of 9 x 9 that say where each pixel came from; none is black."""
    return (1 + torch.arange(81, dtype=torch.uint8)).reshape(1, 1, 9, 9).expand(many, 1, 9, 9)


def test_crop_shifts_by_every_step_alike_and_lets_black_in():
    found = shown(Crop(pad=2), places(25_000), torch.arange(25_000))
    middle = found[:, 0, 4, 4].long() - 1
    down, right = middle // 9 - 4, middle % 9 - 4
    counts = torch.bincount((down + 2) * 5 + right + 2, minlength=25)
    assert len(counts) == 25
    assert ((counts - 1000) ** 2 / 1000).sum() < 51  # chi-square, 24 degrees of freedom: 1 in 1,000
    for image, dy, dx in zip(found[:50, 0], down[:50].tolist(), right[:50].tolist(), strict=True):
        wanted = torch.zeros(9, 9, dtype=torch.uint8)
        whole = places(1)[0, 0]
        wanted[max(-dy, 0) : 9 - max(dy, 0), max(-dx, 0) : 9 - max(dx, 0)] = whole[
            max(dy, 0) : 9 + min(dy, 0), max(dx, 0) : 9 + min(dx, 0)
        ]
        assert torch.equal(image, wanted)


def test_crop_reflects_as_torch_does():
    x = places(30)
    found = shown(Crop(pad=3, mode="reflect"), x, torch.arange(30))
    large = torch.nn.functional.pad(x.float(), [3] * 4, mode="reflect").byte()
    windows = large.unfold(2, 9, 1).unfold(3, 9, 1)[:, 0]
    assert all(bool((windows[i] == found[i, 0]).all(-1).all(-1).any()) for i in range(30))
    assert found.min() > 0


def test_flip_mirrors_as_many_as_it_says():
    found = shown(Flip(p=0.3), places(10_000), torch.arange(10_000))
    flipped = (found == places(1).flip(3)).all((1, 2, 3))
    assert torch.equal(found[~flipped], places(int((~flipped).sum())))
    assert flipped.float().mean() == pytest.approx(0.3, abs=0.015)


@pytest.mark.parametrize(("fill", "level"), [("black", 0), ("grey", 128)])
def test_cutout_covers_a_square_of_its_side(fill, level):
    x = torch.full((5000, 3, 10, 12), 200, dtype=torch.uint8)
    found = shown(Cutout(side=4, fill=fill), x, torch.arange(5000))
    hole = (found == level).all(1)
    assert torch.equal((found != 200).any(1), hole)
    tall, wide = hole.any(2).sum(1), hole.any(1).sum(1)
    assert torch.equal(hole.sum((1, 2)), tall * wide)  # one rectangle
    assert (tall.max(), wide.max()) == (4, 4)
    assert (tall.min(), wide.min()) == (2, 2)  # its middle is in the image
    assert set(torch.where(hole.any(0).flatten(), 1, 0).tolist()) == {1}  # any pixel may be covered


def test_zoom_shows_a_part_stretched():
    """On a ramp, what is seen at the edges says which part was taken."""
    ramp = torch.linspace(0, 255, 64)
    x = torch.stack((ramp.expand(64, 64), ramp[:, None].expand(64, 64)))[None].expand(2000, 2, 64, 64)
    found = shown(Zoom(smallest=0.25, widest=2.0), x, torch.arange(2000))
    step = 255 / 63
    across = (found[:, 0, 32, 40] - found[:, 0, 32, 24]) / (16 * step)  # source pixels for each pixel shown
    down = (found[:, 1, 40, 32] - found[:, 1, 24, 32]) / (16 * step)
    area = across * down
    assert area.min() == pytest.approx(0.25, abs=0.01)
    assert area.max() == pytest.approx(1, abs=0.01)
    assert area.mean() == pytest.approx(0.625, abs=0.02)
    assert (across / down).max() == pytest.approx(2, abs=0.05)
    assert (across / down).min() == pytest.approx(0.5, abs=0.02)
    middle = found[:, 0, :, 31:33].mean((1, 2)) / step
    least, most = 31.5 - 32 * (1 - across), 31.5 + 32 * (1 - across)
    assert ((middle > least - 0.1) & (middle < most + 0.1)).all()  # inside the image
    assert ((middle - least) / (most - least))[across < 0.9].mean() == pytest.approx(0.5, abs=0.03)  # anywhere in it


def test_zoom_lets_no_black_in_at_the_edges():
    white = torch.full((200, 3, 8, 8), 255, dtype=torch.uint8)
    assert shown(Zoom(smallest=0.1), white, torch.arange(200)).min() == 255


def test_rotate_turns_around_the_middle_up_to_its_angle():
    x = torch.zeros(2000, 1, 33, 45)
    x[:, 0, 16, 34:37] = 255  # to the right of the middle
    found = shown(Rotate(degrees=40.0), x, torch.arange(2000))[:, 0]
    right = (found * (torch.arange(45) - 22.0)).sum((1, 2))
    down = (found * (torch.arange(33)[:, None] - 16.0)).sum((1, 2))
    angle = torch.atan2(down, right).rad2deg()
    assert angle.abs().max() == pytest.approx(40, abs=1)
    assert angle.mean() == pytest.approx(0, abs=2)
    assert angle.abs().mean() == pytest.approx(20, abs=1)
    far = right.hypot(down) / found.sum((1, 2))
    assert (far - 13).abs().max() < 0.3  # as far from the middle as before, though the image is not square


def luma(x: Tensor) -> Tensor:
    return (x * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1)


@pytest.mark.parametrize("setting", ["brightness", "contrast", "saturation"])
def test_colour_changes_one_thing_by_its_strength(setting):
    x = 100 + 40 * torch.rand(2000, 3, 8, 8, generator=torch.Generator().manual_seed(0))  # far from black and full
    plug = Colour(**{"brightness": 0.0, "contrast": 0.0, "saturation": 0.0, setting: 0.5})
    found = shown(plug, x, torch.arange(2000))
    mean = luma(x).mean((1, 2))[:, None, None, None]
    away = {"brightness": x, "contrast": x - mean, "saturation": x - luma(x)[:, None]}[setting]
    rest = x - away
    factor = ((found - rest) * away).sum((1, 2, 3)) / (away * away).sum((1, 2, 3))
    torch.testing.assert_close(found, rest + factor[:, None, None, None] * away, rtol=0, atol=0.5)
    assert factor.min() == pytest.approx(0.5, abs=0.01)
    assert factor.max() == pytest.approx(1.5, abs=0.01)
    assert factor.mean() == pytest.approx(1, abs=0.03)


def test_colour_does_its_three_one_after_the_other():
    x, index = pixels(50, dtype=torch.float32) * 0.3 + 90, torch.arange(50)
    light, hard, colourful = (1 + 0.2 * (2 * Draws(0, 0, 0, index).uniform(3) - 1))[..., None, None, None].unbind(1)
    wanted = x * light
    mean = luma(wanted).mean((1, 2))[:, None, None, None]
    wanted = mean + (wanted - mean) * hard
    grey = luma(wanted)[:, None]
    wanted = grey + (wanted - grey) * colourful
    torch.testing.assert_close(shown(Colour(), x, index), wanted, rtol=0, atol=0.2)


def test_mixup_says_how_much_is_its_own():
    draws = Draws(0, 0, 0, torch.arange(20_000))
    black, white = torch.zeros(20_000, 1, 2, 2), torch.full((20_000, 1, 2, 2), 255.0)
    mixed, own = Mixup(alpha=1.0, p=0.5).mix(white, black, draws)
    torch.testing.assert_close(mixed[:, 0, 0, 0] / 255, own)
    assert (own == 1).float().mean() == pytest.approx(0.5, abs=0.02)
    drawn = own[own < 1]
    counts = torch.histc(drawn, 20, 0, 1)
    assert ((counts - len(drawn) / 20) ** 2 / (len(drawn) / 20)).sum() < 44  # 19 degrees of freedom: 1 in 1,000


@pytest.mark.parametrize("alpha", [0.1, 0.2, 0.5, 1.0])
def test_mixup_draws_from_the_beta_distribution(alpha):
    from scipy.stats import beta

    x = torch.zeros(40_000, 1, 1, 1)
    _, own = Mixup(alpha=alpha).mix(x, x, Draws(1, 0, 0, torch.arange(40_000)))
    for level in (0.001, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.999):
        below = beta(alpha, alpha).cdf(level)
        assert (own < level).double().mean() == pytest.approx(below, abs=4 * (below * (1 - below) / 40_000) ** 0.5)


@kinds
def test_cutmix_says_how_much_is_its_own(dtype):
    draws = Draws(0, 0, 0, torch.arange(5000))
    x, other = (torch.full((5000, 3, 10, 14), level).to(dtype) for level in (10, 90))
    mixed, own = Cutmix(p=0.75).mix(x, other, draws)
    pasted = (mixed == 90).all(1)
    assert torch.equal((mixed != 10).any(1), pasted)
    torch.testing.assert_close(own, 1 - pasted.float().mean((1, 2)))
    assert torch.equal(pasted.sum((1, 2)), pasted.any(2).sum(1) * pasted.any(1).sum(1))  # one rectangle
    assert (own == 1).float().mean() == pytest.approx(0.25, abs=0.03)
    assert own.min() < 0.2
    assert pasted.float().mean(0).min() > 0.05  # anywhere


def operation(name: str, x: Tensor, amount: float) -> Tensor:
    operate = next(o for o in OPERATIONS if o.__name__ == f"_{name}")
    return operate(x.float(), torch.full((len(x),), amount)).round().clamp(0, 255)


def test_randaugment_uses_each_operation_as_often():
    """Images on which any two operations differ; each operation's own result is looked for."""
    x = pixels(1, (3, 16, 16)).expand(1400, 3, 16, 16) // 2 + 30
    found = shown(Randaugment(ops=1, magnitude=8.0), x, torch.arange(1400)).float()
    seen = torch.zeros(1400, dtype=torch.long)
    for operate in OPERATIONS:
        both = [operation(operate.__name__[1:], x[:1], amount) for amount in (0.8, -0.8)]
        hits = (found - both[0]).abs().amax((1, 2, 3)).minimum((found - both[1]).abs().amax((1, 2, 3))) <= 1
        assert hits.float().mean() == pytest.approx(1 / 14, abs=0.025), operate.__name__
        seen += hits
    assert (seen == 1).all()


def test_randaugment_without_magnitude_only_stretches_and_equalises():
    x = pixels(300, (3, 9, 9)) // 2 + 30
    found = shown(Randaugment(ops=1, magnitude=0.0), x, torch.arange(300))
    same = (found == x).all(3).all(2).all(1)
    assert same.float().mean() == pytest.approx(12 / 14, abs=0.06)


def test_randaugment_operations_do_what_they_are_called():
    from PIL import Image, ImageEnhance, ImageFilter, ImageOps

    x = pixels(4, (3, 16, 16)) // 2 + 30

    def pillow(change):
        images = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in x]
        arrays = [torch.frombuffer(bytearray(change(image).tobytes()), dtype=torch.uint8) for image in images]
        return torch.stack([array.reshape(16, 16, 3).permute(2, 0, 1) for array in arrays]).float()

    def near(found, wanted, off=1.0):
        assert (found - wanted).abs().max() <= off

    near(operation("nothing", x, 1.0), x.float(), 0)
    near(operation("stretched", x, 0.3), pillow(ImageOps.autocontrast))
    near(operation("inverted_above", x, -0.5), pillow(lambda i: ImageOps.solarize(i, 128)), 0)
    near(operation("coarser", x, 0.75), pillow(lambda i: ImageOps.posterize(i, 5)), 0)
    near(operation("brighter", x, -0.5), pillow(lambda i: ImageEnhance.Brightness(i).enhance(0.55)))
    near(operation("coloured", x, 0.5), pillow(lambda i: ImageEnhance.Color(i).enhance(1.45)), 1.5)
    near(operation("contrasted", x, 0.5), pillow(lambda i: ImageEnhance.Contrast(i).enhance(1.45)), 1.5)
    blurred = pillow(lambda i: i.filter(ImageFilter.SMOOTH))
    near(operation("sharpened", x, -0.5), blurred + (x.float() - blurred) * 0.55, 1.0)
    levels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16) // 4 + 100
    equalised = operation("equalised", levels, 0.0).unique()
    assert (len(equalised), equalised.min(), equalised.max()) == (64, 0, 255)
    assert equalised.diff().max() - equalised.diff().min() <= 1
    shifted = operation("shifted_across", x, 331 / 150 / 4)  # a quarter: 4 pixels
    near(shifted[..., :12], x[..., 4:].float())
    assert shifted[..., 12:].max() == 0
    near(operation("shifted_down", x, -331 / 150 / 4)[:, :, 4:], x[:, :, :12].float())
    slanted = operation("slanted_across", x, 1.0)
    near(slanted[:, :, 7:9], x[:, :, 7:9].float(), 40)  # the middle stays where it is, nearly
    near(operation("slanted_down", x, 1.0), operation("slanted_across", x.transpose(2, 3), 1.0).transpose(2, 3))
    near(operation("turned", x, 3.0), torch.rot90(x, 1, (2, 3)).float())  # 90 degrees
    flat = torch.full((2, 3, 4, 4), 70)
    near(operation("stretched", flat, 0.0), flat, 0)
    near(operation("equalised", flat, 0.0), flat, 0)


def test_what_cannot_be_is_refused():
    for wrong in (
        lambda: Crop(pad=-1),
        lambda: Flip(p=1.5),
        lambda: Zoom(smallest=0.0),
        lambda: Mixup(alpha=2.0),
        lambda: Colour(contrast=1.5),
        lambda: Randaugment(magnitude=11.0),
    ):
        with pytest.raises(ValueError, match="should be"):
            wrong()
    with pytest.raises(AssertionError, match="two images"):
        Mixup().apply(pixels(1), Draws(0, 0, 0, torch.arange(1)))
    with pytest.raises(AssertionError, match="Flip does not mix"):
        Flip().mix(pixels(1), pixels(1), Draws(0, 0, 0, torch.arange(1)))

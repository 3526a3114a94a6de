"""The data source `folder`: photographs of any size, mode and turn become squares; and what is wrong is named."""

import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from hands import photos
from PIL import Image

from autocompress.data import _colour
from autocompress.data._colour import moments
from autocompress.data._photos import Photos
from autocompress.data.folder import Folder

RED, GREEN, BLUE, WHITE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)


def striped(*colours: tuple[int, int, int], size: int = 40) -> Image.Image:
    """Blocks of colour, left to right, each `size` pixels wide and high."""
    array = np.repeat(np.array(colours, dtype=np.uint8)[None], size, axis=0)
    return Image.fromarray(np.repeat(array, size, axis=1))


def seen(image: Image.Image, folder: Path, name: str = "image.png", side: int = 20, fit: str = "crop", **options):
    """The image as the album shows it, (side, side, 3)."""
    image.save(folder / name, **options)
    return Photos(folder, (name,), side, fit)[:][0].transpose(1, 2, 0).astype(int)


def near(found, colour, off=3):
    assert np.abs(found - np.array(colour)).max() <= off


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the photographs, to be spoiled."""
    return Path(shutil.copytree(photos(), tmp_path / "photos"))


def test_crop_shows_the_middle(tmp_path):
    wide = seen(striped(RED, GREEN, BLUE), tmp_path)
    near(wide[:, 1:-1], GREEN)  # at the edge the neighbours shine through a little
    near(wide, GREEN, off=40)
    near(seen(striped(RED, GREEN, BLUE).rotate(90, expand=True), tmp_path)[1:-1], GREEN)


def test_squash_shows_all(tmp_path):
    found = seen(striped(RED, GREEN, BLUE), tmp_path, side=30, fit="squash")
    for start, colour in ((2, RED), (12, GREEN), (22, BLUE)):
        near(found[:, start : start + 6], colour)


def test_pad_shows_all_in_shape(tmp_path):
    found = seen(striped(RED, BLUE), tmp_path, side=20, fit="pad")
    near(found[:4], BLACK)
    near(found[-4:], BLACK)
    near(found[7:13, :8], RED)
    near(found[7:13, 12:], BLUE)


def test_small_images_grow(tmp_path):
    near(seen(striped(GREEN, size=2), tmp_path, side=9), GREEN)


def test_a_camera_held_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter, clockwise: what lies at the left is the top
    found = seen(striped(RED, BLUE), tmp_path, "image.jpg", fit="squash", exif=exif, quality=95)
    near(found[:8], RED, off=6)
    near(found[12:], BLUE, off=6)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr"])
def test_any_mode_becomes_rgb(mode, tmp_path):
    name = "image.jpg" if mode in ("CMYK", "YCbCr") else "image.png"
    near(seen(striped(WHITE).convert(mode), tmp_path, name), WHITE)
    near(seen(striped(BLACK).convert(mode), tmp_path, name), BLACK)
    if mode in ("P", "RGBA", "CMYK", "YCbCr"):
        near(seen(striped(RED).convert(mode), tmp_path, name), RED, off=6)


def test_what_is_transparent_is_white(tmp_path):
    clear = striped(RED, BLUE).convert("RGBA")
    clear.putalpha(Image.fromarray(np.repeat(np.array([[255] * 40 + [0] * 40], dtype=np.uint8), 40, axis=0)))
    for image in (clear, clear.convert("RGB").quantize(4)):
        options = {"transparency": image.getpixel((60, 20))} if image.mode == "P" else {}
        found = seen(image, tmp_path, fit="squash", **options)
        near(found[:, :8], RED)
        near(found[:, 12:], WHITE)


def test_large_jpegs_are_decoded_small_and_look_the_same(tmp_path):
    random = np.random.default_rng(0)
    image = Image.fromarray(random.integers(0, 256, (60, 80, 3), dtype=np.uint8)).resize((1600, 1200), Image.BICUBIC)
    exact = seen(image, tmp_path, side=160)
    fast = seen(image, tmp_path, "image.jpg", side=160, quality=95, subsampling=0)
    assert np.abs(exact - fast).mean() < 1


@pytest.mark.parametrize("name", ["image.webp", "image.bmp", "image.JPEG"])
def test_other_kinds_of_files(name, tmp_path):
    near(seen(striped(GREEN), tmp_path, name), GREEN, off=4)


def test_more_than_eight_bits_are_refused(tmp_path):
    Image.fromarray(np.full((8, 8), 40_000, dtype=np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(ValueError, match=r"deep\.png: cannot be read .* pixels are I;16; wants 8 bits for each colour"):
        Photos(tmp_path, ("deep.png",), 8)[:]


def test_splits_classes_and_shares(tree):
    found = Folder(path=str(tree), side=8, val=0.25).load()
    assert found.classes == ("a", "b", "c")
    assert (len(found.train), len(found.val), len(found.test)) == (18, 6, 12)
    assert np.bincount(found.val.y).tolist() == [2, 2, 2]
    for split in (found.train, found.val, found.test):
        assert [file.split("/")[1] for file in split.x.files] == [found.classes[label] for label in split.y]
    assert found.train.y.tolist() != sorted(found.train.y)  # shuffled
    (tree / "val").mkdir()
    for name in "abc":
        (tree / "val" / name).mkdir()
        striped(RED).save(tree / "val" / name / "one.PNG")
        (tree / "val" / name / ".hidden.png").write_text("")
        (tree / "val" / name / "notes.txt").write_text("")
    (tree / "train" / ".cache").mkdir()
    given = Folder(path=str(tree), side=8).load()
    assert (len(given.train), len(given.val), len(given.test)) == (24, 3, 12)
    near(given.val.x[:].transpose(0, 2, 3, 1).astype(int), RED)
    assert given.train.y.tolist() != sorted(given.train.y)


def test_the_digest_follows_the_files_not_their_place(tree, tmp_path):
    one = Folder(path=str(tree), side=8).load().digest
    moved = Path(shutil.copytree(tree, tmp_path / "elsewhere"))
    assert Folder(path=str(moved), side=8).load().digest == one
    assert Folder(path=str(moved), side=9).load().digest != one
    assert Folder(path=str(moved), side=8, fit="pad").load().digest != one
    file = next((moved / "train" / "a").iterdir())
    os.utime(file, ns=(0, 0))
    assert Folder(path=str(moved), side=8).load().digest != one


def test_an_album_travels_light(tree):
    album = Photos(tree, tuple(f"train/class/photograph_{place:06}.jpg" for place in range(10_000)), 224)
    assert len(pickle.dumps(album)) < 400_000


def wrong(tree: Path) -> str:
    with pytest.raises(ValueError, match=r".") as caught:
        Folder(path=str(tree), side=8).load()
    return str(caught.value).replace(str(tree), "photos")


def test_missing_folders_are_named(tree):
    assert wrong(tree / "nowhere") == "photos: no such folder"
    assert wrong(Path("nowhere")) == f"photos: no such folder in {Path.cwd()}, where you started"
    assert wrong(tree / "train").startswith("photos: no folder train in it; wants train/CLASS/*.jpg")
    shutil.rmtree(tree / "test" / "b")
    (tree / "test" / "d").mkdir()
    assert wrong(tree) == "photos/test: not the classes of train (no folder b; more: d)"
    shutil.rmtree(tree / "test")
    assert wrong(tree) == (
        "photos: no folder test in it; wants train/CLASS/*.jpg to learn from "
        "and test/CLASS/*.jpg to test the front on, once"
    )


def test_classes_without_images_are_named(tree):
    for file in (tree / "train" / "c").iterdir():
        file.rename(file.with_suffix(".txt"))
    assert wrong(tree) == "photos/train/c: no images (.bmp, .jpeg, .jpg, .png, .webp)"
    for name in "bc":
        shutil.rmtree(tree / "train" / name)
    assert wrong(tree) == "photos/train: wants a folder for each of at least 2 classes, has 1"


def test_one_image_of_each_class_is_too_few(tree):
    for name in "abc":
        for file in sorted((tree / "train" / name).iterdir())[1:]:
            file.unlink()
    assert wrong(tree) == "photos: no class has two training images, so none can be cut off for validation"


def test_a_file_that_is_no_image_is_named_at_once(tree):
    file = sorted((tree / "test" / "b").iterdir())[0]
    file.write_text("<html>not found</html>")
    assert wrong(tree).startswith(f"photos/test/b/{file.name}: cannot be read as an image (cannot identify")


@pytest.mark.parametrize("name", ["image.jpg", "image.png"])
def test_half_a_file_is_named_when_it_is_read(name, tmp_path):
    striped(RED, GREEN, BLUE).save(tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=rf"{tmp_path}/{name}: cannot be read as an image"):
        Photos(tmp_path, (name,), 8)[:]


def test_a_file_that_is_gone_is_named(tree):
    found = Folder(path=str(tree), side=8).load()
    file = tree / found.val.x.files[0]
    file.unlink()
    with pytest.raises(ValueError, match=rf"{file}: cannot be read as an image \(.*No such file"):
        found.val.x[:]
    with pytest.raises(ValueError, match=rf"{file}: No such file"):
        found.digest  # noqa: B018


def test_colours_of_an_album_are_those_of_a_sample(tree, monkeypatch):
    album = Folder(path=str(tree), side=8).load().train.x
    whole = moments(album)
    assert whole == moments(album[:])
    monkeypatch.setattr(_colour, "SAMPLE", 5)
    some = moments(album)
    assert some == moments(album) != whole
    np.testing.assert_allclose(some, whole, atol=0.1)

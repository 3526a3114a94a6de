"""The data source `python`: what people's functions may return, and what they are told of the rest."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hands import arrays, digits
from PIL import Image
from pydantic import ValidationError

from autocompress.data.python import Python


class Pairs(list):
    """As torch wants a data set: a length, and pairs by number."""


class Named(Pairs):
    classes = ("cat", "dog")


def pairs(kind: str, many: int = 12, sides: tuple[int, ...] = (9,)) -> Named:
    random = np.random.default_rng(many)
    found = Named()
    for place in range(many):
        pixels = random.integers(0, 256, (sides[place % len(sides)], 9, 3), dtype=np.uint8)
        image = {
            "pil": lambda pixels=pixels: Image.fromarray(pixels),
            "grey": lambda pixels=pixels: Image.fromarray(pixels).convert("L"),
            "array": lambda pixels=pixels: pixels,
            "tensor": lambda pixels=pixels: torch.from_numpy(pixels).permute(2, 0, 1),
            "float": lambda pixels=pixels: torch.from_numpy(pixels).permute(2, 0, 1) / 255,
            "text": lambda: "image",
        }[kind]()
        found.append((image, place % 2))
    return found


def returned(what):
    return what


def source(what, **settings) -> Python:
    return Python(function="test_own_data:returned", kwargs={"what": what}, **settings)


def refused(what, **settings) -> str:
    with pytest.raises(ValueError, match=r"^test_own_data:returned") as caught:
        source(what, **settings).load()
    return str(caught.value).removeprefix("test_own_data:returned")


def test_a_data_set_of_ours_is_taken_as_it_is():
    own = digits()
    assert source(own).load() is own


def test_named_arrays_are_taken_as_from_an_npz_file():
    found = source(arrays()).load()
    assert found.digest == source(arrays()).load().digest
    assert (len(found.train), len(found.val), len(found.test)) == (37, 3, 20)
    tensors = {name: torch.from_numpy(array) for name, array in arrays().items()}
    assert source(tensors).load().digest == found.digest
    assert refused({"x_train": arrays()["x_train"]}) == ": y_train, x_test, y_test missing; it holds x_train"


@pytest.mark.parametrize("kind", ["pil", "array", "tensor"])
def test_pairs_are_collected(kind):
    found = source((pairs(kind, 20), pairs(kind, 8)), val=0.2).load()
    assert found.inputs == (3, 9, 9)
    assert (len(found.train), len(found.val), len(found.test)) == (16, 4, 8)
    assert found.classes == ("cat", "dog")
    for row, (image, label), y in zip(found.test.x, pairs("array", 8), found.test.y, strict=True):
        np.testing.assert_array_equal(row, image.transpose(2, 0, 1))
        assert y == label


def test_grey_pairs_and_pairs_for_validation():
    parts = [Pairs(pairs("grey", many)) for many in (20, 6, 8)]
    found = source(parts).load()
    assert found.inputs == (1, 9, 9)
    assert (len(found.train), len(found.val), len(found.test)) == (20, 6, 8)
    assert found.classes == ("0", "1")


@pytest.mark.parametrize("kind", ["pil", "array", "tensor"])
def test_pairs_of_many_sizes_want_one(kind):
    parts = (pairs(kind, sides=(9, 12)), pairs(kind))
    assert refused(parts) == (
        ": images of train are (9, 9, 3) and (12, 9, 3); all must be alike (`side: 64` would make all of one size)"
    )
    assert source(parts, side=10).load().inputs == (3, 10, 10)
    mixed = Pairs([*pairs("grey", 4), *pairs(kind, 4)])
    assert refused((mixed, mixed), side=10) == ": images of train are (10, 10) and (10, 10, 3); all must be alike"


def test_what_is_no_image_is_refused():
    wanted = "wants uint8 pixels, 0 to 255: no ToTensor, no Normalize"
    assert refused((pairs("float"), pairs("pil"))) == f": train yields float32; {wanted}"
    assert refused((pairs("pil"), pairs("text"))) == ": test yields str; wants a PIL image, a tensor or an array"
    assert refused((Pairs(), pairs("grey"))) == ": 0 images in x_train and 0 labels in y_train"
    assert refused(3) == ": returned int; wants a Dataset, a dict of arrays, (train, test) or (train, val, test)"


def broken():
    raise KeyError("photos")


def test_a_function_that_fails_is_named():
    for function, message in {
        "test_own_data:broken": "failed with KeyError: 'photos'",
        "test_own_data:absent": "failed with AttributeError: module 'test_own_data' has no attribute 'absent'",
        "no_such_module:f": (
            f"failed with ModuleNotFoundError: no no_such_module.py in {Path.cwd()}, where you started, nor installed"
        ),
    }.items():
        with pytest.raises(ValueError, match=r".") as caught:
            Python(function=function).load()
        assert str(caught.value) == f"{function} {message}"
    with pytest.raises(ValidationError, match=r"wants .package\.module:name., got 'data\.py'"):
        Python(function="data.py")


def test_a_module_beside_the_study_is_found(tmp_path: Path, monkeypatch):
    (tmp_path / "flowers_of_mine.py").write_text("from hands import digits\ndef load(train): return digits(train)\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    assert len(Python(function="flowers_of_mine:load", kwargs={"train": 150}).load().train) == 150


def test_a_data_set_of_ours_may_be_an_album():
    class Stripes:
        shape, digest = (4, 1, 2, 2), "stripes"

        def __getitem__(self, places):
            return np.zeros((4, 1, 2, 2), np.uint8)[places]

        def __len__(self):
            return 4

    own = digits()
    album = replace(own, test=replace(own.test, x=Stripes(), y=np.zeros(4, np.int64)))
    assert source(album).load().digest != own.digest

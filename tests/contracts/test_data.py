"""Every data source: three apart splits of uint8 images, the same each time; and what a wrong file is answered."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from hands import EXAMPLES, made, npz, settings

from autocompress.data.base import Album, Data, Dataset
from autocompress.data.digits import Digits
from autocompress.data.npz import Npz
from autocompress.data.some import Some
from autocompress.plugin import find, names

every = pytest.mark.parametrize("data", settings(Data))


@every
def test_three_splits_of_what_a_model_takes(data):
    found = made(Data, data).load()
    for split in (found.train, found.val, found.test):
        assert isinstance(split.x, np.ndarray | Album)
        whole = split.x[:]
        assert whole.dtype == np.uint8
        assert whole.flags.c_contiguous
        assert whole.shape == split.x.shape == (len(split), *found.inputs)
        assert split.y.dtype == np.int64
        assert len(split.x) == len(split.y) > 0
        assert 0 <= split.y.min() <= split.y.max() < len(found.classes)
    assert len(found.mean) == len(found.std) == found.inputs[0]


@every
def test_no_image_is_in_two_splits(data):
    found = made(Data, data).load()
    train, val, test = ({x.tobytes() for x in split.x[:]} for split in (found.train, found.val, found.test))
    assert len(train | val | test) == len(train) + len(val) + len(test)


@every
def test_images_are_had_in_any_order(data):
    x = made(Data, data).load().train.x
    whole = x[:]
    places = np.array([5, 0, len(x) - 1, 5])
    np.testing.assert_array_equal(x[places], whole[places])
    np.testing.assert_array_equal(x[2:6], whole[2:6])
    assert x[np.array([], dtype=np.intp)].shape == (0, *whole.shape[1:])


@every
def test_the_same_each_time_and_in_another_process(data):
    one, other = made(Data, data).load(), made(Data, data).load()
    assert one.digest == other.digest
    np.testing.assert_array_equal(one.train.x[:], other.train.x[:])
    travelled = pickle.loads(pickle.dumps(one))
    assert travelled.digest == one.digest
    np.testing.assert_array_equal(travelled.val.x[:], one.val.x[:])


@every
def test_another_seed_cuts_another_validation_split(data):
    one, other = (made(Data, seeded(data, seed)).load() for seed in (0, 1))
    assert one.digest != other.digest
    assert sorted(images(one)) == sorted(images(other))


@every
def test_prepared_training_images_are_centred(data):
    found = made(Data, data).load()
    x = found.prepared(found.train.x[:])
    np.testing.assert_allclose(x.mean((0, 2, 3)), 0, atol=1e-4)
    np.testing.assert_allclose(x.std((0, 2, 3)), 1, atol=1e-4)


def seeded(data: dict, seed: int) -> dict:
    """A source within another is who splits."""
    return data | ({"of": seeded(data["of"], seed)} if "of" in data else {"split_seed": seed})


def images(found: Dataset) -> list[bytes]:
    return [x.tobytes() for split in (found.train, found.val, found.test) for x in split.x[:]]


def test_only_python_runs_code_of_the_users():
    assert [name for name in names(Data) if find(Data, name).runs_code] == ["python"]


def test_naming_a_source_imports_nothing_heavy():
    modules = ", ".join(names(Data).values())
    code = f"import sys, {modules}; print(sorted({{'torch', 'torchvision', 'sklearn', 'PIL'}} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout == "[]\n"


def test_digests_stay_what_they_were():
    """They are in the keys of what studies have kept."""
    assert Digits().load().digest == "6a457c1465a8de8b44dd9527c84869edbff9b8d86102d33a83b9211104178e81"
    assert Npz(path=str(npz())).load().digest == "0b39fe947567ea59a015dd38da5f0f73788e7229cdf18ceb7cd048f566c75c97"


def test_some_are_drawn_by_lot_from_their_own_split():
    whole = Digits().load()
    some = Some(of=Digits(), train=100, test=50).load()
    assert (len(some.train), len(some.val), len(some.test)) == (100, len(whole.val), 50)
    for name in ("train", "test"):
        drawn, all_of_it = (
            {(x.tobytes(), y) for x, y in zip(s.x, s.y.tolist(), strict=True)}
            for s in (getattr(some, name), getattr(whole, name))
        )
        assert drawn < all_of_it
    assert some.classes == whole.classes
    other = Some(of=Digits(), train=100, test=50, draw_seed=1).load()
    assert other.digest != some.digest
    assert np.bincount(some.train.y, minlength=10).min() > 0, "not the first class only"


def test_some_of_photographs_stay_on_disk():
    found = made(Data, {"use": "some", "of": EXAMPLES["folder"]() | {"use": "folder"}, "test": 2}).load()
    assert isinstance(found.test.x, Album)
    assert not isinstance(found.test.x, np.ndarray)
    assert len(found.test) == 2


def test_some_say_what_cannot_be_drawn():
    with pytest.raises(ValueError, match="test: there are 359 images, 360 cannot be drawn"):
        Some(of=Digits(), test=360).load()
    with pytest.raises(ValueError, match="train: 3 images drawn show 3 of 10 classes; draw more"):
        Some(of=Digits(), train=3).load()
    with pytest.raises(ValueError, match="examples that a function makes are not drawn from"):
        made(Data, {"use": "some", "of": {"use": "python", "function": "hands:arrays"}})


def test_digits_split_is_whole_stratified_and_seeded():
    found = Digits().load()
    assert sum(map(len, (found.train, found.val, found.test))) == 1797
    assert len(found.val) == pytest.approx(0.2 * 1797, abs=6)
    assert len(found.test) == pytest.approx(0.2 * 1797, abs=6)
    for split in (found.train, found.val, found.test):
        shares = np.bincount(split.y, minlength=10) / len(split)
        assert shares.min() > 0.08
        assert shares.max() < 0.12
    other = Digits(split_seed=1).load()
    assert other.digest != found.digest
    assert sorted(images(other)) == sorted(images(found))


def test_npz_cuts_val_from_train_or_takes_it():
    found = Npz(path=str(npz()), val=0.25).load()
    assert (len(found.train), len(found.val), len(found.test)) == (30, 10, 20)
    assert found.inputs == (3, 6, 5)
    held = dict(np.load(npz()))
    file = npz().with_name("val.npz")
    np.savez(file, **held, x_val=held["x_test"], y_val=held["y_test"], class_names=np.array(["a", "b", "c"]))
    given = Npz(path=str(file)).load()
    assert (len(given.train), len(given.val), given.classes) == (40, 20, ("a", "b", "c"))


MISTAKES = {
    "float": ({"x_train": np.zeros((4, 8, 8), np.float32)}, "x_train is float32; wants uint8 pixels, 0 to 255"),
    "flat": ({"x_train": np.zeros((4, 64), np.uint8)}, "x_train has shape (4, 64); wants (N, H, W) or (N, H, W, C)"),
    "nchw": (
        {"x_train": np.zeros((4, 3, 8, 8), np.uint8)},
        "x_train has shape (4, 3, 8, 8); wants (N, H, W) or (N, H, W, C)",
    ),
    "labels": ({"y_train": np.zeros(4)}, "y_train is float64 of shape (4,); wants N whole numbers"),
    "count": ({"y_train": np.zeros(3, int)}, "4 images in x_train and 3 labels in y_train"),
    "negative": ({"y_train": np.full(4, -1)}, "y_train holds -1; labels count from 0"),
    "size": (
        {"x_test": np.zeros((4, 9, 9), np.uint8)},
        "images of x_test are 9 x 9 x 1",
    ),
    "names": ({"class_names": np.array(["a"])}, "1 class_names, but labels go up to 1"),
    "half": ({"x_val": np.zeros((4, 8, 8), np.uint8)}, "x_val and y_val go together; it holds one of them"),
    "pickle": ({"x_train": np.array([{}], dtype=object)}, "not an .npz file of plain arrays"),
    "missing": ({"x_train": None}, "x_train missing; it holds y_train, x_test, y_test"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_wrong_file_is_told_what_would_be_right(mistake, tmp_path):
    changed, message = MISTAKES[mistake]
    x, y = np.zeros((4, 8, 8), np.uint8), np.arange(4) % 2
    arrays = {"x_train": x, "y_train": y, "x_test": x, "y_test": y} | changed
    file = tmp_path / "wrong.npz"
    np.savez(file, **{name: array for name, array in arrays.items() if array is not None})
    with pytest.raises(ValueError, match=r"wrong\.npz: ") as caught:
        Npz(path=str(file)).load()
    assert message in str(caught.value)


def test_no_file_and_no_archive(tmp_path):
    with pytest.raises(ValueError, match="no such file"):
        Npz(path=str(tmp_path / "none.npz")).load()
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(ValueError, match="file of plain arrays"):
        Npz(path=str(tmp_path / "text.npz")).load()

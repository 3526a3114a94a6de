"""The data source `torchvision`, through torchvision's own classes, on tiny files laid out as each archive is."""

import csv
import inspect
import json
import pickle
from pathlib import Path
from typing import get_args
from urllib.error import URLError

import numpy as np
import pytest
from hands import mnist
from PIL import Image
from scipy.io import savemat
from torchvision import datasets

from autocompress.data.torchvision import SOURCES, Name, Torchvision

COLOURS = np.random.default_rng(0).integers(0, 256, (200, 3), dtype=np.uint8)  # one for each image, to know it again


def known(name: str, root: Path, **settings):
    return Torchvision(name=name, root=str(root), download=False, **settings).load()


def colours(split) -> list[list[int]]:
    """Of images of one colour each."""
    x = split.x[:]
    assert (x == x[:, :, :1, :1]).all()
    return x[:, :, 0, 0].tolist()


def photo(file: Path, place: int, size: tuple[int, int] = (20, 16)) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, tuple(COLOURS[place].tolist())).save(file, quality=100)


def near(split, places) -> None:
    """The images, as JPEG has kept their colours."""
    wanted = COLOURS[list(places)].astype(int)
    assert np.abs(split.x[:].mean((2, 3)) - wanted).max() < 4


def cifar(root: Path, monkeypatch, kind=datasets.CIFAR10, key="labels") -> None:
    folder = root / kind.base_folder
    folder.mkdir()
    parts = [*kind.train_list, *kind.test_list]
    for start, (name, _) in enumerate(parts):
        planes = np.repeat(COLOURS[start * 20 : start * 20 + 20], 1024, axis=1).reshape(20, 3072)
        (folder / name).write_bytes(pickle.dumps({"data": planes, key: [i % 10 for i in range(20)]}))
    names = [f"class {label}" for label in range(10)]
    (folder / kind.meta["filename"]).write_bytes(pickle.dumps({kind.meta["key"]: names}))
    monkeypatch.setattr(kind, "train_list", [[name, None] for name, _ in kind.train_list])
    monkeypatch.setattr(kind, "test_list", [[name, None] for name, _ in kind.test_list])
    monkeypatch.setattr(kind, "meta", kind.meta | {"md5": None})


def test_every_name_is_one_of_torchvisions():
    assert list(SOURCES) == list(get_args(Name))
    for name, source in SOURCES.items():
        kind = getattr(datasets, source.kind)
        assert kind.__name__.lower() == name
        accepted = inspect.signature(kind).parameters
        assert "download" in accepted
        assert {*source.train, *(source.val or {}), *(source.test or {})} <= set(accepted)


def test_cifar10(tmp_path, monkeypatch):
    cifar(tmp_path, monkeypatch)
    found = known("cifar10", tmp_path)
    assert found.inputs == (3, 32, 32)
    assert (len(found.train), len(found.val), len(found.test)) == (90, 10, 20)
    assert found.classes[3] == "class 3"
    assert np.bincount(found.val.y).tolist() == [1] * 10
    assert colours(found.test) == COLOURS[100:120].tolist()
    assert found.test.y.tolist() == [i % 10 for i in range(20)]
    assert sorted(colours(found.train) + colours(found.val)) == sorted(COLOURS[:100].tolist())


def test_cifar100(tmp_path, monkeypatch):
    cifar(tmp_path, monkeypatch, datasets.CIFAR100, "fine_labels")
    found = known("cifar100", tmp_path)
    assert (len(found.train), len(found.val), len(found.test)) == (10, 10, 20)
    assert colours(found.test) == COLOURS[20:40].tolist()


def test_mnist_and_its_likes():
    found = known("mnist", mnist())
    assert found.inputs == (1, 28, 28)
    assert (len(found.train), len(found.val), len(found.test)) == (50, 10, 20)
    assert found.classes[7] == "7 - seven"
    raw = (mnist() / "MNIST" / "raw" / "t10k-images-idx3-ubyte").read_bytes()[16:]
    assert found.test.x.tobytes() == raw
    larger = known("mnist", mnist(), side=32)
    assert larger.inputs == (1, 32, 32)
    np.testing.assert_array_equal(larger.train.y, found.train.y)
    assert abs(larger.mean[0] - found.mean[0]) < 0.005


def test_svhn(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.SVHN, "split_list", {k: [*v[:2], None] for k, v in datasets.SVHN.split_list.items()})
    for which, start, many in (("train", 0, 40), ("test", 40, 20)):
        x = np.broadcast_to(COLOURS[start : start + many].T, (32, 32, 3, many))
        savemat(tmp_path / f"{which}_32x32.mat", {"X": x, "y": 1 + np.arange(many)[:, None] % 10})  # 10 stands for 0
    found = known("svhn", tmp_path)
    assert found.inputs == (3, 32, 32)
    assert (len(found.train), len(found.val), len(found.test)) == (30, 10, 20)
    assert found.classes == tuple("0123456789")
    assert colours(found.test) == COLOURS[40:60].tolist()
    assert found.test.y.tolist() == [(1 + i) % 10 for i in range(20)]


def test_stl10(tmp_path, monkeypatch):
    folder = tmp_path / "stl10_binary"
    folder.mkdir()
    for which, start in (("train", 0), ("test", 40), ("unlabeled", 0)):
        planes = np.broadcast_to(COLOURS[start : start + 20, :, None, None], (20, 3, 96, 96))
        (folder / f"{which}_X.bin").write_bytes(planes.tobytes())
        (folder / f"{which}_y.bin").write_bytes((1 + np.arange(20) % 10).astype(np.uint8).tobytes())
    (folder / "class_names.txt").write_text("\n".join(f"class {label}" for label in range(10)))
    for lists in ("train_list", "test_list"):
        monkeypatch.setattr(datasets.STL10, lists, [[name, None] for name, _ in getattr(datasets.STL10, lists)])
    found = known("stl10", tmp_path, side=24)
    assert found.inputs == (3, 24, 24)
    assert (len(found.train), len(found.val), len(found.test)) == (10, 10, 20)
    assert found.classes[9] == "class 9"
    assert colours(found.test) == COLOURS[40:60].tolist()
    assert found.test.y.tolist() == [i % 10 for i in range(20)]


def flowers(root: Path, monkeypatch) -> None:
    folder = root / "flowers-102"
    for place in range(30):
        photo(folder / "jpg" / f"image_{place + 1:05}.jpg", place)
    savemat(folder / "imagelabels.mat", {"labels": 1 + np.arange(30) % 5})
    savemat(folder / "setid.mat", {"trnid": np.arange(1, 11), "valid": np.arange(11, 16), "tstid": np.arange(16, 31)})
    files = {name: (file, None) for name, (file, _) in datasets.Flowers102._file_dict.items()}
    monkeypatch.setattr(datasets.Flowers102, "_file_dict", files)


def test_flowers102_has_a_validation_split_of_its_own(tmp_path, monkeypatch):
    flowers(tmp_path, monkeypatch)
    found = known("flowers102", tmp_path, side=12)
    assert found.inputs == (3, 12, 12)
    assert (len(found.train), len(found.val), len(found.test)) == (10, 5, 15)
    assert len(found.classes) == 102
    assert found.classes[0] == "pink primrose"
    near(found.val, range(10, 15))
    near(found.test, range(15, 30))
    assert found.test.y.tolist() == [i % 5 for i in range(15, 30)]
    assert sorted(found.train.x.files) == [f"flowers-102/jpg/image_{place + 1:05}.jpg" for place in range(10)]
    assert known("flowers102", tmp_path).inputs == (3, 224, 224)


def test_pets(tmp_path):
    folder = tmp_path / "oxford-iiit-pet"
    (folder / "annotations").mkdir(parents=True)
    for which, start in (("trainval", 0), ("test", 20)):
        lines = []
        for place in range(start, start + 20):
            name = f"{('big_cat', 'Small_dog')[place % 2]}_{place}"
            photo(folder / "images" / f"{name}.jpg", place)
            lines.append(f"{name} {1 + place % 2} 1 1\n")
        (folder / "annotations" / f"{which}.txt").write_text("".join(lines))
    found = known("oxfordiiitpet", tmp_path, side=12)
    assert (len(found.train), len(found.val), len(found.test)) == (18, 2, 20)
    assert found.classes == ("Big Cat", "Small Dog")
    near(found.test, range(20, 40))
    assert found.test.y.tolist() == [0, 1] * 10


def test_food101(tmp_path):
    folder = tmp_path / "food-101"
    (folder / "meta").mkdir(parents=True)
    for which, start in (("train", 0), ("test", 20)):
        listed = {"waffles": [], "apple_pie": []}
        for place in range(start, start + 20):
            name = list(listed)[place % 2]
            photo(folder / "images" / name / f"{place}.jpg", place)
            listed[name].append(f"{name}/{place}")
        (folder / "meta" / f"{which}.json").write_text(json.dumps(listed))
    found = known("food101", tmp_path, side=12, val=0.2)
    assert (len(found.train), len(found.val), len(found.test)) == (16, 4, 20)
    assert found.classes == ("apple_pie", "waffles")
    near(found.test, [*range(20, 40, 2), *range(21, 40, 2)])
    assert found.test.y.tolist() == [1] * 10 + [0] * 10


def test_gtsrb_keeps_the_frames_of_a_sign_together(tmp_path):
    folder = tmp_path / "gtsrb"
    for label in range(3):
        for film in range(4):
            for frame in range(5):
                file = folder / "GTSRB" / "Training" / f"{label:05}" / f"{film:05}_{frame:05}.ppm"
                photo(file, label * 20 + film * 5 + frame)
    rows = [{"Filename": f"{place:05}.ppm", "ClassId": place % 3} for place in range(9)]
    for place in range(9):
        photo(folder / "GTSRB" / "Final_Test" / "Images" / f"{place:05}.ppm", 60 + place)
    with open(folder / "GT-final_test.csv", "w") as file:
        writer = csv.DictWriter(file, ["Filename", "ClassId"], delimiter=";")
        writer.writeheader()
        writer.writerows(rows)
    found = known("gtsrb", tmp_path, val=0.25)
    assert found.inputs == (3, 48, 48)
    assert (len(found.train), len(found.val), len(found.test)) == (45, 15, 9)
    assert np.bincount(found.val.y).tolist() == [5, 5, 5]
    films = [{name.rpartition("_")[0] for name in split.x.files} for split in (found.train, found.val)]
    assert not films[0] & films[1]
    assert found.val.y.tolist() != sorted(found.val.y)  # shuffled
    assert colours(found.test) == COLOURS[60:69].tolist()


def test_dtd(tmp_path):
    folder = tmp_path / "dtd" / "dtd"
    (folder / "labels").mkdir(parents=True)
    for start, which in enumerate(("train", "val", "test")):
        places = range(start * 10, start * 10 + 10)
        names = [f"{('dotted', 'woven')[place % 2]}/{place}.jpg" for place in places]
        for place, name in zip(places, names, strict=True):
            photo(folder / "images" / name, place)
        (folder / "labels" / f"{which}1.txt").write_text("\n".join(names))
    found = known("dtd", tmp_path, side=12)
    assert (len(found.train), len(found.val), len(found.test)) == (10, 10, 10)
    near(found.val, range(10, 20))
    near(found.test, range(20, 30))


def eurosat(root: Path) -> None:
    for place in range(60):
        folder = root / "eurosat" / "2750" / ("Forest", "River", "SeaLake")[place % 3]
        photo(folder / f"{place:02}.jpg", place, (64, 64))


def test_eurosat_gets_a_test_split_that_no_seed_moves(tmp_path):
    eurosat(tmp_path)
    one, other = (known("eurosat", tmp_path, split_seed=seed) for seed in (0, 1))
    assert one.inputs == (3, 64, 64)
    assert (len(one.train), len(one.val), len(one.test)) == (42, 6, 12)
    assert one.classes == ("Forest", "River", "SeaLake")
    assert one.test.x.files == other.test.x.files
    assert one.val.x.files != other.val.x.files
    assert len({*one.train.x.files, *one.val.x.files, *one.test.x.files}) == 60


def test_what_was_half_unpacked_is_told(tmp_path, monkeypatch):
    flowers(tmp_path, monkeypatch)
    gone = tmp_path / "flowers-102" / "jpg" / "image_00012.jpg"
    gone.unlink()
    with pytest.raises(
        ValueError, match=r"flowers102: no flowers-102/jpg/image_00012\.jpg in .*; delete .*/flowers-102"
    ):
        known("flowers102", tmp_path)


def test_what_is_not_there_is_told(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"cifar10: not in .* \(Dataset not found.*\); wants `download: true`"):
        known("cifar10", tmp_path)
    assert list(tmp_path.iterdir()) == []

    def offline(self):
        raise URLError("no route to host")

    monkeypatch.setattr(datasets.CIFAR10, "download", offline)
    with pytest.raises(
        ValueError, match=r"cifar10: not in .*, and the download failed .*no route.*; be online the first"
    ):
        Torchvision(name="cifar10", root=str(tmp_path / "new")).load()


def test_what_is_there_is_not_downloaded(tmp_path, monkeypatch):
    cifar(tmp_path, monkeypatch)
    monkeypatch.setattr(datasets.CIFAR10, "download", lambda self: pytest.fail("went to the network"))
    tmp_path.chmod(0o500)
    assert len(Torchvision(name="cifar10", root=str(tmp_path)).load().test) == 20
    assert [file.name for file in tmp_path.iterdir()] == ["cifar-10-batches-py"]


def test_what_is_missing_is_downloaded_to_the_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.CIFAR10, "download", lambda self: cifar(Path(self.root), monkeypatch))
    monkeypatch.setenv("AUTOCOMPRESS_DATA", str(tmp_path / "data"))
    assert len(Torchvision(name="cifar10").load().test) == 20
    assert (tmp_path / "data" / "cifar-10-batches-py").is_dir()


def test_the_folder_is_said_by_the_study_the_environment_or_xdg(tmp_path, monkeypatch):
    monkeypatch.delenv("AUTOCOMPRESS_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    source = Torchvision(name="mnist", download=False)
    with pytest.raises(ValueError, match=f"not in {tmp_path}/autocompress/data "):
        source.load()
    monkeypatch.setenv("AUTOCOMPRESS_DATA", str(mnist()))
    assert len(source.load().test) == 20
    with pytest.raises(ValueError, match=f"not in {tmp_path}/own "):
        Torchvision(name="mnist", root=str(tmp_path / "own"), download=False).load()

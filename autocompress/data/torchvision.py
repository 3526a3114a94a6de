"""Well-known data sets by name, downloaded once by torchvision."""

import os
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from autocompress.data._arrays import from_arrays
from autocompress.data._colour import moments
from autocompress.data._photos import Photos
from autocompress.data._split import picked, stratified, train_and_val
from autocompress.data.base import Data, Dataset, Split

Name = Literal[
    "cifar10",
    "cifar100",
    "mnist",
    "fashionmnist",
    "kmnist",
    "svhn",
    "stl10",
    "flowers102",
    "oxfordiiitpet",
    "food101",
    "gtsrb",
    "dtd",
    "eurosat",
]
OFF = 0.2  # share that is cut off for the test where nobody has published a test split; always the same images


class _Source(NamedTuple):
    """What torchvision calls it, how it calls its splits, and where it keeps images (arrays, or names of files)."""

    kind: str
    train: Mapping[str, Any]
    test: Mapping[str, Any] | None
    images: str
    labels: str | None  # None: `images` are pairs of file and label
    side: int | None = None  # of photographs, unless the study says otherwise
    val: Mapping[str, Any] | None = None
    films: bool = False  # files that begin alike are frames of one film


TRAIN, TEST = {"train": True}, {"train": False}
LEARN, CHECK, LAST = {"split": "train"}, {"split": "val"}, {"split": "test"}

# torchvision knows the MD5 of every archive here. On disk it checks CIFAR, SVHN and STL-10 again each time, of Flowers
# the labels; of the others only that they are there.
SOURCES: dict[Name, _Source] = {
    "cifar10": _Source("CIFAR10", TRAIN, TEST, "data", "targets"),
    "cifar100": _Source("CIFAR100", TRAIN, TEST, "data", "targets"),
    "mnist": _Source("MNIST", TRAIN, TEST, "data", "targets"),
    "fashionmnist": _Source("FashionMNIST", TRAIN, TEST, "data", "targets"),
    "kmnist": _Source("KMNIST", TRAIN, TEST, "data", "targets"),
    "svhn": _Source("SVHN", LEARN, LAST, "data", "labels"),
    "stl10": _Source("STL10", LEARN, LAST, "data", "labels"),
    "flowers102": _Source("Flowers102", LEARN, LAST, "_image_files", "_labels", side=224, val=CHECK),
    "oxfordiiitpet": _Source("OxfordIIITPet", {"split": "trainval"}, LAST, "_images", "_labels", side=224),
    "food101": _Source("Food101", LEARN, LAST, "_image_files", "_labels", side=224),
    "gtsrb": _Source("GTSRB", LEARN, LAST, "_samples", None, side=48, films=True),
    "dtd": _Source("DTD", LEARN, LAST, "_image_files", "_labels", side=224, val=CHECK),
    "eurosat": _Source("EuroSAT", {}, None, "samples", None, side=64),
}


class Torchvision(Data):
    """A well-known data set by name: cifar10, mnist, svhn, stl10, flowers102, food101 and others; downloaded once."""

    name: Name
    side: Annotated[int, Field(gt=0)] | None = None  # none: small images as they are, photographs at 224 or so
    val: Annotated[float, Field(gt=0, lt=1)] = 0.1  # share of the training examples; unused if one is published
    split_seed: int = 0
    root: str | None = None  # none: $AUTOCOMPRESS_DATA, else ~/.cache/autocompress/data
    download: bool = True

    def load(self) -> Dataset:
        source = SOURCES[self.name]
        wanted = {"train": source.train, "val": source.val, "test": source.test}
        held = {which: self._held(source.kind, settings) for which, settings in wanted.items() if settings is not None}
        return self._photos(source, held) if source.side else self._arrays(source, held)

    def _arrays(self, source: _Source, held: dict[str, Any]) -> Dataset:
        arrays = {}
        for which, found in held.items():
            arrays[f"x_{which}"] = _scaled(_colours_last(np.asarray(getattr(found, source.images))), self.side)
            arrays[f"y_{which}"] = np.asarray(getattr(found, source.labels or ""))
        if classes := getattr(held["train"], "classes", None):
            arrays["class_names"] = np.array(classes)
        return from_arrays(arrays, self.val, self.split_seed)

    def _photos(self, source: _Source, held: dict[str, Any]) -> Dataset:
        splits = {which: self._album(source, found) for which, found in held.items()}
        whole = splits["train"]
        if source.test is None:
            kept, cut = stratified(whole.y, OFF, seed=0)
            splits["train"], splits["test"] = picked(whole, kept), picked(whole, cut)
        films = _films(splits["train"]) if source.films else None
        train, val = train_and_val(splits["train"], splits.get("val"), self.val, self.split_seed, films)
        many = max(int(split.y.max()) for split in splits.values()) + 1
        classes = tuple(getattr(held["train"], "classes", None) or map(str, range(many)))
        mean, std = moments(train.x)
        return Dataset(train, val, splits["test"], classes, mean, std)

    def _album(self, source: _Source, found: Any) -> Split:
        images = getattr(found, source.images)
        pairs = images if source.labels is None else zip(images, getattr(found, source.labels), strict=True)
        files, labels = zip(*pairs, strict=True)
        names = tuple(Path(file).relative_to(self._root).as_posix() for file in files)
        missing = next((name for name in names if not (self._root / name).exists()), None)
        if missing:
            folder = self._root / Path(missing).parts[0]
            raise ValueError(f"{self.name}: no {missing} in {self._root}; delete {folder}, and all is downloaded again")
        side = self.side or source.side
        assert side, "an album has a size"
        return Split(Photos(self._root, names, side), np.array(labels, dtype=np.int64))

    def _held(self, kind: str, settings: Mapping[str, Any]) -> Any:
        """From disk if it is there: only a download writes to the folder, one at a time."""
        from torchvision import datasets

        make = getattr(datasets, kind)
        try:
            return make(self._root, **settings, download=False)
        except (RuntimeError, OSError) as error:
            if not self.download:
                raise ValueError(f"{self.name}: not in {self._root} ({error}); wants `download: true`") from error
        from filelock import FileLock

        self._root.mkdir(parents=True, exist_ok=True)
        with FileLock(self._root / f"{self.name}.lock"):
            try:
                return make(self._root, **settings, download=True)
            except (RuntimeError, OSError, EOFError, HTTPException) as error:
                raise ValueError(
                    f"{self.name}: not in {self._root}, and the download failed ({error}); "
                    "be online the first time, or bring the folder from a machine that has it"
                ) from error

    @property
    def _root(self) -> Path:
        if chosen := self.root or os.environ.get("AUTOCOMPRESS_DATA"):
            return Path(chosen).expanduser().absolute()
        cache = os.environ.get("XDG_CACHE_HOME")
        return (Path(cache) if cache else Path.home() / ".cache") / "autocompress" / "data"


def _colours_last(x: NDArray[Any]) -> NDArray[Any]:
    """SVHN and STL-10 are N, C, H, W; the others N, H, W or N, H, W, C."""
    return x.transpose(0, 2, 3, 1) if x.ndim == 4 and x.shape[1] == 3 else x


def _scaled(x: NDArray[Any], side: int | None) -> NDArray[Any]:
    if side is None or x.shape[1:3] == (side, side):
        return x
    import torch
    import torch.nn.functional as F

    planes = torch.from_numpy(np.ascontiguousarray(x))
    planes = planes[:, None] if planes.ndim == 3 else planes.permute(0, 3, 1, 2)
    scaled = F.interpolate(planes, (side, side), mode="bilinear", antialias=True)
    return scaled.permute(0, 2, 3, 1).numpy()


def _films(split: Split) -> list[str]:
    """GTSRB's files are CLASS/FILM_FRAME.ppm, thirty frames of each sign driven past."""
    assert isinstance(split.x, Photos)
    return [name.rpartition("_")[0] for name in split.x.files]

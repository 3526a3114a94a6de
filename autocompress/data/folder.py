"""Photographs in folders, one for each class, as a camera or a web page leaves them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from autocompress.data._colour import moments
from autocompress.data._photos import Fit, Photos, look_at
from autocompress.data._split import train_and_val
from autocompress.data.base import Data, Dataset, Split

ENDINGS = (".bmp", ".jpeg", ".jpg", ".png", ".webp")


class Folder(Data):
    """Photographs in train/CLASS/, test/CLASS/ and, if there, val/CLASS/; read from disk when they are needed."""

    path: str
    side: Annotated[int, Field(gt=0)] = 224  # pixels; every image becomes a square of this size
    fit: Fit = "crop"  # how: the middle of it, all of it out of shape (squash), or with black bars (pad)
    val: Annotated[float, Field(gt=0, lt=1)] = 0.1  # share of the training examples; unused if there is a folder val
    split_seed: int = 0

    def load(self) -> Dataset:
        folder = Path(self.path).expanduser().absolute()
        if not folder.is_dir():
            where = "" if Path(self.path).expanduser().is_absolute() else f" in {Path.cwd()}, where you started"
            raise ValueError(f"{self.path}: no such folder{where}")
        for name in ("train", "test"):
            if not (folder / name).is_dir():
                raise ValueError(
                    f"{self.path}: no folder {name} in it; wants train/CLASS/*.jpg to learn from "
                    "and test/CLASS/*.jpg to test the front on, once"
                )
        classes = _classes(folder / "train")
        if len(classes) < 2:
            raise ValueError(f"{self.path}/train: wants a folder for each of at least 2 classes, has {len(classes)}")
        given = self._split(folder, "val", classes) if (folder / "val").is_dir() else None
        train, test = self._split(folder, "train", classes), self._split(folder, "test", classes)
        try:
            train, val = train_and_val(train, given, self.val, self.split_seed)
        except ValueError as error:
            raise ValueError(f"{self.path}: {error}") from error
        mean, std = moments(train.x)
        return Dataset(train, val, test, classes, mean, std)

    def _split(self, folder: Path, which: str, classes: tuple[str, ...]) -> Split:
        found = _classes(folder / which)
        if found != classes:
            missing, more = sorted(set(classes) - set(found)), sorted(set(found) - set(classes))
            wrong = [f"no folder {', '.join(missing)}"] * bool(missing) + [f"more: {', '.join(more)}"] * bool(more)
            raise ValueError(f"{self.path}/{which}: not the classes of train ({'; '.join(wrong)})")
        files: list[str] = []
        labels: list[int] = []
        for label, name in enumerate(classes):
            images = sorted(_images(folder / which / name))
            if not images:
                raise ValueError(f"{self.path}/{which}/{name}: no images ({', '.join(ENDINGS)})")
            files += [f"{which}/{name}/{image}" for image in images]
            labels += [label] * len(images)
        look_at(folder, files)
        return Split(Photos(folder, tuple(files), self.side, self.fit), np.array(labels, dtype=np.int64))


def _classes(folder: Path) -> tuple[str, ...]:
    return tuple(sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")))


def _images(folder: Path) -> Iterator[str]:
    for p in folder.iterdir():
        if p.suffix.lower() in ENDINGS and not p.name.startswith("."):
            yield p.name

"""The training split as a network is shown it: picked, augmented and scaled on the compute device."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as Readable

from autocompress.compress.augmentations.base import Augmentation
from autocompress.compress.draws import Draws
from autocompress.data.base import Album, Dataset, Images

READERS = 4  # processes that decode photographs
SHARE = 0.5  # of the memory that is free: more images than fit into this stay on the disk

Pick = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Batch:
    x: Tensor  # float, normalised
    y: Tensor  # labels; of mixed images, the larger part's
    index: Tensor  # position of each example in the training split
    mixed: Tensor | None = None  # of mixed images, the share of each class


class Examples:
    """Images live on the device, as bytes, if they fit; else they are read by processes of their own, batch by batch.

    What is done to an example depends on (seed, view, index) alone, never on the batch it comes in.
    """

    def __init__(
        self,
        data: Dataset,
        augment: Sequence[Augmentation] = (),
        device: str | torch.device = "cpu",
        *,
        room: int | None = None,
    ) -> None:
        self.data, self.augment, self.device = data, tuple(augment), torch.device(device)
        self._room = room

    def __len__(self) -> int:
        return len(self.data.train)

    def batches(self, wanted: Iterable[Tensor], seed: int, view: int) -> Iterator[Batch]:
        """One batch for each list of positions."""
        if self._images is not None:
            images = self._images
            for index in wanted:
                index = index.to(self.device)
                yield self._batch(index, seed, view, lambda some: images[some])
        else:
            yield from self._read(list(wanted), seed, view)

    def normalised(self, x: Tensor) -> Tensor:
        """Pixels 0 to 255 as a model wants them."""
        return (x.float() / 255 - self._mean) / self._std

    def _batch(self, index: Tensor, seed: int, view: int, pick: Pick) -> Batch:
        x, mixed = self._shown(index, seed, view, pick, self.augment)
        y = self._labels[index] if mixed is None else mixed.argmax(1)
        return Batch(self.normalised(x), y, index, mixed)

    def _shown(
        self, index: Tensor, seed: int, view: int, pick: Pick, steps: Sequence[Augmentation]
    ) -> tuple[Tensor, Tensor | None]:
        """Pixels, and what they show if that is more than one thing."""
        x, mixed = pick(index), None
        for place, step in enumerate(steps):
            draws = Draws(seed, view, place, index)
            if step.mixes:
                partner = draws.whole(0, len(self) - 1)[:, 0]
                other, others = self._shown(partner, seed, view, pick, steps[:place])
                x, own = step.mix(x, other, draws)
                mixed = self._shares(index) if mixed is None else mixed
                others = self._shares(partner) if others is None else others
                mixed = torch.lerp(others, mixed, own[:, None])
            else:
                x = step.apply(x, draws)
        return x, mixed

    def _shares(self, index: Tensor) -> Tensor:
        return F.one_hot(self._labels[index], len(self.data.classes)).float()

    def _read(self, wanted: list[Tensor], seed: int, view: int) -> Iterator[Batch]:
        """Workers decode ahead of the network; what they send is bytes, augmented here like everything else."""
        needed = [self._needed(index, seed, view) for index in wanted]
        loader = DataLoader(
            _Pages(self.data.train.x),
            sampler=[some.tolist() for some in needed],
            batch_size=None,
            num_workers=min(READERS, os.cpu_count() or 1),
            pin_memory=self.device.type == "cuda",
            generator=torch.Generator(),  # or it would draw from the one that dropout draws from
        )
        for index, there, pixels in zip(wanted, needed, loader, strict=True):
            pixels, there = pixels.to(self.device, non_blocking=True), there.to(self.device)
            yield self._batch(index.to(self.device), seed, view, _by_position(pixels, there))

    def _needed(self, index: Tensor, seed: int, view: int) -> Tensor:
        """Every example that a batch will look at, once, in order: its own, and those mixed into them."""
        found = index.cpu()
        for place, step in reversed(list(enumerate(self.augment))):
            if step.mixes:
                found = torch.cat([found, Draws(seed, view, place, found).whole(0, len(self) - 1)[:, 0]])
        sorted_once: Tensor = torch.unique(found)
        return sorted_once

    @cached_property
    def _images(self) -> Tensor | None:
        """All training images on the device, or None if there is no room for them."""
        x = self.data.train.x
        size = int(np.prod(x.shape))
        if self.device.type == "cpu" and isinstance(x, np.ndarray):
            return torch.from_numpy(x)  # they are there already
        if size > (budget(self.device) if self._room is None else self._room):
            return None
        if isinstance(x, np.ndarray):
            return torch.from_numpy(x).to(self.device)
        images, done = torch.empty(x.shape, dtype=torch.uint8, device=self.device), 0
        for pixels in read(x):
            images[done : done + len(pixels)] = pixels
            done += len(pixels)
        return images

    @cached_property
    def _labels(self) -> Tensor:
        return torch.from_numpy(self.data.train.y).to(self.device)

    @cached_property
    def _mean(self) -> Tensor:
        return torch.tensor(self.data.mean, device=self.device).reshape(1, -1, 1, 1)

    @cached_property
    def _std(self) -> Tensor:
        return torch.tensor(self.data.std, device=self.device).reshape(1, -1, 1, 1)


class _Pages(Readable[Tensor]):
    """An album as torch's loader wants it: one call, one batch."""

    def __init__(self, images: Images | Album) -> None:
        self._images = images

    def __getitem__(self, places: list[int]) -> Tensor:
        return torch.from_numpy(self._images[np.array(places)])


def read(images: Images | Album, size: int = 256) -> Iterator[Tensor]:
    """All of a split's images in order, as bytes, a batch at a time."""
    if isinstance(images, np.ndarray):
        yield from torch.split(torch.from_numpy(images), size)
        return
    lists = [list(range(start, min(start + size, len(images)))) for start in range(0, len(images), size)]
    readers = min(READERS, os.cpu_count() or 1, len(lists))
    chance = torch.Generator()
    yield from DataLoader(_Pages(images), sampler=lists, batch_size=None, num_workers=readers, generator=chance)


def budget(device: torch.device) -> float:
    """Bytes that the images of one process may take; a driver says how many processes share the device."""
    return SHARE * free(device) / int(os.environ.get("AUTOCOMPRESS_SHARED_BY", "1"))


def free(device: torch.device) -> int:
    """Bytes of memory that nobody uses."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            found = next(line for line in lines if line.startswith("MemAvailable:"))
        return int(found.split()[1]) * 1024
    except (OSError, StopIteration):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def _by_position(pixels: Tensor, there: Tensor) -> Pick:
    """`there` is sorted and holds everything that will be asked for."""
    return lambda index: pixels[torch.searchsorted(there, index)]

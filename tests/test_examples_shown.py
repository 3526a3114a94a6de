"""Training images as networks see them: alike in every batch, from memory or from disk, mixed with their labels."""

import hashlib
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
import torch
from hands import digits
from torch import Tensor

from autocompress.compress.augmentations.base import Augmentation
from autocompress.compress.draws import Draws
from autocompress.compress.examples import Examples, read
from autocompress.data.base import Dataset, Split


class Shifted(Augmentation):
    """For tests: each image brighter by a number of its own."""

    def apply(self, x: Tensor, draws: Draws) -> Tensor:
        return x.float() + 100 * draws.uniform()[:, :, None, None]


class Halves(Augmentation):
    """For tests: the lower part of another image."""

    mixes: ClassVar[bool] = True

    def apply(self, x: Tensor, draws: Draws) -> Tensor:
        raise AssertionError

    def mix(self, x: Tensor, other: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        rows = draws.whole(0, 8)
        lower = torch.arange(8)[None, None, :, None] >= rows[:, :, None, None]
        return torch.where(lower, other.float(), x.float()), rows[:, 0] / 8


class Blend(Augmentation):
    """For tests: the mean of two images, each with a weight of its own."""

    mixes: ClassVar[bool] = True

    def apply(self, x: Tensor, draws: Draws) -> Tensor:
        raise AssertionError

    def mix(self, x: Tensor, other: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        own = draws.uniform()
        part = own[:, :, None, None]
        return x.float() * part + other.float() * (1 - part), own[:, 0]


class OnDisk:
    """For tests: an album that counts nothing and keeps its images elsewhere."""

    def __init__(self, images) -> None:
        self._images = images

    @property
    def shape(self):
        return self._images.shape

    @property
    def digest(self):
        return hashlib.sha256(self._images.tobytes()).hexdigest()

    def __getitem__(self, places):
        return self._images[places]

    def __len__(self):
        return len(self._images)


def album(data: Dataset) -> Dataset:
    splits = [Split(OnDisk(split.x), split.y) for split in (data.train, data.val, data.test)]
    return Dataset(*splits, data.classes, data.mean, data.std)


LISTS = [torch.tensor([5, 2, 199]), torch.tensor([0]), torch.tensor([7, 7, 3, 150])]


@pytest.mark.parametrize("steps", [(), (Shifted(),), (Shifted(), Halves(), Shifted(), Halves())], ids=len)
def test_an_example_looks_the_same_in_every_batch(steps):
    shown = Examples(digits(), steps)
    whole = next(shown.batches([torch.arange(200)], seed=1, view=3))
    for batch in shown.batches(LISTS, seed=1, view=3):
        assert torch.equal(batch.x, whole.x[batch.index])
        assert torch.equal(batch.y, whole.y[batch.index])
        if whole.mixed is not None:
            assert torch.equal(batch.mixed, whole.mixed[batch.index])
    other = next(shown.batches([torch.arange(200)], seed=1, view=4))
    assert torch.equal(other.x, whole.x) == (not steps)


@pytest.mark.parametrize("room", [0, None], ids=["streamed", "in memory"])
def test_images_from_disk_are_the_same_as_from_memory(room):
    steps = (Shifted(), Halves(), Halves())
    here, there = Examples(digits(), steps), Examples(album(digits()), steps, room=room)
    for one, other in zip(here.batches(LISTS, 0, 0), there.batches(LISTS, 0, 0), strict=True):
        for name in ("x", "y", "index", "mixed"):
            assert torch.equal(getattr(one, name), getattr(other, name)), name


def test_an_album_that_takes_more_than_one_look_is_in_memory_whole():
    data = digits(600)
    there = Examples(album(data))._images
    assert there is not None
    assert torch.equal(there, torch.from_numpy(data.train.x))


def test_reading_from_disk_draws_nothing_that_dropout_would_draw():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    for room in (0, None):
        shown = Examples(album(digits()), (Shifted(),), room=room)
        assert len(list(shown.batches(LISTS, 0, 0))) == 3
    assert sum(len(pixels) for pixels in read(album(digits()).val.x, 64)) == 100
    assert torch.equal(torch.get_rng_state(), before)


def test_shares_of_mixed_images_are_those_of_their_pixels():
    data = digits()
    plain = Dataset(  # every image is its own label, so that pixels tell whose they are
        Split(np.broadcast_to(data.train.y.astype(np.uint8)[:, None, None, None], (200, 1, 8, 8)).copy(), data.train.y),
        data.val, data.test, data.classes, (0.0,), (1 / 255,),
    )  # fmt: skip
    batch = next(Examples(plain, (Halves(),)).batches([torch.arange(200)], 0, 0))
    for label in range(10):
        torch.testing.assert_close(batch.mixed[:, label], (batch.x.round() == label).float().mean((1, 2, 3)))
    assert torch.equal(batch.y, batch.mixed.argmax(1))
    assert (batch.mixed.max(1).values < 1).any()


def test_shares_of_images_mixed_twice_are_those_of_their_pixels():
    data = digits()
    x = np.zeros((200, 64), dtype=np.uint8)
    x[np.arange(200), data.train.y] = 200  # each label has a pixel
    train = Split(x.reshape(200, 1, 8, 8), data.train.y)
    plain = replace(data, train=train, mean=(0.0,), std=(200 / 255,))
    batch = next(Examples(plain, (Blend(), Blend())).batches([torch.arange(200)], 0, 0))
    torch.testing.assert_close(batch.mixed, batch.x.flatten(1)[:, :10])
    assert (batch.mixed.count_nonzero(1) > 2).any()


def test_pixels_become_what_the_data_set_prepares():
    data = digits()
    batch = next(Examples(data).batches([torch.arange(200)], 0, 0))
    np.testing.assert_allclose(batch.x.numpy(), data.prepared(data.train.x), atol=1e-6)

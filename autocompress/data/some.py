"""A part of other examples: enough to see whether something works, in a fraction of the time."""

from typing import Annotated

import numpy as np
from pydantic import Field, field_validator

from autocompress.data._colour import moments
from autocompress.data._split import picked
from autocompress.data.base import Data, Dataset, Split

Many = Annotated[int, Field(gt=0)] | None


class Some(Data):
    """So many of the images `of` another source, drawn by lot; all of those for which no number is given."""

    of: Data
    train: Many = None
    val: Many = None
    test: Many = None
    draw_seed: int = 0

    @field_validator("of")
    @classmethod
    def _plain(cls, of: Data) -> Data:
        """Whoever asks whether a source runs code looks at its name, not inside."""
        if of.runs_code:
            raise ValueError("examples that a function makes are not drawn from; let the function return fewer")
        return of

    def load(self) -> Dataset:
        whole = self.of.load()
        train = self._drawn(whole.train, "train", self.train)
        many = len(np.unique(train.y))
        if many < len(np.unique(whole.train.y)):
            raise ValueError(f"train: {self.train} images drawn show {many} of {len(whole.classes)} classes; draw more")
        val, test = self._drawn(whole.val, "val", self.val), self._drawn(whole.test, "test", self.test)
        mean, std = moments(train.x)
        return Dataset(train, val, test, whole.classes, mean, std)

    def _drawn(self, split: Split, name: str, many: int | None) -> Split:
        if many is None:
            return split
        if many > len(split):
            raise ValueError(f"{name}: there are {len(split)} images, {many} cannot be drawn")
        return picked(split, np.random.default_rng(self.draw_seed).permutation(len(split))[:many])

"""Handwritten digits that come with scikit-learn: 1,797 grey images of 8 x 8, ten classes. Needs no download."""

from typing import Annotated

import numpy as np
from pydantic import Field

from autocompress.data._colour import moments
from autocompress.data._split import stratified
from autocompress.data.base import Data, Dataset, Split

Share = Annotated[float, Field(gt=0, le=0.4)]


class Digits(Data):
    """scikit-learn's handwritten digits: 1,797 grey images of 8 x 8, ten classes; no download."""

    val: Share = 0.2
    test: Share = 0.2
    split_seed: int = 0

    def load(self) -> Dataset:
        from sklearn.datasets import load_digits  # 1 s of imports

        found = load_digits()
        x = np.rint(found.images * (255 / 16)).astype(np.uint8)[:, None]
        y = found.target.astype(np.int64)
        rest, test = stratified(y, self.test, self.split_seed)
        # `val` is a share of the whole, so it is a larger share of what is left
        kept, cut = stratified(y[rest], self.val / (1 - self.test), self.split_seed + 1)
        train, val = rest[kept], rest[cut]
        mean, std = moments(x[train])
        names = tuple(str(digit) for digit in range(10))
        return Dataset(Split(x[train], y[train]), Split(x[val], y[val]), Split(x[test], y[test]), names, mean, std)

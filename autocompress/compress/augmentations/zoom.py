"""Cut a part out of the image and stretch it to the whole (Szegedy et al. 2014, arXiv 1409.4842)."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from autocompress.compress.augmentations._warp import warped
from autocompress.compress.augmentations.base import Augmentation
from autocompress.compress.draws import Draws
from autocompress.plugin import ranged


class Zoom(Augmentation):
    """Stretch a random part to the whole image (Szegedy et al. 2014, arXiv 1409.4842)."""

    smallest: Annotated[float, Field(gt=0, le=1)] = ranged(0.35, 0.08, 1.0)  # share of the area that may be left
    widest: Annotated[float, Field(ge=1)] = 4 / 3  # width over height of the part, or the inverse; in image shapes

    def apply(self, x: Tensor, draws: Draws) -> Tensor:
        size, shape, *middle = draws.uniform(4).double().unbind(1)
        area = self.smallest + (1 - self.smallest) * size
        across = (area * self.widest ** (2 * shape - 1)).sqrt().clamp(max=1)
        down = (area / across).clamp(max=1)
        none = torch.zeros_like(area)
        matrix = torch.stack(
            (
                *(across, none, (middle[0] - 0.5) * (1 - across) * x.shape[3]),
                *(none, down, (middle[1] - 0.5) * (1 - down) * x.shape[2]),
            ),
            dim=1,
        )
        return warped(x, matrix.reshape(-1, 2, 3), outside="border")

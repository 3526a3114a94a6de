"""Turn an image around its middle."""

from typing import Annotated

from pydantic import Field
from torch import Tensor

from autocompress.compress.augmentations._warp import turning, warped
from autocompress.compress.augmentations.base import Augmentation
from autocompress.compress.draws import Draws
from autocompress.plugin import ranged


class Rotate(Augmentation):
    """Turn by up to `degrees` to either side; what comes into the corners is black."""

    degrees: Annotated[float, Field(ge=0, le=180)] = ranged(15.0, 0.0, 45.0)

    def apply(self, x: Tensor, draws: Draws) -> Tensor:
        turned = (2 * draws.uniform()[:, 0] - 1) * self.degrees
        return warped(x, turning(turned.deg2rad()))

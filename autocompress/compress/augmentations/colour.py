"""Another light: brighter or darker, harder or softer, more or less colourful."""

from typing import Annotated

from pydantic import Field
from torch import Tensor

from autocompress.compress.augmentations._pixels import average, brightness, like
from autocompress.compress.augmentations.base import Augmentation
from autocompress.compress.draws import Draws
from autocompress.plugin import ranged

Strength = Annotated[float, Field(ge=0, le=1)]


class Colour(Augmentation):
    """Multiply brightness, contrast and saturation by up to 1 ± their strength; none does anything at 0."""

    brightness: Strength = ranged(0.2, 0.0, 0.8)
    contrast: Strength = ranged(0.2, 0.0, 0.8)
    saturation: Strength = ranged(0.2, 0.0, 0.8)

    def apply(self, x: Tensor, draws: Draws) -> Tensor:
        light, hard, colourful = (2 * draws.uniform(3) - 1)[..., None, None, None].unbind(1)
        light, hard, colourful = 1 + light * self.brightness, 1 + hard * self.contrast, 1 + colourful * self.saturation
        pixels = x.float()
        bright = brightness(pixels)
        # the three one after the other: each blends what came before with nothing, its mean, its grey version
        grey = bright * (light * hard * (1 - colourful)) + average(bright) * (light * (1 - hard))
        return like((pixels * (light * hard * colourful)).add_(grey), x)

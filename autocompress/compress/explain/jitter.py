"""Images in another light: how much of what a model knows depends on the light that it learned in."""

import numpy as np
import torch
from numpy.typing import NDArray

from autocompress.compress.augmentations.base import Augmentation
from autocompress.compress.draws import Draws
from autocompress.data.base import Images
from autocompress.plugin import make

COLOURS = 3  # channels: others have no saturation


def changed(channels: int) -> tuple[str, ...]:
    """What of an image changes with the light."""
    return ("brightness", "contrast", *(["saturation"] if channels == COLOURS else []))


def jittered(x: Images, strength: float, seed: int, places: NDArray[np.intp]) -> Images:
    """Each of `changed` is multiplied by 1 ± at most `strength`.

    What is drawn for an image depends on its place and the seed alone, so a greater strength goes further the same way.
    """
    wanted = changed(x.shape[1])
    strengths = {name: strength if name in wanted else 0.0 for name in changed(COLOURS)}
    light = make(Augmentation, {"use": "colour", **strengths})
    draws = Draws(seed, 0, 0, torch.from_numpy(places.astype(np.int64)))
    found: Images = light.apply(torch.from_numpy(x), draws).numpy()
    return found

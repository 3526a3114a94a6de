"""Small pictures, as text that a page can hold: an image of the data, and the heat that is laid over it."""

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from autocompress.data.base import Images
from autocompress.values.examination import PICTURE

SIDES = (96, 80, 64, 56, 48, 40, 32, 24, 16)  # pixels; the first that leaves the file small enough is taken
COLOURS = 64  # of a picture that had to be made smaller: more make larger files, and hardly better ones
SMOOTH = 48  # pixels of a side; heat has no finer details
HOT = (226, 60, 20)  # red, green, blue
LEVELS = 16
OPAQUE = 200  # of 255, where it is hottest: what lies below should be seen


def picture(x: Images) -> str:
    """One image (C, H, W); three channels are colours, of others the mean is shown."""
    pixels = x.transpose(1, 2, 0) if len(x) == 3 else x.mean(0).round().astype(np.uint8)
    image = Image.fromarray(pixels)
    tried = _png(image) if max(image.size) <= SIDES[0] else ""
    for side in SIDES:
        if 0 < len(tried) <= PICTURE:
            break
        small = _within(image, side)
        tried = _png(small.quantize(COLOURS) if small.mode == "RGB" else small)
    return tried


def heat(values: NDArray[np.float64]) -> str:
    """A map (H, W) from 0 to 1."""
    image = _within(Image.fromarray((np.clip(values, 0, 1) * 255).round().astype(np.uint8)), SMOOTH)
    levels = Image.fromarray((np.asarray(image) * ((LEVELS - 1) / 255)).round().astype(np.uint8))
    levels.putpalette(bytes(HOT * LEVELS))
    alphas = bytes(round(OPAQUE * level / (LEVELS - 1)) for level in range(LEVELS))
    return _png(levels, transparency=alphas, bits=4)


def _within(image: Image.Image, side: int) -> Image.Image:
    """No side is longer than this."""
    times = side / max(image.size)
    if times >= 1:
        return image
    wide, high = (max(1, round(length * times)) for length in image.size)
    return image.resize((wide, high), Image.Resampling.BOX)


def _png(image: Image.Image, **settings: object) -> str:
    """In base64."""
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True, **settings)
    return base64.b64encode(out.getvalue()).decode("ascii")

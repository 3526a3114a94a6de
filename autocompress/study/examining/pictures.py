"""Small pictures, as text that a page can hold: an image of the data, and the heat that is laid over it."""

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from autocompress.data.base import Images
from autocompress.values.examination import PICTURE

SIDES = (96, 80, 64, 56, 48, 40, 32, 24, 16)  # pixels; the first that leaves the file small enough is taken
COLOURS = 64  # of a picture that has been made smaller: more make larger files, and hardly better ones
HOT = (226, 60, 20)  # red, green, blue
LEVELS = 16
OPAQUE = 200  # of 255, where it is hottest: what lies below should be seen


def picture(x: Images) -> str:
    """One image (C, H, W); three channels are colours, of others the mean is shown."""
    pixels = x.transpose(1, 2, 0) if len(x) == 3 else x.mean(0).round().astype(np.uint8)
    return _small(Image.fromarray(pixels))


def heat(values: NDArray[np.float32]) -> str:
    """A map (H, W) from 0 to 1."""
    levels = (np.clip(values, 0, 1) * (LEVELS - 1)).round().astype(np.uint8)
    return _small(Image.fromarray(levels), palette=True)


def _small(image: Image.Image, palette: bool = False) -> str:
    """In base64, with sides as long as there is room for."""
    longest = max(image.size)
    for side in (longest, *SIDES):
        if side > min(longest, SIDES[0]):
            continue
        text = _png(_resized(image, side / longest, palette), palette)
        if len(text) <= PICTURE:
            return text
    raise ValueError(f"no picture of {image.size} can be made small enough")


def _resized(image: Image.Image, times: float, palette: bool) -> Image.Image:
    if times == 1:
        return image
    wide, high = (max(1, round(side * times)) for side in image.size)
    small = image.resize((wide, high), Image.Resampling.BOX)
    return small.quantize(COLOURS) if small.mode == "RGB" and not palette else small


def _png(image: Image.Image, palette: bool) -> str:
    settings: dict[str, object] = {}
    if palette:
        image = image.copy()
        image.putpalette(bytes(HOT * LEVELS))
        settings = {"transparency": bytes(round(OPAQUE * level / (LEVELS - 1)) for level in range(LEVELS)), "bits": 4}
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True, **settings)
    return base64.b64encode(out.getvalue()).decode("ascii")

"""Photographs on disk as an album: read, turned upright, made square and of one size when they are asked for."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from autocompress.data.base import Images, Places

if TYPE_CHECKING:
    from PIL import Image

Fit = Literal["crop", "squash", "pad"]
EIGHT_BITS = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"}


@dataclass(frozen=True)
class Photos:
    """Files below `folder`, each `side` pixels high and wide, in RGB."""

    folder: Path
    files: tuple[str, ...]
    side: int
    fit: Fit = "crop"

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return len(self), 3, self.side, self.side

    @cached_property
    def digest(self) -> str:
        """Of names, sizes and times of change: reading every file to the end would take minutes."""
        h = hashlib.sha256(f"{self.side} {self.fit}".encode())
        for name in self.files:
            try:
                found = (self.folder / name).stat()
            except OSError as error:
                raise ValueError(f"{self.folder / name}: {error.strerror}") from error
            h.update(f"\n{name} {found.st_size} {found.st_mtime_ns}".encode())
        return h.hexdigest()

    def __getitem__(self, places: Places) -> Images:
        wanted = np.arange(len(self))[places]
        found = np.empty((len(wanted), self.side, self.side, 3), dtype=np.uint8)
        for row, place in zip(found, wanted, strict=True):
            row[:] = self._read(self.folder / self.files[place])
        return np.ascontiguousarray(found.transpose(0, 3, 1, 2))

    def __len__(self) -> int:
        return len(self.files)

    def only(self, places: NDArray[np.intp]) -> "Photos":
        return replace(self, files=tuple(self.files[place] for place in places))

    def _read(self, file: Path) -> NDArray[np.uint8]:
        from PIL import Image

        try:
            with Image.open(file) as image:
                # a JPEG far too large is decoded at a half, a quarter or an eighth: 12 million pixels in 16 ms, not 116
                image.draft("RGB", (2 * self.side, 2 * self.side))
                return np.asarray(square(upright(image), self.side, self.fit))
        except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
            raise ValueError(f"{file}: cannot be read as an image ({error})") from error


def upright(image: "Image.Image") -> "Image.Image":
    """As a viewer would show it: turned as the camera says, in RGB, what is transparent on white."""
    from PIL import Image, ImageOps

    if image.mode not in EIGHT_BITS:
        raise ValueError(f"its pixels are {image.mode}; wants 8 bits for each colour")
    turned = ImageOps.exif_transpose(image)
    if not turned.has_transparency_data:
        return turned.convert("RGB")
    shown = turned.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", shown.size, "white"), shown).convert("RGB")


def square(image: "Image.Image", side: int, fit: Fit = "crop") -> "Image.Image":
    """The middle of it, all of it out of shape, or all of it with black bars."""
    from PIL import Image, ImageOps

    if fit == "squash":
        return image.resize((side, side), Image.Resampling.BILINEAR)
    made = ImageOps.fit if fit == "crop" else ImageOps.pad
    return made(image, (side, side), Image.Resampling.BILINEAR)


def look_at(folder: Path, files: Sequence[str]) -> None:
    """Open each file as far as its header (24 µs): better to find one that is no image now than hours later."""
    from PIL import Image

    for name in files:
        try:
            Image.open(folder / name).close()
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise ValueError(f"{folder / name}: cannot be read as an image ({error})") from error

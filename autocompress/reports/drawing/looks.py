"""Where models look, for paper: each image, and over it the heat of the baseline and of the model."""

import base64
import io
from collections.abc import Sequence

from PIL import Image

from autocompress.reports.against import MINUS
from autocompress.reports.drawing.look import FONT, INK, MUTED
from autocompress.reports.html import Html, join, tag
from autocompress.values.examination import Look

SIDE, GAP, WORDS = 132, 18, 36  # pixels: of an image, between images, and of the two lines below it
TOP = 58
LETTERS = 22  # that fit below an image


def looks_sheet(title: str, said: str, looks: Sequence[Look]) -> str:
    """SVG: a row per image."""
    wide = 3 if any(look.baseline_heat for look in looks) else 2
    width, height = GAP + wide * (SIDE + GAP), TOP + len(looks) * (SIDE + WORDS + GAP)
    rows = [_row(look, TOP + i * (SIDE + WORDS + GAP)) for i, look in enumerate(looks)]
    return tag(
        "svg",
        _text(title, GAP, 24, INK, size=14),
        _text(said, GAP, 43, MUTED, size=11),
        *rows,
        xmlns="http://www.w3.org/2000/svg",
        width=str(max(width, _needs(title, said))),
        height=str(height),
        font_family=FONT,
    )


def _needs(title: str, said: str) -> int:
    return 2 * GAP + max(round(7.6 * len(title)), round(5.9 * len(said)))


def _row(look: Look, y: int) -> Html:
    cells: list[tuple[str | None, str, str]] = [(None, f"image {look.image}", f"it is: {look.truth}")]
    if look.baseline_heat:
        cells.append((look.baseline_heat, "baseline", f"says: {look.baseline_answer}"))
    like = "" if look.similarity is None else f", likeness {look.similarity:.2f}".replace("-", MINUS)
    cells.append((look.heat, f"model{like}", f"says: {look.answer}"))
    return join(*(_cell(look.picture, heat, GAP + i * (SIDE + GAP), y, a, b) for i, (heat, a, b) in enumerate(cells)))


def _cell(picture: str, heat: str | None, x: int, y: int, first: str, second: str) -> Html:
    layers = [_image(png, x, y, smooth) for png, smooth in ((picture, False), (heat, True)) if png]
    return join(*layers, _text(first, x, y + SIDE + 15, INK), _text(second, x, y + SIDE + 30, MUTED))


def _image(png: str, x: int, y: int, smooth: bool) -> Html:
    """Made as large as it is shown: programs that draw SVGs do not agree on how to."""
    how = Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
    small = Image.open(io.BytesIO(base64.b64decode(png)))
    times = 2 * SIDE / max(small.size)
    wide, high = (max(1, round(length * times)) for length in small.size)
    out = io.BytesIO()
    small.convert("RGBA" if smooth else "RGB").resize((wide, high), how).save(out, "PNG", optimize=True)
    left, top = x + (SIDE - wide // 2) // 2, y + (SIDE - high // 2) // 2
    source = f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode('ascii')}"
    return tag("image", href=source, x=str(left), y=str(top), width=str(wide // 2), height=str(high // 2))


def _text(text: str, x: int, y: int, colour: str, size: int = 12) -> Html:
    short = text if y < TOP or len(text) <= LETTERS else f"{text[: LETTERS - 1]}…"
    return tag("text", short, x=str(x), y=str(y), fill=colour, font_size=str(size))

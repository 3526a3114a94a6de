"""A chart as a picture or as something to move: one specification for the page, for notebooks and for paper."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from autocompress.reports.drawing.look import CONFIG

VEGA_LITE = "6.4"
Datasets = Mapping[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Picture:
    """A chart with a name, and in words what is to be seen on it."""

    name: str
    said: str
    chart: Any
    uses: tuple[str, ...] = ()  # tables that charts of a page share
    caption: str = ""

    def spec(self, tables: Datasets, *, fluid: bool = False) -> dict[str, Any]:
        """Vega-Lite; `fluid` takes the width of the place where it is shown, and its shared tables from there."""
        spec: dict[str, Any] = self.chart.to_dict(validate=False)
        spec.pop("$schema", None)
        spec["config"] = CONFIG
        if fluid:
            spec["width"] = "container"
        else:
            spec.setdefault("datasets", {}).update({name: tables[name] for name in self.uses})
        return spec

    def svg(self, tables: Datasets) -> str:
        import vl_convert

        return str(vl_convert.vegalite_to_svg(self.spec(tables), vl_version=VEGA_LITE))


def inline(svg: str, name: str) -> str:
    """An SVG that can stand beside others on one page: ids of its own, and a width that gives way."""
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", svg)
    return re.sub(
        r'<svg([^>]*?) width="(\d+)(?:\.\d+)?" height="\d+(?:\.\d+)?"',
        r'<svg\1 aria-hidden="true" style="max-width:\2px"',
        svg,
        count=1,
    )


def png(svg: str, scale: float = 2.0) -> bytes:
    import vl_convert

    return bytes(vl_convert.svg_to_png(_on_white(svg), scale=scale))


def pdf(svg: str) -> bytes:
    """The same picture is the same bytes.

    The writer numbers several fonts, and lists what a page uses, in an order that is new each time: so there is one
    weight of letters, and the lists are sorted, which moves nothing else.
    """
    import vl_convert

    made = bytes(vl_convert.svg_to_pdf(re.sub(r' font-weight="[^"]*"', "", _on_white(svg))))
    return re.sub(rb"(?:\n +/\w+ \d+ 0 R)+", lambda m: b"".join(sorted(re.findall(rb"\n[^\n]+", m.group()))), made)


def on_paper(name: str, svg: str) -> dict[str, bytes]:
    """The same picture for every use: file names and what is in them."""
    return {f"{name}.svg": svg.encode(), f"{name}.png": png(svg), f"{name}.pdf": pdf(svg)}


def _on_white(svg: str) -> str:
    """White behind it: not every reader of pictures has a light ground."""
    at = svg.index(">", svg.index("<svg")) + 1
    return f'{svg[:at]}<rect width="100%" height="100%" fill="#ffffff"/>{svg[at:]}'


@cache
def engine() -> str:
    """Vega, Vega-Lite and Vega-Embed in one script, as vl-convert carries them: nothing is fetched."""
    import vl_convert

    return str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=VEGA_LITE))


def fingerprint(script: str) -> str:
    """How a content security policy names a script."""
    import base64

    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()

"""What every page is wrapped in: its policy, its style, its charts that move, its last line."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from autocompress.reports.drawing.embedded import data_script
from autocompress.reports.drawing.look import RECOLOUR
from autocompress.reports.drawing.picture import engine, fingerprint
from autocompress.reports.html import Html, tag


def shell(
    title: str, top: Html, chapters: Sequence[Html], data: Mapping[str, Any] | None, version: str | None = None
) -> str:
    """One self-contained file. `data` is what its charts share, by id; None: it has no charts, so no scripts."""
    scripts = [] if data is None else [engine(), own("page.js")]
    values = [tag("script", data_script(v), type="application/json", id=name) for name, v in (data or {}).items()]
    body = tag(
        "body",
        top,
        tag("main", *chapters),
        _bottom(version, moving=bool(scripts)),
        *values,
        *(tag("script", Html(script)) for script in scripts),
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_policy(scripts)),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        tag("style", Html(f"{own('page.css')}\n{RECOLOUR}")),
    )
    return "<!doctype html>\n" + tag("html", head, body, lang="en") + "\n"


def own(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _policy(scripts: list[str]) -> str:
    """Nothing from outside, nothing evaluated, no script but these very ones."""
    named = " ".join(f"'{fingerprint(script)}'" for script in scripts) or "'none'"
    rest = "style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    return f"default-src 'none'; script-src {named}; {rest}"


def _bottom(version: str | None, *, moving: bool) -> Html:
    made = f"Made by autocompress{f' {version}' if version else ''}. One file, no network."
    vega = " Charts by Vega and Vega-Lite (BSD-3-Clause), inside this file." if moving else ""
    return tag("footer", tag("p", made + vega))

"""A page in a headless Chromium: what it says, what it asks for, who can use it, and how it prints.

With AUTOCOMPRESS_SHOTS=FOLDER pictures of the pages stay in that folder, to be looked at.
"""

import importlib.util
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PHONE, DESK = 390, 1400  # pixels
A4 = (595.3, 841.9)  # points
PRINTED = 688  # pixels of A4 between margins of 14 mm
PATIENCE = 60_000  # ms until the charts are there

Scheme = Literal["light", "dark"]


def lack() -> str | None:
    """Why no page can be opened here, or None."""
    if importlib.util.find_spec("playwright") is None or importlib.util.find_spec("axe_playwright_python") is None:
        return "no playwright here (pip install -e '.[test]')"
    return None if _program() else "no browser here (Debian: apt-get install chromium)"


@contextmanager
def browser() -> "Iterator[Browser]":
    """One process for all pages; what is downloaded or kept goes with it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=_program())  # without its sandbox: containers have no other
        try:
            yield started
        finally:
            started.close()


@dataclass
class Opened:
    """A page that has settled. Every check answers with what is wrong, so an empty list is good."""

    page: "Page"
    console: list[str] = field(default_factory=list)  # everything, what the page's own policy forbids too
    requests: list[str] = field(default_factory=list)  # besides the file itself, those that were blocked too

    def settle(self) -> None:
        """Wait for the charts, if the page says that it is drawing some."""
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        self.page.wait_for_function(_SETTLED, timeout=PATIENCE)

    def become(self, width: int, scheme: Scheme | None = None, media: Literal["screen", "print"] | None = None) -> None:
        """The same page in another window, at another time of the day, or on paper."""
        self.page.emulate_media(color_scheme=scheme, media=media)
        self.page.set_viewport_size({"width": width, "height": 1000})
        self.settle()

    def unfair(self) -> list[str]:
        """What axe finds: every rule that it has, best practices too; one example of each."""
        self.page.evaluate(_axe())
        found = self.page.evaluate(
            "async () => (await axe.run({resultTypes: ['violations'], selectors: false})).violations"
        )
        return [f"{v['id']}, {len(v['nodes'])} times: {v['nodes'][0]['html']} {v['help']}" for v in found]

    def wide(self) -> list[str]:
        """Whether the page as a whole scrolls to the side."""
        over = self.page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
        return [f"scrolls {over} px to the side"] if over > 0 else []

    def cut(self) -> list[str]:
        """Text that sticks out of the page or of a box that hides it, and columns without their heading.

        On paper nothing scrolls, so it would be lost.
        """
        found: list[str] = self.page.evaluate(_CUT)
        return found

    def missed(self) -> list[str]:
        """What the tab key does not reach, or reaches without showing it."""
        stops: list[str] = self.page.evaluate(_STOPS)
        reached: dict[int, bool] = {}
        for _ in range(2 * len(stops) + 20):  # boxes that scroll are stops too
            if len(reached) == len(stops):
                break
            self.page.keyboard.press("Tab")
            at, shown = self.page.evaluate(_STOP)
            if at >= 0:
                reached[at] = shown
        unreached = [f"not reached: {name}" for i, name in enumerate(stops) if i not in reached]
        return unreached + [f"no ring: {stops[i]}" for i, shown in sorted(reached.items()) if not shown]

    def hover_only(self) -> list[str]:
        """What only a mouse is told: titles of what nobody can focus, and rules that show something on hover alone."""
        found: list[str] = self.page.evaluate(_HOVER)
        return found

    def dead(self) -> list[str]:
        """Controls that can be seen and used: with scripts off they do nothing."""
        found: list[str] = self.page.evaluate(_CONTROLS)
        return found

    def headings(self) -> list[str]:
        found: list[str] = self.page.evaluate(f"() => {{ {_SEEN} return seen('h1, h2, h3').map(e => e.innerText) }}")
        return found

    def rows(self) -> int:
        """Rows of tables that can be seen."""
        found: int = self.page.evaluate(f"() => {{ {_SEEN} return seen('tr').length }}")
        return found

    def pictures(self) -> list[int]:
        """For each figure how many pictures of it can be seen."""
        found: list[int] = self.page.evaluate(_PICTURES)
        return found

    def print(self) -> bytes:
        """On A4, as people print it."""
        return self.page.pdf(format="A4", prefer_css_page_size=True)

    def shot(self, name: str) -> None:
        """A picture of the whole page, for people, where they asked for it."""
        if folder := shots():
            self.page.screenshot(path=folder / f"{name}.png", full_page=True)


@contextmanager
def open_page(
    where: "Browser", path: Path, width: int = DESK, scheme: Scheme = "light", scripts: bool = True
) -> Iterator[Opened]:
    """The file at this path in a window of its own, once it has settled."""
    context = where.new_context(
        viewport={"width": width, "height": 844 if width <= PHONE else 1000},
        color_scheme=scheme,
        java_script_enabled=scripts,
    )
    page = context.new_page()
    opened = Opened(page)
    page.on("console", lambda message: opened.console.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: opened.console.append(f"uncaught: {error}"))
    page.on("request", lambda request: opened.requests.append(request.url) if _outside(request.url, path) else None)
    page.on("dialog", lambda dialog: (opened.console.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    try:
        page.goto(path.as_uri())
        if scripts:
            opened.settle()
        yield opened
    finally:
        context.close()


def sheets(pdf: bytes) -> list[tuple[float, float]]:
    """Width and height of each page of a PDF, in points."""
    boxes = re.findall(rb"/Type\s*/Page\b.*?/MediaBox\s*\[\s*0\s+0\s+([\d.]+)\s+([\d.]+)\s*\]", pdf, re.DOTALL)
    return [(float(width), float(height)) for width, height in boxes]


def shots() -> Path | None:
    """Where pictures go."""
    if not (name := os.environ.get("AUTOCOMPRESS_SHOTS")):
        return None
    Path(name).mkdir(parents=True, exist_ok=True)
    return Path(name)


def _outside(address: str, path: Path) -> bool:
    return address != path.as_uri() and urlsplit(address).scheme not in ("data", "blob", "about")


def _program() -> str | None:
    return shutil.which("chromium") or shutil.which("google-chrome")


@cache
def _axe() -> str:
    """axe-core by Deque (MPL-2.0), as a package brings it; handed in by the debugger, so the page's policy holds."""
    found = importlib.util.find_spec("axe_playwright_python")
    assert found
    assert found.origin
    return Path(found.origin).with_name("axe.min.js").read_text(encoding="utf-8")


_SETTLED = "() => [undefined, 'ready'].includes(document.documentElement.dataset.charts)"

_SEEN = "const seen = what => [...document.querySelectorAll(what)].filter(e => e.checkVisibility());"

_NAME = "const name = e => e.outerHTML.slice(0, 160);"

_CUT = f"""() => {{
  {_NAME}
  const boxes = new Map(), wide = document.documentElement.clientWidth;
  const box = e => {{  // what can be seen of anything inside it
    if (e === document.body) return [0, -Infinity, wide, Infinity];
    if (!boxes.has(e)) {{
      const [left, top, right, bottom] = box(e.parentElement), look = getComputedStyle(e);
      const r = e.getBoundingClientRect(), x = look.overflowX !== 'visible', y = look.overflowY !== 'visible';
      boxes.set(e, [x ? Math.max(left, r.left) : left, y ? Math.max(top, r.top) : top,
                    x ? Math.min(right, r.right) : right, y ? Math.min(bottom, r.bottom) : bottom]);
    }}
    return boxes.get(e);
  }};
  const found = [...document.querySelectorAll('th')].filter(
    e => e.checkVisibility() && e.textContent.trim() && !e.innerText.trim()).map(name);
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), range = new Range();
  while (walk.nextNode()) {{
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !e.checkVisibility()) continue;
    range.selectNodeContents(walk.currentNode);
    const r = range.getBoundingClientRect(), [left, top, right, bottom] = box(e);
    const meant = right - left <= 1 || r.width === 0;  // for screen readers alone
    if (!meant && (r.left < left - 1 || r.right > right + 1 || r.top < top - 1 || r.bottom > bottom + 1))
      found.push(name(e));
  }}
  return found;
}}"""

_STOPS = f"""() => {{
  {_SEEN} {_NAME}
  document.activeElement?.blur();
  const wanted = 'a[href], button, input, select, textarea, summary, [tabindex], [contenteditable]';
  const named = e => e.type === 'radio' && e.name && !e.checked;
  window.__stops = seen(wanted).filter(e => e.tabIndex >= 0 && !e.disabled && !named(e));
  return window.__stops.map(name);
}}"""

_STOP = """() => {
  const e = document.activeElement, look = getComputedStyle(e);
  const ring = (look.outlineStyle !== 'none' && parseFloat(look.outlineWidth) > 0) || look.boxShadow !== 'none';
  return [window.__stops.indexOf(e), ring];
}"""

_HOVER = f"""() => {{
  {_SEEN} {_NAME}
  const rules = list => [...list].flatMap(r => r.cssRules?.length ? [r, ...rules(r.cssRules)] : [r]);
  const all = [...document.styleSheets].flatMap(s => rules(s.cssRules)).filter(r => r.selectorText);
  const spoken = new Set(all.flatMap(r => r.selectorText.split(',').map(s => s.trim())));
  const shows = ['display', 'visibility', 'opacity', 'content', 'max-height', 'clip-path', 'height'];
  const alone = all.filter(r => shows.some(p => r.style.getPropertyValue(p))).flatMap(
    r => r.selectorText.split(',').map(s => s.trim()).filter(s => s.includes(':hover'))
  ).filter(s => ![':focus', ':focus-within', ':focus-visible'].some(f => spoken.has(s.replaceAll(':hover', f))));
  const titles = seen('[title]').filter(e => e.tabIndex < 0 && e.title).map(name);
  return [...alone, ...titles];
}}"""

_CONTROLS = f"() => {{ {_SEEN} {_NAME} return seen(':is(button, input, select, textarea):enabled').map(name) }}"

_PICTURES = """() => [...document.querySelectorAll('figure')].filter(e => e.checkVisibility()).map(
  figure => [...figure.querySelectorAll('svg, img, canvas')].filter(e => {
    const box = e.getBoundingClientRect();
    return e.checkVisibility() && box.width > 20 && box.height > 20 && (e.tagName !== 'IMG' || e.naturalWidth > 0);
  }).length
)"""

"""The page as people meet it, in a headless Chromium. Skipped, with the reason, where there is none.

`AUTOCOMPRESS_SHOTS=FOLDER pytest tests/test_report_in_browser.py` leaves pictures to look at.
"""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from browser import A4, DESK, PHONE, PRINTED, Opened, browser, lack, open_page, sheets, shots
from report_views import CASES

from autocompress.reports import bundle

pytestmark = pytest.mark.xdist_group("browser")  # one worker, one browser

LARGEST = 2_000_000  # bytes of a page of 250 trials
MOST_SHEETS = 14


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    if reason := lack():
        pytest.skip(reason)
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Case -> its page, written once."""

    @cache
    def written(case: str) -> Path:
        return bundle.write(CASES[case](), tmp_path_factory.mktemp("report"))[0]

    return written


@pytest.mark.parametrize("case", CASES)
def test_every_page_is_quiet_fair_and_fits(case: str, chromium: Any, pages: Callable[[str], Path]) -> None:
    with open_page(chromium, pages(case), PHONE) as opened:
        opened.shot(f"{case} phone")
        wrong = [*opened.wide(), *opened.unfair()]
        opened.page.emulate_media(color_scheme="dark")
        opened.page.set_viewport_size({"width": DESK, "height": 1000})
        opened.settle()
        opened.shot(f"{case} dark")
        wrong += [*opened.wide(), *opened.unfair()]
        wrong += [*opened.console, *opened.requests]
        assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_keeps_to_the_scheme_of_the_reader(scheme: Any, chromium: Any, pages: Callable[[str], Path]) -> None:
    with open_page(chromium, pages("usual"), scheme=scheme) as opened:
        opened.shot(f"usual wide {scheme}")
        assert (_brightness(opened) > 0.5) == (scheme == "light")
        wrong = [*opened.wide(), *opened.unfair(), *opened.console, *opened.requests]
        assert not wrong, "\n".join(wrong)


def _brightness(opened: Opened) -> float:
    """Of the ground, 0 to 1."""
    red, green, blue = opened.page.evaluate(
        "() => getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g).slice(0, 3).map(Number)"
    )
    return float(red + green + blue) / (3 * 255)


@pytest.mark.parametrize("case", ["usual", "no trials", "hostile"])
def test_with_scripts_off_nothing_is_missing(case: str, chromium: Any, pages: Callable[[str], Path]) -> None:
    with open_page(chromium, pages(case)) as alive, open_page(chromium, pages(case), scripts=False) as still:
        still.shot(f"{case} without scripts")
        assert still.headings() == alive.headings()
        assert still.rows() == alive.rows()
        assert still.pictures() == alive.pictures()  # a live one takes the place of a still one
        assert 0 not in still.pictures()
        wrong = [*still.dead(), *still.wide(), *still.console, *still.requests]
        assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("case", ["usual", "long names", "four objectives"])
def test_it_prints_whole_to_a4(case: str, chromium: Any, pages: Callable[[str], Path]) -> None:
    with open_page(chromium, pages(case)) as opened:
        pdf = opened.print()
        assert 0 < len(sheets(pdf)) <= MOST_SHEETS
        assert all(sheet == pytest.approx(A4, abs=2) for sheet in sheets(pdf))
        opened.page.emulate_media(media="print")
        opened.page.set_viewport_size({"width": PRINTED, "height": 970})
        opened.settle()
        cut = opened.cut()
        opened.shot(f"{case} print")
        assert not cut, "\n".join(cut)
    if folder := shots():
        (folder / f"{case.replace(' ', '-')}.pdf").write_bytes(pdf)


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_the_keyboard_reaches_everything(width: int, chromium: Any, pages: Callable[[str], Path]) -> None:
    with open_page(chromium, pages("usual"), width) as opened:
        wrong = [*opened.missed(), *opened.hover_only()]
        assert not wrong, "\n".join(wrong)


def test_it_is_small(pages: Callable[[str], Path]) -> None:
    assert pages("usual").stat().st_size <= LARGEST


# --- the checks themselves -------------------------------------------------------------------------------------------

BAD = """<!doctype html><html lang="en"><head><title>bad</title><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>.tip:hover b { display: block } b { display: none } button:focus { outline: none }
.box { width: 200px; overflow: hidden; white-space: nowrap }</style></head>
<body><main><h1>Bad</h1><img src="http://127.0.0.1:9/x.png" alt="x"><p style="color: #aaa; background: #fff">pale</p>
<script>document.title = "run"</script><p class="tip">hover <b>told</b></p><p title="told">titled</p>
<figure><figcaption>no picture</figcaption></figure><button>no ring</button>
<div tabindex="0" role="button" onfocus="">far</div>
<div class="box">This text is far longer than the box that it has been put into, so it is lost.</div>
<div style="width: 1600px">wide</div><p style="text-indent: 1500px">off</p></main></body></html>"""


def test_a_bad_page_is_found_out(chromium: Any, tmp_path: Path) -> None:
    path = tmp_path / "bad.html"
    path.write_text(BAD, encoding="utf-8")
    with open_page(chromium, path) as opened:
        assert opened.requests == ["http://127.0.0.1:9/x.png"]
        assert len([text for text in opened.console if "Content Security Policy" in text]) >= 2
        assert opened.page.title() == "bad"
        assert {text.split(":")[0] for text in opened.unfair()} == {"color-contrast"}
        assert opened.wide() == ["scrolls 208 px to the side"]
        assert [text[:16] for text in opened.cut()] == ['<div class="box"', '<p style="text-i']
        assert opened.missed() == ["no ring: <button>no ring</button>"]
        assert opened.hover_only() == [".tip:hover b", '<p title="told">titled</p>']
        assert opened.pictures() == [0]
        assert opened.dead() == ["<button>no ring</button>"]

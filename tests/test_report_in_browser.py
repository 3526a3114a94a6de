"""The page as people meet it, in a headless Chromium. Skipped, with the reason, where there is none.

`AUTOCOMPRESS_SHOTS=FOLDER pytest tests/test_report_in_browser.py` leaves pictures to look at.
"""

from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from browser import A4, DESK, PHONE, PRINTED, Opened, open_page, sheets, shots
from report_views import CASES

from autocompress.reports.page import page

LARGEST = 2_000_000  # bytes of a page of 250 trials
MOST_SHEETS = 14


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Case -> its page, written once."""
    folder = tmp_path_factory.mktemp("pages")

    @cache
    def written(case: str) -> Path:
        path = folder / f"{_slug(case)}.html"
        path.write_text(page(CASES[case]()), encoding="utf-8")
        return path

    return written


def _none(wrong: list[str]) -> None:
    """All that is wrong at once, each thing once."""
    told = [f"{times} x {text}" for text, times in Counter(wrong).items()]
    assert not told, "\n".join(told)


def _slug(case: str) -> str:
    return case.replace(",", "").replace(" ", "-")


@pytest.mark.parametrize("case", CASES)
def test_every_page_is_quiet_fair_and_fits(case: str, chromium: Any, pages: Callable[[str], Path]) -> None:
    """On a phone in daylight, on a desk at night, and on paper."""
    with open_page(chromium, pages(case), PHONE) as opened:
        opened.shot(f"{_slug(case)}-phone")
        wrong = [*opened.wide(), *opened.unfair()]
        opened.become(DESK, scheme="dark")
        opened.shot(f"{_slug(case)}-dark")
        wrong += opened.wide()
        opened.become(PRINTED, media="print")
        opened.shot(f"{_slug(case)}-print")
        wrong += [*opened.cut(), *opened.wide(), *opened.console, *opened.requests]
        _none(wrong)


def test_it_keeps_to_the_scheme_of_the_reader_prints_to_a4_and_needs_no_mouse(
    chromium: Any, pages: Callable[[str], Path]
) -> None:
    with open_page(chromium, pages("usual"), scheme="dark") as opened:
        assert _brightness(opened) < 0.5
        wrong = opened.unfair()
        opened.become(DESK, scheme="light")
        opened.shot("usual-light")
        assert _brightness(opened) > 0.5
        pdf = opened.print()
        wrong += [*opened.missed(), *opened.hover_only(), *opened.console, *opened.requests]
    if folder := shots():
        (folder / "usual.pdf").write_bytes(pdf)
    assert 0 < len(sheets(pdf)) <= MOST_SHEETS
    assert all(sheet == pytest.approx(A4, abs=2) for sheet in sheets(pdf))
    _none(wrong)


def _brightness(opened: Opened) -> float:
    """Of the ground, 0 to 1."""
    red, green, blue = opened.page.evaluate(
        "() => getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g).slice(0, 3).map(Number)"
    )
    return float(red + green + blue) / (3 * 255)


@pytest.mark.parametrize("case", ["usual", "no trials"])
def test_with_scripts_off_nothing_is_missing(case: str, chromium: Any, pages: Callable[[str], Path]) -> None:
    with open_page(chromium, pages(case)) as alive, open_page(chromium, pages(case), scripts=False) as still:
        still.shot(f"{_slug(case)}-still")
        assert still.headings() == alive.headings()
        assert still.rows() == alive.rows()
        assert still.pictures() == alive.pictures()  # a live one takes the place of a still one
        assert 0 not in still.pictures()
        wrong = [*still.dead(), *still.wide(), *still.console, *still.requests]
        _none(wrong)


def test_it_is_small(pages: Callable[[str], Path]) -> None:
    assert pages("usual").stat().st_size <= LARGEST


# --- the checks themselves -------------------------------------------------------------------------------------------

BAD = """<!doctype html><html lang="en"><head><title>bad</title><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>.tip:hover b { display: block } b { display: none } button:focus { outline: none }
.box { width: 200px; overflow: hidden; white-space: nowrap }</style></head>
<body><main><h1>Bad</h1><img src="http://127.0.0.1:9/x.png" alt="x"><p style="color: #aaa; background: #fff">pale</p>
<script>document.title = "run"</script><p class="tip">hover <b>told</b></p><p title="told">titled</p>
<figure><figcaption>no picture</figcaption><svg width="9" height="9"></svg></figure><button>no ring</button>
<div tabindex="0" role="button">fine</div><div inert><a href="#far">far</a></div>
<div class="box">This text is far longer than the box that it has been put into, so it is lost.</div>
<div style="width: 1600px">wide</div><p style="text-indent: 1500px">off</p>
<table><tr><th scope="col"><b>hidden</b></th></tr><tr><td>cell</td></tr></table></main></body></html>"""


def test_a_bad_page_is_found_out(chromium: Any, tmp_path: Path) -> None:
    path = tmp_path / "bad.html"
    path.write_text(BAD, encoding="utf-8")
    with open_page(chromium, path) as opened:
        assert opened.requests == ["http://127.0.0.1:9/x.png"]
        assert len([text for text in opened.console if "Content Security Policy" in text]) >= 2
        assert opened.page.title() == "bad"
        assert [text.split(",")[0] for text in opened.unfair()] == ["color-contrast", "empty-table-header"]
        assert opened.wide() == ["scrolls 208 px to the side"]
        assert [text[:16] for text in opened.cut()] == ['<th scope="col">', '<div class="box"', '<p style="text-i']
        assert opened.missed() == ['not reached: <a href="#far">far</a>', "no ring: <button>no ring</button>"]
        assert opened.hover_only() == [".tip:hover b", '<p title="told">titled</p>']
        assert opened.pictures() == [0]
        assert opened.dead() == ["<button>no ring</button>"]


DRAWING = """<!doctype html><title>late</title><p>nothing</p><script>
document.documentElement.dataset.charts = "drawing";
setTimeout(() => { document.querySelector("p").textContent = "there"; throw new Error("late") }, 200);
setTimeout(() => { document.documentElement.dataset.charts = "ready" }, 300);
</script>"""


def test_charts_are_waited_for(chromium: Any, tmp_path: Path) -> None:
    path = tmp_path / "late.html"
    path.write_text(DRAWING, encoding="utf-8")
    with open_page(chromium, path) as opened:
        assert opened.page.inner_text("p") == "there"
        assert opened.console == ["uncaught: late"]
    with open_page(chromium, path, scripts=False) as opened:
        assert opened.page.inner_text("p") == "nothing"

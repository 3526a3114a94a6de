"""What moves on the page, moved as a reader does it: by a click, a drag or a key, in a headless Chromium."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import Opened, open_page
from report_views import study

from autocompress.reports.page import page
from autocompress.reports.view import StudyView

RINGS = """() => [...document.querySelectorAll('#tradeoffs .live svg')].map(
  chart => [...chart.querySelectorAll('path')].map(path => path.__data__)
    .filter(item => item?.stroke === '#16202b' && item.strokeWidth === 2).map(item => item.datum.trial))"""

MARK = """trial => {  // where a chart shows it and nothing lies over it
  for (const path of document.querySelectorAll('#tradeoffs .live path')) {
    if (path.__data__?.datum?.trial !== trial) continue;
    path.scrollIntoView({ block: 'center' });
    const box = path.getBoundingClientRect(), x = box.x + box.width / 2, y = box.y + box.height / 2;
    if (document.elementFromPoint(x, y) === path) return [x, y];
  }
  return null;
}"""

UPRIGHTS = """() => [...document.querySelectorAll('#recipes .live .mark-rule line')].map(line => {
  const box = line.getBoundingClientRect();
  return [box.x + box.width / 2, box.top, box.bottom];
})"""

LINES = """() => [...document.querySelectorAll('#recipes .live .mark-line path')]
  .filter(path => path.getAttribute('d') && path.__data__.datum).map(path => path.__data__.datum.trial)"""

BAND = """() => {  // the middle and the lower edge of what is brushed
  const box = document.querySelector('#recipes .live .mark-rect path').getBoundingClientRect();
  return [box.x + box.width / 2, box.bottom];
}"""


@pytest.fixture(scope="module")
def given() -> StudyView:
    return study(60, name="moves", control=0)


@pytest.fixture(scope="module")
def written(given: StudyView, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(page(given), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def window(chromium: Any, written: Path) -> Iterator[Opened]:
    """Opened once: to draw all charts takes seconds."""
    with open_page(chromium, written) as found:
        yield found


@pytest.fixture
def opened(window: Opened) -> Iterator[Opened]:
    """With nothing chosen, before and after."""
    yield window
    for box in window.page.locator("input[data-trial]:checked").all():
        box.uncheck()
    window.page.mouse.move(0, 0)
    assert window.console == []


def settled(opened: Opened, script: str) -> Any:
    """Vega draws a little later than it is told to."""
    opened.settle()
    opened.page.wait_for_timeout(100)
    return opened.page.evaluate(script)


# --- the table of the front ------------------------------------------------------------------------------------------


def rows(opened: Opened) -> list[str]:
    """What the first cell of each model says, from above, and whether its recipe is still below it."""
    found: list[list[str]] = opened.page.evaluate(
        "() => [...document.querySelectorAll('table.front tbody')].map(b => [...b.rows].map(r => r.cells[0].innerText))"
    )
    assert all(len(both) == 2 for both in found)
    return [re.sub(r"[★\s]", "", first) for first, _ in found]


def heading(opened: Opened, column: str) -> Any:
    return opened.page.locator("th button", has_text=re.compile(f"^{column}$"))


@pytest.mark.parametrize(("column", "metric"), [("accuracy", "accuracy"), ("latency", "latency_p50")])
def test_a_click_on_a_heading_sorts_by_it_and_another_turns_it_round(
    opened: Opened, given: StudyView, column: str, metric: str
) -> None:
    up = [str(t.number) for t in sorted(given.front.members, key=lambda t: t.value(metric))]
    best_first, other = (up[::-1], up) if metric == "accuracy" else (up, up[::-1])
    button = heading(opened, column)
    for order, way in ((best_first, metric == "latency_p50"), (other, metric == "accuracy"), (best_first, None)):
        button.click()
        assert rows(opened) == ["baseline", *order]
        [sorted_by] = opened.page.locator("th[aria-sort]").all()
        assert sorted_by.inner_text().split()[0] == column
        if way is not None:
            assert sorted_by.get_attribute("aria-sort") == ("ascending" if way else "descending")
    heading(opened, "params").click()
    assert opened.page.locator("th[aria-sort]").count() == 1


# --- commands --------------------------------------------------------------------------------------------------------

REFUSED = """ok => {
  navigator.clipboard.writeText = () => Promise.reject(new Error('no'));
  if (!ok) document.execCommand = () => false;
}"""
ALLOWED = "() => { delete navigator.clipboard.writeText; delete document.execCommand; }"


SAID = "button => button.textContent !== 'Copy' && button.textContent"


def copied(opened: Opened, place: int) -> tuple[str, str]:
    """What the button beside the command at this place says after a click, and the command."""
    box = opened.page.locator(".has-copy").nth(place)
    button = box.get_by_role("button")
    button.click()
    said = opened.page.wait_for_function(SAID, arg=button.element_handle()).json_value()
    return said, box.locator("code").inner_text()


def test_a_command_is_copied(opened: Opened) -> None:
    opened.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    said, command = copied(opened, 0)
    assert said == "Copied"
    assert command.startswith("autocompress export moves --trial ")
    assert opened.page.evaluate("() => navigator.clipboard.readText()") == command


@pytest.mark.parametrize(("place", "may", "said"), [(1, True, "Copied"), (2, False, "Press Ctrl+C")])
def test_where_a_page_may_not_copy_the_command_is_at_least_selected(
    opened: Opened, place: int, may: bool, said: str
) -> None:
    opened.page.evaluate(REFUSED, may)
    found, command = copied(opened, place)
    assert found == said
    assert opened.page.evaluate("() => getSelection().toString()") == command
    opened.page.evaluate(ALLOWED)


# --- one trial in focus ----------------------------------------------------------------------------------------------


def ticked(opened: Opened) -> list[int]:
    boxes = opened.page.locator("input[data-trial]:checked").all()
    return [int(box.get_attribute("data-trial") or "") for box in boxes]


def shown(opened: Opened) -> tuple[str, str]:
    """What the panel is about, and the recipe it shows."""
    panel = opened.page.locator("#focus")
    return panel.locator("h3").inner_text(), panel.locator("code").inner_text()


def about(given: StudyView, number: int) -> tuple[str, str]:
    return f"Trial {number}", next(t.recipe.line for t in given.trials if t.number == number)


def test_ticked_in_the_table_it_is_ringed_in_every_chart(opened: Opened, given: StudyView) -> None:
    first, second = (t.number for t in given.front.members[1:3])
    assert settled(opened, RINGS) == [[], [], []]
    opened.page.get_by_label(f"show trial {first} in the charts").check()
    assert settled(opened, RINGS) == [[first]] * 3
    assert shown(opened) == about(given, first)
    opened.page.get_by_label(f"show trial {second} in the charts").check()
    assert [set(chart) for chart in settled(opened, RINGS)] == [{first, second}] * 3
    assert shown(opened) == about(given, second)
    opened.page.get_by_label(f"show trial {second} in the charts").uncheck()
    assert settled(opened, RINGS) == [[first]] * 3
    assert shown(opened) == about(given, first)
    lines = settled(opened, LINES)
    assert lines.count(first) == lines.count(second) + 1  # in the chart of recipes a dark line over its own


def test_a_click_on_a_mark_ticks_it_and_pointing_at_one_says_it(opened: Opened, given: StudyView) -> None:
    members = [t.number for t in given.front.members]
    places = {n: place for n in members if (place := opened.page.evaluate(MARK, n))}
    assert len(places) >= 2
    first, second = list(places)[:2]
    opened.page.mouse.click(*opened.page.evaluate(MARK, first))
    assert settled(opened, RINGS) == [[first]] * 3
    assert ticked(opened) == [first]
    opened.page.mouse.move(*opened.page.evaluate(MARK, second))
    assert shown(opened) == about(given, second)
    assert ticked(opened) == [first]
    opened.page.mouse.click(*opened.page.evaluate(MARK, second))
    assert ticked(opened) == [second]
    opened.page.mouse.click(*opened.page.evaluate(MARK, second))
    assert ticked(opened) == []
    assert settled(opened, RINGS) == [[], [], []]


def test_a_mark_that_is_not_on_the_front_can_be_read_too(opened: Opened, given: StudyView) -> None:
    members = {t.number for t in given.front.members}
    beaten = [t.number for t in given.trials if t.feasible and t.number not in members]
    number, place = next((n, place) for n in beaten if (place := opened.page.evaluate(MARK, n)))
    opened.page.mouse.move(*place)
    assert shown(opened) == about(given, number)


def test_arrows_go_through_the_front_and_escape_ends_it(opened: Opened, given: StudyView) -> None:
    members, idle = [t.number for t in given.front.members], shown(opened)
    opened.page.locator("#tradeoffs figure").first.focus()
    seen = []
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp", "ArrowRight", "ArrowRight"):
        opened.page.keyboard.press(key)
        seen += ticked(opened)
        assert shown(opened) == about(given, seen[-1])
    assert seen == [members[0], members[1], members[0], members[-1], members[0], members[1]]
    assert settled(opened, RINGS) == [[members[1]]] * 3
    opened.page.keyboard.press("Escape")
    assert ticked(opened) == []
    assert settled(opened, RINGS) == [[], [], []]
    assert shown(opened) == idle
    opened.page.keyboard.press("ArrowLeft")  # from nowhere backwards: the last
    assert ticked(opened) == [members[-1]]


# --- the recipes -----------------------------------------------------------------------------------------------------


def drag(opened: Opened, rail: int, low: float, high: float) -> None:
    """From one height of an upright to another; 0 is its foot."""
    upright = opened.page.evaluate(UPRIGHTS)[rail]
    opened.page.mouse.move(upright[0], y(upright, low))
    opened.page.mouse.down()
    for place in ((low + high) / 2, high) if high != low else ():
        opened.page.mouse.move(upright[0], y(upright, place))
    opened.page.mouse.up()


def y(upright: list[float], place: float) -> float:
    _, top, foot = upright
    return foot + (top - foot) * place


def test_a_drag_on_an_upright_keeps_what_passes_there_and_a_click_brings_all_back(opened: Opened) -> None:
    table = json.loads(opened.page.locator("#tables").text_content() or "")["recipes"]
    opened.page.locator("#recipes figure").scroll_into_view_if_needed()
    uprights = opened.page.evaluate(UPRIGHTS)
    last = len(uprights) - 1  # the size of the file: the upper the smaller
    every = sorted(settled(opened, LINES))
    assert set(every) == {row["trial"] for row in table}

    drag(opened, last, 0.605, 1.05)
    assert settled(opened, BAND) == pytest.approx([uprights[last][0], y(uprights[last], 0.605)], abs=1)
    some = {row["trial"] for row in table if row[f"v{last}"] >= 0.605}
    assert 0 < len(some) < len(table)
    assert set(settled(opened, LINES)) == some

    accurate = last - 2
    drag(opened, accurate, 0.8, 0.3)  # downwards is as good; both must be passed
    both = {row["trial"] for row in table if row["trial"] in some and 0.3 <= row[f"v{accurate}"] <= 0.8}
    assert 0 < len(both) < len(some)
    assert set(settled(opened, LINES)) == both

    drag(opened, accurate, 0.5, 0.5)
    assert set(settled(opened, LINES)) == some
    drag(opened, last, 0.5, 0.5)
    assert sorted(settled(opened, LINES)) == every

    drag(opened, last, 0.605, 1.05)
    opened.page.locator("#recipes figure").focus()
    opened.page.keyboard.press("Escape")
    assert sorted(settled(opened, LINES)) == every


# --- light and dark --------------------------------------------------------------------------------------------------


def test_a_button_turns_the_light_off_and_on(opened: Opened) -> None:
    ground = "() => getComputedStyle(document.body).backgroundColor"
    button = opened.page.get_by_role("button", name="Light or dark")
    light = opened.page.evaluate(ground)
    button.click()
    dark = opened.page.evaluate(ground)
    assert dark != light
    button.click()
    assert opened.page.evaluate(ground) == light

"""Charts of lines, grids of numbers and sheets of looks: what is drawn, and that no name covers another."""

import base64
import io
import re
from itertools import combinations, pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from autocompress.reports import analysed
from autocompress.reports.drawing.heatmap import DARKEST, Cell, heatmap
from autocompress.reports.drawing.lines import Spot, _spread, lines_chart
from autocompress.reports.drawing.looks import looks_sheet
from autocompress.reports.drawing.picture import Picture, pdf
from autocompress.reports.drawing.placing import LINE
from autocompress.values.examination import Look

TEXT = re.compile(r'<text text-anchor="start" transform="translate\(([-\d.]+),([-\d.]+)\)"[^>]*font-weight="600"[^>]*>'
                  r"([^<]*)<")  # fmt: skip


def drawn(series, **more):
    chart = lines_chart(series, "turned", "number", width=400, height=200, **more)
    return chart, Picture("lines", "", chart).svg({})


def names(svg):
    return {text: (float(x), float(y)) for x, y, text in TEXT.findall(svg)}


def test_shares_are_drawn_in_percent_and_each_spot_says_its_own():
    spots = [Spot(0.5, 0.9, 0.85, 0.95, "nine of ten"), Spot(0.0, 0.4)]
    chart, svg = drawn([("one", spots)], percent=True)
    rows = [row for layer in chart.layer for row in layer.data.values if "tip" in row]
    assert {(r["x"], r["y"], r["low"], r["high"], r["tip"]) for r in rows} == {
        (0.0, 40.0, None, None, ""),
        (0.5, 90.0, 85.0, 95.0, "nine of ten"),
    }
    assert [r["x"] for r in chart.layer[1].data.values] == [0.0, 0.5]  # in order, whatever came first
    assert ">one<" in svg
    assert chart.to_dict()["layer"][2]["encoding"]["tooltip"]["field"] == "tip"
    assert {"turned", "number"} <= set(re.findall(r">([a-z]+)<", svg))


def test_axes_hold_all_that_is_drawn():
    chart, _ = drawn([("one", [Spot(1, 5, 2, 9), Spot(3, 6)])], marked=[(7.0, "far")])
    scales = {tuple(e["scale"]["domain"]) for layer in chart.to_dict()["layer"] for e in layer["encoding"].values()
              if isinstance(e, dict) and "scale" in e}  # fmt: skip
    x, y = sorted(scales, key=lambda ends: ends[1])
    assert x[0] < 1
    assert x[1] > 7
    assert y[0] < 2
    assert y[1] > 9
    full, _ = drawn([("one", [Spot(0, 1.0, 1.0, 1.0), Spot(1, 0.0)])], percent=True)
    domain = next(layer["encoding"]["y"]["scale"]["domain"] for layer in full.to_dict()["layer"]
                  if "scale" in layer["encoding"].get("y", {}))  # fmt: skip
    assert domain[0] == 0.0
    assert 100.0 < domain[1] <= 102.0  # no share is below nothing, or much above all


def test_lines_that_end_in_one_place_keep_their_names_apart():
    _, svg = drawn([(f"line {n}", [Spot(0, n), Spot(1, 0.001 * n)]) for n in range(9)])
    places = names(svg)
    assert set(places) == {f"line {n}" for n in range(9)}
    for (a, (_, y)), (b, (_, z)) in combinations(places.items(), 2):
        assert abs(y - z) >= LINE - 0.01, (a, b)
        assert (y < z) == (int(a[-1]) > int(b[-1]))  # in the order in which the lines end
    assert {x for x, _ in places.values()} == {400 + 16 + 8}


def test_ten_lines_have_ten_looks():
    chart, _ = drawn([(str(n), [Spot(0, n), Spot(1, n)]) for n in range(10)])
    marks = [layer["mark"] for layer in chart.to_dict()["layer"]]
    looks = {(m["color"], str(m["strokeDash"])) for m in marks if m["type"] == "line"}
    shapes = {(m["fill"], m["shape"]) for m in marks if m["type"] == "point"}
    assert len(looks) == len(shapes) == 10


def test_the_first_line_lies_on_top():
    chart, _ = drawn([("first", [Spot(0, 1), Spot(1, 1)]), ("second", [Spot(0, 1), Spot(1, 1)])])
    colours = [layer["mark"]["color"] for layer in chart.to_dict()["layer"] if layer["mark"]["type"] == "line"]
    assert colours == ["#c84b00", "#0067b1"]


def test_names_of_rules_stand_above_the_frame_and_apart():
    marked = [(0.4, "breakpoint 0.4"), (0.45, "another one"), (1.0, "at the very end"), (0.0, "at the start")]
    _, svg = drawn([("", [Spot(0, 1), Spot(1, 2)])], marked=marked)
    places = names(svg)
    assert {text for _, text in marked} == set(places)  # a line without a name has none
    assert max(y for _, y in places.values()) < 0
    assert places["breakpoint 0.4"][1] - places["another one"][1] == LINE
    assert places["at the start"][0] == 0
    assert places["at the very end"][1] == places["at the start"][1]


def test_a_single_spot_is_a_chart():
    _, svg = drawn([("alone", [Spot(0.5, 0.0)]), ("nothing", [])], percent=True)
    assert set(names(svg)) == {"alone"}
    with pytest.raises(AssertionError):
        drawn([("nothing", [])])


@given(st.lists(st.floats(0, 300), min_size=1, max_size=20))
def test_heights_are_a_line_apart_and_in_order(wanted):
    found = _spread(wanted, 300)
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    for a, b in pairwise(order):
        assert found[b] - found[a] >= LINE - 1e-6
    if (len(wanted) - 1) * LINE <= 300:
        assert min(found) >= -1e-6
        assert max(found) <= 300 + 1e-6
    if all(b - a >= LINE for a, b in pairwise(sorted(wanted))):
        assert found == pytest.approx(wanted)


def test_a_grid_is_the_darker_the_more_was_lost():
    rows = [("conv1", [Cell("99.0", 0.0), Cell("50.0", 0.5)]), ("conv2", [Cell("98.0", 0.01), Cell("–", 0.0, "none")])]
    chart = heatmap(rows, ["0.1", "0.5"], "share lost")
    svg = Picture("grid", "", chart).svg({})
    ground = {(r["row"], r["column"]): r["ground"] for r in chart.data.values}
    assert ground == {("conv1", "0.1"): 0, ("conv1", "0.5"): DARKEST / 2, ("conv2", "0.1"): pytest.approx(0.006),
                      ("conv2", "0.5"): 0}  # fmt: skip
    for text in ("conv1", "conv2", "99.0", "50.0", "98.0", "–", "share lost", "0.1", "0.5"):
        assert f">{text}<" in svg
    assert svg.index(">conv1<") < svg.index(">conv2<")


def png(pixels):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


def test_a_sheet_of_looks_shows_images_as_they_are():
    picture, heat = png(np.arange(64, dtype=np.uint8).reshape(8, 8) * 4), png(np.full((4, 4, 4), 128, np.uint8))
    look = {"truth": "a < b", "answer": "x" * 40, "picture": picture, "heat": heat}
    whole = Look(image=7, baseline_answer="b", baseline_heat=heat, similarity=-0.25, **look)
    svg = looks_sheet("A title", "said", [whole, Look(image=8, **look)])
    assert svg.count("<image ") == 5 + 3
    for text in ("image 7", "it is: a &lt; b", "baseline", "says: b", "model, likeness −0.25", "A title", "said"):
        assert f">{text}<" in svg
    assert f">says: {'x' * 15}…<" in svg
    assert pdf(svg) == pdf(svg)
    shown = [Image.open(io.BytesIO(base64.b64decode(data))) for data in re.findall(r"base64,([^\"]+)", svg)]
    assert {image.size for image in shown} == {(264, 264)}
    assert shown[0].getpixel((263, 263)) == (252, 252, 252)
    assert len(shown[0].getcolors(1 << 16)) == 64  # no pixel is mixed with its neighbours


def test_what_is_written_can_be_read_again(tmp_path):
    rows = [{"trial": None, "value": 0.1, "name": "a, b"}, {"trial": 3, "value": None, "name": "ü"}]
    files = analysed.write(tmp_path / "new", {"one": rows, "empty": []}, {}, {"one": {"schema": "x", "ü": 1}})
    assert [file.name for file in files] == ["one.csv", "one.parquet", "one.json"]
    assert files[0].read_text() == 'trial,value,name\n,0.1,"a, b"\n3,,ü\n'
    frame = pd.read_parquet(files[1])
    assert frame["trial"].tolist() == [pd.NA, 3]
    assert frame.columns.tolist() == ["trial", "value", "name"]
    assert files[2].read_text() == '{\n  "schema": "x",\n  "ü": 1\n}\n'
    assert files[0].stat().st_mode & 0o044  # others may read it
    assert len(list((tmp_path / "new").iterdir())) == 3

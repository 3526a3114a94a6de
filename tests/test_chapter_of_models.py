"""Model by model: what is known of each stands on the page, in the right row and column."""

import re
from dataclasses import replace
from html import unescape

from examined import examined
from views import TRIALS, trial, view

from autocompress.reports.chapter.models import models
from autocompress.reports.drawing.figures import Figures
from autocompress.reports.tabled import tabled
from autocompress.values.borne import Borne, Layer
from autocompress.values.job import BASELINE
from autocompress.values.measurement import Measurement


def cells(table: str) -> list[list[str]]:
    """A table as text."""
    return [
        [unescape(re.sub(r"<[^>]+>", "", cell)) for cell in re.findall(r"<t[hd].*?</t[hd]>", row)]
        for row in re.findall(r"<tr>.*?</tr>", table)
    ]


def tables(classes: int = 4) -> list[list[list[str]]]:
    given = replace(view(), examinations={0: examined(classes)})
    text = models(Figures(given))
    assert text
    return [cells(table) for table in re.findall(r"<table.*?</table>", text)]


def test_layers_in_a_table() -> None:
    layers = tables()[0]
    assert layers[0] == ["layer", "kind", "channels", "kept", "weights", "zeros", "bits", "MACs", "stored"]
    cut = "8 → 16 cut to 8 → 8"
    assert layers[1] == ["stages.0.conv", "conv 3x3", cut, " 50 %", "576", "25 %", "8 × 8", "36.86 k", "576 B"]
    assert len(layers) == 4


def test_channels_that_the_device_would_rather_not_have_are_told() -> None:
    seen = {0: examined(layers=6)}
    plain = view()
    assert plain.spec.device
    for round_to, told in ((1, ""), (8, ""), (16, "6 of 6 convolutions have others: stages.0.conv, ")):
        device = plain.spec.device.model_copy(update={"round_to": round_to})
        text = models(Figures(replace(plain, spec=plain.spec.model_copy(update={"device": device}), examinations=seen)))
        assert (f"x would rather have multiples of {round_to} channels; {told}" in str(text)) == bool(told)
    assert "and 2 more." in str(text)


def test_answers_right_and_wrong() -> None:
    confusion, sure, changed, light = tables()[1:]
    assert confusion[0] == ["", "class 0", "class 1", "class 2", "class 3", "right"]
    assert confusion[2] == ["class 1", "·", "9", "1", "·", "90 %"]
    assert confusion[4] == ["class 3", "1", "·", "·", "9", "90 %"]
    assert sure[1:] == [["33 to 67 %", "3", "62.0 %", "50.0 %"], ["67 to 100 %", "37", "97.0 %", "99.0 %"]]
    assert changed[1:] == [
        ["both right", "36", ""],
        ["lost: the baseline was right", "3", "3, 17, 29"],
        ["the same mistake", "1", ""],
    ]
    assert light == [["changed by", "accuracy"], ["± 0 %", "90.00 %"], ["± 40 %", "80.00 %"]]


def test_what_is_right_is_marked_so_even_where_two_classes_have_one_name() -> None:
    seen = examined(3)
    assert seen.answers
    twins = seen.answers.model_copy(update={"classes": (seen.answers.classes[0],) * 3})
    text = models(Figures(replace(view(), examinations={0: seen.model_copy(update={"answers": twins})})))
    [matrix] = re.findall(r'<table class="matrix">.*?</table>', str(text))
    kinds = [re.findall(r'class="(right|wrong)"', row) for row in re.findall(r"<tr>.*?</tr>", matrix)[1:]]
    assert kinds == [["right" if i == k else "wrong" for k in range(3)] for i in range(3)]


def test_of_many_classes_the_hardest_and_what_is_mixed_up_most() -> None:
    _, hardest, pairs, *_ = tables(40)
    assert hardest[0] == ["class", "right", "baseline"]
    assert hardest[1] == ["class 0", "90 %", "100 %"]
    assert pairs[1] == ["class 0 taken for class 1", "1"]
    assert (len(hardest), len(pairs)) == (9, 9)


def test_a_model_is_left_out_and_said_so() -> None:
    text = models(Figures(replace(view(), examinations={0: examined()})))
    assert text
    assert "1 of 2 models have not been looked into." in text
    assert models(Figures(view((TRIALS[0],)))) is None


def test_the_file_has_its_digest_and_a_link_only_where_there_is_a_copy() -> None:
    own = trial(0, "complete", TRIALS[0].measurements, artifacts={"model": "ab" * 32})
    text = models(Figures(replace(view((own,)), examinations={0: examined()})))
    assert "<li>SHA-256 <code>" + "ab" * 32 in str(text)
    assert "<a " not in str(text)


def test_headings_of_rows_and_columns_are_headings_and_empty_ones_are_not() -> None:
    assert tabled(("", "n"), [("a <b>", "1"), ("", "2")], words={0}, kind="small") == (
        '<table class="small"><thead><tr><td class="text"></td><th scope="col">n</th></tr></thead>'
        '<tbody><tr><th scope="row" class="text">a &lt;b&gt;</th><td>1</td></tr>'
        '<tr><td class="text"></td><td>2</td></tr></tbody></table>'
    )
    assert "<thead>" not in tabled((), [("a", "1")])


def test_what_layers_bear_to_lose_stands_with_the_model_that_was_asked() -> None:
    """Of a trial, though nobody has looked into it otherwise, and of the baseline."""
    dense = Measurement(metric="accuracy", value=0.95, how="measured", spread=0.01, n=400)
    asked = Borne(
        what="channels",
        how="channels (magnitude), untrained",
        dense=dense,
        drop=0.01,
        ratios=(0.1, 0.5),
        layers=(
            Layer(name="stem", size=8, kept=(8, 4), accuracy=(0.95, 0.9012), cap=0.1),
            Layer(name="head", size=2, kept=(2, 2), accuracy=(0.95, 0.95), cap=None),
        ),
    )
    text = models(Figures(replace(view(), borne={0: asked, BASELINE: asked.model_copy(update={"drop": 0.02})})))
    assert text
    found = [cells(table) for table in re.findall(r"<table.*?</table>", text)]
    rows = [["stem", "8", "–", "90.12", "0.1"], ["head", "2", "–", "–", "–"]]
    assert found == 2 * [[["layer", "channels", "0.1", "0.5", "cap"], *rows]]
    words = unescape(re.sub(r"<[^>]+>", "", text))
    assert "its channels (magnitude), untrained; before, 95.00 ± 1.00 % of 400 validation images" in words
    assert words.index("costs a point or less") < words.index("The baseline") < words.index("costs 2 points or less")

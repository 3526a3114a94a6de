"""The published experiments that are shipped: each is read, listed and held against its numbers; one is run."""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from autocompress.cli.app import main
from autocompress.config.load import load_analysis
from autocompress.config.shipped import names
from autocompress.search.every import every
from autocompress.values.analysis import Analysis, Size
from autocompress.values.columns import columns
from autocompress.values.measurement import Measurement
from autocompress.values.recipe import Recipe
from autocompress.values.space import fill
from autocompress.values.sweep import Row, Sweep
from benchmarks import published

MANY = 500  # recipes in one file: more would be a search
CHEAPEST = "birds-strategies"  # two studies of one training each

shipped = pytest.mark.parametrize("name", names("analysis"))


@cache
def loaded(name: str, *, size: Size = "whole") -> Analysis:
    return load_analysis(name, size=size)


def recipes(analysis: Analysis) -> Iterator[tuple[str, Recipe]]:
    for case in analysis.cases:
        for params in every(case.spec.space):
            yield case.label, Recipe.of(fill(case.spec.space, lambda at, _, params=params: params[at]))


def untrained(analysis: Analysis) -> Sweep:
    """Its table before anything is measured."""
    rows = [Row(label, recipe, columns(recipe), (), (), None) for label, recipe in recipes(analysis)]
    teachers = [(case.label, Recipe.of(case.spec.teacher)) for case in analysis.cases if case.spec.teacher]
    bases = [Row(label, recipe, columns(recipe), (), (), None, baseline=True) for label, recipe in teachers]
    return Sweep(analysis, tuple(bases + rows))


def stages(analysis: Analysis) -> set[str]:
    teachers = [tree for case in analysis.cases for tree in (case.spec.teacher, *case.spec.teachers.values()) if tree]
    trees = [recipe.tree for _, recipe in recipes(analysis)] + teachers
    return {stage["use"] for tree in trees for stage in tree["stages"]}


@pytest.fixture
def swept(capsys, monkeypatch, tmp_path):
    """`swept(name)`: what its small version prints."""
    monkeypatch.setenv("AUTOCOMPRESS_HOME", str(tmp_path))

    def run(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["autocompress", "analyse", "sweep", *words, "--smoke", "--plain"])
        with pytest.raises(SystemExit) as end:
            main()
        assert not end.value.code
        found: str = capsys.readouterr().out
        return found

    return run


@shipped
def test_it_says_whose_it_is_and_at_what_scale(name):
    analysis = loaded(name)
    assert analysis.name == name, "studies are found by the names of their files"
    assert analysis.title
    assert analysis.scale
    assert analysis.published
    assert analysis.published.source
    assert analysis.published.setting


@shipped
def test_it_lists_all_of_its_recipes(name):
    found = list(recipes(loaded(name)))
    assert 0 < len(found) < MANY
    assert len({(label, recipe.key) for label, recipe in found}) == len(found)


@shipped
def test_each_published_number_is_of_one_recipe(name):
    sweep = untrained(loaded(name))
    assert sweep.analysis.published
    for reference in sweep.analysis.published.numbers:
        met = sweep.beside(reference)
        assert len(met) == 1, f"{reference.row} is of {[row.recipe.line for row in met]}; 'ours' stays empty unless 1"


@shipped
def test_what_it_goes_along_is_one_of_its_choices(name):
    sweep = untrained(loaded(name))
    assert sweep.axis == sweep.analysis.along or not sweep.analysis.along


@shipped
def test_its_small_version_does_the_same_with_less(name):
    whole, small = loaded(name), loaded(name, size="smoke")
    assert small.seeds == 1
    assert small.scale != whole.scale
    assert {case.spec.data["use"] for case in small.cases} == {"digits"}, "data that installs"
    assert len(list(recipes(small))) <= 9
    assert stages(small) == stages(whole)


def test_columns_that_follow_from_the_case_or_the_order_are_not_shown():
    assert untrained(loaded("vgg11-combinations")).varied == ["order"]
    assert untrained(loaded("sequential-pruning")).varied == ["case", "order", "sparsify.sparsity"]
    assert untrained(loaded("vgg11-distillation")).varied[:2] == ["case", "distill.method"]


def test_what_goes_with_the_axis_does_not_break_its_lines():
    """Each share of the ResNet-50 has a number of rounds of its own."""
    sweep = untrained(loaded("birds-pruning"))
    some = Measurement(metric="accuracy", value=0.9, how="measured", on="nothing")
    series = Sweep(sweep.analysis, tuple(replace(row, measurements=(some,)) for row in sweep.rows)).series
    assert set(series) == {"lr, magnitude", "lr, uniform", "weights, magnitude", "weights, uniform"}
    assert {len(line) for line in series.values()} == {4}


def test_the_cheapest_runs(swept):
    document = json.loads(swept(CHEAPEST, "--json"))
    assert document["schema"] == "autocompress.sweep/v1"
    assert document["size"] == "smoke"
    assert [row["case"] for row in document["rows"]] == ["head-only", "from-scratch"]
    assert all(row["seeds"] == [0] and not row["failed"] for row in document["rows"])
    head, whole = (row["test_accuracy"]["value"] for row in document["rows"])
    assert head < whole, "random maps and a layer that has learned, against all learned"
    assert document["published"]["numbers"] == []
    table = swept(CHEAPEST)
    assert "from-scratch" in table
    assert "beside what was published" not in table, "nobody has published anything of the small version"


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in names("analysis") if name != CHEAPEST])
def test_the_others_run(name, swept):
    document = json.loads(swept(name, "--json"))
    small = loaded(name, size="smoke")
    trained = [row for row in document["rows"] if not row["baseline"]]
    assert len(trained) == len(list(recipes(small)))
    assert all(row["seeds"] == [0] and row["test_accuracy"] and not row["failed"] for row in trained)
    assert sum(row["baseline"] for row in document["rows"]) == sum(bool(case.spec.teacher) for case in small.cases)


def test_the_page_is_what_its_script_writes() -> None:
    """`python -m benchmarks.published` after a change of an analysis or of what is kept of it."""
    assert published.PAGE.read_text(encoding="utf-8") == published.page()


def test_the_page_says_on_which_data_if_not_on_those_of_the_file() -> None:
    there = {"other_data": True, "data": {"": {"use": "npz", "path": "mine.npz"}}}
    assert "mine.npz" in published._data(there)
    assert not published._data({**there, "other_data": False})


def test_what_was_run_at_a_reduced_scale_is_shown_until_the_whole_was(tmp_path: Path, monkeypatch) -> None:
    document = json.loads((published.RESULTS / "vgg11-pruning-reduced.json").read_text())
    monkeypatch.setattr(published, "RESULTS", tmp_path)
    assert "Not run here yet" in published._section("vgg11-pruning")
    (tmp_path / "vgg11-pruning-reduced.json").write_text(json.dumps(document))
    page = published._section("vgg11-pruning")
    assert "`autocompress analyse sweep vgg11-pruning --reduced`" in page
    assert "Here: at a reduced scale, " in page
    assert " points |" in page
    assert " times |" not in page, "another network's bytes are no answer"
    assert "| of | breakpoint |" in page
    (tmp_path / "vgg11-pruning.json").write_text(json.dumps(document | {"size": "whole"}))
    page = published._section("vgg11-pruning")
    assert "reduced" not in page
    assert " times |" in page


def test_results_of_smokes_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "RESULTS", tmp_path)
    document = {"schema": "autocompress.sweep/v1", "analysis": "a", "size": "whole"}
    (tmp_path / "sweep.json").write_text(json.dumps(document))
    kept = json.loads(published.keep(tmp_path / "sweep.json").read_text())
    assert {**kept, "date": ""} == {**document, "date": ""}
    assert kept["date"]
    (tmp_path / "sweep.json").write_text(json.dumps({**document, "size": "smoke"}))
    with pytest.raises(ValueError, match="in its whole size or at a reduced scale"):
        published.keep(tmp_path / "sweep.json")

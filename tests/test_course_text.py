"""The course in docs/course/ tells the truth: all its examples give what they say, all its links lead somewhere."""

import doctest
import re
from pathlib import Path

import pytest

from autocompress.compress.cutting.dissector import SHARED

COURSE = Path(__file__).parents[1] / "docs" / "course"
CHAPTERS = sorted(COURSE.glob("[0-9]-*.md"))
LEAST = 10  # examples in a chapter
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def links(file: Path) -> list[str]:
    """To files of this repository, without places inside them."""
    found = re.findall(r"\]\(([^)\s]+)\)", file.read_text())
    return [link.partition("#")[0] for link in found if not link.startswith(("http:", "https:", "#"))]


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path, monkeypatch):
    """Whatever a chapter would keep goes away with the test."""
    monkeypatch.setenv("AUTOCOMPRESS_HOME", str(tmp_path))
    yield
    SHARED.close()


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.stem)
def test_every_example_gives_what_it_says(chapter, capsys):
    result = doctest.testfile(str(chapter), module_relative=False, optionflags=FLAGS, encoding="utf-8")
    assert result.failed == 0, capsys.readouterr().out
    assert result.attempted >= LEAST


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.stem)
def test_no_example_hides_from_the_test(chapter):
    text = chapter.read_text()
    assert "doctest: +SKIP" not in text
    fenced = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    for block in fenced:  # what is expected ends at an empty line, or else at the fence
        assert block.startswith(">>> ")
        assert block.endswith("\n\n")
    written = sum(block.count("\n>>> ") + 1 for block in fenced)
    assert written == len(doctest.DocTestParser().get_examples(text))


@pytest.mark.parametrize("page", [COURSE / "README.md", *CHAPTERS], ids=lambda page: page.stem)
def test_every_link_leads_to_a_file(page):
    missing = [link for link in links(page) if not (page.parent / link).exists()]
    assert not missing


def test_the_contents_name_every_chapter_in_order():
    assert len(CHAPTERS) == 4
    named = [link for link in links(COURSE / "README.md") if link.endswith(".md")]
    assert named == [chapter.name for chapter in CHAPTERS]


@pytest.mark.parametrize(
    ("chapter", "plugs"),
    [
        ("1-pruning", ["importances/magnitude", "importances/taylor"]),
        ("2-quantization", ["grid/grids", "quantizers/onnx_static", "quantizers/lsq"]),
        ("3-distillation", ["distillers/logit", "distillers/none", "distillers/dkd", "distillers/fitnet"]),
    ],
)
def test_every_formula_stands_beside_its_plug_in(chapter, plugs):
    found = links(COURSE / f"{chapter}.md")
    assert [plug for plug in plugs if f"../../autocompress/compress/{plug}.py" not in found] == []

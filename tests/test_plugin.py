"""The folder is the registry; strangers join by entry point; mistakes have exact messages."""

import importlib.metadata
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from autocompress import plugin
from autocompress.compress.stages.base import Stage
from autocompress.errors import UnknownPlugin
from autocompress.plugin import Plugin, among, base_of, find, kind_of, kinds, listing, make, names, ranged, written

BASE = '''"""What fruit is."""
from abc import ABC, abstractmethod
from autocompress.plugin import Plugin

class Apple(Plugin, ABC):
    """A kind."""
    @abstractmethod
    def taste(self) -> str: ...
'''
COX = '''"""The file."""
from PKG.apples.base import Apple

class _Helper:
    """Not this."""

class Cox(Apple):
    """Sweet and sour.

    More.
    """
    ripe: float = 0.5
    sizes: tuple[int, ...] = (1,)
    names: list[str] = []
    def taste(self) -> str:
        return f"cox {self.ripe}"
'''
GRAFT = '''"""An apple on an apple."""
from PKG.apples.base import Apple

class Graft(Apple):
    on: Apple
    many: tuple[Apple, ...] = ()
    def taste(self) -> str:
        return self.on.taste()
'''


@pytest.fixture
def orchard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A house with one kind, apples, and two plug-ins; yields the kind's abstract class."""
    package = f"orchard_{abs(hash(request.node.nodeid))}"
    folder = tmp_path / package / "apples"
    folder.mkdir(parents=True)
    (tmp_path / package / "__init__.py").touch()
    (folder / "__init__.py").touch()
    (folder / "_private.py").write_text("raise SystemError")
    for name, text in {"base": BASE, "cox": COX, "graft_two": GRAFT}.items():
        (folder / f"{name}.py").write_text(text.replace("PKG", package))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(plugin, "ROOT", tmp_path / package)
    forget()
    yield base_of("apples")
    forget()


def forget() -> None:
    """What plugin.py remembers for as long as a process lives."""
    kinds.cache_clear()
    plugin._strangers.cache_clear()


def strangers(monkeypatch: pytest.MonkeyPatch, *points: tuple[str, str]) -> None:
    found = [EntryPoint(name, value, "autocompress.apples") for name, value in points]
    monkeypatch.setattr(plugin, "entry_points", lambda group: [p for p in found if p.group == group])
    forget()


def folder_of(base: type[Plugin]) -> Path:
    return Path(sys.modules[base.__module__].__file__ or "").parent


def test_a_file_is_a_plugin(orchard: Any) -> None:
    assert list(names(orchard)) == ["cox", "graft_two"]
    assert find(orchard, "cox").__name__ == "Cox"
    assert find(orchard, "graft-two") is find(orchard, "graft_two")
    assert make(orchard, "cox").taste() == "cox 0.5"
    assert make(orchard, {"use": "cox", "ripe": 1}).taste() == "cox 1.0"
    assert kind_of(orchard) == "apple"


def test_a_new_file_is_seen_at_once(orchard: Any) -> None:
    text = (folder_of(orchard) / "cox.py").read_text()
    (folder_of(orchard) / "gala.py").write_text(text.replace("Cox", "Gala").replace("cox", "gala"))
    assert make(orchard, "gala").taste() == "gala 0.5"
    assert [x.name for x in listing()] == ["cox", "gala", "graft_two"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("coxx", "no apple is called 'coxx'; did you mean 'cox'?"),
        ("graft-tow", "no apple is called 'graft-tow'; did you mean 'graft_two'?"),
        ("pear tree", "no apple is called 'pear tree'"),
        ("base", "no apple is called 'base'"),
        ("_private", "no apple is called '_private'"),
        ("..cox", "no apple is called '..cox'; did you mean 'cox'?"),
    ],
)
def test_an_unknown_name_says_what_would_be_right(orchard: Any, name: str, message: str) -> None:
    with pytest.raises(UnknownPlugin) as error:
        find(orchard, name)
    assert str(error.value) == message


def problems(base: Any, settings: Any) -> list[tuple[tuple[Any, ...], str]]:
    with pytest.raises(ValidationError) as error:
        make(base, settings)
    return [(e["loc"], e["msg"]) for e in error.value.errors()]


def test_mistakes_in_settings_have_their_place(orchard: Any) -> None:
    assert problems(orchard, {"use": "cox", "ripe": "very"}) == [(("ripe",), "Input should be a valid number")]
    assert problems(orchard, {"use": "cox", "raw": 1}) == [(("raw",), "Extra inputs are not permitted")]
    nested = {"use": "graft_two", "on": {"use": "graft_two", "on": {"use": "cox", "ripe": "very"}}}
    assert problems(orchard, nested) == [(("on", "on", "ripe"), "Input should be a valid number")]
    many = {"use": "graft_two", "on": "cox", "many": ["cox", {"use": "cox", "sizes": [1, "x"]}]}
    assert problems(orchard, many) == [(("many", 1, "sizes", 1), "Input should be a valid integer")]
    unknown = {"use": "graft_two", "on": {"use": "coxx"}}
    assert problems(orchard, unknown) == [(("on",), "Value error, no apple is called 'coxx'; did you mean 'cox'?")]


@pytest.mark.parametrize("wrong", [{}, 3, None, {"use": 3}, ["cox"]])
def test_where_a_plugin_is_wanted_use_is_needed(orchard: Any, wrong: Any) -> None:
    assert problems(orchard, wrong) == [((), "wants {use: NAME} of an apple")]


def test_a_plugin_is_taken_as_it_is(orchard: Any) -> None:
    cox = make(orchard, "cox")
    assert make(orchard, cox) is cox  # type: ignore[arg-type]
    assert make(orchard, {"use": "graft_two", "on": cox}).on is cox  # type: ignore[attr-defined]

    class Basket(BaseModel):
        apple: orchard  # type: ignore[valid-type]

    assert Basket.model_validate({"apple": "cox"}).apple == cox


def test_settings_come_from_yaml_and_are_frozen(orchard: Any) -> None:
    """Lists fill tuples; a plug-in can be hashed where its settings can; nothing can be assigned."""
    cox: Any = make(orchard, {"use": "cox", "sizes": [1, 2], "names": ["x"]})
    assert (cox.sizes, cox.names) == ((1, 2), ["x"])
    with pytest.raises(ValidationError, match="frozen"):
        cox.ripe = 1.0


def test_listing_reads_and_never_imports(orchard: Any) -> None:
    (folder_of(orchard) / "bad.py").write_text("def :")
    (folder_of(orchard) / "rude.py").write_text('"""Raises."""\nraise SystemError')
    assert [tuple(x) for x in listing()] == [
        ("apples", "bad", "(unreadable: SyntaxError)", "autocompress", ""),
        ("apples", "cox", "Sweet and sour.", "autocompress", ""),
        ("apples", "graft_two", "An apple on an apple.", "autocompress", ""),
        ("apples", "rude", "Raises.", "autocompress", ""),
    ]


def test_a_class_that_a_file_imports_is_not_its_own(orchard: Any) -> None:
    package = orchard.__module__.partition(".")[0]
    both = f"from {package}.apples.cox import Cox\n" + COX.replace("PKG", package).replace("class Cox", "class Late")
    (folder_of(orchard) / "late.py").write_text(both)
    assert find(orchard, "late").__name__ == "Late"


@pytest.mark.parametrize("text", ["", "COX" + "\n\nclass Second(Apple):\n    def taste(self) -> str: ...\n"])
def test_a_file_defines_exactly_one(orchard: Any, text: str) -> None:
    package = orchard.__module__.partition(".")[0]
    (folder_of(orchard) / "odd.py").write_text(text.replace("COX", COX).replace("PKG", package))
    found = ["Cox", "Second"] if text else []
    with pytest.raises(TypeError) as error:
        find(orchard, "odd")
    assert str(error.value) == f"{package}.apples.odd must define exactly one apple, found {found}"


# --- strangers -------------------------------------------------------------------------------------------------------


def stranger(base: type[Plugin], name: str, text: str) -> str:
    """A module outside the house; its name."""
    package = base.__module__.partition(".")[0]
    (folder_of(base).parent.parent / f"{package}_{name}.py").write_text(text.replace("PKG", package))
    return f"{package}_{name}"


def test_a_stranger_comes_through_the_same_door(orchard: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    module = stranger(orchard, "farm", COX.replace("Cox", "Idared").replace("Sweet and sour", "From abroad"))
    strangers(monkeypatch, ("ida-red", f"{module}:Idared"), ("whole_file", module))
    assert names(orchard)["ida_red"] == f"{module}:Idared"
    assert make(orchard, "ida_red").taste() == make(orchard, "whole-file").taste() == "cox 0.5"
    assert [(x.name, x.summary, x.error) for x in listing() if x.origin != "autocompress"] == [
        ("ida_red", "From abroad.", ""),
        ("whole_file", "From abroad.", ""),
    ]


def test_a_stranger_says_whose_it_is(orchard: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    info = tmp_path / "farm-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: farm\nVersion: 1.2\n")
    module = stranger(orchard, "farm", COX)
    (info / "entry_points.txt").write_text(f"[autocompress.apples]\nidared = {module}:Cox\n")
    monkeypatch.setattr(plugin, "entry_points", importlib.metadata.entry_points)
    forget()
    assert [(x.name, x.origin) for x in listing()][2:] == [("idared", "farm 1.2")]
    assert make(orchard, "idared").taste() == "cox 0.5"


def test_a_broken_stranger_is_listed_and_breaks_nothing(orchard: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rude = stranger(orchard, "rude", "1 / 0")
    strangers(monkeypatch, ("gone", "no_such_module:X"), ("parent", f"{rude}.inner:X"), ("number", "math:pi"))
    found = {x.name: (x.origin, x.error) for x in listing()}
    assert found == {
        "cox": ("autocompress", ""),
        "graft_two": ("autocompress", ""),
        "gone": ("?", "no module 'no_such_module'"),
        "parent": ("?", "ZeroDivisionError: division by zero"),
        "number": ("?", found["number"][1]),
    }
    assert make(orchard, "cox").taste() == "cox 0.5"
    with pytest.raises(TypeError, match=r"^math must define exactly one apple, found \['3.14159"):
        find(orchard, "number")


def test_nobody_takes_the_name_of_ours(orchard: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    strangers(monkeypatch, ("cox", f"{stranger(orchard, 'farm', COX)}:Cox"))
    assert find(orchard, "cox").__module__.endswith("apples.cox")
    assert [(x.name, x.error) for x in listing() if x.origin == "?"] == [
        ("cox", "the name 'cox' is taken by autocompress")
    ]


# --- the house itself ------------------------------------------------------------------------------------------------


def test_looking_around_imports_nothing_heavy() -> None:
    code = (
        "import sys; from autocompress.plugin import kinds, listing; listing()\n"
        "print(sorted({'torch', 'optuna', 'ray', 'onnxruntime'} & set(sys.modules)), 'importances' in kinds())"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[] True\n"
    )


def test_every_kind_is_a_folder_with_a_base() -> None:
    assert kinds()["importances"] == "autocompress.compress.importances"
    for dotted in kinds().values():
        assert (plugin.ROOT.parent.joinpath(*dotted.split(".")) / "base.py").exists()


def test_ranges_are_holes() -> None:
    class Settings(Plugin):
        depth: int = ranged(3, 1, 8)
        rate: float = ranged(0.1, 1e-3, 1, log=True)
        whole: float = ranged(1, 0.5, 2.0, step=0.5)
        act: str = among("relu", "relu", "silu")

    extra = {k: f.json_schema_extra for k, f in Settings.model_fields.items()}
    assert extra == {
        "depth": {"search": {"int": [1, 8]}},
        "rate": {"search": {"float": [1e-3, 1], "log": True}},
        "whole": {"search": {"float": [0.5, 2.0], "step": 0.5}},
        "act": {"search": {"choice": ["relu", "silu"]}},
    }
    assert Settings().depth == 3


def test_what_is_written_is_read_back_plug_ins_inside_too() -> None:
    tree = {"use": "distill", "method": {"use": "logit", "temperature": 2.0}, "hint": {"use": "fitnet"}, "epochs": 3}
    stage = make(Stage, tree)
    again = written(Stage, stage)
    assert again["use"] == "distill"
    assert again["method"]["use"] == "logit"
    assert again["hint"]["use"] == "fitnet"
    assert make(Stage, again) == stage

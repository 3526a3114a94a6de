"""`autocompress.analysis/v1`: every recipe of a small space, trained with several seeds; beside what was published.

It holds a study, or refers to one; `each` is the same study with changes, once for each; `reduced` and `smoke` are the
same analysis with changes that make it smaller, and small.
"""

from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints
from pydantic_core import PydanticCustomError

from autocompress.config.diagnostic import Diagnostic, errors
from autocompress.config.extends import merged
from autocompress.config.node import Node, shown
from autocompress.config.study_file import SCHEMA as STUDY
from autocompress.config.study_file import held, study
from autocompress.config.units import Dimension, quantity
from autocompress.config.validate import Section, validated
from autocompress.values.analysis import Analysis, Case, Published, Reference, Size
from autocompress.values.metric import METRICS, known
from autocompress.values.recipe import canonical, digest
from autocompress.values.study import LONGEST, NAME

SCHEMA = "autocompress.analysis/v1"
DIMENSIONS: dict[str, Dimension] = {
    "fraction": "fraction", "s": "time", "B": "bytes", "J": "energy", "W": "power", "/s": "rate",
}  # fmt: skip
SMALLER: dict[Size, str] = {"reduced": "version at a reduced scale", "smoke": "small version"}
TESTED = "test_accuracy"  # of images that no choice has seen: a number of results, not an objective

Name = Annotated[str, StringConstraints(pattern=NAME, max_length=40)]


class NumbersSection(Section):
    row: dict[str, Any]  # choices, as the columns of the table call them; {} is every row
    values: dict[str, Any]  # metric -> quantity
    note: str = ""


class PublishedSection(Section):
    source: Annotated[str, Field(min_length=1)]
    setting: str = ""
    numbers: list[NumbersSection] = Field(default_factory=list)


class AnalysisFile(Section):
    schema_: Literal["autocompress.analysis/v1"] = Field(alias="schema")
    name: Name
    title: str = ""
    study: Any
    each: dict[Name, Any] = Field(default_factory=dict)
    seeds: Annotated[int, Field(ge=1, le=20)] = 1
    along: str = ""
    scale: str = ""
    reduced: Any = None
    smoke: Any = None
    published: PublishedSection | None = None


def analysis(
    node: Node, mistakes: list[Diagnostic], *, size: Size = "whole", data: Node | None = None
) -> Analysis | None:
    """`data` takes the place of what the studies say. None after saying what is wrong."""
    before = len(errors(mistakes))
    kind = node.get("schema")
    if kind is not None and kind.data == STUDY:
        node = _of_study(node)
    node = _sized(node, size, mistakes)
    file = validated(AnalysisFile, node, mistakes)
    if file is None:
        return None
    base = held(node.get("study"), "study", mistakes)
    if base is None:
        return None
    if data is not None:
        base = replace(base, value={**base.fields, "data": data})
    each = node.get("each")
    name = file.name if size == "whole" else f"{file.name}-{size}"
    cases = []
    for label, changes in (each.fields if each else {"": None}).items():
        called_so = _short("-".join(filter(None, (name, label, _on(data)))))
        whole = base if changes is None else _changed(base, changes, mistakes)
        spec = study(_complete(whole, called_so), mistakes)
        if spec is not None:
            cases.append(Case(label, spec))
    published = _published(file.published, node, mistakes)
    if len(errors(mistakes)) > before:
        return None
    return Analysis(
        name,
        file.title,
        tuple(cases),
        file.seeds,
        file.along,
        scale=file.scale,
        other_data=data is not None,
        size=size,
        published=published,
    )


def _on(data: Node | None) -> str:
    """What tells a study on other data apart from the one in the file."""
    return "" if data is None else f"on-{digest('data', canonical(data.data))[:6]}"


def _short(name: str) -> str:
    """As long as the name of a study may be; of a longer one the end becomes a few letters that tell it apart."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 7]}-{digest('name', name)[:6]}"


def _of_study(node: Node) -> Node:
    name = node.get("name")
    called_so = f"{name.value if name else 'study'}"[:34] + "-sweep"
    fields = {key: node.below(key, value) for key, value in {"schema": SCHEMA, "name": called_so}.items()}
    return replace(node, value=fields | {"study": node})


def _sized(node: Node, size: Size, mistakes: list[Diagnostic]) -> Node:
    whole = replace(node, value={k: v for k, v in node.fields.items() if k not in SMALLER})
    found = {"whole": whole}
    for name in SMALLER:
        changes = node.get(name)
        if changes is not None and changes.value is not None:
            found[name] = _changed(whole, changes, mistakes)
    if size not in found:
        text = f"the key '{size}' is missing, which says what its {SMALLER[size]} is"
        mistakes.append(node.key_says("missing-key", text))
    return found.get(size, whole)


def _changed(base: Node, changes: Node, mistakes: list[Diagnostic]) -> Node:
    if isinstance(changes.value, dict):
        return merged(base, changes)
    mistakes.append(changes.says("wrong-type", f"wants a mapping of what is different, got {shown(changes.data)}"))
    return base


def _complete(node: Node, name: str) -> Node:
    """With what a study needs and an analysis knows: all its recipes are asked for, and then it is over."""
    usual = {"schema": STUDY, "budget": {"trials": 1}}
    fields = {key: node.below(key, value) for key, value in usual.items()} | node.fields
    return replace(node, value=fields | {"name": node.below("name", name)}).rooted(())


def _published(section: PublishedSection | None, node: Node, mistakes: list[Diagnostic]) -> Published | None:
    if section is None:
        return None
    numbers = []
    for i, one in enumerate(section.numbers):
        place = node.find(("published", "numbers", i))
        values = {name: _value(name, place.find(("values", name)), mistakes) for name in one.values}
        row = {k: float(v) if isinstance(v, int) and not isinstance(v, bool) else v for k, v in one.row.items()}
        numbers.append(Reference(row, values, one.note))
    return Published(section.source, section.setting, tuple(numbers))


def _value(name: str, node: Node, mistakes: list[Diagnostic]) -> float:
    if name != TESTED and name not in METRICS:
        text = f"no number of a model is called '{name}'"
        mistakes.append(node.key_says("unknown-name", text, f"known: {', '.join([*METRICS, TESTED])}"))
        return 0.0
    unit = "fraction" if name == TESTED else known(name).unit
    try:
        return quantity(node.data, DIMENSIONS.get(unit, "count"))
    except PydanticCustomError as error:
        mistakes.append(node.says(error.type, *_said(error)))
        return 0.0


def _said(error: PydanticCustomError) -> tuple[str, str]:
    told = error.context or {}
    return str(told.get("text", error)), str(told.get("hint", ""))

"""An experiment that is all written down: which recipes, how often, and what others have published of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from autocompress.values.columns import Cell
from autocompress.values.space import Value
from autocompress.values.study import StudySpec

CASE = "case"  # the column that says which of an analysis's studies a row is of
Size = Literal["whole", "reduced", "smoke"]  # as its file says, at a scale that a laptop bears, to see whether it runs
BASELINE = "baseline"  # true in the row of the teacher, which all recipes are held against


@dataclass(frozen=True)
class Case:
    """One study of an analysis: every recipe of its space is trained. An analysis of one study calls it nothing."""

    label: str
    spec: StudySpec
    fillings: tuple[dict[str, Value], ...] | None = None  # only these; None: all that the space has
    names: Mapping[str, str] = field(default_factory=dict)  # of recipes, by key, where they have some


@dataclass(frozen=True)
class Reference:
    """Numbers that somebody else has published for the recipes with these choices.

    None: those that know no such choice; True: those that do, whatever it is.
    """

    row: dict[str, Cell | None]
    values: dict[str, float]  # in SI units
    note: str = ""


@dataclass(frozen=True)
class Published:
    """Where numbers come from, and how they were obtained there."""

    source: str
    setting: str
    numbers: tuple[Reference, ...]


@dataclass(frozen=True)
class Analysis:
    name: str
    title: str
    cases: tuple[Case, ...]
    seeds: int = 1
    along: str = ""  # the choice that figures go along; empty: whichever has most numbers
    other_data: bool = False  # not what its file says, and so not what was published of it
    scale: str = ""  # what is smaller or otherwise than where it was published
    shown: tuple[str, ...] = ()  # columns that tell the rows apart; empty: whatever differs between recipes
    size: Size = "whole"
    published: Published | None = None

"""An experiment that is all written down: which recipes, how often, and what others have published of it."""

from dataclasses import dataclass

from autocompress.values.columns import Cell
from autocompress.values.study import StudySpec

CASE = "case"  # the column that says which of an analysis's studies a row is of
BASELINE = "baseline"  # true in the row of the teacher, which all recipes are held against


@dataclass(frozen=True)
class Case:
    """One study of an analysis: every recipe of its space is trained. An analysis of one study calls it nothing."""

    label: str
    spec: StudySpec


@dataclass(frozen=True)
class Reference:
    """Numbers that somebody else has published for the recipes that have these choices; None: that do not speak of it."""

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
    scale: str = ""  # what is smaller or otherwise than where it was published
    smoke: bool = False  # the small version, that shows whether it runs
    published: Published | None = None

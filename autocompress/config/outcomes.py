"""How each place of a space may turn out, and what a whole recipe would read like: for what only an order shows."""

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import ValidationError

from autocompress import plugin
from autocompress.config.filling import fillings
from autocompress.config.node import Node
from autocompress.plugin import Plugin
from autocompress.values.recipe import Recipe
from autocompress.values.space import Tree

NOTHING = (None, "none")


def slots(stages: Node | None) -> list[list[Node]]:
    """The list of stages; items that may stand in any order share a slot."""
    return [
        item.fields["order"].items if "order" in item.fields else [item] for item in (stages.items if stages else ())
    ]


def outcomes(item: Node, base: type[Plugin]) -> Iterator[tuple[Tree, Any]]:
    """What an item can become, as data and as a plug-in; None where it may be left out."""
    for filled in fillings(item):
        if filled.data in NOTHING:
            yield None, None
            continue
        try:
            yield filled.data, plugin.make(base, filled.data)
        except ValidationError:  # said where fillings of the whole space are built
            continue


def line(student: Tree, stages: Sequence[Tree]) -> str:
    """A recipe as people read it."""
    return Recipe.of({"student": student, "stages": list(stages)}).line

"""`autocompress.space/v1`: what may be built. A student, then the stages done to it; what is searched is a hole."""

from typing import Any, Literal

from pydantic import Field

from autocompress.config.check_space import recipe
from autocompress.config.diagnostic import Diagnostic, errors
from autocompress.config.node import Node
from autocompress.config.validate import Section, validated
from autocompress.values.space import Tree

SCHEMA = "autocompress.space/v1"


class SpaceFile(Section):
    schema_: Literal["autocompress.space/v1"] = Field("autocompress.space/v1", alias="schema")
    student: Any
    stages: list[Any] = Field(default_factory=list)


def space(node: Node, mistakes: list[Diagnostic], teachers: tuple[str, ...] | None = None) -> Tree:
    """The space as samplers and workers see it: every plug-in spelled `{use: name}`, every `auto` a range.

    `teachers` are the study's; None where there is no study to ask.
    """
    before = len(errors(mistakes))
    validated(SpaceFile, node, mistakes)
    known = recipe(node, mistakes, holes=True, teachers=teachers)
    return {**known.data, "stages": known.data.get("stages", [])} if len(errors(mistakes)) == before else None

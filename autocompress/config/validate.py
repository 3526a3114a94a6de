"""What pydantic finds wrong, said about the file: the right key or value, what was found, what would be right."""

import typing
from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from autocompress.config.diagnostic import CODES, Diagnostic, closest, did_you_mean
from autocompress.config.node import Node, shown
from autocompress.errors import UnknownPlugin


class Section(BaseModel):
    """A mapping of a file. Unknown keys are mistakes; text is not turned into numbers, nor numbers into text."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=False)


M = TypeVar("M", bound=BaseModel)


def validated(model: type[M], node: Node, mistakes: list[Diagnostic]) -> M | None:
    """The model, or None after saying why not."""
    try:
        return model.model_validate(node.data)
    except ValidationError as error:
        mistakes += explained(error.errors(include_url=False), node, model)
        return None


def explained(errors: Sequence[ErrorDetails], node: Node, model: type[BaseModel]) -> list[Diagnostic]:
    return [_explained(error, node, model) for error in errors]


def _explained(error: ErrorDetails, node: Node, model: type[BaseModel]) -> Diagnostic:
    loc, kind = error["loc"], error["type"]
    if kind == "missing":
        return missing(node.find(loc[:-1]), str(loc[-1]))
    if kind == "extra_forbidden":
        return unknown_key(node.find(loc), names_in(model, loc[:-1]))
    code, text, hint = _said(error)
    return node.find(loc).says(code, text, hint)


def missing(parent: Node, name: str) -> Diagnostic:
    return parent.key_says("missing-key", f"the key '{name}' is missing")


def unknown_key(node: Node, allowed: Sequence[str]) -> Diagnostic:
    name = str(node.path[-1])
    nearest = closest(name, allowed)
    meant = f"did you mean '{nearest}'? " if nearest else ""
    return node.key_says("unknown-key", "unknown key", f"{meant}allowed: {', '.join(allowed) or 'nothing'}")


def names_in(model: type[BaseModel], loc: Sequence[str | int]) -> list[str]:
    """What may stand in the section that `loc` leads to."""
    for step in loc:
        field = next((f for n, f in model.model_fields.items() if step in (n, f.alias)), None)
        inner = _model_in(field.annotation) if field else None
        model = inner or model
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((m for m in map(_model_in, typing.get_args(annotation)) if m), None)


def _said(error: ErrorDetails) -> tuple[str, str, str]:
    """Code, text and hint for what pydantic said."""
    kind, got, context = error["type"], shown(error["input"]), error.get("ctx", {})
    if kind in CODES:  # raised by us, see units.py
        return kind, str(context.get("text", error["msg"])), str(context.get("hint", ""))
    if kind in WANTED:
        return "wrong-type", f"wants {WANTED[kind]}, got {got}", _quoted(kind, error["input"])
    if kind in BOUNDS:
        words, name = BOUNDS[kind]
        return "out-of-range", f"must be {words} {context[name]:g}, got {got}", ""
    if kind in ("too_short", "too_long"):
        words = f"at least {context['min_length']}" if kind == "too_short" else f"at most {context['max_length']}"
        return "out-of-range", f"wants {words} items, got {context['actual_length']}", ""
    if kind == "string_pattern_mismatch":
        return "bad-value", f"{got} does not match {context['pattern']}", ""
    if kind == "literal_error":
        return _of_these(error, got)
    cause = context.get("error")
    if isinstance(cause, UnknownPlugin):
        return "unknown-plugin", str(cause), ""
    if kind == "needs_use":
        return "wrong-type", f"{error['msg']}, got {got}", ""
    text = error["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return "bad-value", text[:1].lower() + text[1:], ""


def _of_these(error: ErrorDetails, got: str) -> tuple[str, str, str]:
    expected = str(error.get("ctx", {}).get("expected", ""))
    words = [part.strip().strip("'") for part in expected.replace(" or ", ", ").split(",")]
    if len(words) == 1:
        return "bad-value", f"wants {expected}, got {got}", ""
    near = did_you_mean(error["input"], words) if isinstance(error["input"], str) else ""
    return "bad-value", f"wants one of {', '.join(words)}, got {got}{near}", ""


def _quoted(kind: str, value: Any) -> str:
    """The usual slips: a quoted number, a word that YAML 1.1 took for a boolean."""
    if kind.startswith(("int", "float")) and isinstance(value, str) and value.replace(".", "", 1).isdigit():
        return f"write {value} without quotes"
    if kind.startswith("bool") and value in ("yes", "no", "on", "off", "Yes", "No"):
        return f"write {'true' if value.lower() in ('yes', 'on') else 'false'}"
    if kind.startswith("string") and isinstance(value, int | float):
        return f"write '{shown(value)}' with quotes"
    return ""


WANTED = {
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    **dict.fromkeys(("string_type", "string_sub_type"), "text"),
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type"), "a list"),
    **dict.fromkeys(("dict_type", "mapping_type", "model_type", "model_attributes_type"), "a mapping"),
}
BOUNDS = {
    "greater_than": ("above", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("below", "lt"),
    "less_than_equal": ("at most", "le"),
    "multiple_of": ("a multiple of", "multiple_of"),
}

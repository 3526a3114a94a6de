"""Any value of a device may say where it comes from: `{value: 36 KiB, how: vendor, error: 10 %, source: st-zoo}`."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Any, get_args

from pydantic_core import PydanticCustomError

from autocompress.config.diagnostic import Diagnostic, did_you_mean
from autocompress.config.node import Node, shown
from autocompress.config.units import quantity
from autocompress.config.validate import unknown_key
from autocompress.values.device import Origin, Provenance

KEYS = ("value", "how", "error", "source")
DAYS = ("date", "until")  # of evidence
ORIGINS: tuple[Origin, ...] = get_args(Origin)


@dataclass(frozen=True)
class Sources:
    """Take the provenance off every value below a device, and remember it by the value's path."""

    evidence: Node | None
    mistakes: list[Diagnostic]
    found: dict[str, Provenance]

    def plain(self, node: Node, at: str = "") -> Node:
        """`at` is the path from the device on, which may itself stand in a study."""
        if is_sourced(node):
            self.found[at] = self.said(node)
            value = node.fields["value"].rooted(node.path)
            return replace(value, key=node.key)
        if not node.fields:
            return node
        return replace(node, value={k: self.plain(v, f"{at}.{k}" if at else k) for k, v in node.fields.items()})

    def said(self, node: Node) -> Provenance:
        self.mistakes.extend([unknown_key(child, KEYS) for name, child in node.fields.items() if name not in KEYS])
        source = node.get("source")
        cited = self.cited(source) if source else Provenance()
        how = node.get("how")
        if how and how.data not in ORIGINS:
            near = did_you_mean(str(how.data), ORIGINS)
            text = f"wants one of {', '.join(ORIGINS)}, got {shown(how.data)}{near}"
            self.mistakes.append(how.says("bad-value", text))
        error = node.get("error")
        given = {"how": how.data} if how and how.data in ORIGINS else {}
        return cited.model_copy(update={**given, **({"error": share(error, self.mistakes)} if error else {})})

    def cited(self, node: Node) -> Provenance:
        """The evidence that a value names, or an address."""
        if isinstance(node.value, str) and "://" in node.value:
            return Provenance(source=node.value)
        known = self.evidence.fields if self.evidence else {}
        if not isinstance(node.value, str) or node.value not in known:
            near = did_you_mean(str(node.value), known)
            text = f"no evidence is called {shown(node.data)}{near}"
            hint = f"known: {', '.join(known) or 'none'}; or write an address, https://..."
            self.mistakes.append(node.says("unknown-name", text, hint))
            return Provenance()
        said = known[node.value].data
        said = said if isinstance(said, dict) else {}
        how = said.get("how")
        words = {name: str(said.get(name, "")) for name in ("source", "by")}
        days = {name: str(said[name]) for name in DAYS if day(said.get(name))}
        return Provenance(how=how if how in ORIGINS else "assumed", **words, **days)


def day(value: Any) -> date | None:
    """2026-11-21, and nothing else that could be meant for a day."""
    try:
        found = date.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return found if str(found) == value else None


def is_sourced(node: Node) -> bool:
    return "value" in node.fields


def share(node: Node, mistakes: list[Diagnostic]) -> float | None:
    """A relative error: `22 %`."""
    try:
        return quantity(node.data, "fraction")
    except PydanticCustomError as error:
        context = error.context or {}
        mistakes.append(node.says(error.type, str(context["text"]), str(context["hint"])))
        return None

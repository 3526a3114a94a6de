"""`measurement.estimators`: what tells a metric without the device, where its numbers come from, how wrong it is."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from autocompress import plugin
from autocompress.config.check_space import plugged
from autocompress.config.diagnostic import Diagnostic, did_you_mean
from autocompress.config.node import Node, shown
from autocompress.config.provenance import Sources, share
from autocompress.config.shipped import called
from autocompress.config.validate import unknown_key
from autocompress.values.device import Origin, Plug, Provenance

ESTIMATED = ("latency", "peak_ram", "energy")
QUANTILES = ("p50", "p90")
FILES = ("table",)  # settings that name a file


class Estimates(NamedTuple):
    plugs: dict[str, Plug]
    errors: dict[str, float]  # the 90th percentile of each one's relative error, where it is known
    origins: dict[str, Provenance]


def estimates(section: Node | None, sources: Sources, clock: bool, stale: frozenset[str]) -> Estimates:
    """Every estimator as its plug-in wants it. What no measurement stands behind is assumed. `clock`: is there one?"""
    found = Estimates({}, {}, {})
    mistakes = sources.mistakes
    for metric, node in (section.fields if section else {}).items():
        if metric not in ESTIMATED:
            text = f"nothing called '{metric}' is estimated{did_you_mean(metric, ESTIMATED)}"
            mistakes.append(node.key_says("unknown-name", text, f"known: {', '.join(ESTIMATED)}"))
        elif not isinstance(node.value, dict):
            mistakes.append(node.says("wrong-type", f"wants {{use: NAME, ...}}, got {shown(node.data)}"))
        else:
            origin = _calibration(metric, node, sources)
            error = _p90(node.get("error"), mistakes)
            how: Origin = "assumed" if origin.how == "assumed" or metric in stale else "estimated"
            found.origins[f"measurement.estimators.{metric}"] = origin.model_copy(update={"how": how, "error": error})
            if error is not None:
                found.errors[metric] = error
            if (plug := _plug(metric, node, clock, mistakes)) is not None:
                found.plugs[metric] = plug
    return found


def _plug(metric: str, node: Node, clock: bool, mistakes: list[Diagnostic]) -> Plug | None:
    before = len(mistakes)
    own = replace(node, value={k: v for k, v in node.fields.items() if k != "calibrated_from"})
    made = plugged(own, "estimators", mistakes)
    if len(mistakes) > before:
        return None
    use = made.fields["use"]
    cls: Any = plugin.find(plugin.base_of("estimators"), str(use.value))
    if cls.metric != metric:
        mistakes.append(use.says("bad-value", f"'{use.value}' tells {cls.metric}, not {metric}"))
    elif cls.needs_clock and not clock:
        text = f"'{use.value}' counts in cycles, and the device has no clock"
        mistakes.append(use.says("missing-key", text, "add hardware: {clock: 160 MHz}"))
    else:
        found = {name: _beside(made.fields[name], mistakes) for name in FILES if name in made.fields}
        data: Plug = {**made.data, **found}
        return data
    return None


def _beside(node: Node, mistakes: list[Diagnostic]) -> str:
    """A path from the folder of the file it stands in, made absolute: it is opened from somewhere else."""
    path = Path(os.path.abspath(node.place.source.path.parent / str(node.value)))
    if not path.is_file():
        near = did_you_mean(path.name, [p.name for p in path.parent.glob("*.csv") if p.is_file()])
        mistakes.append(node.says("not-found", f"there is no file '{called(path)}'{near}"))
    return str(path)


def _p90(node: Node | None, mistakes: list[Diagnostic]) -> float | None:
    """`{p50: 15 %, p90: 22 %}`."""
    if node is None:
        return None
    if not isinstance(node.value, dict):
        mistakes.append(node.says("wrong-type", f"wants {{p50: 15 %, p90: 22 %}}, got {shown(node.data)}"))
        return None
    mistakes += [unknown_key(child, QUANTILES) for name, child in node.fields.items() if name not in QUANTILES]
    found = {name: share(node.fields[name], mistakes) for name in QUANTILES if name in node.fields}
    low, high = found.get("p50"), found.get("p90")
    if low is not None and high is not None and low > high:
        mistakes.append(node.says("bad-value", "half of the errors cannot be larger than nine tenths of them"))
    return high


def _calibration(metric: str, node: Node, sources: Sources) -> Provenance:
    """All that an estimator was fitted to."""
    named = node.get("calibrated_from")
    cited = [sources.cited(child) for child in (named.items or [named])] if named else []
    known = next((c for c in cited if c.how != "assumed"), None)
    if known is None:
        text = f"nothing says where these numbers come from, so the {metric} they tell is assumed"
        hint = "name it: calibrated_from: [KEY], a KEY of the section 'evidence'"
        sources.mistakes.append((named or node).key_says("no-evidence", text, hint))
    addresses = list(dict.fromkeys(c.source for c in cited if c.source))
    first = min((c.until for c in cited if c.until), default="")  # it is as good as the worst of them
    return (known or Provenance()).model_copy(update={"source": " ".join(addresses), "until": first})

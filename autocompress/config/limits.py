"""The two sections that studies and devices share: `limits`, what must hold, and `objectives`, what to improve."""

from typing import Any, Literal, NamedTuple, get_args

from pydantic_core import PydanticCustomError

from autocompress.config.diagnostic import Diagnostic, did_you_mean
from autocompress.config.node import Node, shown
from autocompress.config.provenance import share
from autocompress.config.units import EXAMPLES, Dimension, below_baseline, quantity, speaks_of_baseline
from autocompress.config.validate import missing, unknown_key
from autocompress.values.limit import Limit, Objective
from autocompress.values.metric import METRICS, Direction, Scale

DIMENSIONS: dict[str, Dimension] = {
    "fraction": "fraction",
    "s": "time",
    "B": "bytes",
    "J": "energy",
    "W": "power",
    "/s": "rate",
    "": "count",
}
MEASURED = (  # what measure/ can answer for today
    "accuracy", "top5", "nll", "ece", "latency_p50", "latency_p95", "latency_p99", "latency_mean", "throughput",
    "peak_ram", "flash", "size", "size_packed", "size_lzma", "sparsity", "params", "params_nonzero", "macs", "bops",
)  # fmt: skip
NEEDS_ESTIMATOR = ("energy", "power")  # there is no meter: the device's file has to tell them
KNOWN = (*MEASURED, *NEEDS_ESTIMATOR)
MOST_OBJECTIVES = 4
KINDS = ("hard", "soft")
MORE = ("kind", "weight", "margin")  # that a limit may say beside its bound


class Promise(NamedTuple):
    """A limit and where it was written. `limit` is None where a study takes a device's limit away."""

    limit: Limit | None
    node: Node

    @property
    def has_margin(self) -> bool:
        """Whether somebody has said how much must be left."""
        return "margin" in self.node.fields


def limits(section: Node | None, mistakes: list[Diagnostic]) -> dict[str, Promise]:
    """One promise per metric. `size: 50 kB` is short for `size: {max: 50 kB, kind: hard}`."""
    if section is None or section.value is None:
        return {}
    if not isinstance(section.value, dict):
        mistakes.append(section.says("wrong-type", f"wants a mapping of metrics, got {shown(section.data)}"))
        return {}
    found = {}
    for metric, node in section.fields.items():
        if metric not in KNOWN:
            mistakes.append(node.key_says(*_no_metric(metric)))
        elif node.value is None:
            found[metric] = Promise(None, node)
        elif limit := _limit(metric, node, mistakes):
            found[metric] = Promise(limit, node)
    return found


def _limit(metric: str, node: Node, mistakes: list[Diagnostic]) -> Limit | None:
    side: Literal["max", "min"] = "max" if METRICS[metric].direction == "minimize" else "min"
    wrong = "min" if side == "max" else "max"
    if isinstance(node.value, list):
        mistakes.append(node.says("wrong-type", f"wants a quantity or {{{side}: QUANTITY}}, got a list"))
        return None
    if not isinstance(node.value, dict):
        return _bound(metric, side, node, mistakes)
    before = len(mistakes)
    allowed = (side, *MORE)
    if {side, wrong} <= set(node.fields):
        mistakes.append(node.key_says("bad-limit", "a metric has one limit, not a 'max' and a 'min'"))
    elif child := node.get(wrong):
        better = "small" if side == "max" else "large"
        mistakes.append(child.key_says("bad-limit", f"{metric} should be {better}: its limit is a '{side}'"))
    elif side not in node.fields:
        mistakes.append(missing(node, side))
    mistakes += [unknown_key(c, allowed) for name, c in node.fields.items() if name not in (*allowed, wrong)]
    kind = node.get("kind")
    if kind and kind.data not in KINDS:
        near = did_you_mean(str(kind.data), KINDS)
        mistakes.append(kind.says("bad-value", f"wants one of hard, soft, got {shown(kind.data)}{near}"))
    hard = not kind or kind.data == "hard"
    margin, weight = node.get("margin"), node.get("weight")
    more = {"margin": share(margin, mistakes)} if margin else {}
    if weight and hard:
        mistakes.append(weight.key_says("bad-limit", "a hard limit has no weight: nothing outweighs it", "kind: soft"))
    elif weight and (isinstance(weight.data, bool) or not isinstance(weight.data, int | float) or weight.data < 0):
        mistakes.append(weight.says("wrong-type", f"wants a number from 0 on, got {shown(weight.data)}"))
    elif weight:
        more["weight"] = weight.data
    bound = node.get(side)
    limit = _bound(metric, side, bound, mistakes) if bound else None
    return limit.model_copy(update={"hard": hard, **more}) if limit and len(mistakes) == before else None


def _bound(metric: str, side: Any, node: Node, mistakes: list[Diagnostic]) -> Limit | None:
    dimension = DIMENSIONS[METRICS[metric].unit]
    if metric != "accuracy" and speaks_of_baseline(node.data):
        text = "only accuracy can be relative to the baseline"
        mistakes.append(node.says("bad-limit", text, f"write it like '{EXAMPLES[dimension]}'"))
        return None
    try:
        below = below_baseline(node.data)
        if below is None:
            bound = quantity(node.data, dimension)
    except PydanticCustomError as error:
        context = error.context or {}
        mistakes.append(node.says(error.type, str(context["text"]), str(context["hint"])))
        return None
    if below is not None and below >= 1:
        mistakes.append(node.says("out-of-range", "this is more accuracy than there is"))
    elif below is not None:
        return Limit(metric=metric, side=side, below_baseline=below)
    elif bound <= 0:
        mistakes.append(node.says("out-of-range", f"a limit must be above 0, got {shown(node.data)}"))
    elif METRICS[metric].unit == "fraction" and bound > 1:
        mistakes.append(node.says("out-of-range", f"must be at most 100 %, got {shown(node.data)}"))
    else:
        return Limit(metric=metric, side=side, bound=bound)
    return None


def objectives(section: Node | None, mistakes: list[Diagnostic]) -> tuple[Objective, ...]:
    """1 to 4. A bare name is improved in its own direction."""
    if section is None or section.value is None:
        return ()
    if not isinstance(section.value, list):
        mistakes.append(section.says("wrong-type", f"wants a list of objectives, got {shown(section.data)}"))
        return ()
    if not 1 <= len(section.items) <= MOST_OBJECTIVES:
        text = f"wants 1 to {MOST_OBJECTIVES} objectives, got {len(section.items)}"
        mistakes.append(section.says("out-of-range", text))
    found: dict[str, Objective] = {}
    for node in section.items:
        objective = _objective(node, mistakes)
        if objective and objective.metric in found:
            mistakes.append(node.says("bad-value", f"{objective.metric} is an objective already"))
        elif objective:
            found[objective.metric] = objective
    return tuple(found.values())


def _objective(node: Node, mistakes: list[Diagnostic]) -> Objective | None:
    if isinstance(node.value, str):
        node = Node({"metric": node}, node.place, node.key, node.path)
    if not isinstance(node.value, dict):
        mistakes.append(node.says("wrong-type", f"wants a metric or {{metric: NAME}}, got {shown(node.data)}"))
        return None
    before = len(mistakes)
    allowed = ("metric", "direction", "scale")
    mistakes += [unknown_key(child, allowed) for name, child in node.fields.items() if name not in allowed]
    _one_of(node.get("direction"), get_args(Direction), mistakes)
    _one_of(node.get("scale"), get_args(Scale), mistakes)
    named = node.get("metric")
    if named is None:
        mistakes.append(missing(node, "metric"))
        return None
    if named.data not in KNOWN:
        mistakes.append(named.says(*_no_metric(str(named.data))))
        return None
    natural = METRICS[str(named.data)].direction
    direction = node.get("direction")
    if direction and direction.data in get_args(Direction) and direction.data != natural:
        mistakes.append(direction.says("bad-value", f"{named.data} is better the other way: '{natural}'"))
    scale = node.get("scale")
    if len(mistakes) > before:
        return None
    return Objective(metric=str(named.data), direction=natural, scale=scale.data if scale else None)


def aimed_at(section: Node | None) -> dict[str, Node]:
    """Metric -> where it is named an objective."""
    named = [item.get("metric") or item for item in (section.items if section else [])]
    return {node.value: node for node in named if isinstance(node.value, str)}


def _one_of(node: Node | None, words: tuple[str, ...], mistakes: list[Diagnostic]) -> None:
    if node and node.data not in words:
        near = did_you_mean(str(node.data), words)
        mistakes.append(node.says("bad-value", f"wants one of {', '.join(words)}, got {shown(node.data)}{near}"))


def _no_metric(name: str) -> tuple[str, str, str]:
    """A promise that nobody checks would be worse than none."""
    hint = f"known: {', '.join(KNOWN)}"
    if name in METRICS:
        return "unsupported", f"'{name}' is not measured yet", hint
    return "unknown-name", f"no metric is called '{name}'{did_you_mean(name, KNOWN)}", hint

"""A search space is a recipe with holes. `fill` fills them; whoever picks the values never sees the tree."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Any

Tree = Any  # what JSON can say: None, bool, int, float, str, list[Tree], dict[str, Tree]

HOLES = ("choice", "int", "float", "order")
MOST_ORDERED = 5  # 5! = 120 labels; more would be a categorical nobody can learn


@dataclass(frozen=True)
class Choice:
    """One of several options, each known by its label. An option may hold holes of its own."""

    labels: tuple[str, ...]


@dataclass(frozen=True)
class Int:
    low: int
    high: int
    step: int = 1
    log: bool = False


@dataclass(frozen=True)
class Float:
    low: float
    high: float
    step: float | None = None
    log: bool = False


@dataclass(frozen=True)
class Order:
    """The sequence of some stages. A label is the sequence itself: `distill>prune`."""

    names: tuple[str, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(">".join(p) for p in permutations(self.names))


Hole = Choice | Int | Float | Order
Value = str | int | float
Pick = Callable[[str, Hole], Value]


def fill(tree: Tree, pick: Pick, at: str = "") -> Tree:
    """Copy `tree`, replacing each hole by what `pick(path, hole)` answers.

    Only the holes of the options that were picked are asked for, so conditional spaces need no extra syntax.
    """
    match parse(tree, at):
        case Choice() as hole:
            return fill(*_chosen(tree, hole, pick, at))
        case Order():
            return [item for _, item in _placed(tree, pick, at)]
        case Int() | Float() as hole:
            return pick(at, hole)
    if isinstance(tree, Mapping):
        return {key: fill(value, pick, _join(at, key)) for key, value in tree.items()}
    if isinstance(tree, list):
        return [item for _, item in placed(tree, pick, at)]
    return tree


def placed(tree: Tree, pick: Pick, at: str = "") -> list[tuple[str, Tree]]:
    """A list, filled: each item with the path below which its holes are."""
    match parse(tree, at):
        case Choice() as hole:
            return placed(*_chosen(tree, hole, pick, at))
        case Order():
            return _placed(tree, pick, at)
    return [x for i, item in enumerate(tree) for x in _placed(item, pick, _join(at, i))]


def _placed(item: Tree, pick: Pick, at: str) -> list[tuple[str, Tree]]:
    """What an item of a list becomes there: an order becomes several items, even behind a choice; all else one."""
    match parse(item, at):
        case Choice() as hole:
            inner, pick, below = _chosen(item, hole, pick, at)
            return [(at if path == below else path, x) for path, x in _placed(inner, pick, below)]
        case Order(names) as hole:
            named = dict(zip(names, item["order"], strict=True))
            sequence = str(pick(at, hole)).split(">")
            return [x for name in sequence for x in _placed(named[name], pick, f"{at}.{name}")]
    return [(at, fill(item, pick, at))]


def _chosen(tree: Tree, hole: Choice, pick: Pick, at: str) -> tuple[Tree, Pick, str]:
    """The option that was picked, ready to be filled."""
    label = str(pick(at, hole))
    return tree["choice"][hole.labels.index(label)], pick, f"{at}={label}"


def holes(tree: Tree, at: str = "") -> Iterator[tuple[str, Hole]]:
    """Every hole of every branch, parents first: what a sampler with a flat encoding asks for each time."""
    hole = parse(tree, at)
    if hole is not None:
        yield at, hole
    match hole:
        case Choice(labels):
            for label, option in zip(labels, tree["choice"], strict=True):
                yield from holes(option, f"{at}={label}")
        case Order(names):
            for name, item in zip(names, tree["order"], strict=True):
                yield from holes(item, f"{at}.{name}")
        case None if isinstance(tree, Mapping):
            for key, value in tree.items():
                yield from holes(value, _join(at, key))
        case None if isinstance(tree, list):
            for i, item in enumerate(tree):
                yield from holes(item, _join(at, i))


def parse(tree: Tree, at: str = "") -> Hole | None:
    """The hole that this mapping is, or None. A hole that makes no sense is a ValueError that names its path."""
    if not isinstance(tree, Mapping):
        return None
    kind = next((k for k in HOLES if k in tree), None)
    if kind is None:
        return None
    extra = set(tree) - {kind, "step", "log"} if kind in ("int", "float") else set(tree) - {kind}
    if extra:
        raise ValueError(f"{at}: a {kind!r} hole cannot also have {sorted(map(str, extra))}")
    items = tree[kind]
    if not isinstance(items, list):
        raise ValueError(f"{at}: {kind!r} wants a list")
    if kind == "choice":
        if not items:
            raise ValueError(f"{at}: a choice needs at least one option")
        return Choice(_labels(items))
    if kind == "order":
        if not 2 <= len(items) <= MOST_ORDERED:
            raise ValueError(f"{at}: an order needs 2 to {MOST_ORDERED} items, got {len(items)}")
        names = _labels([_first_real(item) for item in items])
        unclear = next((name for name in names if ">" in name), None)
        if unclear is not None:
            raise ValueError(f"{at}: '>' separates the items of an order, and {unclear!r} has one")
        return Order(names)
    return _range(kind, items, tree, at)


def _range(kind: str, items: list[Tree], tree: Mapping[str, Tree], at: str) -> Hole:
    wanted: tuple[type, ...] = (int,) if kind == "int" else (int, float)
    step, log = tree.get("step"), tree.get("log", False)
    numbers = [*items, *([] if step is None else [step])]
    if len(items) != 2 or any(isinstance(n, bool) or not isinstance(n, wanted) for n in numbers):
        raise ValueError(f"{at}: {kind!r} wants two {'whole ' if kind == 'int' else ''}numbers, [low, high]")
    if not all(math.isfinite(n) for n in numbers):
        raise ValueError(f"{at}: {kind!r} wants finite numbers, got {numbers}")
    low, high = items
    if not isinstance(log, bool):
        raise ValueError(f"{at}: log is true or false")
    if low > high:
        raise ValueError(f"{at}: low {low} is above high {high}")
    if step is not None and step <= 0:
        raise ValueError(f"{at}: step must be above 0, got {step}")
    if log and low <= 0:
        raise ValueError(f"{at}: a log range must start above 0, got {low}")
    if log and step is not None:
        raise ValueError(f"{at}: a log range cannot have a step")
    if kind == "int":
        return Int(low, high, 1 if step is None else step, log)
    return Float(float(low), float(high), None if step is None else float(step), log)


def _labels(items: list[Tree]) -> tuple[str, ...]:
    """A name for each option: its `use`, or the value itself; a name that comes again is numbered."""
    labels: list[str] = []
    for item in items:
        label = base = _label(item)
        again = 1
        while label in labels:
            again += 1
            label = f"{base}#{again}"
        labels.append(label)
    return tuple(labels)


def _label(item: Tree) -> str:
    match item:
        case None:
            return "none"
        case bool():
            return str(item).lower()
        case {"use": str(name)}:
            return name
        case str() | int() | float():
            return str(item)
    return "option"


def _first_real(item: Tree) -> Tree:
    """What an order calls an item that is itself a choice: its first option that does something."""
    if isinstance(item, Mapping) and isinstance(item.get("choice"), list):
        return next((option for option in item["choice"] if option not in (None, "none")), None)
    return item


def _join(at: str, key: object) -> str:
    return f"{at}.{key}" if at else str(key)

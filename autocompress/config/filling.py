"""Fill the holes of a space and keep the places, so that what is wrong with a filling can be shown in the file."""

import random
from collections.abc import Iterator
from dataclasses import replace

from autocompress.config.node import Node
from autocompress.values.space import HOLES, Choice, Float, Hole, Int, Order, Pick, Value, holes, parse

MOST_COVERING = 400  # fillings that try every option and both ends of every range; honest spaces need fewer
RANDOM = 50


def has_holes(node: Node) -> bool:
    return any(word in n.fields for n in node.walk() for word in HOLES)


def filled(node: Node, pick: Pick, at: str = "") -> Node:
    """`values.space.fill`, for nodes. A number stands where its range stood."""
    match parse(node.data, at) if any(word in node.fields for word in HOLES) else None:
        case Choice(labels) as hole:
            label = str(pick(at, hole))
            return filled(node.fields["choice"].items[labels.index(label)], pick, f"{at}={label}")
        case Order(names) as hole:
            items = dict(zip(names, node.fields["order"].items, strict=True))
            order = str(pick(at, hole)).split(">")
            return replace(node, value=[filled(items[name], pick, f"{at}.{name}") for name in order])
        case Int() | Float() as hole:
            return replace(node, value=pick(at, hole))
    if isinstance(node.value, dict):
        return replace(node, value={k: filled(v, pick, f"{at}.{k}" if at else k) for k, v in node.value.items()})
    if isinstance(node.value, list):
        done = [(item, filled(item, pick, f"{at}.{i}" if at else str(i))) for i, item in enumerate(node.value)]
        return replace(node, value=[x for item, new in done for x in (new.items if "order" in item.fields else [new])])
    return node


def at_end(node: Node, end: int) -> Node:
    """Every range at its low (0) or high (-1) end, every choice at its first or last option."""

    def pick(at: str, hole: Hole) -> Value:
        return ends(hole)[end]

    return filled(node, pick)


def ends(hole: Hole) -> list[Value]:
    """What must be tried of a hole: every label, or the two ends."""
    if isinstance(hole, Choice):
        return list(hole.labels)
    if isinstance(hole, Order):
        return [hole.labels[0], hole.labels[-1]]
    return [hole.low, hole.high]


def fillings(node: Node, seed: int = 0) -> Iterator[Node]:
    """Enough fillings to see everything once: each option, each end of each range, then some at random."""
    rng = random.Random(seed)
    found = list(holes(node.data))
    targets = [(at, value) for at, hole in found for value in ends(hole)]
    for target, value in targets[:MOST_COVERING]:

        def pick(at: str, hole: Hole, target: str = target, value: Value = value) -> Value:
            return value if at == target else _towards(at, hole, target) or drawn(hole, rng)

        yield filled(node, pick)
    for _ in range(RANDOM if found else 1):
        yield filled(node, lambda at, hole: drawn(hole, rng))


def _towards(at: str, hole: Hole, target: str) -> Value | None:
    """The option below which the target lies."""
    if not isinstance(hole, Choice):
        return None
    ways = {f"{at}={label}": label for label in hole.labels}
    return next(
        (label for way, label in ways.items() if target.startswith((f"{way}.", f"{way}=")) or target == way), None
    )


def drawn(hole: Hole, rng: random.Random) -> Value:
    match hole:
        case Choice() | Order():
            return rng.choice(hole.labels)
        case Int(low, high, step):
            return low + step * rng.randint(0, (high - low) // step)
        case Float(low, high):
            return low + (high - low) * rng.random()

"""Stages in an order that works: what settles things for good comes late, and what wants a trained network, too."""

from collections.abc import Iterator
from typing import NamedTuple

from autocompress import plugin
from autocompress.config.diagnostic import Diagnostic
from autocompress.config.node import Node
from autocompress.config.outcomes import line, outcomes, slots
from autocompress.values.space import Tree


def ordered(stages: Node, mistakes: list[Diagnostic]) -> None:
    """Some stages settle things for good: what changes these must not come later."""
    places = slots(stages)
    for i, slot in enumerate(places):
        later = [item for following in places[i + 1 :] for item in following]
        for item in slot:
            after = [stage for other in later + [x for x in slot if x is not item] for stage in _options(other)]
            for stage in _options(item):
                mistakes.extend(_barred(stage, after))


def _options(item: Node) -> Iterator[Node]:
    """The stages that an item can become."""
    if "choice" in item.fields:
        for option in item.fields["choice"].items:
            yield from _options(option)
    elif "use" in item.fields:
        yield item


def _barred(stage: Node, after: list[Node]) -> list[Diagnostic]:
    """What must not come after a stage, but can: the first of it."""
    base, use = plugin.base_of("stages"), stage.fields["use"]
    for other in after:
        try:
            cls, later = (plugin.find(base, str(one.fields["use"].value)) for one in (stage, other))
            why, last = cls.bars(stage.data, later), cls.bars(stage.data, base)  # type: ignore[attr-defined]
        except Exception:  # said already, where the stage was looked at
            continue
        if why:
            name = other.fields["use"].value
            text = f"'{use.value}' must come last, but '{name}' can come after it"
            if not last or later is cls:
                text = f"'{name}' must not come after '{use.value}', but it can"
            return [use.says("bad-order", text, why)]
    return []


class Turn(NamedTuple):
    """One way in which an item can turn out."""

    tree: Tree
    trains: bool
    wants_trained: bool


def untrained(student: Node, stages: Node | None) -> Iterator[Diagnostic]:
    """Stages that want a trained network, where nothing need have trained it. Of each, one recipe that shows it."""
    new = next((tree for tree, plug in outcomes(student, plugin.base_of("students")) if not plug.trained), None)
    if new is None:
        return
    places = [[(item, _turns(item)) for item in slot] for slot in slots(stages)]
    before: list[Tree] = []
    for i, slot in enumerate(places):
        for item, turns in slot:
            turn = next((turn for turn in turns if turn.wants_trained), None)
            if turn:
                after = [x for x in slot if x[0] is not item] + [x for later in places[i + 1 :] for x in later]
                rest = [other[0].tree for _, other in after if other]
                yield _too_early(item, turn.tree, line(new, [*before, turn.tree, *rest]))
        idle = [[turn.tree for turn in turns if not turn.trains] for _, turns in slot]
        if not all(idle):
            return  # what stands behind this comes after a training, however the holes are filled
        before += [trees[0] for trees in idle]


def _turns(item: Node) -> list[Turn]:
    return [
        Turn(tree, trains=plug is not None and plug.trains, wants_trained=plug is not None and plug.wants_trained)
        for tree, plug in outcomes(item, plugin.base_of("stages"))
    ]


def _too_early(item: Node, tree: Tree, recipe: str) -> Diagnostic:
    node = next(stage.fields["use"] for stage in _options(item) if stage.fields["use"].value == tree["use"])
    text = f"'{tree['use']}' wants a trained network, and nothing trains before it in {recipe}"
    return node.says(
        "untrained", text, "let a stage train before it, or begin with weights: same, saved, or pretrained ones"
    )

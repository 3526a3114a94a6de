"""What each technique bought: the front of the whole study against the fronts of its trials that do without one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from autocompress.values.craft import TECHNIQUES, Craft, Technique
from autocompress.values.front import Front, front, volume
from autocompress.values.hypervolume import Points
from autocompress.values.recipe import Recipe
from autocompress.values.trial import Trial

USUAL: tuple[Technique, ...] = ("distillation", "pruning", "quantization")  # the order of a pipeline made by hand
ENOUGH = 3  # complete trials, or a front says nothing


@dataclass(frozen=True)
class Part:
    """The front that a part of the trials would have made."""

    name: str  # "without pruning"
    trials: int  # complete ones
    front: Front
    volume: float


def parts(trials: Sequence[Trial], whole: Front, point: Points, craft: Craft) -> list[Part]:
    """The whole study first, then what it is without each technique, and in the usual order alone."""
    done = [t for t in trials if t.state == "complete"]
    used = {t.recipe.key: sequence(t.recipe, craft) for t in done}
    wanted: list[tuple[str, Callable[[tuple[Technique, ...]], bool]]] = [("the whole study", lambda _: True)]
    wanted += [(f"without {name}", lambda order, name=name: name not in order) for name in TECHNIQUES]  # type: ignore[misc]
    wanted.append((f"only {', then '.join(USUAL)}", lambda order: order == USUAL))
    found: list[Part] = []
    for name, fits in wanted:
        some = [t for t in done if fits(used[t.recipe.key])]
        if not found or (len(some) < len(done) and len(some) >= ENOUGH):
            made = front(some, whole.objectives, whole.limits, whole.baseline)
            found.append(Part(name, len(some), made, volume(made, point)))
    return found


def sequence(recipe: Recipe, craft: Craft) -> tuple[Technique, ...]:
    """The techniques in the order in which a recipe first uses them; one stage that is two counts as taught first."""
    seen: dict[Technique, None] = {}
    for stage in recipe.stages:
        for name in TECHNIQUES:
            if name in craft.techniques(stage):
                seen.setdefault(name)
    return tuple(seen)

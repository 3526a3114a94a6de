"""The way to a candidate that keeps all limits: draws, the ends of all ranges, and downhill from the best."""

from collections.abc import Callable, Iterator, Sequence
from random import Random

from autocompress.search.known import Params, middle
from autocompress.search.variants import drawn
from autocompress.study.probe import of_numbers
from autocompress.study.scout import Scout, Sight
from autocompress.values.limit import Limit
from autocompress.values.recipe import Recipe
from autocompress.values.space import Choice, Float, Hole, Int, Order, Tree, Value, fill, holes

TRIES = 20  # draws for each candidate that is wanted: small spaces come to an end

Clock = Callable[[], float]


class Hunt:
    """All that was seen, and the way down from it. What was looked at once is known."""

    def __init__(self, space: Tree, scout: Scout) -> None:
        self._space, self._scout = space, scout
        self.seen: dict[str, tuple[Params, Sight]] = {}  # recipes by key

    @property
    def sights(self) -> list[Sight]:
        return [sight for _, sight in self.seen.values()]

    def look(self, params: Params) -> Sight:
        recipe = Recipe.of(fill(self._space, lambda at, hole: params[at]))
        if recipe.key not in self.seen:
            self.seen[recipe.key] = params, self._scout.look(recipe)
        return self.seen[recipe.key][1]

    def satisfied(self, limits: Sequence[Limit]) -> bool:
        return any(self.cost(sight, limits) == (0, 0.0) for sight in self.sights)

    def cost(self, sight: Sight, limits: Sequence[Limit], beyond: bool = False) -> tuple[int, float]:
        """How far it is from keeping them; `beyond`: less than nothing if it does so with ease. Those of which nobody
        knows, because they break what is counted, come after all others; those that cannot be made, last."""
        if sight.failed:
            return 2, 0.0
        if sight.refused and any(sight.keeps(limit) is None for limit in limits):
            return 1, _over(sight, self._scout.limits)
        return 0, _over(sight, limits, beyond)

    def spread(self, until: float, clock: Clock) -> bool:
        """The ends of all ranges, in each branch. False: there was no time for all."""
        for params in _ends(self._space):
            if clock() > until:
                return False
            self.look(params)
        return True

    def descend(self, limits: Sequence[Limit], until: float, clock: Clock, beyond: bool = False) -> bool:
        """From the best, whatever brings it nearer, until nothing does. False: there was no time for that."""
        best, sight = min(self.seen.values(), key=lambda one: self.cost(one[1], limits, beyond))
        cost = self.cost(sight, limits, beyond)
        going = True
        while going and (beyond or cost > (0, 0.0)):
            going = False
            for params in _steps(self._space, best):
                if clock() > until:
                    return False
                found = self.cost(self.look(params), limits, beyond)
                if found < cost:
                    best, cost, going = params, found, True
                    break
        return True


def _over(sight: Sight, limits: Sequence[Limit], beyond: bool = False) -> float:
    known = [x.violation(sight.found[x.metric].value) for x in limits if x.metric in sight.found]
    return sum(known) if beyond else sum(max(amount, 0.0) for amount in known)


# --- what there is to look at ---


def draws(space: Tree, many: int, random: Random) -> Iterator[Params]:
    """Different recipes; every value of a hole as likely as any other."""
    found = set[str]()
    for _ in range(TRIES * many):
        params, recipe = _filled(space, lambda at, hole: drawn(hole, random))
        if recipe.key not in found:
            found.add(recipe.key)
            yield params
        if len(found) == many:
            return


def _ends(space: Tree) -> Iterator[Params]:
    """Every option of every choice, with all numbers low, and with all numbers high."""
    choices = [(at, hole) for at, hole in holes(space) if isinstance(hole, Choice) and not of_numbers(hole)]
    targets = [f"{at}={label}" for at, hole in choices for label in hole.labels] or [""]
    for high in (False, True):
        for target in targets:
            yield _filled(space, _towards(target, high))[0]


def _towards(target: str, high: bool) -> Callable[[str, Hole], Value]:
    def pick(at: str, hole: Hole) -> Value:
        if isinstance(hole, Choice) and not of_numbers(hole):
            here = (label for label in hole.labels if f"{target}.".startswith((f"{at}={label}.", f"{at}={label}=")))
            return next(here, hole.labels[0])
        return _range(hole)[-1 if high else 0]

    return pick


def _steps(space: Tree, params: Params) -> Iterator[Params]:
    """One hole decided anew: another option, another end of a range. What that brings along: low, then high."""
    active: list[tuple[str, Hole]] = []

    def pick(at: str, hole: Hole) -> Value:
        active.append((at, hole))
        return params[at]

    fill(space, pick)
    for at, hole in active:
        if isinstance(hole, Order):  # whatever comes first, the network is the same
            continue
        for value in _range(hole):
            if value != params[at]:
                low, _ = _filled(space, _with(params, at, value, high=False))
                yield low
                if set(low) - set(params):
                    yield _filled(space, _with(params, at, value, high=True))[0]


def _with(params: Params, changed: str, value: Value, *, high: bool) -> Callable[[str, Hole], Value]:
    def pick(at: str, hole: Hole) -> Value:
        return value if at == changed else params[at] if at in params else _range(hole)[-1 if high else 0]

    return pick


def _range(hole: Hole) -> tuple[Value, ...]:
    """From its low end to its high end; options that are no numbers as they come."""
    match hole:
        case Choice(labels):
            return tuple(sorted(labels, key=float)) if of_numbers(hole) else labels
        case Order():
            return (hole.labels[0],)
        case Int(low, high, step):
            return low, middle(hole), high - (high - low) % step
        case Float(low, high):
            return low, middle(hole), high


def _filled(space: Tree, pick: Callable[[str, Hole], Value]) -> tuple[Params, Recipe]:
    params: Params = {}

    def noted(at: str, hole: Hole) -> Value:
        params[at] = pick(at, hole)
        return params[at]

    return params, Recipe.of(fill(space, noted))

"""Can the limits be kept at all? What they leave of a space, limit by limit, and how near the best candidate comes."""

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from autocompress.compress.stages.base import Stage
from autocompress.data.base import loaded
from autocompress.errors import Failure, UnknownStudy
from autocompress.plugin import find
from autocompress.search.known import Params, middle
from autocompress.search.variants import drawn
from autocompress.study.here import refusal
from autocompress.study.probe import of_numbers
from autocompress.study.scout import Scout, Sight
from autocompress.study.study import Study
from autocompress.values.limit import Limit
from autocompress.values.measurement import Measurement
from autocompress.values.metric import show
from autocompress.values.recipe import Recipe
from autocompress.values.space import Choice, Float, Hole, Int, Order, Tree, Value, fill, holes
from autocompress.values.study import StudySpec

DRAWN, SECONDS = 64, 15.0  # candidates that `check` draws, unless that takes longer
FEW, SOON = 12, 5.0  # the same at the start of `run`
PATIENCE = 60.0  # seconds for whoever looks for one that keeps all limits, if none of those drawn does
TRIES = 20  # draws for each candidate that is wanted: small spaces come to an end
REASONS = 3  # why candidates cannot be made, that are told
SURE = 1.96  # standard errors of 19 in 20 cases

Clock = Callable[[], float]


@dataclass(frozen=True)
class Share:
    """How many of those that were drawn, and so how many there may be: 19 of 20 such intervals hold the true share
    (Wilson 1927)."""

    kept: int
    of: int

    @property
    def interval(self) -> tuple[float, float]:
        if not self.of:
            return 0.0, 1.0
        n, p, z = self.of, self.kept / self.of, SURE
        half = z * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
        low, high = (p + z * z / (2 * n) - half) / (1 + z * z / n), (p + z * z / (2 * n) + half) / (1 + z * z / n)
        return max(low, 0.0), min(high, 1.0)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.kept} of {self.of} ({100 * low:.0f} to {100 * high:.0f} %)"


@dataclass(frozen=True)
class Bound:
    """What one limit leaves. `best` is the best that was seen of all, `by` whose it is."""

    limit: Limit
    share: Share
    best: Measurement | None
    by: str
    possible: bool  # some candidate keeps it, or there is one of which nobody can say

    @property
    def needed(self) -> float:
        """The bound that the best would keep, margin included."""
        assert self.best is not None, "nothing was seen of it"
        more = 1 + self.limit.margin
        return self.best.value * more if self.limit.side == "max" else self.best.value / more

    @property
    def reached(self) -> str:
        if self.best is None:
            return "nothing seen"
        alone = " (weights alone)" if self.best.note.startswith("lower bound") else ""
        return f"{'≈ ' if self.best.how == 'estimated' else ''}{show(self.limit.metric, self.best.value)}{alone}"


@dataclass(frozen=True)
class Reach:
    """What was seen, without any training."""

    bounds: tuple[Bound, ...]
    unseen: dict[str, str]  # limit -> why nobody looked
    together: Share  # those that keep all limits, as far as is known
    searched: int  # candidates beside those drawn: at the ends of ranges, and on the way down from the best
    failed: tuple[tuple[str, int], ...]  # why some of those drawn cannot be made, most frequent reason first
    nearest: str  # the candidate that comes nearest to all limits
    broken: tuple[str, ...]  # what it breaks, and by how much
    settled: bool  # the search for one that keeps all was not cut short
    seconds: float

    @property
    def possible(self) -> bool:
        """As far as was seen. A space in which nothing can be made has another problem than its limits."""
        return not self.broken

    @property
    def verdict(self) -> str:
        """Why nothing can fit; empty if something may."""
        if self.possible:
            return ""
        none = [bound for bound in self.bounds if not bound.possible]
        if not none:
            near = f"the nearest, {self.nearest}, breaks {' and '.join(self.broken)}"
            return f"each limit can be kept, but no candidate was found that keeps all: {near}"
        return "; ".join(
            f"no candidate keeps {bound.limit}: the best has {bound.reached}, {bound.by}" for bound in none
        )

    @property
    def hint(self) -> str:
        """What would help."""
        none = [bound for bound in self.bounds if not bound.possible and bound.best]
        ask = [f"{b.limit.metric}: about {show(b.limit.metric, b.needed)} can be kept" for b in none]
        return "; or ".join([*ask, "give the space smaller students, deeper cuts or fewer bits"])

    @property
    def lines(self) -> list[str]:
        """A table for people."""
        more = f", {self.searched} more at the ends of ranges" if self.searched else ""
        took = f"untrained, in {self.seconds:.1f} s"
        lines = [f"limits: {_candidates(self.together.of)} drawn{more}, {took}; in brackets: of the space, likely"]
        rows = [(str(b.limit), str(b.share), f"best {b.reached}, {b.by}" if b.best else "") for b in self.bounds]
        if len(rows) > 1:
            rows.append(("all of these", str(self.together), ""))
        wide = [max((len(row[i]) for row in rows), default=0) for i in (0, 1)]
        lines += [f"       {a.ljust(wide[0])}  {b.ljust(wide[1])}  {c}".rstrip() for a, b, c in rows]
        lines += [f"       not asked: {limit}: {why}" for limit, why in self.unseen.items()]
        lines += [f"       cannot be made: {many} of those drawn: {why}" for why, many in self.failed[:REASONS]]
        if rest := sum(many for _, many in self.failed[REASONS:]):
            lines.append(f"       cannot be made: {rest} more, for other reasons")
        return lines

    @property
    def brief(self) -> str:
        """The same in one line."""
        asked = ", ".join(f"{b.limit} by {b.share.kept} of {b.share.of}" for b in self.bounds)
        return f"limits: {self.together} of the candidates drawn keep what can be told before training ({asked})"

    @property
    def plain(self) -> dict[str, Any]:
        """For programs."""
        return {
            "possible": self.possible,
            "settled": self.settled,
            "drawn": self.together.of,
            "searched": self.searched,
            "together": _plain(self.together),
            "limits": [
                {
                    "limit": str(b.limit),
                    "metric": b.limit.metric,
                    "possible": b.possible,
                    "drawn": _plain(b.share),
                    "best": b.best.model_dump(mode="json") if b.best else None,
                    "by": b.by,
                }
                for b in self.bounds
            ],
            "not_asked": self.unseen,
            "failed": dict(self.failed),
            "seconds": round(self.seconds, 3),
        }


def reach(
    spec: StudySpec,
    *,
    many: int = DRAWN,
    seconds: float = SECONDS,
    ends: bool = True,
    patience: float = PATIENCE,
    clock: Clock = time.monotonic,
) -> Reach | None:
    """Draw candidates, until there are `many` or the `seconds` are over; then those at the `ends` of all ranges, and
    the best for each limit. If none keeps them all, one is searched for from the best, with `patience` in seconds.

    None if there is nothing to ask. If there is no data, that is a `Failure`.
    """
    began = clock()
    with tempfile.TemporaryDirectory(prefix="autocompress-") as folder:
        scout = Scout(spec, Path(folder))
        if not scout.limits:
            return None
        loaded(spec.data)
        hunt = Hunt(spec.space, scout)
        since = None  # the first look takes longest, whatever there is to see
        for params in _draws(spec.space, many, Random(spec.seed)):
            hunt.look(params)
            since = clock() if since is None else since
            if clock() - since > seconds:
                break
        first = len(hunt.seen)
        lucky = hunt.satisfied(scout.limits)
        until = clock() + (seconds if lucky else patience)
        spread = hunt.spread(until, clock) if ends or not lucky else True
        each = [hunt.descend(limits, until, clock) for limits in [*((x,) for x in scout.limits), scout.limits]]
        until = clock() + seconds
        for limit in scout.limits if ends else ():
            hunt.descend((limit,), until, clock, beyond=True)
        return _told(scout, hunt, first, spread and all(each), clock() - began)


def foreseen(study: Study) -> Reach | None:
    """Quickly, before a study that is new spends anything. What it will itself refuse to do is left to it."""
    spec = study.spec
    if spec.device is None or refusal(spec) or not _new(study):
        return None
    try:
        return reach(spec, many=FEW, seconds=SOON, ends=False)
    except Failure:
        return None


def _new(study: Study) -> bool:
    try:
        return not study.trials
    except (UnknownStudy, KeyError):  # no folder, or a server that has not heard of it
        return True


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


def _told(scout: Scout, hunt: Hunt, first: int, settled: bool, seconds: float) -> Reach:
    sights, limits = hunt.sights, scout.limits
    picked = sights[:first]
    nearest = min(sights, key=lambda sight: hunt.cost(sight, limits))
    made = not nearest.failed
    return Reach(
        bounds=tuple(_bound(limit, picked, sights) for limit in limits),
        unseen={str(limit): why for limit, why in scout.unseen.items()},
        together=Share(sum(hunt.cost(sight, limits) == (0, 0.0) for sight in picked), first),
        searched=len(sights) - first,
        failed=tuple(Counter(sight.failed for sight in picked if sight.failed).most_common()),
        nearest=_build(nearest.recipe) if made else "",
        broken=tuple(_by(limit, nearest) for limit in limits if nearest.keeps(limit) is False) if made else (),
        settled=settled,
        seconds=seconds,
    )


def _bound(limit: Limit, picked: list[Sight], sights: list[Sight]) -> Bound:
    known = [sight for sight in sights if limit.metric in sight.found]
    asked = [sight for sight in picked if limit.metric in sight.found]
    best = min(known, key=lambda sight: limit.violation(sight.found[limit.metric].value), default=None)
    return Bound(
        limit,
        Share(sum(sight.keeps(limit) is True for sight in asked), len(asked)),
        best.found[limit.metric] if best else None,
        _build(best.recipe) if best else "",
        not known or any(_may_keep(limit, sight) for sight in sights),
    )


def _may_keep(limit: Limit, sight: Sight) -> bool:
    keeps = sight.keeps(limit)
    return not sight.refused if keeps is None else keeps


def _candidates(many: int) -> str:
    return f"{many} candidate{'s' if many != 1 else ''}"


def _by(limit: Limit, sight: Sight) -> str:
    return f"{limit} with {show(limit.metric, sight.found[limit.metric].value)}"


def _build(recipe: Recipe) -> str:
    """What matters of it here."""
    built = [stage for stage in recipe.stages if find(Stage, stage["use"]).rebuilds]
    return Recipe.of({**recipe.tree, "stages": built}).line


def _plain(share: Share) -> dict[str, Any]:
    low, high = share.interval
    return {"kept": share.kept, "of": share.of, "low": round(low, 4), "high": round(high, 4)}


# --- what there is to look at ---


def _draws(space: Tree, many: int, random: Random) -> Iterator[Params]:
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

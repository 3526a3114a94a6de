"""Can the limits be kept at all? What they leave of a space, limit by limit, and how near the best candidate comes."""

import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from autocompress.compress.stages.base import Stage
from autocompress.data.base import loaded
from autocompress.errors import Failure, UnknownStudy
from autocompress.plugin import find
from autocompress.study.here import refusal
from autocompress.study.hunt import Clock, Hunt, draws
from autocompress.study.scout import Scout, Sight
from autocompress.study.study import Study
from autocompress.values.limit import Limit
from autocompress.values.measurement import Measurement
from autocompress.values.metric import show
from autocompress.values.recipe import Recipe
from autocompress.values.study import StudySpec

DRAWN, SECONDS = 64, 15.0  # candidates that `check` draws, unless that takes longer
FEW, SOON = 12, 5.0  # the same at the start of `run`
PATIENCE = 60.0  # seconds for whoever looks for one that keeps all limits, if none of those drawn does
REASONS = 3  # why candidates cannot be made, that are told
SURE = 1.96  # standard errors of 19 in 20 cases


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
        for params in draws(spec.space, many, Random(spec.seed)):
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

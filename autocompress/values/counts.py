"""Where the candidates of a study went, and why."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from autocompress.values.trial import Trial


@dataclass(frozen=True)
class Counts:
    """Where the candidates went. Every one asked is in exactly one of the states."""

    asked: int
    refused: int  # by the gate, before any training
    refused_by: dict[str, int]  # limit -> how many of the refused broke it (one may break several)
    stopped: int
    failed: int
    failed_by: dict[str, int]  # code -> how many
    complete: int
    fitting: int  # complete and within every limit
    pending: int  # waiting or running
    variants: int  # of those asked, other endings of a training that was done
    inherited: int  # of those asked, done by another study
    promoted: int  # of those asked, begun where another was stopped
    replicas: int  # of those asked, the same recipe with another seed
    stages: int
    cached: int  # of these, taken from the cache

    @property
    def ended(self) -> int:
        return self.asked - self.pending

    def __str__(self) -> str:
        parts = [f"{self.asked} asked"]
        if self.refused:
            parts.append(f"{self.refused} refused by the gate{listed(self.refused_by)}")
        if self.stopped:
            parts.append(f"{self.stopped} stopped early")
        if self.failed:
            parts.append(f"{self.failed} failed{listed(self.failed_by)}")
        parts.append(f"{self.complete} complete")
        if self.fitting != self.complete:
            parts[-1] += f", of which {self.fitting} fit the limits"
        for many, what in (
            (self.inherited, "from another study"),
            (self.variants, "cheap variant" if self.variants == 1 else "cheap variants"),
            (self.promoted, "promoted after all"),
            (self.replicas, "other seeds"),
        ):
            if many:
                parts.append(f"{many} {what}")
        if self.pending:
            parts.append(f"{self.pending} not finished")
        if self.cached:
            parts.append(f"{self.cached} of {self.stages} stages from the cache")
        return "; ".join(parts)


def counts(trials: Iterable[Trial]) -> Counts:
    """Where the candidates went, most frequent reason first."""
    every = list(trials)
    states = Counter(t.state for t in every)
    return Counts(
        asked=len(every),
        refused=states["infeasible"],
        refused_by=_ranked(Counter(m for t in every if t.state == "infeasible" for m in t.broken)),
        stopped=states["stopped"],
        failed=states["failed"],
        failed_by=_ranked(Counter(t.code or "unexpected" for t in every if t.state == "failed")),
        complete=states["complete"],
        fitting=sum(t.feasible for t in every),
        pending=states["waiting"] + states["running"],
        inherited=sum(t.origin == "inherited" for t in every),
        variants=sum(t.origin == "variant" for t in every),
        promoted=sum(t.origin == "promoted" for t in every),
        replicas=sum(t.origin == "replica" for t in every),
        stages=sum(t.stages for t in every),
        cached=sum(t.cached for t in every),
    )


def listed(reasons: dict[str, int]) -> str:
    """` (size 8, macs 2)`, or nothing."""
    return f" ({', '.join(f'{name} {n}' for name, n in reasons.items())})" if reasons else ""


def _ranked(counted: Counter[str]) -> dict[str, int]:
    return dict(sorted(counted.items(), key=lambda kv: (-kv[1], kv[0])))

"""Whether a model that was made again came out the same: number by number, file by file, and what else has changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from autocompress.values.domination import SURE
from autocompress.values.measurement import Measurement, within_noise

Numbers = Mapping[str, Measurement]
Verdict = Literal["equal", "within noise", "differs", "gone", "new"]
SAME = ("equal", "within noise", "new")  # verdicts that speak against nothing
CLOCKED = ("latency_", "throughput", "energy", "power", "peak_ram")  # of the machine's moment as much as of the model


@dataclass(frozen=True)
class Row:
    """One number, then and now."""

    metric: str
    before: Measurement | None
    after: Measurement | None
    verdict: Verdict
    decides: bool  # equal work gives it again; of a clock nobody can ask that

    @property
    def speaks_against(self) -> bool:
        return self.decides and self.verdict not in SAME


@dataclass(frozen=True)
class File:
    """One file, by its SHA-256."""

    role: str
    before: str
    after: str  # empty: there is none

    @property
    def equal(self) -> bool:
        return self.before == self.after


@dataclass(frozen=True)
class Reproduced:
    """Files and surroundings explain; what decides are the numbers."""

    rows: tuple[Row, ...]
    files: tuple[File, ...]
    around: Mapping[str, tuple[str, str]]  # what is not as it was: versions, machine, commit, images
    failed: str = ""  # why there is no model now

    @property
    def same(self) -> bool:
        return not self.failed and not any(row.speaks_against for row in self.rows)

    @property
    def exactly(self) -> bool:
        """Bit for bit, and every number that equal work gives again."""
        numbers = all(row.verdict == "equal" for row in self.rows if row.decides and row.verdict != "new")
        return self.same and numbers and all(file.equal for file in self.files)


def reproduced(
    before: Numbers,
    after: Numbers,
    files: tuple[File, ...],
    around: Mapping[str, tuple[str, str]],
    failed: str = "",
) -> Reproduced:
    """Noise is an excuse between models that differ, not for one and the same file in the same surroundings."""
    identical = not around and all(file.equal for file in files)
    rows = tuple(_row(metric, before.get(metric), after.get(metric), identical) for metric in {**before, **after})
    return Reproduced(rows, files, around, failed)


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """By name, what was and what is; empty where it is not known."""
    both = {name: (before.get(name, ""), after.get(name, "")) for name in sorted({*before, *after})}
    return {name: (then, now) for name, (then, now) in both.items() if then != now}


def _row(metric: str, before: Measurement | None, after: Measurement | None, identical: bool) -> Row:
    decides = not any(m.how != "counted" and metric.startswith(CLOCKED) for m in (before, after) if m)
    return Row(metric, before, after, _verdict(before, after, exact=identical and decides), decides)


def _verdict(before: Measurement | None, after: Measurement | None, *, exact: bool) -> Verdict:
    if before is None or after is None:
        return "new" if before is None else "gone"
    if before.value == after.value and before.how == after.how:
        return "equal"
    likely = before.how == after.how and not exact and bool(before.spread or after.spread)
    return "within noise" if likely and within_noise(before, after, SURE) else "differs"

"""One job from recipe to outcome. The one place that catches: a broken candidate becomes a failed trial with a code."""

import math
import time
import traceback
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from autocompress.errors import Failure, FailureCode, StoreAway
from autocompress.values.job import Done, Event, Gated, Job, Outcome, Work
from autocompress.values.measurement import How, Measurement
from autocompress.values.recipe import Recipe

TAIL = 4000  # characters of a traceback that are kept

Events = Generator[Event, bool | None, None]
Numbers = Mapping[str, float | tuple[float, float]]  # metric -> value, or (value, standard error)
Evaluate = Callable[[Recipe, float], Numbers]
Gate = Callable[[Recipe], Numbers]


@dataclass(frozen=True)
class Careful:
    """Any work, made safe: whatever it raises, its last event is `Done`, with the seconds it took."""

    work: Work
    clock: Callable[[], float] = time.monotonic

    def __call__(self, job: Job) -> Events:
        began = self.clock()
        try:
            yield from self.work(job)
        except Exception as error:
            code, message = diagnosed(error)
            outcome = Outcome("failed", code=code, message=message, seconds=self.clock() - began)
            yield Done(job.number, outcome)


def diagnosed(error: Exception) -> tuple[FailureCode, str]:
    """A code from the closed list, and what a person needs to see."""
    if isinstance(error, Failure):
        return error.code, str(error)
    if isinstance(error, StoreAway):
        return "store_away", str(error)
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
        return "out_of_memory", str(error) or "MemoryError"
    if isinstance(error, ValidationError):
        return "bad_recipe", "; ".join(_told(mistake) for mistake in error.errors(include_url=False))
    return "unexpected", "".join(traceback.format_exception(error))[-TAIL:]


def _told(mistake: ErrorDetails) -> str:
    place, text = ".".join(map(str, mistake["loc"])), mistake["msg"].removeprefix("Value error, ")
    return f"{place}: {text}" if place else text


@dataclass(frozen=True)
class FunctionWork:
    """The engine on anything: `evaluate(recipe, fidelity)` is a candidate's whole life, `gate(recipe)` its start.

    A metric called `seconds` is not measured on the model: it says how long the work took, on a pretend clock.
    """

    evaluate: Evaluate
    gate: Gate | None = None

    def __call__(self, job: Job) -> Events:
        began = time.monotonic()
        known: tuple[Measurement, ...] = ()
        if self.gate is not None:
            known = _measurements(self.gate(job.recipe), how="estimated")
            if not (yield Gated(job.number, known)):
                yield Done(job.number, Outcome("stopped", known, seconds=time.monotonic() - began))
                return
        numbers = dict(self.evaluate(job.recipe, job.fidelity))
        seconds = numbers.pop("seconds", None)
        took = time.monotonic() - began if seconds is None else _pair(seconds)[0]
        found = _measurements(numbers, how="measured")
        again = {m.metric for m in found}
        kept = tuple(m for m in known if m.metric not in again)
        yield Done(job.number, Outcome("complete", kept + found, seconds=took))


def _measurements(numbers: Numbers, how: How) -> tuple[Measurement, ...]:
    found = []
    for metric, number in numbers.items():
        value, spread = _pair(number)
        if not math.isfinite(value):
            raise Failure("bad_measurement", f"{metric} is {value}")
        found.append(Measurement(metric=metric, value=value, how=how, spread=spread))
    return tuple(found)


def _pair(number: Any) -> tuple[float, float | None]:
    if isinstance(number, tuple):
        value, spread = number
        return float(value), float(spread)
    return float(number), None

"""Images per second: what a call takes, turned round, for one batch or for several."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autocompress.measure.latency import race
from autocompress.values.device import Protocol
from autocompress.values.measurement import Measurement


def throughput(times: Sequence[Measurement], batch: int) -> Measurement:
    """From the latencies of calls with `batch` images each: their mean counts, for that is what a long queue takes."""
    mean = next(m for m in times if m.metric == "latency_mean")
    value = batch / mean.value
    return Measurement(
        metric="throughput",
        value=value,
        how=mean.how,
        on=mean.on,
        spread=None if mean.spread is None else value * mean.spread / mean.value,
        n=mean.n,
        note=mean.note,
    )


def by_batch(
    candidate: Path,
    runtime: Mapping[str, Any],
    inputs: tuple[int, int, int],
    protocol: Protocol,
    batches: Sequence[int],
    timeout: float = 60.0,
) -> dict[int, Measurement]:
    """For each size of batch: where it stops growing, the machine is full."""
    found = {}
    for batch in batches:
        at = protocol.model_copy(update={"batch": batch})
        found[batch] = throughput(race((candidate,), runtime, inputs, at, timeout).latency(), batch)
    return found

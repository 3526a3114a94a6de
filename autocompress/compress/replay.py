"""A training step as one CUDA graph: small networks spend their time launching kernels, and a replay launches once."""

import warnings
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

Inputs = Mapping[str, Tensor]
Work = Callable[[Inputs], tuple[Tensor, ...]]
Again = Callable[[], tuple[Tensor, ...]]
Record = Callable[[Work, Inputs], Again]

WARM = 3  # steps before recording: libraries choose their algorithms, the optimizer makes its state


class Replay:
    """`work`, done as it is at first, then recorded once and replayed for inputs of the same shapes as the first.

    Everything that changes from step to step has to come in with the inputs; all else is frozen into the record.
    What cannot be recorded (it looks at numbers on the way, say) is done as it is, for good.
    """

    def __init__(self, work: Work, record: Record | None) -> None:
        self._work, self._record = work, record
        self._shapes: dict[str, torch.Size] = {}
        self._places: dict[str, Tensor] = {}
        self._again: Again | None = None
        self._done = 0

    def __call__(self, inputs: Inputs) -> tuple[Tensor, ...]:
        shapes = {name: x.shape for name, x in inputs.items()}
        self._shapes = self._shapes or shapes
        if self._record is None or shapes != self._shapes:  # the last batch may be short
            return self._work(inputs)
        if self._done < WARM:
            self._done += 1
            return aside(self._work, inputs)
        if self._again is None:
            self._places = {name: x.clone() for name, x in inputs.items()}
            try:
                self._again = self._record(self._work, self._places)
            except Exception as error:
                reason = str(error).strip().partition("\n")[0]
                warnings.warn(f"training goes on without a CUDA graph: {reason}", RuntimeWarning, stacklevel=2)
                self._record = None
                return self._work(inputs)
        for name, x in inputs.items():
            self._places[name].copy_(x)
        return self._again()


def aside(work: Work, inputs: Inputs) -> tuple[Tensor, ...]:
    """On a stream of its own, as recording wants what it records to have been run before."""
    if not torch.cuda.is_available():
        return work(inputs)
    here, there = torch.cuda.current_stream(), torch.cuda.Stream()  # type: ignore[no-untyped-call]
    there.wait_stream(here)
    with torch.cuda.stream(there):
        found = work(inputs)
    here.wait_stream(there)
    return found


def graph(work: Work, places: Inputs) -> Again:
    """Recording does not run it: the first replay does. Other threads, such as one that pins photos, may go on."""
    recorded = torch.cuda.CUDAGraph()
    with torch.cuda.graph(recorded, capture_error_mode="thread_local"):
        found = work(places)

    def again() -> tuple[Tensor, ...]:
        recorded.replay()
        return found

    return again

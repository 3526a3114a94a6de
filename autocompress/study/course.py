"""A recipe's stages on one model: each taken from the cache, or run and kept. Stops at rungs to be judged."""

import math
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager

import torch
from filelock import FileLock, Timeout
from torch import nn

from autocompress.compress.lab import Lab
from autocompress.compress.model import Model
from autocompress.compress.quantizers.base import Quantizer
from autocompress.compress.stages.base import Stage
from autocompress.errors import Failure
from autocompress.plugin import make
from autocompress.study.cache import Cache
from autocompress.values.job import Event, Job, Progress, Rung
from autocompress.values.measurement import Measurement

PATIENCE = 2.0  # seconds
Steps = Generator[Event, bool | None, Model | None]


class Course:
    """`key(n)` names the result of the first n stages. `cached` counts the stages that were there already."""

    def __init__(self, job: Job, lab: Lab, stages: list[Stage], cache: Cache, key: Callable[[int], str]) -> None:
        self._job, self._lab, self._stages, self._cache, self._key = job, lab, stages, cache, key
        self._rungs = list(job.rungs)
        self._epochs = sum(stage.cost(lab) for stage in stages)
        self._done = 0  # epochs
        self.cached = 0

    def run(self, model: Model) -> Steps:
        """The finished model, or None if the study said stop."""
        longest, model = self._longest_known(model)
        self.cached = longest
        self._done = sum(stage.cost(self._lab) for stage in self._stages[:longest])
        if not (yield from self._judged(model.net)):
            return None
        for i, stage in enumerate(self._stages[longest:], longest + 1):
            with (yield from self._held(self._cache.claim(self._key(i)))):
                found = self._cache.get(self._key(i))
                if found is None:
                    self._lab.shelf = self._cache.begun(self._key(i))
                    try:
                        grown = yield from self._grown(stage, model)
                    except Failure:  # it would fail again
                        self._cache.over(self._key(i))
                        raise
                    if grown is None:
                        self._cache.left(self._key(i))
                        return None
                    self._cache.put(self._key(i), grown, mean=self._lab.data.mean, std=self._lab.data.std)
                    self._cache.over(self._key(i))
                    model = grown
                else:
                    self.cached += 1
                    self._done += stage.cost(self._lab)
                    model = found
            if not (yield from self._judged(model.net)):
                return None
        return model

    def _held(self, claim: FileLock) -> Generator[Event, bool | None, AbstractContextManager[object]]:
        """Who waits for another's work does not stand in the way of those who want to measure meanwhile."""
        while True:
            try:
                return claim.acquire(timeout=PATIENCE)
            except Timeout:
                yield Progress(self._job.number, "waits for another worker, who is at the same stage")

    def _longest_known(self, model: Model) -> tuple[int, Model]:
        """Only the last of the stages that are there already needs to be loaded."""
        for i in range(len(self._stages), 0, -1):
            found = self._cache.get(self._key(i))
            if found is not None:
                return i, found
        return 0, model

    def _grown(self, stage: Stage, model: Model) -> Steps:
        """What a stage makes of a model, going on where it was killed."""
        before, running = self._done, stage.run(model, self._lab)
        while True:
            try:
                epoch = next(running)
            except StopIteration as end:
                grown: Model = end.value
                self._done = before + stage.cost(self._lab)
                return grown
            self._done = before + epoch.done
            name = type(stage).__name__.lower()
            yield Progress(self._job.number, f"{name}: epoch {epoch.done}/{epoch.of}, loss {epoch.loss:.3f}")
            if epoch.done < epoch.of and not (yield from self._judged(epoch.net)):
                running.close()
                return None

    def _judged(self, net: nn.Module) -> Generator[Event, bool | None, bool]:
        """Ask about every rung that has been reached."""
        while self._rungs and self._done >= (due := math.ceil(self._rungs[0] * self._epochs)):
            at = self._rungs.pop(0)
            so_far = Measurement(metric="accuracy", value=self._accuracy(net, due), how="measured", on="the network")
            if not (yield Rung(self._job.number, at, (so_far,))):
                return False
        return True

    def _accuracy(self, net: nn.Module, due: int) -> float:
        """After `due` epochs; what has gone further since, because it was cached or resumed: as it was judged then."""
        kept, name = self._cache.rungs, f"{self._during(due)}-{due}"
        with kept.claim(name):
            found = kept.get(name)
            if found is None:
                found = {"accuracy": torch.tensor(self._lab.accuracy(net), dtype=torch.float64)}
                if due == self._done:
                    kept.put(name, found)
        return float(found["accuracy"])

    def _during(self, due: int) -> str:
        """The key of the stage in which so many epochs are over."""
        done = 0
        for i, stage in enumerate(self._stages, 1):
            done += stage.cost(self._lab)
            if due <= done:
                return self._key(i)
        return self._key(0)  # there are no stages


def shaped(model: Model, stages: list[Stage], lab: Lab) -> Model:
    """What would come out, with any weights: all that matters to its size and speed."""
    for stage in stages:
        model = stage.shape(model, lab)
    return model


def bits(model: Model) -> float:
    """Of the weights in the exported file."""
    return make(Quantizer, model.quantizer).bits_of(model.net) if model.quantizer else 32

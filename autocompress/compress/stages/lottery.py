"""Is there a small network in the large one that learns as well? Train, thin out, start again with what is left."""

import math
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from autocompress.compress.lab import Lab, Pays
from autocompress.compress.masks import rewound, share, thinned
from autocompress.compress.model import Model
from autocompress.compress.patterns.base import Pattern
from autocompress.compress.stages._training import Training
from autocompress.compress.stages.base import Run
from autocompress.compress.train import fit
from autocompress.errors import Failure
from autocompress.plugin import ranged
from autocompress.values.craft import Technique


class Lottery(Training):
    """Train and thin out, `rounds` times, until `sparsity` is reached; each time start `again`; then train once more.

    The start is what the stage is given, so make it the first stage to start from random weights (Frankle and Carbin
    2019, arXiv 1803.03635); deeper networks want to `rewind` to some epochs later (Frankle et al. 2020, arXiv
    1912.05671). Again from the `weights` of then, or only with their `lr` (Renda et al. 2020, arXiv 2003.02389), or
    the last time from `random` ones: the control, which tells whether the start mattered.
    """

    technique: ClassVar[Technique | None] = "pruning"

    by: Pattern
    sparsity: Annotated[float, Field(ge=0, lt=1)] = ranged(0.75, 0.0, 0.95)
    rounds: Annotated[int, Field(ge=1)] = 5
    epochs: Annotated[int, Field(ge=1)] = 15  # of each training, those before the rewind point included
    rewind: Annotated[int, Field(ge=0)] = 0  # epochs
    again: Literal["weights", "lr", "random"] = "weights"
    head: bool = False

    @model_validator(mode="after")
    def _possible(self) -> "Lottery":
        if self.sparsity > self.by.most:
            raise ValueError(f"sparsity: at most {self.by.most:g} with this pattern, got {self.sparsity:g}")
        if self.rewind >= self.epochs:
            raise ValueError(f"rewind: to an epoch before the last of {self.epochs}, got {self.rewind}")
        if self.again == "random" and self.rewind:
            raise ValueError("again: random weights were never trained, so rewind is 0 with them")
        return self

    def shape(self, model: Model, lab: Lab) -> Model:
        return thinned(model, self.by, self.sparsity, lab.order(0), head=self.head)

    def run(self, model: Model, lab: Lab) -> Run:
        """All rounds begin at the same weights, with nothing left in the optimizer, and see the same batches."""
        early, late = self._epochs(lab)
        before = share(model, self.by, head=self.head)
        if early:
            plan = replace(self.plan(early), pace="constant")
            model = yield from fit(model, lab, plan, part="early", of=self.cost(lab))
        start = model
        last = _redrawn(start, lab.order(1)) if self.again == "random" else start
        for turn in range(self.rounds + 1):
            if turn:
                model = thinned(model, self.by, self._after(turn, before), lab.order(turn), head=self.head)
                if self.again != "lr":
                    model = rewound(model, last if turn == self.rounds else start)
            done = early + turn * late
            model = yield from fit(model, lab, self.plan(late), part=f"round-{turn}", before=done, of=self.cost(lab))
        assert share(model, self.by, head=self.head) > self.sparsity - 1e-6, "what was taken out came back"
        return model

    def cost(self, lab: Pays) -> int:
        early, late = self._epochs(lab)
        return early + (self.rounds + 1) * late

    def _epochs(self, lab: Pays) -> tuple[int, int]:
        """Up to the point of return, and from there."""
        epochs = lab.epochs(self.epochs)
        early = min(lab.epochs(self.rewind), epochs - 1)
        return early, epochs - early

    def _after(self, turn: int, before: float) -> float:
        """Each turn takes the same share of what is left."""
        left = (1 - self.sparsity) / (1 - before)
        return 1 - (1 - before) * math.pow(left, turn / self.rounds)


def _redrawn(model: Model, seed: int) -> Model:
    """The same network with other random weights."""
    other = Model.fresh(model.student, model.inputs, model.classes, seed)
    mine, theirs = ({name: value.shape for name, value in one.net.state_dict().items()} for one in (model, other))
    if mine != theirs:
        raise Failure("unsupported", "random weights are drawn for a network as it was built; this one was cut")
    return other

"""Take out single weights, a little at a time: the file packs smaller, and no multiplication is saved."""

from typing import Annotated

from pydantic import Field, model_validator

from autocompress.compress.distillers.base import Distiller
from autocompress.compress.lab import Lab
from autocompress.compress.masks import share, thinned
from autocompress.compress.model import Model
from autocompress.compress.patterns.base import Pattern
from autocompress.compress.recalibrate import recalibrate
from autocompress.compress.stages._training import Taught
from autocompress.compress.stages.base import Run
from autocompress.compress.train import fit
from autocompress.plugin import among, ranged


class Sparsify(Taught):
    """Set `sparsity` of the weights to 0 for good, in `steps`; after each, `recover` epochs of training.

    The share is of the weights in layers that the pattern fits: convolutions and matrices, the `head` only if asked.
    """

    by: Pattern
    sparsity: Annotated[float, Field(ge=0, lt=1)] = ranged(0.5, 0.0, 0.95)
    steps: Annotated[int, Field(ge=1)] = among(1, 1, 2, 4)
    recover: Annotated[int, Field(ge=0)] = 0  # epochs of training after each step
    lr: Annotated[float, Field(gt=0)] = ranged(0.05, 0.005, 0.2, log=True)
    method: Distiller | None = None  # to recover with
    head: bool = False

    @model_validator(mode="after")
    def _possible(self) -> "Sparsify":
        if self.sparsity > self.by.most:
            raise ValueError(f"sparsity: at most {self.by.most:g} with this pattern, got {self.sparsity:g}")
        for one in self.methods():
            if type(one).start is not Distiller.start:
                name = type(one).__name__.lower()
                raise ValueError(f"method: {name} puts a part of the teacher into the network; distill can do that")
        return self

    def shape(self, model: Model, lab: Lab) -> Model:
        return thinned(model, self.by, self.sparsity, lab.order(0), head=self.head)

    def run(self, model: Model, lab: Lab) -> Run:
        epochs, all_epochs = lab.epochs(self.recover), self.cost(lab)
        before = share(model, self.by, head=self.head)
        for step in range(self.steps):
            model = thinned(model, self.by, self._after(step + 1, before), lab.order(step), head=self.head)
            recalibrate(model.net, lab)
            if epochs:
                plan = self.plan(epochs, self.teacher, self.views)
                done = step * epochs
                part = f"recover-{step}"
                model = yield from fit(model, lab, plan, self.methods(), part=part, before=done, of=all_epochs)
        assert share(model, self.by, head=self.head) > self.sparsity - 1e-6, "what was taken out came back"
        return model

    def cost(self, lab: Lab) -> int:
        return self.steps * lab.epochs(self.recover)

    def _after(self, step: int, before: float) -> float:
        """Much at first, when there is much to spare, then less and less (Zhu and Gupta 2017, arXiv 1710.01878)."""
        return self.sparsity + (before - self.sparsity) * (1 - step / self.steps) ** 3

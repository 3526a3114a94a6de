"""Take out single weights, a little at a time: the file packs smaller, and no multiplication is saved."""

from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from autocompress.compress.lab import Lab
from autocompress.compress.masks import share, thinned
from autocompress.compress.model import Model
from autocompress.compress.patterns.base import Pattern
from autocompress.compress.recalibrate import recalibrate
from autocompress.compress.stages._training import Recovering
from autocompress.compress.stages.base import Run
from autocompress.plugin import ranged
from autocompress.values.craft import Technique


class Sparsify(Recovering):
    """Set `sparsity` of the weights to 0 for good, in `steps`; after each, `recover` epochs of training.

    The share is of the weights in layers that the pattern fits: convolutions and matrices, the `head` only if asked.
    """

    technique: ClassVar[Technique | None] = "pruning"

    by: Pattern
    sparsity: Annotated[float, Field(ge=0, lt=1)] = ranged(0.5, 0.0, 0.95)
    head: bool = False

    @model_validator(mode="after")
    def _possible(self) -> "Sparsify":
        if self.sparsity > self.by.most:
            raise ValueError(f"sparsity: at most {self.by.most:g} with this pattern, got {self.sparsity:g}")
        return self

    def shape(self, model: Model, lab: Lab) -> Model:
        return thinned(model, self.by, self.sparsity, lab.order(0), head=self.head)

    def run(self, model: Model, lab: Lab) -> Run:
        before = share(model, self.by, head=self.head)
        for step in range(self.steps):
            model = thinned(model, self.by, self._after(step + 1, before), lab.order(step), head=self.head)
            recalibrate(model.net, lab)
            model = yield from self.recovered(model, lab, step)
        assert share(model, self.by, head=self.head) > self.sparsity - 1e-6, "what was taken out came back"
        return model

    def _after(self, step: int, before: float) -> float:
        """Much at first, when there is much to spare, then less and less (Zhu and Gupta 2017, arXiv 1710.01878)."""
        return self.sparsity + (before - self.sparsity) * (1 - step / self.steps) ** 3

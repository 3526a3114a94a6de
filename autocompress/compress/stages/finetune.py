"""Train with the labels alone: from scratch, or to recover from a cut."""

from typing import Annotated

from pydantic import Field

from autocompress.compress.lab import Lab
from autocompress.compress.model import Model
from autocompress.compress.stages.base import Run, Stage
from autocompress.compress.train import fit
from autocompress.plugin import ranged


class Finetune(Stage):
    """Train with the labels alone: from scratch, or to recover from a cut."""

    epochs: Annotated[int, Field(ge=1)] = 15
    lr: Annotated[float, Field(gt=0)] = ranged(0.1, 0.01, 0.5, log=True)
    batch_size: Annotated[int, Field(ge=2)] = 64
    weight_decay: Annotated[float, Field(ge=0)] = 5e-4
    smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0  # of the labels

    def run(self, model: Model, lab: Lab) -> Run:
        return fit(
            model,
            lab,
            epochs=self.cost(lab),
            lr=self.lr,
            batch_size=self.batch_size,
            weight_decay=self.weight_decay,
            smoothing=self.smoothing,
        )

    def cost(self, lab: Lab) -> int:
        return lab.epochs(self.epochs)

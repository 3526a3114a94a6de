"""Train the student with a teacher's help, by any distiller's method."""

from typing import Annotated

from pydantic import Field

from autocompress.compress.distillers.base import Distiller
from autocompress.compress.lab import Lab
from autocompress.compress.model import Model
from autocompress.compress.stages.base import Run, Stage
from autocompress.compress.train import fit
from autocompress.plugin import ranged


class Distill(Stage):
    """Train with a teacher's help, by `method`."""

    method: Distiller
    epochs: Annotated[int, Field(ge=1)] = 15
    lr: Annotated[float, Field(gt=0)] = ranged(0.1, 0.01, 0.5, log=True)
    batch_size: Annotated[int, Field(ge=2)] = 64
    weight_decay: Annotated[float, Field(ge=0)] = 5e-4

    def run(self, model: Model, lab: Lab) -> Run:
        return fit(
            model,
            lab,
            self.method,
            epochs=self.cost(lab),
            lr=self.lr,
            batch_size=self.batch_size,
            weight_decay=self.weight_decay,
        )

    def cost(self, lab: Lab) -> int:
        return lab.epochs(self.epochs)

    def needs_teacher(self) -> bool:
        needs = self.method.needs
        return needs.teacher or needs.features or needs.embeddings

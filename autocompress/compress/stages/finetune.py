"""Train with the labels alone: from scratch, or to recover from a cut."""

from typing import Annotated

from pydantic import Field

from autocompress.compress.lab import Lab, Pays
from autocompress.compress.model import Model
from autocompress.compress.plan import Scope
from autocompress.compress.stages._training import Training
from autocompress.compress.stages.base import Run
from autocompress.compress.train import fit
from autocompress.plugin import among


class Finetune(Training):
    """Train with the labels alone: everything, the last layer (`head`), or the `norms`."""

    epochs: Annotated[int, Field(ge=1)] = 15
    scope: Scope = among("all", "all", "head", "norms")

    def run(self, model: Model, lab: Lab) -> Run:
        return fit(model, lab, self.plan(self.cost(lab), scope=self.scope))

    def cost(self, lab: Pays) -> int:
        return lab.epochs(self.epochs)

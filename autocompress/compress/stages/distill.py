"""Train the student with a teacher's help, by any distiller's method."""

from typing import Annotated

from pydantic import Field

from autocompress.compress.distillers.base import Distiller
from autocompress.compress.lab import Lab, Pays
from autocompress.compress.model import Model
from autocompress.compress.stages._training import Taught
from autocompress.compress.stages.base import Run
from autocompress.compress.train import fit


class Distill(Taught):
    """Train with a teacher's help: by `method`, and with a `hint` from its features if there is one."""

    method: Distiller
    epochs: Annotated[int, Field(ge=1)] = 15

    def shape(self, model: Model, lab: Lab) -> Model:
        for method in self.methods():
            teacher = lab.teacher(self.teacher).model if method.needs.anybody else None
            model = method.start(model, teacher)
        return model

    def run(self, model: Model, lab: Lab) -> Run:
        return fit(model, lab, self.plan(self.cost(lab), self.teacher, self.views), self.methods())

    def cost(self, lab: Pays) -> int:
        return lab.epochs(self.epochs)

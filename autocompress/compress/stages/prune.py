"""Cut the least important channels of every layer, then let the network find its feet again."""

from typing import Annotated

from pydantic import Field

from autocompress.compress.importances.base import Importance
from autocompress.compress.lab import Lab
from autocompress.compress.model import Model
from autocompress.compress.recalibrate import recalibrate
from autocompress.compress.stages.base import Run, Stage
from autocompress.compress.surgery import cut
from autocompress.compress.train import Plan, fit
from autocompress.plugin import ranged


class Prune(Stage):
    """Cut `ratio` of the channels of every layer, the least important first; then `recover` epochs of training."""

    by: Importance
    ratio: Annotated[float, Field(ge=0, le=0.9)] = ranged(0.5, 0.0, 0.9)
    recover: Annotated[int, Field(ge=0)] = 0
    lr: Annotated[float, Field(gt=0)] = 0.05
    batch_size: Annotated[int, Field(ge=2)] = 64

    def shape(self, model: Model, lab: Lab) -> Model:
        return cut(model, lab, self.ratio)

    def run(self, model: Model, lab: Lab) -> Run:
        model = cut(model, lab, self.ratio, self.by)
        recalibrate(model.net, lab)
        if self.recover:
            model = yield from fit(model, lab, Plan(self.cost(lab), self.lr, self.batch_size))
        return model

    def cost(self, lab: Lab) -> int:
        return lab.epochs(self.recover)

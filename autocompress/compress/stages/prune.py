"""Cut the least important channels of every layer, then let the network find its feet again; perhaps in steps."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from autocompress.compress.cutting.surgery import Rules, Scope, cut, trim
from autocompress.compress.cutting.widths import Target
from autocompress.compress.importances.base import Importance
from autocompress.compress.lab import Lab
from autocompress.compress.model import Model
from autocompress.compress.recalibrate import recalibrate
from autocompress.compress.stages._training import Recovering
from autocompress.compress.stages.base import Run
from autocompress.plugin import among, ranged
from autocompress.values.craft import Technique

Cap = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[float, Field(ge=0, le=0.99)] | None


class Prune(Recovering):
    """Cut the channels that score lowest `by` an importance, until the `ratio` of them is gone in every layer.

    Or until that share of the MACs (`macs`) or of the parameters (`params`) is gone. `local`: every layer loses the
    same share of its channels. `global`: the lowest scores of all layers go first. `isomorphic`: of all layers of the
    same build (Fang et al. 2024, arXiv 2407.04616). With a `ratio`, these two leave as many MACs as `local` would.
    Each of several `steps` takes the same share of what is left.
    """

    technique: ClassVar[Technique | None] = "pruning"

    rebuilds: ClassVar[bool] = True

    by: Importance
    ratio: Annotated[float, Field(ge=0, le=0.9)] | None = ranged(0.5, 0.0, 0.9)
    macs: Share = ranged(None, 0.1, 0.9)
    params: Share = ranged(None, 0.1, 0.9)
    scope: Scope = among("local", "local", "global", "isomorphic")
    most: Annotated[float, Field(gt=0, lt=1)] = 0.9  # share of the channels that any layer may lose
    caps: dict[str, Cap] = Field({})  # the same for layers by patterns; `autocompress analyse sensitivity` finds them
    ignore: tuple[str, ...] = ()  # patterns of the names of layers that keep theirs, such as stages.0.*

    @model_validator(mode="before")
    @classmethod
    def _another_target(cls, tree: Any) -> Any:
        """Whoever wants a share of something else does not want the ratio that there is by default."""
        wanted = isinstance(tree, Mapping) and any(tree.get(name) is not None for name in ("macs", "params"))
        return {"ratio": None, **tree} if wanted else tree

    @model_validator(mode="after")
    def _possible(self) -> "Prune":
        if len(self._targets()) != 1:
            raise ValueError("wants one of ratio, macs and params")
        return self

    @property
    def exact(self) -> bool:
        return self.scope == "local"

    def shape(self, model: Model, lab: Lab) -> Model:
        return cut(model, lab, self._target(1), self.by, self._rules(), scored=False)

    def run(self, model: Model, lab: Lab) -> Run:
        whole = model
        self.shape(model, lab)  # what cannot be done is refused before any training
        for turn in range(self.steps):
            target = self._target((turn + 1) / self.steps)
            model = trim(model, lab, target, self.by, self._rules(), whole=whole)
            recalibrate(model.net, lab)
            model = yield from self.recovered(model, lab, turn)
        return model

    def _target(self, progress: float) -> Target:
        """After this share of the steps."""
        (target,) = self._targets()
        return target if progress == 1 else target._replace(share=1 - (1 - target.share) ** progress)

    def _targets(self) -> list[Target]:
        channels = [] if self.ratio is None else [Target(self.ratio)]
        macs = [] if self.macs is None else [Target(self.macs, "macs")]
        params = [] if self.params is None else [Target(self.params, "params")]
        return channels + macs + params

    def _rules(self) -> Rules:
        return Rules(self.scope, self.most, self.caps, self.ignore)

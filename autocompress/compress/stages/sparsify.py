"""Take out single weights, a little at a time: the file packs smaller, and no multiplication is saved."""

from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Any, ClassVar, NamedTuple

from pydantic import Field, model_validator

from autocompress.compress.lab import Lab
from autocompress.compress.masks import layers, share, thinned
from autocompress.compress.model import Model
from autocompress.compress.patterns.base import Pattern
from autocompress.compress.recalibrate import recalibrate
from autocompress.compress.stages._training import Recovering
from autocompress.compress.stages.base import Run
from autocompress.errors import Failure
from autocompress.plugin import ranged
from autocompress.values.craft import Technique

Share = Annotated[float, Field(ge=0, lt=1)]


class _Part(NamedTuple):
    """Layers that lose a share together; None: all that the pattern fits."""

    layers: Collection[str] | None
    share: float


class Sparsify(Recovering):
    """Set `sparsity` of the weights to 0 for good, in `steps`; after each, `recover` epochs of training.

    The share is of the weights in layers that the pattern fits: convolutions and matrices, the `head` only if asked.
    Layers named in `shares` lose a share of their own, and the others nothing unless there is a `sparsity` as well.
    """

    technique: ClassVar[Technique | None] = "pruning"

    by: Pattern
    sparsity: Share = ranged(0.5, 0.0, 0.95)
    shares: dict[str, Share] = Field({})  # by patterns of layers' names, such as features.*; the first that fits
    head: bool = False

    @model_validator(mode="before")
    @classmethod
    def _others_stay(cls, tree: Any) -> Any:
        """Whoever names layers does not want the share that all lose by default."""
        return {"sparsity": 0.0, **tree} if isinstance(tree, Mapping) and tree.get("shares") else tree

    @model_validator(mode="after")
    def _possible(self) -> "Sparsify":
        for name, wanted in (("sparsity", self.sparsity), *((f"shares.{k}", v) for k, v in self.shares.items())):
            if wanted > self.by.most:
                raise ValueError(f"{name}: at most {self.by.most:g} with this pattern, got {wanted:g}")
        return self

    def shape(self, model: Model, lab: Lab) -> Model:
        for part in self._parts(model):
            model = thinned(model, self.by, part.share, lab.order(0), head=self.head, only=part.layers)
        return model

    def run(self, model: Model, lab: Lab) -> Run:
        parts = self._parts(model)
        before = [self._out(model, part) for part in parts]
        for step in range(self.steps):
            for part, out in zip(parts, before, strict=True):
                wanted = self._after(step + 1, out, part.share)
                model = thinned(model, self.by, wanted, lab.order(step), head=self.head, only=part.layers)
            recalibrate(model.net, lab)
            model = yield from self.recovered(model, lab, step)
        for part in parts:
            assert self._out(model, part) > part.share - 1e-6, "what was taken out came back"
        return model

    def _parts(self, model: Model) -> list[_Part]:
        if not self.shares:
            return [_Part(None, self.sparsity)]
        named: dict[str, list[str]] = {pattern: [] for pattern in self.shares}
        rest = []
        for name in layers(model):
            fitting = next((pattern for pattern in self.shares if fnmatchcase(name, pattern)), None)
            if fitting is not None:
                named[fitting].append(name)
            elif self.head or name != model.parts.head:
                rest.append(name)
        for pattern, some in named.items():
            if not some:
                raise Failure(
                    "unsupported", f"shares: no layer is called {pattern!r}; there are {', '.join(layers(model))}"
                )
        parts = [_Part(some, self.shares[pattern]) for pattern, some in named.items()]
        return parts + ([_Part(rest, self.sparsity)] if rest and self.sparsity else [])

    def _out(self, model: Model, part: _Part) -> float:
        return share(model, self.by, head=self.head, only=part.layers)

    def _after(self, step: int, before: float, wanted: float) -> float:
        """Much at first, when there is much to spare, then less and less (Zhu and Gupta 2017, arXiv 1710.01878)."""
        return wanted + (before - wanted) * (1 - step / self.steps) ** 3

"""Take bits from weights and activations: in the network, which may learn to live with it, or in the exported file."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from autocompress.compress.lab import Lab
from autocompress.compress.model import Model
from autocompress.compress.quantizers.base import Quantizer
from autocompress.compress.stages._training import Relearning
from autocompress.compress.stages.base import Run, Stage
from autocompress.plugin import find, ranged, written
from autocompress.values.craft import Technique


class Quantize(Relearning):
    """Take bits by `scheme`. One that works on the network calibrates it, and then trains it for `recover` epochs.

    The others do their work on the exported file, where nothing learns, and nothing comes after them.
    """

    technique: ClassVar[Technique | None] = "quantization"
    rebuilds: ClassVar[bool] = True

    scheme: Quantizer
    lr: Annotated[float, Field(gt=0)] = ranged(0.01, 0.001, 0.05, log=True)

    @model_validator(mode="after")
    def _learns(self) -> "Quantize":
        if self.recover and self.scheme.works_on == "file":
            name = written(Quantizer, self.scheme)["use"]
            raise ValueError(
                f"recover: {name} works on the exported file, which cannot learn; leave recover out and train before "
                "it, or take a scheme that works on the network, such as lsq"
            )
        return self

    @classmethod
    def bars(cls, settings: Mapping[str, Any], later: type[Stage]) -> str:
        options = settings["scheme"].get("choice", [settings["scheme"]])
        if later is cls:
            return "one stage takes the bits: leave the other out, or give one of them a choice of schemes"
        if any(find(Quantizer, option["use"]).works_on == "file" for option in options):
            return "nothing may follow it: it decides about the exported file"
        return "nothing changes how a network is built once its weights are on grids" if later.rebuilds else ""

    @property
    def wants_trained(self) -> bool:
        """Placing grids folds the batch norms, with averages that are of no use before any training."""
        return self.scheme.works_on == "network"

    def shape(self, model: Model, lab: Lab) -> Model:
        return self.scheme.placed(model)

    def run(self, model: Model, lab: Lab) -> Run:
        model = self.scheme.prepare(model, lab)
        return (yield from self.recovered(model, lab))

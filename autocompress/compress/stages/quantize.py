"""Say how the exported file shall lose bits. The file itself is converted after the export."""

from dataclasses import replace
from typing import Any, ClassVar

from autocompress.compress.lab import Lab
from autocompress.compress.model import Model
from autocompress.compress.quantizers.base import Quantizer
from autocompress.compress.stages.base import Run, Stage
from autocompress.plugin import find, names


class Quantize(Stage):
    """Weights and activations lose bits by `scheme`, in the exported file."""

    last: ClassVar[bool] = True

    scheme: Quantizer

    def shape(self, model: Model, lab: Lab) -> Model:
        return replace(model, quantizer=_written(self.scheme))

    def run(self, model: Model, lab: Lab) -> Run:
        yield from ()
        return self.shape(model, lab)


def _written(scheme: Quantizer) -> dict[str, Any]:
    """`{use: name, ...settings}`: what a recipe or a manifest says of it."""
    name = next(name for name in names(Quantizer) if find(Quantizer, name) is type(scheme))
    return {"use": name, **scheme.model_dump(mode="json")}

"""Say how the exported file shall lose bits. The file itself is converted after the export."""

from dataclasses import replace
from typing import ClassVar

from autocompress.compress.lab import Lab
from autocompress.compress.model import Model
from autocompress.compress.quantizers.base import Quantizer
from autocompress.compress.stages.base import Run, Stage
from autocompress.plugin import written


class Quantize(Stage):
    """Weights and activations lose bits by `scheme`, in the exported file."""

    last: ClassVar[bool] = True

    scheme: Quantizer

    def shape(self, model: Model, lab: Lab) -> Model:
        return replace(model, quantizer=written(Quantizer, self.scheme))

    def run(self, model: Model, lab: Lab) -> Run:
        yield from ()
        return self.shape(model, lab)

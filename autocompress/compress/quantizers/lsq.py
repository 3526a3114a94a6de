"""2 to 8 bits, by grids in the network itself: calibrated, and if it is trained then, learned with the weights."""

from dataclasses import replace
from typing import Annotated

from pydantic import Field, model_validator
from torch import nn

from autocompress.compress.allocators.base import Allocator, Layer
from autocompress.compress.cutting.uses import uses
from autocompress.compress.grid.calibrate import calibrate
from autocompress.compress.grid.freeze import frozen
from autocompress.compress.grid.grids import bits_of, gridded
from autocompress.compress.grid.place import Bits, place
from autocompress.compress.grid.sensitivity import harms
from autocompress.compress.grid.told import layer_bits
from autocompress.compress.grid.without import without_grids
from autocompress.compress.lab import Lab
from autocompress.compress.model import Model
from autocompress.compress.quantizers._on_network import OnNetwork
from autocompress.compress.recalibrate import recalibrate
from autocompress.plugin import among, ranged
from autocompress.values.dialect import Dialect

Many = Annotated[int, Field(ge=2, le=8)]


class Lsq(OnNetwork):
    """2 to 8 bits in the network, which can learn to live with them, and how long each step is (learned step sizes).

    Weights have steps per channel (Esser et al. 2020, arXiv 1902.08153); activations a step and a fixed place for 0
    (as in LSQ+, Bhalgat et al. 2020, arXiv 2004.09576). The first and the last layer have as many bits as `ends` says,
    or as the others. `layers` says how many weights have by patterns of names of layers; of several, the most. Or
    somebody says it who measures what each layer bears: `allocate`.
    """

    weights: Many = ranged(8, 2, 8)
    activations: Annotated[int, Field(ge=4, le=8)] = among(8, 8, 6, 4)
    ends: Many | None = among(8, 8, None)
    layers: dict[str, Many] = Field({})
    allocate: Allocator | None = None
    examples: Annotated[int, Field(ge=1)] = 128  # training images that say how far activations go

    @model_validator(mode="after")
    def _said_once(self) -> "Lsq":
        default = type(self).model_fields["weights"].default  # as good as left out: what is written down names it
        if self.allocate is not None and (self.layers or self.weights != default):
            raise ValueError("allocate: says how many bits weights have; leave out `weights` and `layers`")
        return self

    @property
    def weight_bits(self) -> float:
        return self.allocate.average if self.allocate else self.weights

    def bits_of(self, net: nn.Module) -> float:
        return self.allocate.average if self.allocate else bits_of(net)

    def placed(self, model: Model) -> Model:
        model.refuse_on_grids("all other changes")
        model = model.copy()
        bits = Bits(self.weights, self.activations, self.ends, self.layers)
        return replace(self.noted(model), net=place(model, bits))

    def prepare(self, model: Model, lab: Lab) -> Model:
        model = model.copy()
        recalibrate(model.net, lab)
        if self.allocate is not None:
            return self._settled(self.allocate, model, lab)._calibrated(model, lab)
        return self._calibrated(model, lab)

    def layer_bits(self, net: nn.Module) -> dict[str, tuple[float, float]]:
        return layer_bits(net)

    def whole(self, net: nn.Module) -> nn.Module:
        return without_grids(net)

    def frozen(self, net: nn.Module, dialect: Dialect) -> nn.Module:
        return frozen(net, dialect)

    def _calibrated(self, model: Model, lab: Lab) -> Model:
        model = self.placed(model)
        calibrate(model.net, lab, self.examples)
        return model

    def _settled(self, allocate: Allocator, model: Model, lab: Lab) -> "Lsq":
        """The same with the bits of each layer written down."""
        plain = self.model_copy(update={"allocate": None})
        net = plain._calibrated(model, lab).net
        used, layers = uses(net, model.inputs), gridded(net)
        found = harms(net, lab, range(2, 9), self.examples)
        if self.ends is not None:
            for name in (next(iter(layers)), next(reversed(layers))):
                found[name] = {self.ends: found[name][self.ends]}
        many = {name: layer.weight.numel() for name, layer in layers.items()}
        bits = allocate.allocate(
            {name: Layer(many[name], used.each[f"{name}.weight"] * many[name], harm) for name, harm in found.items()}
        )
        return plain.model_copy(update={"layers": bits})

"""The bits that do least harm under a limit on size or on bit operations, found exactly."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from autocompress.compress.allocators._exact import Option, cheapest_harm
from autocompress.compress.allocators.base import Allocator, Layer
from autocompress.errors import Failure
from autocompress.plugin import among, ranged


class Knapsack(Allocator):
    """Least harm with `bits` per weight on average; of `bops`, weights count as often as they are multiplied.

    Harm is measured layer by layer and taken to add up (as Dong et al. 2019, arXiv 1905.03696, and others do).
    """

    bits: Annotated[float, Field(ge=2, le=8)] = ranged(4.0, 2.0, 8.0)
    of: Literal["size", "bops"] = among("size", "size", "bops")

    @property
    def average(self) -> float:
        return self.bits

    def allocate(self, layers: Mapping[str, Layer]) -> dict[str, int]:
        many = {name: layer.weights if self.of == "size" else layer.macs for name, layer in layers.items()}
        choices = {name: sorted(layer.harm) for name, layer in layers.items()}
        items = [[Option(many[name] * b, layer.harm[b]) for b in choices[name]] for name, layer in layers.items()]
        found = cheapest_harm(items, self.bits * sum(many.values()))
        if found is None:
            least = sum(many[name] * bits[0] for name, bits in choices.items()) / sum(many.values())
            raise Failure("unsupported", f"{self.bits:g} bits on average are too few: these layers need {least:.2f}")
        return {name: choices[name][place] for name, place in zip(layers, found, strict=True)}

"""An operation as tables know it: all that its time depends on but the machine."""

from math import prod
from typing import NamedTuple

from autocompress.measure.graph import CONVOLUTIONS, Graph, Operation

SHORT = {"depthwise_conv2d": "depthwise"}  # as device files say it


class Layer(NamedTuple):
    op: str
    cin: int
    cout: int
    high: int  # of the output; of what has no map, how many rows
    wide: int
    kernel_high: int = 1
    kernel_wide: int = 1
    stride: int = 1
    groups: int = 1
    activation: str = ""
    bits: int = 32

    @property
    def macs(self) -> int:
        if self.op not in (*CONVOLUTIONS, "depthwise", "linear"):
            return 0
        return self.high * self.wide * self.cout * (self.cin // self.groups) * self.kernel_high * self.kernel_wide

    def padded(self, to: int) -> int:
        """MACs if channels were multiples of `to`: vectors are filled up, whether there is work or not."""
        if not self.macs:
            return 0
        own, each = self.cin // self.groups, self.cout
        return self.macs // (own * each) * (own if self.groups > 1 else up(own, to)) * up(each, to)


def up(number: int, to: int) -> int:
    return -(-number // to) * to


def layer(operation: Operation) -> Layer:
    cin, cout = operation.channels
    out = operation.shape_out
    if operation.kind == "linear":  # its channels are the last, whatever shape they come in
        cin, cout, high, wide = operation.shape_in[-1], out[-1], prod(out[:-1]), 1
    else:
        high, wide = (out[2], out[3]) if len(out) == 4 else (out[1] if len(out) == 3 else 1, 1)
    return Layer(
        SHORT.get(operation.kind, operation.kind),
        cin,
        cout,
        high,
        wide,
        *operation.kernel,
        max(operation.stride),
        operation.groups,
        operation.activation,
        operation.bits,
    )


def layers(graph: Graph) -> list[Layer]:
    return [layer(operation) for operation in graph.operations]

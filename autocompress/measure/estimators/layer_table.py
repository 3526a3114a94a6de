"""Every layer was timed once alone, in exactly this shape; a network is the sum of its layers."""

import csv
import math
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from autocompress.config.units import Seconds
from autocompress.errors import Failure
from autocompress.measure.estimators._layer import Layer, layers
from autocompress.measure.estimators.base import Board, Estimator, Metric
from autocompress.measure.graph import Graph

FREE = ("reshape",)  # moves nothing
Table = Mapping[Layer, float]


class LayerTable(Estimator):
    """Latency from a table of layers: a x sum of their times - b_per_op x layers, the call that each paid for itself.

    `table` is a CSV with the columns op, cin, cout, high, wide, kernel_high, kernel_wide, stride, groups, activation,
    bits, seconds. With `nearest` > 0, a shape that is not in it takes the pace of that many that resemble it: good
    enough to rank, wrong by a third and more.
    """

    metric: ClassVar[Metric] = "latency"

    table: str
    a: Annotated[float, Field(gt=0, strict=False)] = 1.0
    b_per_op: Seconds = 0.0
    nearest: Annotated[int, Field(ge=0, le=10)] = 0

    @property
    def ranks_only(self) -> bool:
        return self.nearest > 0

    def estimate(self, graph: Graph, board: Board, known: Mapping[str, float]) -> float:
        file = Path(self.table)
        table = read(file, file.stat().st_mtime_ns if file.exists() else 0)
        asked = [each for each in layers(graph) if each.op not in FREE]
        absent = missing(asked, table)
        if absent and not self.nearest:
            text = f"{len(absent)} of {len(asked)} layers are not in {file.name}, such as {absent[0]}"
            raise Failure("measure", text)
        total = sum(table.get(each) or resembling(each, table, self.nearest) for each in asked)
        return max(self.a * total - self.b_per_op * len(asked), 0.0)


@lru_cache(4)
def read(file: Path, changed: int) -> Table:
    """A file is read again when it changed."""
    try:
        with file.open(newline="") as stream:
            return {_layer(row): float(row["seconds"]) for row in csv.DictReader(stream)}
    except FileNotFoundError as error:
        raise Failure("measure", f"there is no table of layers {file}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise Failure("measure", f"{file.name} is no table of layers: {type(error).__name__}: {error}") from error


def _layer(row: Mapping[str, str]) -> Layer:
    words = ("op", "activation")
    return Layer(**{name: row[name] if name in words else int(row[name]) for name in Layer._fields})  # type: ignore[arg-type]


def write(file: Path, table: Table) -> None:
    with file.open("w", newline="") as stream:
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow([*Layer._fields, "seconds"])
        rows.writerows([*each, f"{seconds:.6g}"] for each, seconds in sorted(table.items()))


def missing(asked: Iterable[Layer], table: Table) -> list[Layer]:
    """Shapes that nobody has timed, each once."""
    return [each for each in dict.fromkeys(asked) if each not in table and each.op not in FREE]


def completed(table: Table, asked: Iterable[Layer], timed: Callable[[Path], float], folder: Path) -> Table:
    """The table with what was missing, each written as a file of its own and timed."""
    from autocompress.measure.estimators._alone import alone

    found = dict(table)
    for each in missing(asked, table):
        file = folder / "layer.onnx"
        alone(each, file)
        found[each] = timed(file)
    return found


def resembling(each: Layer, table: Table, many: int) -> float:
    """The time of its neighbours, per MAC if there are any, else per number written."""
    like = [other for other in table if (other.op, other.bits) == (each.op, each.bits)]
    if not like:
        raise Failure("measure", f"the table has no {each.op} in {each.bits} bits at all")
    near = sorted(like, key=lambda other: _distance(each, other))[:many]
    return sum(table[other] * _size(each) / _size(other) for other in near) / len(near)


def _size(each: Layer) -> int:
    return each.macs or each.cout * each.high * each.wide


def _distance(one: Layer, other: Layer) -> float:
    """In octaves of what sets the pace; whether vectors are filled counts too."""
    sides = ("cin", "cout", "high", "kernel_high", "stride")
    away = sum(abs(math.log2(getattr(one, side) / getattr(other, side))) for side in sides)
    return away + sum((one[place] % 8 == 0) != (other[place] % 8 == 0) for place in (1, 2))

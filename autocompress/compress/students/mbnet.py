"""A free stack of inverted residuals, small enough for microcontrollers: every stage's size is a setting."""

from typing import Annotated

from pydantic import Field, model_validator
from torch import Tensor, nn

from autocompress.compress.students._fit import Stem, is_small, strides
from autocompress.compress.students.base import Parts, Student

Size = Annotated[int, Field(ge=1, le=1024)]
Few = Annotated[int, Field(ge=1, le=16)]
Kernel = Annotated[int, Field(ge=1, le=11)]
Stride = Annotated[int, Field(ge=1, le=2)]


def _activated(before: int, after: int, kernel: int, stride: int, groups: int) -> list[nn.Module]:
    conv = nn.Conv2d(before, after, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(after), nn.ReLU6()]


class Block(nn.Module):
    # widen, filter each channel alone, narrow again without a rectifier; the input is added where it fits
    def __init__(self, before: int, after: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        wide = before * expansion
        self.layers = nn.Sequential(
            *(_activated(before, wide, 1, 1, 1) if expansion > 1 else ()),
            *_activated(wide, wide, kernel, stride, wide),
            nn.Conv2d(wide, after, 1, bias=False),
            nn.BatchNorm2d(after),
        )
        self.adds = stride == 1 and before == after

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return x + y if self.adds else y


class Mbnet(Student):
    """MobileNetV2's blocks in stages of any size. Of what is not `widths`, one number stands for all stages.

    The stem has the first stage's width; it halves large images. Maps of less than 4 x 4 are not halved.
    """

    widths: tuple[Size, ...] = Field(
        (8, 16, 24, 32), min_length=1, json_schema_extra={"search": [{"int": [4, 48], "step": 4}] * 4}
    )
    blocks: Few | tuple[Few, ...] = Field(1, json_schema_extra={"search": {"int": [1, 3]}})
    expansions: Few | tuple[Few, ...] = Field(4, json_schema_extra={"search": {"int": [1, 6]}})
    kernels: Kernel | tuple[Kernel, ...] = Field(3, json_schema_extra={"search": {"choice": [3, 5, 7]}})
    strides: Stride | tuple[Stride, ...] = 2
    resolution: Annotated[int, Field(ge=8, le=1024)] | None = None  # the shorter side of what the network looks at
    stem: Stem = "auto"

    @model_validator(mode="after")
    def _as_many_as_widths(self) -> "Mbnet":
        for name in ("blocks", "expansions", "kernels", "strides"):
            given = getattr(self, name)
            if isinstance(given, tuple) and len(given) != len(self.widths):
                raise ValueError(f"{name}: {len(given)} numbers for {len(self.widths)} widths; write as many, or one")
        if any(kernel % 2 == 0 for kernel in self._each(self.kernels)):
            raise ValueError(f"kernels: must be odd, got {self.kernels}")
        return self

    def _each(self, setting: int | tuple[int, ...]) -> tuple[int, ...]:
        return (setting,) * len(self.widths) if isinstance(setting, int) else setting

    def build(self, inputs: tuple[int, int, int], classes: int) -> nn.Module:
        channels, *sides = inputs
        if self.resolution is not None and self.resolution < min(sides):
            sides = [round(side * self.resolution / min(sides)) for side in sides]
        looks = (sides[0], sides[1])
        small = is_small(self.stem, (channels, *looks))
        first, *others = strides((1 if small else 2, *self._each(self.strides)), min(sides))
        before = self.widths[0]
        stages = nn.Sequential()
        for width, count, expansion, kernel, stride in zip(
            self.widths, *map(self._each, (self.blocks, self.expansions, self.kernels)), others, strict=True
        ):
            stage = nn.Sequential()
            for place in range(count):
                stage.append(Block(before, width, expansion, kernel, 1 if place else stride))
                before = width
            stages.append(stage)
        net = nn.Sequential()
        if looks != inputs[1:]:
            net.add_module("shrink", nn.AdaptiveAvgPool2d(looks))
        net.add_module("stem", nn.Sequential(*_activated(channels, self.widths[0], 3, first, 1)))
        net.add_module("stages", stages)
        net.add_module("pool", nn.AdaptiveAvgPool2d(1))
        net.add_module("flat", nn.Flatten())
        net.add_module("head", nn.Linear(before, classes))
        return net

    def parts(self, net: nn.Module) -> Parts:
        return Parts(tuple(f"stages.{i}" for i in range(len(self.widths))), "head")

"""An image as a sequence of patches that attend to each other (Dosovitskiy et al. 2020, arXiv 2010.11929)."""

from typing import Annotated

from pydantic import Field, model_validator
from torch import Tensor, nn
from torchvision.models import VisionTransformer

from autocompress.compress.students._find_parts import quarters
from autocompress.compress.students._widths import Step, rounded
from autocompress.compress.students.base import Parts, Student
from autocompress.plugin import among, ranged

PATCH = 16  # as published, for photographs
PATCHES = 8  # along a side of a smaller image


class Net(nn.Module):
    # torchvision's wants a square of whole patches in three colours: zeros are added on the right and below
    def __init__(self, inputs: tuple[int, int, int], patch: int, vit: VisionTransformer) -> None:
        super().__init__()
        channels, height, width = inputs
        side = vit.image_size
        self.pad = nn.ZeroPad2d((0, side - width, 0, side - height)) if min(height, width) < side else nn.Identity()
        if channels != vit.conv_proj.in_channels:
            vit.conv_proj = nn.Conv2d(channels, vit.hidden_dim, patch, patch)
            nn.init.trunc_normal_(vit.conv_proj.weight, std=(channels * patch**2) ** -0.5)
            nn.init.zeros_(vit.conv_proj.bias)
        self.vit = vit

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.vit(self.pad(x))
        return logits


class Vit(Student):
    """A vision transformer: `depth` blocks on tokens of `dim` numbers, one token per patch. By default ViT-Ti.

    `patch` is by default 16, or an eighth of the side of an image smaller than 128 x 128.
    """

    patch: Annotated[int, Field(ge=1, le=64)] | None = None
    dim: Annotated[int, Field(ge=1, le=2048)] = among(192, 96, 192, 384)
    depth: Annotated[int, Field(ge=1, le=48)] = ranged(12, 2, 12)
    heads: Annotated[int, Field(ge=1, le=32)] = among(3, 1, 3, 6)
    mlp: Annotated[float, Field(gt=0, le=8)] = ranged(4.0, 1.0, 4.0)  # times `dim`, inside a block
    round_to: Step = 8  # for what `mlp` gives
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0

    @model_validator(mode="after")
    def _whole_heads(self) -> "Vit":
        if self.dim % self.heads:
            raise ValueError(f"dim: {self.dim} cannot be shared by {self.heads} heads; use a multiple of {self.heads}")
        return self

    def build(self, inputs: tuple[int, int, int], classes: int) -> nn.Module:
        side = max(inputs[1:])
        patch = self.patch or min(PATCH, max(1, side // PATCHES))
        inner = rounded(self.dim * self.mlp, self.round_to)
        whole = -(-side // patch) * patch
        vit = VisionTransformer(
            whole, patch, self.depth, self.heads, self.dim, inner, self.dropout, self.dropout, classes
        )
        return Net(inputs, patch, vit)

    def parts(self, net: nn.Module) -> Parts:
        blocks = tuple(f"vit.encoder.layers.encoder_layer_{i}" for i in range(self.depth))
        return Parts(quarters(blocks), "vit.heads.head")

"""Residual networks for photographs, 18 to 152 layers deep (He et al. 2015, arXiv 1512.03385), of any width."""

from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck

BLOCKS = {
    18: (BasicBlock, (2, 2, 2, 2)),
    34: (BasicBlock, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
    101: (Bottleneck, (3, 4, 23, 3)),
    152: (Bottleneck, (3, 8, 36, 3)),
}
Widths = tuple[int, int, int, int, int]


class Net(nn.Module):
    """torchvision's, whose constructor knows one width: same names, and at width 64 the same weights for a seed.

    `widths` are those of the stem and of the four stages.
    """

    layer1: nn.Sequential
    layer2: nn.Sequential
    layer3: nn.Sequential
    layer4: nn.Sequential

    def __init__(self, depth: int, widths: Widths, classes: int) -> None:
        super().__init__()
        block, counts = BLOCKS[depth]
        before, *others = widths
        self.conv1 = nn.Conv2d(3, before, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(before)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        for stage, (count, after) in enumerate(zip(counts, others, strict=True)):
            blocks = nn.Sequential()
            for place in range(count):
                stride = 2 if stage and not place else 1
                blocks.append(_block(block, before, after, stride))
                before = after * block.expansion
            self.add_module(f"layer{stage + 1}", blocks)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(before, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        logits: Tensor = self.fc(self.avgpool(x).flatten(1))
        return logits


def _block(block: type[BasicBlock | Bottleneck], before: int, width: int, stride: int) -> nn.Module:
    after = width * block.expansion
    shortcut = None
    if stride != 1 or before != after:
        shortcut = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))
    made: nn.Module = block(before, width, stride, shortcut)
    return made

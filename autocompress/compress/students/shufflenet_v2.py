"""Half the channels pass by, then all are shuffled (Ma et al. 2018, arXiv 1807.11164)."""

from typing import ClassVar

from torch import nn
from torchvision.models import ShuffleNetV2

from autocompress.compress.students._fit import Stem, fit
from autocompress.compress.students._widths import Step, Times, rounded
from autocompress.compress.students.base import Parts, Student
from autocompress.plugin import among

REPEATS = [4, 8, 4]
PUBLISHED = {  # stem, three stages, last
    0.5: (24, 48, 96, 192, 1024),
    1.0: (24, 116, 232, 464, 1024),
    1.5: (24, 176, 352, 704, 1024),
    2.0: (24, 244, 488, 976, 2048),
}


class ShufflenetV2(Student):
    """ShuffleNetV2; `width` as published (0.5, 1, 1.5, 2) or between. `round_to` goes for each of its two branches."""

    uncut: ClassVar[str] = "its channels are shuffled, so none can go alone; make it narrower with `width`"

    width: Times = among(1.0, 0.25, 0.5, 1.0, 1.5)
    round_to: Step = 1
    stem: Stem = "auto"

    def build(self, inputs: tuple[int, int, int], classes: int) -> nn.Module:
        first, *stages, last = PUBLISHED.get(self.width) or (24, *(x * self.width for x in PUBLISHED[1.0][1:4]), 1024)
        step = self.round_to
        widths = [rounded(first, step), *(2 * rounded(stage / 2, step) for stage in stages), rounded(last, step)]
        return fit(ShuffleNetV2(REPEATS, widths, classes), inputs, self.stem)

    def parts(self, net: nn.Module) -> Parts:
        return Parts(("stage2", "stage3", "conv5"), "fc")

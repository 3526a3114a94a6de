"""Learn with a fellow student, each from the other, without any teacher (Zhang et al. 2017, arXiv 1706.00384)."""

from typing import Annotated, ClassVar

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from autocompress.compress.distillers._soft import divergence
from autocompress.compress.distillers.base import Distiller, Needs, Step
from autocompress.plugin import ranged


class Dml(Distiller):
    """Deep mutual learning: beside the labels, weight x T^2 x KL draws each of two networks to the other's answers.

    The peer is built as the student was, with other weights, and thrown away.
    """

    needs: ClassVar[Needs] = Needs(teacher=False, peer=True)
    cost: ClassVar[float] = 2.0  # counted: two networks of one kind learn
    temperature: Annotated[float, Field(gt=0, le=100)] = ranged(1.0, 1.0, 4.0)
    weight: Annotated[float, Field(gt=0)] = ranged(1.0, 0.3, 3.0, log=True)

    def losses(self, step: Step, bridge: nn.Module) -> dict[str, Tensor]:
        student, peer = step.student, step.peer
        assert peer is not None
        return {
            "student": self.weight * divergence(peer.detach(), student, self.temperature),
            "peer": self.weight * divergence(student.detach(), peer, self.temperature),
            "peer_task": F.cross_entropy(peer, step.y),
        }

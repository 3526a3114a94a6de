"""No distillation: the labels alone. The control that every method has to beat."""

from typing import ClassVar

from torch import Tensor, nn

from autocompress.compress.distillers.base import Distiller, Needs, Step


class NoDistillation(Distiller):
    """No teacher: plain cross-entropy with the labels, the control that every method has to beat."""

    needs: ClassVar[Needs] = Needs(teacher=False)

    def losses(self, step: Step, bridge: nn.Module) -> dict[str, Tensor]:
        return {}

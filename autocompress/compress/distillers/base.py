"""How a student learns from its teacher: one method, one file."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor, nn

from autocompress.plugin import Plugin


@dataclass(frozen=True)
class Needs:
    """What a method wants to see; the trainer supplies it. Declared on the class: known before any work."""

    teacher: bool = True  # logits of the teacher
    features: bool = False  # stage feature maps of student and teacher, shallow to deep
    embeddings: bool = False  # input of the classifier, of both


@dataclass(frozen=True)
class Shapes:
    """From one dry run, for methods that build modules of their own."""

    student_features: tuple[tuple[int, ...], ...]
    teacher_features: tuple[tuple[int, ...], ...]
    student_embedding: int
    teacher_embedding: int
    classes: int
    examples: int


@dataclass(frozen=True)
class Step:
    """One batch as a method sees it: everything float32, the teacher's side without gradients."""

    student: Tensor  # logits
    teacher: Tensor
    y: Tensor
    index: Tensor
    epoch: int
    epochs: int
    student_features: tuple[Tensor, ...] = field(default=())
    teacher_features: tuple[Tensor, ...] = field(default=())
    student_embedding: Tensor | None = None
    teacher_embedding: Tensor | None = None


class Distiller(Plugin, ABC):
    """Named losses, already weighted, added to `task_weight` x cross-entropy by the trainer.

    Trainable modules of a method live in the bridge it builds: they join the optimizer and
    the clipping, and end with the stage.
    """

    needs: ClassVar[Needs] = Needs()

    @property
    def task_weight(self) -> float:
        return 1.0

    def bridge(self, shapes: Shapes) -> nn.Module:
        return nn.Module()

    @abstractmethod
    def losses(self, step: Step, bridge: nn.Module) -> dict[str, Tensor]: ...

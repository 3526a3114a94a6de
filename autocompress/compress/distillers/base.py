"""How a student learns from its teacher: one method, one file."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from torch import Tensor, nn

from autocompress.compress.model import Model
from autocompress.plugin import Plugin


@dataclass(frozen=True)
class Needs:
    """What a method wants to see; the trainer supplies it. Declared on the class: known before any work."""

    teacher: bool = True  # logits of the teacher
    features: bool = False  # stage feature maps of student and teacher, shallow to deep
    embeddings: bool = False  # input of the classifier, of both
    head: bool = False  # the teacher's classifier
    peer: bool = False  # a network of the student's kind that learns beside it, and is thrown away
    whole_batches: bool = False  # every batch of the same size: the rest of an epoch is left out

    @property
    def looks_inside(self) -> bool:
        """Kept logits are not enough: the teacher has to run."""
        return self.features or self.embeddings

    @property
    def anybody(self) -> bool:
        """Whether there has to be a teacher at all."""
        return self.teacher or self.looks_inside or self.head

    def __or__(self, other: "Needs") -> "Needs":
        return Needs(**{name: getattr(self, name) or getattr(other, name) for name in self.__dataclass_fields__})


@dataclass(frozen=True)
class Shapes:
    """From one dry run, for methods that build modules of their own."""

    student_features: tuple[tuple[int, ...], ...]  # (C, H, W) of each stage
    teacher_features: tuple[tuple[int, ...], ...]
    student_embedding: int
    teacher_embedding: int
    classes: int
    examples: int
    batch_size: int


@dataclass(frozen=True)
class Step:
    """One batch as a method sees it: everything float32, the teacher's side without gradients."""

    student: Tensor  # logits
    teacher: Tensor
    y: Tensor  # labels; of mixed images, the larger part's
    index: Tensor  # position of each example in the training split
    epoch: int
    epochs: int
    student_features: tuple[Tensor, ...] = field(default=())
    teacher_features: tuple[Tensor, ...] = field(default=())
    student_embedding: Tensor | None = None
    teacher_embedding: Tensor | None = None
    teacher_head: nn.Module | None = None  # from embeddings to logits; frozen, but gradients pass through it
    peer: Tensor | None = None  # logits, with gradients

    @property
    def progress(self) -> float:
        """Share of the training that is over: 0 in the first epoch."""
        return self.epoch / self.epochs


class Distiller(Plugin, ABC):
    """Named losses, already weighted, added to `task_weight` x everything else: cross-entropy, and a second method.

    Trainable modules of a method live in the bridge it builds: they join the optimizer and
    the clipping, and end with the stage.
    """

    needs: ClassVar[Needs] = Needs()
    works_on: ClassVar[Literal["answers", "features"]] = "answers"  # one of each kind may be combined
    cost: ClassVar[float] = 1.0  # time of a training step, relative to plain distillation from kept logits

    def task_weight(self, progress: float) -> float:
        """Of everything but its own losses, when `progress` of the training is over."""
        return 1.0

    def start(self, model: Model, teacher: Model | None, seed: int = 0) -> Model:
        """What will be trained, and shipped: the model itself, unless the method leaves something of the teacher in."""
        return model

    def bridge(self, shapes: Shapes) -> nn.Module:
        return nn.Module()

    @abstractmethod
    def losses(self, step: Step, bridge: nn.Module) -> dict[str, Tensor]: ...

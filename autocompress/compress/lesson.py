"""A distiller at work on one network: its bridge, its look into both nets, and the loss of each batch."""

from contextlib import ExitStack
from types import TracebackType

import torch
from torch import Tensor, nn

from autocompress.compress.distillers.base import Distiller, Shapes, Step
from autocompress.compress.lab import Batch, Lab
from autocompress.compress.model import Model
from autocompress.compress.taps import Taps


class Lesson:
    """For the duration of a `with`, `loss` is what the distiller adds to the task's own loss.

    The teacher's logits come from the lab's table; the teacher itself runs only to be looked into.
    """

    def __init__(self, distiller: Distiller, model: Model, net: nn.Module, lab: Lab) -> None:
        needs = distiller.needs
        self._distiller, self._lab = distiller, lab
        self._watches_teacher = needs.features or needs.embeddings
        self._student = Taps(net, model.parts, needs)
        self._teacher = Taps(lab.teacher_net, lab.teacher_parts, needs) if self._watches_teacher else None
        self._open = ExitStack()
        shapes = self._shapes(model, net)
        with torch.random.fork_rng(devices=lab.cuda):
            torch.manual_seed(lab.seed)
            self.bridge = distiller.bridge(shapes).to(lab.device)

    def __enter__(self) -> "Lesson":
        self._open.enter_context(self._student)
        if self._teacher:
            self._open.enter_context(self._teacher)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def loss(self, batch: Batch, logits: Tensor, epoch: int, epochs: int) -> Tensor:
        """To be called after the student's forward pass on `batch`, whose logits these are."""
        if self._watches_teacher:
            with torch.no_grad(), self._lab.autocast():
                self._lab.teacher_net(batch.x)
        step = Step(
            student=logits,
            teacher=self._lab.teacher_logits(batch.index) if self._distiller.needs.teacher else logits.detach(),
            y=batch.y,
            index=batch.index,
            epoch=epoch,
            epochs=epochs,
            student_features=self._student.features,
            teacher_features=self._teacher.features if self._teacher else (),
            student_embedding=self._student.embedding,
            teacher_embedding=self._teacher.embedding if self._teacher else None,
        )
        return sum(self._distiller.losses(step, self.bridge).values(), torch.zeros((), device=logits.device))

    def _shapes(self, model: Model, net: nn.Module) -> Shapes:
        """One dry run of two empty images, which changes nothing."""
        lab, training = self._lab, net.training
        x = model.example(2).to(lab.device)
        with torch.no_grad(), self._student as student:
            net.eval()(x)
            net.train(training)
            features, embedding = student.features, student.embedding
        teacher_features: tuple[Tensor, ...] = ()
        teacher_embedding: Tensor | None = None
        if self._teacher:
            with torch.no_grad(), self._teacher as teacher:
                lab.teacher_net(x)
                teacher_features, teacher_embedding = teacher.features, teacher.embedding
        return Shapes(
            student_features=tuple(tuple(f.shape[1:]) for f in features),
            teacher_features=tuple(tuple(f.shape[1:]) for f in teacher_features),
            student_embedding=0 if embedding is None else embedding.shape[1],
            teacher_embedding=0 if teacher_embedding is None else teacher_embedding.shape[1],
            classes=model.classes,
            examples=len(lab.data.train),
        )

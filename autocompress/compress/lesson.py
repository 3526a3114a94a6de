"""Distillers at work on one network: their bridges, their look into both nets, and the loss of each batch."""

from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autocompress.compress.distillers.base import Distiller, Needs, Shapes, Step
from autocompress.compress.examples import Batch
from autocompress.compress.lab import Lab
from autocompress.compress.model import Model
from autocompress.compress.precision import Precision
from autocompress.compress.taps import Taps
from autocompress.compress.teacher import Teacher, classifier
from autocompress.errors import Failure

MOST = 4  # times the larger net: a bridge bigger than that costs more than it can teach (VID and SemCKD reach 30)


class Lesson:
    """For the duration of a `with`, `loss` is what a batch costs: the task's own loss and those of the distillers.

    The teacher's logits are the kept ones unless a method looks inside: then it runs, and its logits come with that.
    """

    def __init__(
        self,
        distillers: Sequence[Distiller],
        model: Model,
        net: nn.Module,
        lab: Lab,
        teacher: Teacher | None,
        batch_size: int,
    ) -> None:
        needs = Needs(teacher=False)
        for distiller in distillers:
            needs = needs | distiller.needs
        self.needs = needs
        self._distillers, self._net, self._lab = distillers, net, lab
        self.has_methods = bool(distillers)
        self._taught_by = teacher if needs.anybody else None
        self._precision = Precision(net, model.inputs, lab.device)
        self._student = Taps(net, model.parts, needs)
        self._teacher = (
            Taps(self._taught_by.net, self._taught_by.parts, needs) if self._taught_by and needs.looks_inside else None
        )
        runs = needs.looks_inside or not lab.views(model.classes)
        self.reads_kept_logits = self._taught_by is not None and needs.teacher and not runs
        self._head = classifier(self._taught_by) if self._taught_by and needs.head else None
        self._open = ExitStack()
        with torch.random.fork_rng(devices=lab.cuda):
            torch.manual_seed(lab.seed)
            shapes = self._shapes(model, batch_size) if distillers else None
            bridges = [distiller.bridge(shapes) for distiller in distillers] if shapes else []
            self._check(distillers, bridges)
            peer = _peer(model, lab.seed + 1) if needs.peer else nn.Module()
            self.modules = nn.ModuleDict({"bridges": nn.ModuleList(bridges), "peer": peer}).to(lab.device)

    def __enter__(self) -> "Lesson":
        self._open.enter_context(self._student)
        if self._teacher:
            self._open.enter_context(self._teacher)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def kept(self, batch: Batch, view: int) -> Tensor | None:
        """What the teacher said of this batch, if it is not to be asked again."""
        if self._taught_by is None or not self.reads_kept_logits:
            return None
        return self._lab.kept_logits(self._taught_by, view)[batch.index]

    def loss(self, batch: Batch, taught: Tensor | None, epoch: int, epochs: int, smoothing: float = 0.0) -> Tensor:
        """One forward pass of everybody who takes part; the teacher first, while nothing waits for a backward pass."""
        if taught is None and self._taught_by and (self.needs.teacher or self._teacher):
            taught = self._taught_by(batch.x)
        with self._precision():
            logits = self._net(batch.x)
        logits = logits.float()
        wanted = batch.y if batch.mixed is None else batch.mixed
        total = F.cross_entropy(logits, wanted, label_smoothing=smoothing)
        if not self._distillers:
            return total
        step = self._step(batch, logits, taught, epoch, epochs)
        self._student.forget()
        bridges = self.modules.get_submodule("bridges")
        for distiller, bridge in zip(self._distillers, bridges.children(), strict=True):
            own = sum(distiller.losses(step, bridge).values(), torch.zeros((), device=logits.device))
            total = own + distiller.task_weight(step.progress) * total
        return total

    def _step(self, batch: Batch, logits: Tensor, taught: Tensor | None, epoch: int, epochs: int) -> Step:
        peer = None
        if self.needs.peer:
            with self._precision():
                peer = self.modules.get_submodule("peer")(batch.x)
            peer = peer.float()
        return Step(
            student=logits,
            teacher=logits.detach() if taught is None else taught,
            y=batch.y,
            index=batch.index,
            epoch=epoch,
            epochs=epochs,
            student_features=self._student.features,
            teacher_features=self._teacher.features if self._teacher else (),
            student_embedding=self._student.embedding,
            teacher_embedding=self._teacher.embedding if self._teacher else None,
            teacher_head=self._head,
            peer=peer,
        )

    def _shapes(self, model: Model, batch_size: int) -> Shapes:
        """One dry run of two empty images, which changes nothing."""
        lab, training = self._lab, self._net.training
        x = model.example(2).to(lab.device)
        with torch.no_grad(), self._student as student:
            self._net.eval()(x)
            self._net.train(training)
            features, embedding = student.features, student.embedding
        teacher_features: tuple[Tensor, ...] = ()
        teacher_embedding: Tensor | None = None
        if self._taught_by and self._teacher:
            with self._teacher as teacher:
                self._taught_by(x)
                teacher_features, teacher_embedding = teacher.features, teacher.embedding
        return Shapes(
            student_features=tuple(tuple(f.shape[1:]) for f in features),
            teacher_features=tuple(tuple(f.shape[1:]) for f in teacher_features),
            student_embedding=0 if embedding is None else embedding.shape[1],
            teacher_embedding=0 if teacher_embedding is None else teacher_embedding.shape[1],
            classes=model.classes,
            examples=len(lab.data.train),
            batch_size=batch_size,
        )

    def _check(self, distillers: Sequence[Distiller], bridges: Sequence[nn.Module]) -> None:
        nets = [self._net, self._taught_by.net] if self._taught_by else [self._net]
        largest = max(_size(net) for net in nets)
        for distiller, bridge in zip(distillers, bridges, strict=True):
            if _size(bridge) > MOST * max(largest, 100_000):
                name, own = type(distiller).__name__, _size(bridge)
                text = f"{name} would train {own:,} parameters of its own beside {largest:,}"
                raise Failure("unsupported", f"{text}; it is for narrower networks")


def _peer(model: Model, seed: int) -> nn.Module:
    return Model.fresh(model.student, model.inputs, model.classes, seed).net.train()


def _size(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())

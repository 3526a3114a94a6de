"""The only training loop: batches, one lesson's loss, an optimizer, a pace; one yield for each epoch."""

import copy
import math
from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from autocompress.compress.compiled import Compiled
from autocompress.compress.distillers.base import Distiller
from autocompress.compress.examples import Batch
from autocompress.compress.lab import Epoch, Lab
from autocompress.compress.lesson import Lesson
from autocompress.compress.model import Model
from autocompress.compress.plan import Plan, Scope, pace
from autocompress.compress.replay import Replay, graph
from autocompress.errors import Failure

CLIP = 5.0  # longest gradient: a guard against bad first steps; plain training rarely reaches it, features often do
MOMENTUM = 0.9
NORMS = (_BatchNorm, nn.LayerNorm, nn.GroupNorm)


def fit(
    model: Model,
    lab: Lab,
    plan: Plan,
    distillers: Sequence[Distiller] = (),
    *,
    part: str = "fit",
    before: int = 0,
    of: int | None = None,
) -> Generator[Epoch, None, Model]:
    """Train a copy of `model`, yielding after each epoch. Without distillers: plain cross-entropy.

    The copy trains with channels last (10 to 25 % faster on a CPU) and comes back contiguous, on the CPU, in eval mode.
    A stage that trains several times gives each `part` a name, under which it goes on where it was killed, and says how
    many epochs came `before`, `of` how many in all.
    """
    run = Run(model, lab, plan, distillers, part)
    with run.lesson:
        try:
            while run.done < plan.epochs:
                loss = run.epoch()
                run.keep()
                yield Epoch(before + run.done, of or plan.epochs, loss, run.best)
        finally:
            run.replay = None  # it points back at the run: both would wait for the collector, memory of a GPU and all
    return run.finished()


class Run:
    """One training under way: everything that changes while it goes on, and has to be kept to go on with it."""

    def __init__(self, model: Model, lab: Lab, plan: Plan, distillers: Sequence[Distiller], part: str) -> None:
        self.lab, self.plan, self.part = lab, plan, part
        teacher = lab.teacher(plan.teacher) if any(d.needs.anybody for d in distillers) else None
        for distiller in distillers:
            model = distiller.start(model, teacher.model if teacher else None, lab.seed)
        self.model = model
        self.net: nn.Module = model.copy().net
        self.net.to(lab.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.code: AbstractContextManager[None] = Compiled(self.net) if plan.compiled else nullcontext()
        self.lesson = Lesson(distillers, model, self.net, lab, teacher, plan.batch_size)
        own = self.lesson.modules
        self.trained = _free(self.net, model, plan.scope) + list(own.parameters())
        self.rate = torch.zeros((), device=lab.device)  # tensors, because they go into the record of a step
        self.follows = torch.zeros((), device=lab.device)
        self.optimizer = _optimizer(self.trained, _filters(self.net) | _filters(own), plan, self.rate)
        self.zeros = _zeros(self.net, model.sparse)
        self.average = copy.deepcopy(self.net).requires_grad_(False) if plan.ema else None
        self.whole = self.lesson.needs.whole_batches
        self.batches = lab.steps(plan.batch_size, whole=self.whole)
        if not self.batches:
            text = f"wants whole batches of {plan.batch_size}, and there are {len(lab.examples)} examples"
            raise Failure("unsupported", f"{type(distillers[-1]).__name__} {text}")
        self.steps = math.ceil(self.batches / plan.accumulate)  # in an epoch
        self.done = 0  # epochs
        self.replay: Replay | None = None
        self._restore()

    @property
    def _records(self) -> bool:
        return self.lab.device.type == "cuda"

    @property
    def best(self) -> nn.Module:
        """What is judged, and comes out: the average if there is one."""
        return self.net if self.average is None else self.average

    def epoch(self) -> float:
        """The mean loss of the next epoch. One that is not finite is a Failure."""
        plan, lab, epoch = self.plan, self.lab, self.done
        self._into_training()
        view = self._view(epoch)
        # tensors, not floats: asking a GPU after each step would make it wait
        total, longest = torch.zeros((), device=lab.device), torch.zeros((), device=lab.device)
        with torch.random.fork_rng(devices=lab.cuda):
            torch.manual_seed(lab.order(epoch))  # for networks that draw while training, such as dropout
            batches = lab.batches(plan.batch_size, epoch, view=view, whole=self.whole)
            step = self._recorded()
            for place, batch in enumerate(batches):
                self._pace(epoch * self.steps + place // plan.accumulate)
                kept = self.lesson.kept(batch, view)
                if plan.accumulate > 1:
                    loss, norm = self._part(batch, kept, place)
                else:
                    given = {"x": batch.x, "y": batch.y, "index": batch.index, "mixed": batch.mixed, "kept": kept}
                    loss, norm = step({name: x for name, x in given.items() if x is not None})
                total += loss
                longest = torch.maximum(longest, norm)
        self.done += 1
        loss_of_epoch = float(total) / self.batches
        if not math.isfinite(loss_of_epoch + float(longest)):
            raise Failure("nan_loss", f"training diverged in epoch {self.done} of {plan.epochs}, lr {plan.lr:g}")
        return loss_of_epoch

    def keep(self) -> None:
        """Write down where this stands."""
        if self.lab.shelf is not None:
            self.lab.shelf.put(self.part, {**_state(self), "epochs": torch.tensor(self.done)})

    def finished(self) -> Model:
        net = self.best
        net.to("cpu", memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        return replace(self.model, net=net.eval().requires_grad_(True))

    def _restore(self) -> None:
        kept = self.lab.shelf.get(self.part) if self.lab.shelf is not None else None
        if kept is None:
            return
        self.done = int(kept.pop("epochs"))
        _step_once_without_effect(self.optimizer)
        state = _state(self)
        with torch.no_grad():
            for name, value in kept.items():
                state[name].copy_(value)

    def _into_training(self) -> None:
        self.net.train()
        self.lesson.modules.train()
        if self.plan.scope == "head":  # everything before it stays as it is, averages included
            for module in self.net.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()

    def _view(self, epoch: int) -> int:
        """Views repeat when a teacher's answers to them are kept; else every epoch looks different."""
        most = self.plan.views
        if most is None:
            most = self.lab.views(self.model.classes) if self.lesson.reads_kept_logits else 0
        return epoch % most if most else epoch

    def _pace(self, step: int) -> None:
        """Set what differs from one step of the optimizer to the next."""
        plan = self.plan
        self.rate.fill_(plan.lr * pace(step, plan.epochs * self.steps, plan.pace, plan.warmup))
        # an average forgets its random start faster in the beginning
        self.follows.fill_(1 - min(plan.ema, (1 + step) / (10 + step)))

    def _recorded(self) -> Replay:
        """Methods may change with the epochs, so a record of one is good for an epoch; without any, for all.

        Compiled code is not recorded: it saves what a record saves, the launching of many small kernels.
        """
        if self.replay is None or self.lesson.has_methods:
            self.replay = Replay(self._whole_step, graph if self._records and not self.plan.compiled else None)
        return self.replay

    def _whole_step(self, given: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The loss of a batch, and how long its gradient was."""
        self.optimizer.zero_grad()
        batch = Batch(given["x"], given["y"], given["index"], given.get("mixed"))
        loss = self._loss(batch, given.get("kept"))
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach(), self._step()

    def _part(self, batch: Batch, kept: Tensor | None, place: int) -> tuple[Tensor, Tensor]:
        """The same for one of several batches that make a step."""
        many = self.plan.accumulate
        loss = self._loss(batch, kept)
        (loss / min(many, self.batches - (place - place % many))).backward()  # type: ignore[no-untyped-call]
        last = (place + 1) % many == 0 or place + 1 == self.batches
        return loss.detach(), self._step() if last else torch.zeros_like(self.rate)

    def _loss(self, batch: Batch, kept: Tensor | None) -> Tensor:
        with self.code:
            return self.lesson.loss(batch, kept, self.done, self.plan.epochs, self.plan.smoothing)

    def _step(self) -> Tensor:
        """Returns how long the gradient was."""
        norm = torch.nn.utils.clip_grad_norm_(self.trained, CLIP)
        self.optimizer.step()
        self.optimizer.zero_grad()
        with torch.no_grad():
            for weight, zero in self.zeros:
                weight.masked_fill_(zero, 0.0)
            if self.average is not None:
                _follow(self.average, self.net, self.follows)
        return norm.detach()


def _free(net: nn.Module, model: Model, scope: Scope) -> list[nn.Parameter]:
    """What may change. The rest is frozen, so that no gradient is computed for it."""
    if scope == "all":
        return [p for p in net.parameters() if p.requires_grad]
    head = net.get_submodule(model.parts.head)
    modules = [head] if scope == "head" else [m for m in net.modules() if isinstance(m, NORMS)]
    free = [p for module in modules for p in module.parameters()]
    if not free:
        raise Failure("unsupported", "there are no norms to train in this network")
    net.requires_grad_(False)
    for parameter in free:
        parameter.requires_grad_(True)
    return free


def _filters(module: nn.Module) -> set[nn.Parameter]:
    """Filters and matrices: called weights, and no norm's. A class token, a place, the scale of a layer are none."""
    named = module.named_parameters()
    return {p for name, p in named if p.ndim > 1 and "weight" in name.rpartition(".")[2]}


def _optimizer(
    parameters: Iterable[nn.Parameter], filters: Collection[nn.Parameter], plan: Plan, rate: Tensor
) -> torch.optim.Optimizer:
    """Decay pulls on filters and matrices; on all else it only disturbs."""
    every = [p for p in parameters if p.requires_grad]
    groups = [
        {"params": [p for p in every if p in filters], "weight_decay": plan.weight_decay},
        {"params": [p for p in every if p not in filters], "weight_decay": 0.0},
    ]
    if plan.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=rate, fused=True, capturable=rate.is_cuda)
    return torch.optim.SGD(groups, lr=rate, momentum=MOMENTUM, nesterov=True, fused=True)


def _zeros(net: nn.Module, sparse: Sequence[str]) -> list[tuple[Tensor, Tensor]]:
    """Weights that were taken out stay out."""
    weights = [net.get_parameter(f"{name}.weight") for name in sparse]
    return [(weight, weight == 0) for weight in weights]


def _follow(average: nn.Module, net: nn.Module, share: Tensor) -> None:
    """Exponential average of weights and of batch norms' averages."""
    for mine, new in zip(average.state_dict().values(), net.state_dict().values(), strict=True):
        if mine.is_floating_point():
            mine.lerp_(new, share)
        else:
            mine.copy_(new)


def _state(run: Run) -> dict[str, Tensor]:
    """Every tensor that the next epoch depends on, by name."""
    found = {f"net.{name}": value for name, value in run.net.state_dict().items()}
    found |= {f"lesson.{name}": value for name, value in run.lesson.modules.state_dict().items()}
    if run.average is not None:
        found |= {f"average.{name}": value for name, value in run.average.state_dict().items()}
    for place, parameter in enumerate(p for group in run.optimizer.param_groups for p in group["params"]):
        for name, value in run.optimizer.state.get(parameter, {}).items():
            if isinstance(value, Tensor):
                found[f"optimizer.{place}.{name}"] = value
    return found


def _step_once_without_effect(optimizer: torch.optim.Optimizer) -> None:
    """Make the optimizer create its state, to be filled: the rate is 0 and there are no gradients."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    optimizer.zero_grad()

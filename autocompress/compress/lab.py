"""What a stage may use: the examples on the compute device, the teacher, the seed, and what the device wants."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from autocompress.compress.model import Model
from autocompress.compress.students.base import Parts
from autocompress.data.base import Dataset, Images


@dataclass(frozen=True)
class Epoch:
    """One epoch is over. Stages yield these, so that whoever drives them may look, or stop."""

    done: int  # epochs done of this stage
    of: int
    loss: float
    net: nn.Module


@dataclass(frozen=True)
class Batch:
    x: Tensor  # float, normalised
    y: Tensor
    index: Tensor  # position of each example in the training split


class Lab:
    """All that is random in a stage comes from `seed`; `fidelity` scales epochs; channels go in steps of `round_to`."""

    def __init__(
        self,
        data: Dataset,
        *,
        teacher: Model | None = None,
        seed: int = 0,
        fidelity: float = 1.0,
        round_to: int = 1,
        device: str | torch.device = "cpu",
    ) -> None:
        self.data = data
        self.teacher = teacher
        self.seed = seed
        self.fidelity = fidelity
        self.round_to = round_to
        self.device = torch.device(device)

    def epochs(self, wanted: int) -> int:
        """How many of the wanted epochs this fidelity pays for: at least one of any."""
        return max(1, round(wanted * self.fidelity)) if wanted else 0

    def order(self, epoch: int) -> int:
        """A seed for everything random in one epoch."""
        return self.seed * 1_000_003 + epoch

    def batches(self, size: int, epoch: int) -> Iterator[Batch]:
        """The training split in an order that depends on (seed, epoch) alone. The last batch may be short.

        A last batch of one joins the batch before it: batch norm cannot take the spread of a single example, and no
        example should be lost.
        """
        generator = torch.Generator().manual_seed(self.order(epoch))
        order = torch.randperm(len(self._y), generator=generator).to(self.device)
        steps = self.steps(size)
        for step in range(steps):
            index = order[step * size : (step + 1) * size if step < steps - 1 else None]
            yield Batch(self.normalised(self._x[index]), self._y[index], index)

    def steps(self, size: int) -> int:
        """Batches in an epoch."""
        full, rest = divmod(len(self._y), size)
        return max(1, full + (rest > 1))

    def normalised(self, x: Tensor) -> Tensor:
        return (x.float() / 255 - self._mean) / self._std

    def autocast(self) -> AbstractContextManager[object]:
        """bfloat16 on a GPU, where it is twice as fast; plain float32 elsewhere."""
        return torch.autocast("cuda", torch.bfloat16) if self.device.type == "cuda" else nullcontext()

    @property
    def cuda(self) -> list[torch.device]:
        """The GPUs whose random state a stage may touch, as `torch.random.fork_rng` wants them."""
        return [self.device] if self.device.type == "cuda" else []

    def teacher_logits(self, index: Tensor) -> Tensor:
        """The teacher's answers for training examples. Computed once: without augmentation they never change."""
        return self._teacher_table[index]

    def accuracy(self, net: nn.Module) -> float:
        """Share of the validation split that `net` gets right, as a torch model: for rungs, never for a front."""
        predicted = self._logits(net, self.data.val.x).argmax(1).cpu()
        return float((predicted == torch.from_numpy(self.data.val.y)).float().mean())

    @cached_property
    def teacher_net(self) -> nn.Module:
        """The teacher on the compute device, in eval mode: nobody trains it."""
        assert self.teacher is not None, "the stage's needs say teacher; the study has none"
        return self.teacher.copy().net.to(self.device).eval().requires_grad_(False)

    @property
    def teacher_parts(self) -> Parts:
        assert self.teacher is not None, "the stage's needs say teacher; the study has none"
        return self.teacher.parts

    @cached_property
    def _teacher_table(self) -> Tensor:
        return self._logits(self.teacher_net, self.data.train.x)

    def _logits(self, net: nn.Module, images: Images) -> Tensor:
        training = net.training
        net.eval()
        with torch.inference_mode():
            parts = [net(self.normalised(part.to(self.device))) for part in torch.split(torch.from_numpy(images), 512)]
        net.train(training)
        return torch.cat(parts).clone()

    @cached_property
    def _x(self) -> Tensor:
        return torch.from_numpy(self.data.train.x).to(self.device)

    @cached_property
    def _y(self) -> Tensor:
        return torch.from_numpy(self.data.train.y).to(self.device)

    @cached_property
    def _mean(self) -> Tensor:
        return torch.tensor(self.data.mean, device=self.device).reshape(1, -1, 1, 1)

    @cached_property
    def _std(self) -> Tensor:
        return torch.tensor(self.data.std, device=self.device).reshape(1, -1, 1, 1)

"""What a stage may use: the examples on the compute device, the teachers, the seed, and what the device wants."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from autocompress.compress.examples import Batch, Examples, read
from autocompress.compress.kept import Kept
from autocompress.compress.shelf import Shelf
from autocompress.compress.teacher import Teacher
from autocompress.data.base import Dataset
from autocompress.values.recipe import canonical, digest

BATCH = 512  # of a network that only answers


@dataclass(frozen=True)
class Epoch:
    """An epoch is over. Stages yield these, so that whoever drives them may look, or stop."""

    done: int  # epochs done of this stage; a stage that goes on where it was killed starts above 1
    of: int
    loss: float
    net: nn.Module


class Pays(Protocol):
    """Says how many of the epochs that a stage wants are paid for."""

    def epochs(self, wanted: int) -> int: ...


class Lab:
    """All that is random in a stage comes from `seed`; `fidelity` scales epochs; channels go in steps of `round_to`.

    `examples` and `kept` outlive a lab where many share them. What is half done goes to `shelf`, if there is one.
    """

    def __init__(
        self,
        data: Dataset,
        *,
        examples: Examples | None = None,
        teachers: Callable[[str], Teacher] | None = None,
        kept: Kept | None = None,
        shelf: Shelf | None = None,
        seed: int = 0,
        fidelity: float = 1.0,
        round_to: int = 1,
        device: str | torch.device = "cpu",
    ) -> None:
        self.data = data
        self.device = torch.device(device)
        self.examples = Examples(data, device=device) if examples is None else examples
        self.kept = Kept() if kept is None else kept
        self.shelf = shelf
        self.seed = seed
        self.fidelity = fidelity
        self.round_to = round_to
        self._teachers = teachers

    def epochs(self, wanted: int) -> int:
        """How many of the wanted epochs this fidelity pays for: at least one of any."""
        return max(1, round(wanted * self.fidelity)) if wanted else 0

    def order(self, epoch: int) -> int:
        """A seed for everything random in one epoch."""
        return self.seed * 1_000_003 + epoch

    def batches(self, size: int, epoch: int, *, view: int | None = None, whole: bool = False) -> Iterator[Batch]:
        """The training split in an order that depends on (seed, epoch) alone, augmented as in `view` (else `epoch`).

        The last batch may be short, unless all have to be `whole`. A last batch of one joins the batch before it:
        batch norm cannot take the spread of a single example, and no example should be lost.
        """
        generator = torch.Generator().manual_seed(self.order(epoch))
        order = torch.randperm(len(self.examples), generator=generator)
        steps = self.steps(size, whole=whole)
        lists = [order[i * size : (i + 1) * size if i < steps - 1 or whole else None] for i in range(steps)]
        return self.examples.batches(lists, self.seed, epoch if view is None else view)

    def steps(self, size: int, *, whole: bool = False) -> int:
        """Batches in an epoch."""
        full, rest = divmod(len(self.examples), size)
        return full if whole else max(1, full + (rest > 1))

    @property
    def cuda(self) -> list[torch.device]:
        """The GPUs whose random state a stage may touch, as `torch.random.fork_rng` wants them."""
        return [self.device] if self.device.type == "cuda" else []

    def teacher(self, name: str) -> Teacher:
        assert self._teachers is not None, "the stage learns from a teacher; the study has none"
        return self._teachers(name)

    def views(self, classes: int) -> int:
        """How many views of the training split a teacher's answers can be kept for; 0 if none. Without augmentation
        there is only one."""
        return min(self.kept.views(len(self.examples), classes), 10_000 if self.examples.augment else 1)

    def kept_logits(self, teacher: Teacher, view: int) -> Tensor:
        """The teacher's answers for all training examples, as they look in one view."""
        steps = [[type(step).__name__, step.model_dump(mode="json")] for step in self.examples.augment]
        # the scale too: from another one to the teacher's own, pixels differ in their last bits
        scale = canonical([list(self.data.mean), list(self.data.std)])
        key = digest("answers", teacher.key, self.data.digest, scale, canonical(steps), str(self.seed), str(view))
        return self.kept.fetch(key, lambda: self._asked(teacher, view), self.device)

    def accuracy(self, net: nn.Module) -> float:
        """Share of the validation split that `net` gets right, as a torch model: for rungs, never for a front."""
        training, home = net.training, next(net.parameters()).device  # between stages it rests on the CPU
        net.to(self.device).eval()
        with torch.inference_mode():
            shown = (self.examples.normalised(x.to(self.device)) for x in read(self.data.val.x, BATCH))
            predicted = torch.cat([net(x).argmax(1).cpu() for x in shown])
        net.to(home).train(training)
        return float((predicted == torch.from_numpy(self.data.val.y)).float().mean())

    def _asked(self, teacher: Teacher, view: int) -> Tensor:
        everything = torch.split(torch.arange(len(self.examples)), BATCH)
        batches = self.examples.batches(everything, self.seed, view)
        return torch.cat([teacher(batch.x) for batch in batches])

"""How near the trainer runs to the hardware: against the bare step, a plain loader, and with a teacher.

    python benchmarks/trainer.py [--device cuda] [--examples 50000] [--batch 512]

Images are random and of CIFAR-10's shape: speed does not depend on what they show. All ways of training take turns in
one run, and what counts are ratios of medians.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F

from autocompress.compress.augmentations.crop import Crop
from autocompress.compress.augmentations.flip import Flip
from autocompress.compress.distillers.logit import Logit
from autocompress.compress.examples import Examples
from autocompress.compress.kept import Kept
from autocompress.compress.lab import Lab
from autocompress.compress.model import Model
from autocompress.compress.plan import Plan
from autocompress.compress.precision import Precision
from autocompress.compress.teacher import Teacher
from autocompress.compress.train import fit
from autocompress.data.base import Dataset, Split

INPUTS, CLASSES, BATCH = (3, 32, 32), 10, 128
STUDENT = {"use": "resnet", "depth": 8, "width": 16}
TEACHER = {"use": "resnet", "depth": 14, "width": 32}
MEAN, STD = (0.49, 0.48, 0.45), (0.25, 0.24, 0.26)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--examples", type=int, default=2_560)
    parser.add_argument("--threads", type=int, default=1, help="two trials on two cores take one each")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--batch", type=int, default=BATCH)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    data = pretend(given.examples)
    device = torch.device(given.device)
    ways: dict[str, Callable[[], float]] = {
        "bare step": bare(data, device, given.batch),
        "ours": ours(data, device, given.batch),
        "ours, augmented": ours(data, device, given.batch, augment=True),
        "ours, augmented, kept answers": ours(data, device, given.batch, augment=True, taught=True),
        "ours, augmented, teacher online": ours(data, device, given.batch, augment=True, taught=True, online=True),
        "teacher's forward alone": forward(data, device, given.batch),
        "plain loader": loader(data, device, given.batch),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(given.turns + 1):
        for name, way in ways.items():
            taken = way()
            if turn:  # the first is for warming up
                seconds[name].append(taken)
    report(seconds, given.examples)


def report(seconds: dict[str, list[float]], examples: int) -> None:
    middle = {name: statistics.median(each) for name, each in seconds.items()}
    print(f"{'way of training':34} {'images/s':>10} {'of bare':>8} {'min..max s per epoch':>22}")
    for name, each in seconds.items():
        rate, share = examples / middle[name], middle["bare step"] / middle[name]
        print(f"{name:34} {rate:10,.0f} {share:8.2f} {min(each):11.3f}..{max(each):.3f}")
    plain, kept, online = (middle[f"ours, augmented{x}"] for x in ("", ", kept answers", ", teacher online"))
    print(f"\nours, augmented / bare step:          {middle['bare step'] / plain:.2f}x the rate (goal >= 0.90)")
    print(f"ours, augmented / plain loader:       {middle['plain loader'] / plain:.2f}x the rate (goal >= 2)")
    print(f"an epoch with kept answers / without: {kept / plain:.2f}x the time (goal <= 1.15)")
    alone = middle["teacher's forward alone"]
    print(f"online teacher: {online - plain:.3f} s more per epoch; its forward alone {alone:.3f} s")


def pretend(examples: int) -> Dataset:
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (examples, *INPUTS), dtype=np.uint8)
    split = Split(x, random.integers(0, CLASSES, examples))
    few = Split(split.x[:100], split.y[:100])
    return Dataset(split, few, few, tuple(map(str, range(CLASSES))), MEAN, STD)


def ours(
    data: Dataset,
    device: torch.device,
    batch: int,
    *,
    augment: bool = False,
    taught: bool = False,
    online: bool = False,
) -> Callable[[], float]:
    shown = Examples(data, [Crop(pad=4), Flip()] if augment else [], device)
    teacher = Teacher(Model.fresh(TEACHER, INPUTS, CLASSES, 1), "teacher", data, device)
    kept = Kept(room=0) if online else Kept()
    lab = Lab(data, examples=shown, teachers=lambda name: teacher, kept=kept, device=device)
    views = 2  # the first epoch asks the teacher, later ones take what was kept
    plan = Plan(epochs=10_000, lr=0.01, batch_size=batch, views=None if online else views)
    running = fit(Model.fresh(STUDENT, INPUTS, CLASSES, 0), lab, plan, [Logit()] if taught else [])
    for _ in range(views):
        next(running)
    return lambda: timed(device, lambda: next(running))


def bare(data: Dataset, device: torch.device, batch: int) -> Callable[[], float]:
    """Forward, backward, optimizer, on one batch that is there already: nothing can be faster without a trick."""
    net = Model.fresh(STUDENT, INPUTS, CLASSES, 0).net.to(device, memory_format=torch.channels_last).train()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, nesterov=True, fused=True)
    x = torch.randn(batch, *INPUTS, device=device).to(memory_format=torch.channels_last)
    y = torch.randint(0, CLASSES, (batch,), device=device)
    precision = Precision(net, INPUTS, device)

    def epoch() -> None:
        for _ in range(len(data.train) // batch):
            with precision():
                loss = F.cross_entropy(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return lambda: timed(device, epoch)


def forward(data: Dataset, device: torch.device, batch: int) -> Callable[[], float]:
    teacher = Teacher(Model.fresh(TEACHER, INPUTS, CLASSES, 0), "teacher", data, device)
    x = torch.randn(batch, *INPUTS, device=device)

    def epoch() -> None:
        for _ in range(len(data.train) // batch):
            teacher(x)

    return lambda: timed(device, epoch)


def loader(data: Dataset, device: torch.device, batch: int) -> Callable[[], float]:
    """The loop of a hundred tutorials: PIL images, torchvision's transforms, worker processes."""
    from torch.utils.data import DataLoader
    from torchvision import transforms

    steps = transforms.Compose(
        [
            transforms.ToPILImage(),
            transforms.RandomCrop(32, 4),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    source = Transformed(torch.from_numpy(data.train.x), torch.from_numpy(data.train.y), steps)
    batches = DataLoader(source, batch, shuffle=True, num_workers=2, persistent_workers=True)
    net = Model.fresh(STUDENT, INPUTS, CLASSES, 0).net.to(device).train()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, nesterov=True)

    def epoch() -> None:
        for x, y in batches:
            loss = F.cross_entropy(net(x.to(device)), y.to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return lambda: timed(device, epoch)


class Transformed(torch.utils.data.Dataset[tuple[torch.Tensor, torch.Tensor]]):
    def __init__(self, x: torch.Tensor, y: torch.Tensor, steps: Callable[[torch.Tensor], torch.Tensor]) -> None:
        self.x, self.y, self.steps = x, y, steps

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, place: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self.steps(self.x[place]), self.y[place]


def timed(device: torch.device, work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()

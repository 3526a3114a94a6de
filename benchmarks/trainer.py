"""How near the trainer runs to the hardware: against the bare step, a plain loader, and with a teacher.

    python benchmarks/trainer.py [--device cuda] [--examples 50000] [--batch 512]
    python benchmarks/trainer.py --compiled [--student mobilenet_v2]   # and when compiling is earned back

Images are random and of CIFAR-10's shape: speed does not depend on what they show. All ways of training take turns in
one run, and what counts are ratios of medians.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from typing import Any

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

Tree = dict[str, Any]
Clock = Callable[[], float]

INPUTS, CLASSES, BATCH = (3, 32, 32), 10, 128
STUDENTS: dict[str, Tree] = {
    "resnet": {"use": "resnet", "depth": 8, "width": 16},
    "mobilenet_v2": {"use": "mobilenet_v2", "width": 0.5},
    "vit": {"use": "vit", "dim": 64, "depth": 4, "heads": 4, "patch": 4},
}
TEACHER = {"use": "resnet", "depth": 14, "width": 32}
WARM = 2  # the first epoch asks the teacher, later ones take what was kept
MEAN, STD = (0.49, 0.48, 0.45), (0.25, 0.24, 0.26)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--examples", type=int, default=2_560)
    parser.add_argument("--threads", type=int, default=1, help="two trials on two cores take one each")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--student", choices=STUDENTS, default="resnet")
    parser.add_argument("--compiled", action="store_true", help="only ours, as it is and as compiled code")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    data = pretend(given.examples)
    device, student = torch.device(given.device), STUDENTS[given.student]
    if given.compiled:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["TORCHINDUCTOR_CACHE_DIR"] = folder  # what was compiled yesterday would cost nothing
            os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = str(given.threads)
            compiled(data, device, given.batch, student, given.turns)
        return
    ways: dict[str, Callable[[], float]] = {
        "bare step": bare(data, device, given.batch, student),
        "ours": ours(data, device, given.batch, student),
        "ours, augmented": ours(data, device, given.batch, student, augment=True),
        "ours, augmented, kept answers": ours(data, device, given.batch, student, augment=True, taught=True),
        "ours, augmented, teacher online": ours(
            data, device, given.batch, student, augment=True, taught=True, online=True
        ),
        "teacher's forward alone": forward(data, device, given.batch),
        "plain loader": loader(data, device, given.batch, student),
    }
    report(in_turns(ways, given.turns), given.examples)


def in_turns(ways: Mapping[str, Callable[[], float]], turns: int) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(turns + 1):
        for name, way in ways.items():
            taken = way()
            if turn:  # the first is for warming up
                seconds[name].append(taken)
    return seconds


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


def compiled(data: Dataset, device: torch.device, batch: int, student: Tree, turns: int) -> None:
    """What compiling costs, what it saves in an epoch, and after how many epochs of CIFAR-10 it has paid."""
    clock = time.perf_counter if device.type == "cuda" else worked
    ways = {"as it is": ours(data, device, batch, student, augment=True, clock=clock)}
    began = clock()
    ways["compiled"] = ours(data, device, batch, student, augment=True, compiled=True, clock=clock)
    first = clock() - began  # the epochs that it begins with too
    middle = {name: statistics.median(each) for name, each in in_turns(ways, turns).items()}
    plain, fast = middle["as it is"], middle["compiled"]
    cost, saved = first - WARM * fast, (plain - fast) / len(data.train)
    print(f"{'way of training':34} {'images/s':>10}")
    for name, each in middle.items():
        print(f"{name:34} {len(data.train) / each:10,.0f}")
    print(f"\ncompiled / as it is:  {plain / fast:.2f}x the rate; compiling took {cost:.0f} s")
    paid = f"after {cost / saved / 50_000:.1f} epochs of 50,000 images" if saved > 0 else "never"
    print(f"earned back:          {paid}")


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
    student: Tree,
    *,
    augment: bool = False,
    taught: bool = False,
    online: bool = False,
    compiled: bool = False,
    clock: Clock = time.perf_counter,
) -> Callable[[], float]:
    shown = Examples(data, [Crop(pad=4), Flip()] if augment else [], device)
    teacher = Teacher(Model.fresh(TEACHER, INPUTS, CLASSES, 1), "teacher", data, device)
    kept = Kept(room=0) if online else Kept()
    lab = Lab(data, examples=shown, teachers=lambda name: teacher, kept=kept, device=device)
    plan = Plan(epochs=10_000, lr=0.01, batch_size=batch, views=None if online else WARM, compiled=compiled)
    running = fit(Model.fresh(student, INPUTS, CLASSES, 0), lab, plan, [Logit()] if taught else [])
    for _ in range(WARM):
        next(running)
    return lambda: timed(device, lambda: next(running), clock)


def bare(data: Dataset, device: torch.device, batch: int, student: Tree) -> Callable[[], float]:
    """Forward, backward, optimizer, on one batch that is there already: nothing can be faster without a trick."""
    net = Model.fresh(student, INPUTS, CLASSES, 0).net.to(device, memory_format=torch.channels_last).train()
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


def loader(data: Dataset, device: torch.device, batch: int, student: Tree) -> Callable[[], float]:
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
    net = Model.fresh(student, INPUTS, CLASSES, 0).net.to(device).train()
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


def timed(device: torch.device, work: Callable[[], object], clock: Clock = time.perf_counter) -> float:
    began = clock()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return clock() - began


def worked() -> float:
    """Seconds of processors, of compilers too: others on this machine do not matter."""
    return sum(os.times()[:4])


if __name__ == "__main__":
    main()

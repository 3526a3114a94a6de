"""Networks that are hard to cut, or to follow: for the student `python`, and for tests that take them apart."""

import os
import time

import torch
import torch.nn.functional as F
from torch import nn


class Trouble(nn.Module):
    """Makes trouble where gradients are followed, which is where pruning looks, and nowhere else."""

    def __init__(self, kind):
        super().__init__()
        self.kind = kind

    def forward(self, x):
        if torch.is_grad_enabled():
            match self.kind:
                case "sleeps":
                    time.sleep(600)
                case "dies":
                    os.abort()
                case "grows":
                    held = []
                    while True:
                        held.append(torch.ones(2**24))
                case "speaks":
                    print("no good" * 10_000)
                case "stumbles":
                    raise RuntimeError("I am not to be followed")
        return x


def trouble(inputs, classes, kind="sleeps"):
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(inputs[0], 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), Trouble(kind)),
        nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU()),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, classes),
    )


def in_groups(inputs, classes):
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(inputs[0], 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU()),
        nn.Sequential(nn.Conv2d(24, 24, 3, padding=1, groups=12), nn.BatchNorm2d(24), nn.ReLU()),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(24, classes),
    )


class Patient(nn.Module):
    """A convolution of 8 channels, something, and a classifier of the mean over the map."""

    def __init__(self, inside, out=8):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.inside = inside
        self.head = nn.Linear(out, 10)

    def forward(self, x):
        return self.head(self.inside(F.relu(self.stem(x))).mean((2, 3)))


class Step(nn.Module):
    """Whatever is done by hand, as in most people's networks."""

    def __init__(self, act, **modules):
        super().__init__()
        self.act = act
        for name, module in modules.items():
            self.add_module(name, module)

    def forward(self, x):
        return self.act(self, x)


class Scaled(nn.Module):
    """A layer scale: a parameter that is in no layer torch knows."""

    def __init__(self, width):
        super().__init__()
        self.scale = nn.Parameter(torch.full((width, 1, 1), 1e-6))

    def forward(self, x):
        return x * self.scale


def conv(before, after, size=3, **settings):
    return nn.Conv2d(before, after, size, padding=size // 2, **settings)


def shuffled(self, x):
    batch, channels, *sides = x.shape
    return self.last(x.reshape(batch, 2, channels // 2, *sides).transpose(1, 2).reshape(x.shape))


def halves(self, x):
    one, other = x.chunk(2, 1)
    return torch.cat([one, self.conv(other)], 1)


CUTTABLE = {
    "depthwise": lambda: Patient(nn.Sequential(conv(8, 8, groups=8), nn.BatchNorm2d(8), conv(8, 12, 1)), 12),
    "grouped": lambda: Patient(nn.Sequential(conv(8, 12, groups=4), nn.BatchNorm2d(12), nn.ReLU(), conv(12, 6)), 6),
    "grouped twice": lambda: Patient(
        nn.Sequential(conv(8, 8, groups=4), nn.ReLU(), conv(8, 8, groups=2), conv(8, 4)), 4
    ),
    "a multiple depthwise": lambda: Patient(nn.Sequential(conv(8, 16, groups=8), nn.ReLU(), conv(16, 6, 1)), 6),
    "transposed": lambda: Patient(nn.Sequential(nn.ConvTranspose2d(8, 6, 2, 2), nn.ReLU(), conv(6, 5)), 5),
    "transposed, grouped": lambda: Patient(
        nn.Sequential(nn.ConvTranspose2d(8, 12, 2, 2, groups=4), nn.ReLU(), conv(12, 5)), 5
    ),
    "transposed, depthwise": lambda: Patient(nn.Sequential(nn.ConvTranspose2d(8, 8, 2, 2, groups=8), conv(8, 5)), 5),
    "group norm": lambda: Patient(nn.Sequential(conv(8, 8), nn.GroupNorm(4, 8), nn.ReLU(), conv(8, 6)), 6),
    "one group norm": lambda: Patient(nn.Sequential(conv(8, 8), nn.GroupNorm(1, 8), nn.ReLU(), conv(8, 6)), 6),
    "instance norm": lambda: Patient(nn.Sequential(conv(8, 8), nn.InstanceNorm2d(8, affine=True), conv(8, 6)), 6),
    "leaky": lambda: Patient(nn.Sequential(conv(8, 8), nn.PReLU(8), conv(8, 6), nn.PReLU()), 6),
    "residual": lambda: Patient(Step(lambda self, x: x + self.conv(x), conv=conv(8, 8))),
    "dense": lambda: Patient(Step(lambda self, x: torch.cat([x, self.conv(x), x], 1), conv=conv(8, 4)), 20),
    "squeeze and excite": lambda: Patient(
        Step(
            lambda self, x: x * self.two(F.relu(self.one(x.mean((2, 3), keepdim=True)))).sigmoid(),
            one=conv(8, 4, 1),
            two=conv(4, 8, 1),
        )
    ),
    "layer scale": lambda: Patient(Step(lambda self, x: x + self.inner(x), inner=nn.Sequential(conv(8, 8), Scaled(8)))),
    "layer norm": lambda: Patient(
        Step(
            lambda self, x: self.two(F.gelu(self.one(self.norm(x.permute(0, 2, 3, 1))))).permute(0, 3, 1, 2),
            norm=nn.LayerNorm(8),
            one=nn.Linear(8, 12),
            two=nn.Linear(12, 8),
        )
    ),
    "flattened": lambda: nn.Sequential(
        conv(3, 8), nn.ReLU(), nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(72, 12), nn.ReLU(), nn.Linear(12, 10)
    ),
    "no biases": lambda: Patient(nn.Sequential(conv(8, 8, bias=False), nn.BatchNorm2d(8, affine=False), conv(8, 6)), 6),
    "one network called twice": lambda: Patient(Step(lambda self, x: self.conv(F.relu(self.conv(x))), conv=conv(8, 8))),
}
UNCUTTABLE = {
    "a shuffle": lambda: Patient(Step(shuffled, last=conv(8, 8))),
    "halves": lambda: Patient(Step(halves, conv=conv(4, 4))),
    "a mean over channels": lambda: Patient(
        Step(lambda self, x: self.conv(x) * x.mean(1, keepdim=True), conv=conv(8, 8))
    ),
    "a softmax over channels": lambda: Patient(Step(lambda self, x: self.conv(x.softmax(1)), conv=conv(8, 8))),
    "a fixed reshape": lambda: Patient(Step(lambda self, x: self.conv(x.reshape(-1, 8, 8, 8)), conv=conv(8, 8))),
    "a neighbourhood of channels": lambda: Patient(nn.Sequential(nn.LocalResponseNorm(3, alpha=1.0), conv(8, 8))),
}

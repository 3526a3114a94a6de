"""What the tests of the hands share: a few digits, small nets, and one of each plug-in of a kind."""

import struct
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from autocompress.compress.distillers.base import Distiller, Needs, Shapes, Step
from autocompress.compress.lab import Lab
from autocompress.compress.model import Model
from autocompress.compress.plan import Plan
from autocompress.compress.stages.base import Run
from autocompress.compress.students.base import Student
from autocompress.compress.teacher import Teacher
from autocompress.data.base import Data, Dataset, Split
from autocompress.data.digits import Digits
from autocompress.plugin import Plugin, find, make, names

torch.set_num_threads(1)

SMALL = {"use": "cnn", "depth": 3, "width": 8}
BIGGER = {"use": "resnet", "depth": 8, "width": 8}
SHORTER = {"epochs": 1, "recover": 1, "ratio": 0.5, "rounds": 1}  # for any plug-in that has such settings
SMALLEST: dict[str, dict[str, Any]] = {  # of students that are made for photographs, or must be told something
    "convnext": {"widths": [8, 16, 24, 32], "depths": [1, 1, 1, 1]},
    "densenet": {"growth": 4},
    "efficientnet": {"width": 0.25, "depth": 0.25},
    "grafted": {"backbone": SMALL, "channels": 12},
    "mobilenet_v2": {"width": 0.25},
    "mobilenet_v3": {"width": 0.25},
    "python": {"function": "hands:own"},
    "regnet": {"size": "x_200mf", "width": 0.25},
    "resnet": {"width": 8},
    "saved": {"model": "nowhere"},
    "shufflenet_v2": {"width": 0.25},
    "squeezenet": {"width": 0.25, "dropout": 0.0},
    "torchvision": {"name": "mobilenet_v3_small"},
    "vgg": {"width": 8},
    "vit": {"dim": 48, "depth": 2, "patch": 2},
    "wideresnet": {"depth": 10, "width": 1},
}


def settings(base: type[Plugin], **forced: Any) -> list[Any]:
    """Pytest parameters: `{use: name, ...}` of every plug-in of a kind, with every plug-in it must be given inside."""
    found = []
    for name in names(base):
        small = SMALLEST.get(name, {}) if base is Student else EXAMPLES.get(name, dict)() if base is Data else {}
        for inner in _required(find(base, name), small):
            given = {k: v for k, v in forced.items() if k in find(base, name).model_fields}
            tree = {"use": name, **inner, **small, **given}
            label = "-".join([name, *(v["use"] for v in inner.values() if isinstance(v, dict))])
            found.append(pytest.param(tree, id=label))
    return found


def students(*, cuttable: bool = False) -> list[Any]:
    """Every student that builds a network; or only those of which channels can be cut."""
    cases = []
    for case in settings(Student):
        student = make(Student, case.values[0])
        reasons = [
            "the teacher's own network" if student.of_teacher else "",
            "loaded, not built" if student.folder else "",
            student.uncut if cuttable else "",
        ]
        skip = [pytest.mark.skip(reason=reason) for reason in reasons if reason]
        cases.append(pytest.param(*case.values, id=case.id, marks=skip))
    return cases


def _required(plugin: type[Plugin], given: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    wanted = {name: f.annotation for name, f in plugin.model_fields.items() if f.is_required() and name not in given}
    options = [_options(name, kind) for name, kind in wanted.items()]
    for values in product(*options):
        yield dict(zip(wanted, values, strict=True))


def _options(name: str, kind: Any) -> list[Any]:
    if isinstance(kind, type) and issubclass(kind, Plugin):
        return [parameter.values[0] for parameter in settings(kind)]
    raise AssertionError(f"tests/hands.py knows no example of the setting {name}: {kind}")


def own(inputs: tuple[int, int, int], classes: int, width: int = 8) -> nn.Module:
    """A network as people write it, for the student `python`."""
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(inputs[0], width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()),
        nn.Sequential(nn.Conv2d(width, 2 * width, 3, 2, 1, bias=False), nn.BatchNorm2d(2 * width), nn.ReLU()),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(2 * width, classes),
    )


@cache
def digits(train: int = 200) -> Dataset:
    """A part of the digits."""
    whole = Digits().load()

    def some(split: Split, many: int) -> Split:
        return Split(split.x[:many], split.y[:many])

    return Dataset(
        some(whole.train, train), some(whole.val, 100), some(whole.test, 100), whole.classes, whole.mean, whole.std
    )


@cache
def npz() -> Path:
    """A small data set on disk, with colours."""
    random = np.random.default_rng(0)
    y = np.arange(60) % 3
    x = random.integers(0, 256, (60, 6, 5, 3), dtype=np.uint8)
    file = Path(tempfile.mkdtemp(prefix="autocompress-test-")) / "some.npz"
    np.savez(file, x_train=x[:40], y_train=y[:40], x_test=x[40:], y_test=y[40:])
    return file


def arrays() -> dict[str, np.ndarray]:
    """The same, as people return it to the data source `python`."""
    return dict(np.load(npz()))


@cache
def photos() -> Path:
    """Photographs on disk, of many sizes, in folders."""
    random = np.random.default_rng(0)
    folder = Path(tempfile.mkdtemp(prefix="autocompress-test-"))
    for place in range(36):
        pixels = random.integers(0, 256, (*random.integers(8, 30, 2), 3), dtype=np.uint8)
        file = folder / ("test" if place < 12 else "train") / "abc"[place % 3] / f"{place}.{('png', 'jpg')[place % 2]}"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(file)
    return folder


@cache
def mnist() -> Path:
    """Where torchvision would look for MNIST, with a few random images in its files."""
    random = np.random.default_rng(0)
    root = Path(tempfile.mkdtemp(prefix="autocompress-test-"))
    folder = root / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for which, many in (("train", 60), ("t10k", 20)):
        images = random.integers(0, 256, (many, 28, 28), dtype=np.uint8)
        labels = (np.arange(many) % 10).astype(np.uint8)
        for name, array in ((f"{which}-images-idx3-ubyte", images), (f"{which}-labels-idx1-ubyte", labels)):
            head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
            (folder / name).write_bytes(head + array.tobytes())
    return root


EXAMPLES: dict[str, Callable[[], dict[str, Any]]] = {  # of data sources that must be told where the data is
    "folder": lambda: {"path": str(photos()), "side": 12},
    "npz": lambda: {"path": str(npz())},
    "python": lambda: {"function": "hands:arrays"},
    "some": lambda: {"of": {"use": "npz", "path": str(npz())}},
    "torchvision": lambda: {"name": "mnist", "root": str(mnist()), "download": False},
}


def fresh(student: Mapping[str, Any] = SMALL, seed: int = 0, inputs: tuple[int, int, int] = (1, 8, 8)) -> Model:
    return Model.fresh(dict(student), inputs, 10, seed)


UNTRAINED = fresh(BIGGER, seed=9)
FAST = Plan(epochs=1, lr=0.1, batch_size=32)


def teaching(model: Model | None, data: Dataset | None = None) -> Callable[[str], Teacher] | None:
    """Everybody is taught by this model, whatever the name."""
    if model is None:
        return None
    teacher = Teacher(model, "tests", digits() if data is None else data, torch.device("cpu"))
    return lambda name: teacher


def lab(teacher: Model | None = UNTRAINED, **changes: Any) -> Lab:
    return Lab(digits(), **{"teachers": teaching(teacher), "round_to": 4, **changes})


def finish(run: Run) -> Model:
    """Drive a stage to its end."""
    return counting(run)[0]


def counting(run: Run) -> tuple[Model, int]:
    """The model and how many epochs it took."""
    epochs = 0
    while True:
        try:
            next(run)
        except StopIteration as end:
            return end.value, epochs
        epochs += 1


def state(model: Model) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.net.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """To the bit."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def sizes(model: Model) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in model.net.state_dict().items()}


def made(base: type[Plugin], tree: Any) -> Any:
    return make(base, tree)


class Hints(Distiller):
    """For tests: features and embeddings through a trained bridge, to prove what the trainer supplies."""

    needs: ClassVar[Needs] = Needs(teacher=False, features=True, embeddings=True)

    def bridge(self, shapes: Shapes) -> nn.Module:
        return nn.ModuleDict(
            {
                "map": nn.Conv2d(shapes.student_features[-1][0], shapes.teacher_features[-1][0], 1),
                "embed": nn.Linear(shapes.student_embedding, shapes.teacher_embedding),
            }
        )

    def losses(self, step: Step, bridge: nn.Module) -> dict[str, torch.Tensor]:
        mapped = bridge.get_submodule("map")(step.student_features[-1])
        wanted = F.adaptive_avg_pool2d(step.teacher_features[-1], mapped.shape[-1])
        assert step.student_embedding is not None
        assert step.teacher_embedding is not None
        embedded = bridge.get_submodule("embed")(step.student_embedding)
        return {"map": F.mse_loss(mapped, wanted), "embed": F.mse_loss(embedded, step.teacher_embedding)}

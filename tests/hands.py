"""What the tests of the hands share: a few digits, small nets, and one of each plug-in of a kind."""

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
from torch import nn

from autocompress.compress.distillers.base import Distiller, Needs, Shapes, Step
from autocompress.compress.lab import Lab
from autocompress.compress.model import Model
from autocompress.compress.stages.base import Run
from autocompress.compress.teacher import Teacher
from autocompress.compress.train import Plan
from autocompress.data.base import Dataset, Split
from autocompress.data.digits import Digits
from autocompress.plugin import Plugin, find, make, names

torch.set_num_threads(1)

SMALL = {"use": "cnn", "depth": 3, "width": 8}
BIGGER = {"use": "resnet", "depth": 8, "width": 8}
SHORTER = {"epochs": 1, "recover": 1, "ratio": 0.5}  # for any plug-in that has such settings


def settings(base: type[Plugin], **forced: Any) -> list[Any]:
    """Pytest parameters: `{use: name, ...}` of every plug-in of a kind, with every plug-in it must be given inside."""
    found = []
    for name in names(base):
        for inner in _required(find(base, name)):
            tree = {"use": name, **inner, **{k: v for k, v in forced.items() if k in find(base, name).model_fields}}
            label = "-".join([name, *(v["use"] for v in inner.values() if isinstance(v, dict))])
            found.append(pytest.param(tree, id=label))
    return found


def _required(plugin: type[Plugin]) -> Iterator[dict[str, Any]]:
    wanted = {name: f.annotation for name, f in plugin.model_fields.items() if f.is_required()}
    options = [_options(name, kind) for name, kind in wanted.items()]
    for values in product(*options):
        yield dict(zip(wanted, values, strict=True))


def _options(name: str, kind: Any) -> list[Any]:
    if isinstance(kind, type) and issubclass(kind, Plugin):
        return [parameter.values[0] for parameter in settings(kind)]
    assert (name, kind) == ("path", str), f"tests/hands.py knows no example of the setting {name}: {kind}"
    return [str(npz())]


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

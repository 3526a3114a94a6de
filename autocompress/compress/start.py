"""Where a candidate begins: a network that was just built, the teacher itself, or a model somebody kept."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from autocompress.compress.manifest import load, read
from autocompress.compress.model import Model
from autocompress.compress.students.base import Student
from autocompress.plugin import find, make
from autocompress.values.recipe import digest

Tree = dict[str, Any]


def started(
    student: Tree,
    inputs: tuple[int, int, int],
    classes: int,
    seed: int,
    teacher: Callable[[], Model],
    *,
    pretrain: bool = True,
) -> Model:
    """The model before its first stage. One whose weights are on grids already keeps them; how an exported file would
    lose bits is for the recipe to say."""
    family = make(Student, student)
    if family.of_teacher:
        return _as_network(teacher().copy())
    if family.folder is None:
        return Model.fresh(student, inputs, classes, seed, pretrain=pretrain)
    model = load(family.folder)
    if (model.inputs, model.classes) != (inputs, classes):
        found, wanted = _said(model.inputs, model.classes), _said(inputs, classes)
        raise ValueError(f"{family.folder}: a model of {found}, but the data has {wanted}")
    return _as_network(model)


def fitted(student: Tree, round_to: int) -> Tree:
    """A family that can keep its widths to multiples keeps to the device's, unless the recipe says otherwise."""
    takes = "round_to" in find(Student, student["use"]).model_fields
    return {**student, "round_to": round_to} if takes and "round_to" not in student else student


def origin(student: Tree) -> str:
    """What tells its first weights from others, beside its settings and the seed."""
    family = make(Student, student)
    if family.folder is not None:
        return str(read(family.folder)["weights_sha256"])
    return digest("origin", family.pretrained, family.source)


def _as_network(model: Model) -> Model:
    return model if model.gridded else replace(model, quantizer=None)


def _said(inputs: tuple[int, int, int], classes: int) -> str:
    c, h, w = inputs
    return f"{classes} classes of images of {h} x {w} x {c}"

"""Look into a model of a study, or one that was exported: where it can be cut, and how far. Only validation images."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import nn

from autocompress.compress.augmentations.base import Augmentation
from autocompress.compress.breakpoint import spread
from autocompress.compress.cutting.dissector import SHARED
from autocompress.compress.cutting.sensitivity import Loss, Place, accuracy_of, channels, sensitivity, weights
from autocompress.compress.cutting.surgery import Rules, trim
from autocompress.compress.cutting.widths import Target
from autocompress.compress.examples import Examples
from autocompress.compress.importances.base import Importance
from autocompress.compress.lab import Lab
from autocompress.compress.manifest import MANIFEST, WEIGHTS, load
from autocompress.compress.masks import thinned
from autocompress.compress.model import Model
from autocompress.compress.patterns.base import Pattern
from autocompress.data.base import Data, Dataset, Split
from autocompress.errors import Failure, StudyError
from autocompress.plugin import make
from autocompress.study.compression import DEVICE
from autocompress.study.explain import with_model
from autocompress.study.study import Study
from autocompress.values.borne import BASE, BORNE, Borne, Layer
from autocompress.values.measurement import Measurement
from autocompress.values.recipe import Recipe

By = Importance | Pattern  # whole channels, or single weights


class Point(NamedTuple):
    """Of a sweep over the whole network."""

    ratio: float
    left: float  # share of the weights that there were
    accuracy: float


@dataclass(frozen=True)
class Subject:
    """What is looked at, and where: `name` says it to people."""

    name: str
    model: Model
    lab: Lab

    @property
    def images(self) -> int:
        return len(self.lab.data.val)

    def measured(self, accuracy: float) -> Measurement:
        on = f"the network, {self.images} images of the validation split"
        error = spread(accuracy, self.images)
        return Measurement(metric="accuracy", value=accuracy, how="measured", on=on, spread=error, n=self.images)


def of_study(name: str, trial: int | None = None, *, images: int | None = None, storage: str | None = None) -> Subject:
    """The teacher of a study that was begun, or the model of one of its trials, as it was measured there."""
    study = Study.open(name, storage=storage)
    spec = study.spec
    if spec.device is None:
        raise StudyError(f"study {name!r} searches a function of yours; there is no network to look into")
    which, recipe, files = _made(study, trial)
    with _readable(which), tempfile.TemporaryDirectory(prefix="autocompress-") as folder:
        for role, file in (("manifest", MANIFEST), ("weights", WEIGHTS)):
            (Path(folder) / file).write_bytes(study.artifacts.get(files[role]))
        model = load(Path(folder))
        data = make(Data, spec.data).load()
    augment = [make(Augmentation, one) for one in spec.augment]
    return _subject(f"{which}: {recipe.line}", model, data, augment, images, spec.seed, spec.device.round_to)


def of_folder(folder: Path, data: Data, *, images: int | None = None) -> Subject:
    """A model that was exported, on data that it knows nothing of."""
    with _readable(str(folder)):
        known, model = data.load(), load(folder)
        if (model.inputs, model.classes) != (known.inputs, len(known.classes)):
            wants, is_given = (model.inputs, model.classes), (known.inputs, len(known.classes))
            raise ValueError(f"it wants (channels, height, width) and classes {wants}, and the data has {is_given}")
    return _subject(f"{folder}: {Recipe.of({'student': model.student}).line}", model, known, [], images)


def layers(subject: Subject, by: By) -> tuple[list[Place], dict[str, str]]:
    """Where something can be taken out of one layer alone; and which layers are left whole, and why."""
    model, lab = subject.model, subject.lab
    with _possible(subject):
        if isinstance(by, Importance):
            found, whole = channels(model, lab, by), dict(SHARED.anatomy(model).left)
            missed = f"{type(by).__name__.lower()} has nothing to say about it"
        else:
            found, whole = weights(model, lab, by), {model.parts.head: "it makes the classes"}
            missed = f"{type(by).__name__.lower()} does not fit it"
    cut = {name for place in found for name in (place.layer, *place.others)}
    kinds = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
    named = [name for name, layer in model.net.named_modules() if isinstance(layer, kinds) and name not in cut]
    return found, {name: whole.get(name, missed) for name in named}


def losses(
    subject: Subject, places: Sequence[Place], ratios: Sequence[float], *, norms_too: bool = False
) -> Iterator[Loss]:
    """Layer by layer, what a cut in it alone does to accuracy."""
    with _possible(subject):
        yield from sensitivity(subject.model, subject.lab, places, ratios, norms_too=norms_too)


def borne(
    found: Sequence[Loss],
    ratios: Sequence[float],
    caps: Mapping[str, float],
    what: Literal["channels", "weights"],
    how: str,
    dense: Measurement,
    drop: float,
) -> Borne:
    """The same as a study keeps it."""
    layers = tuple(
        Layer(name=one.layer, size=one.size, kept=one.kept, accuracy=one.accuracy, cap=caps.get(one.layer))
        for one in found
    )
    return Borne(what=what, how=how, dense=dense, drop=drop, ratios=tuple(ratios), layers=layers)


def keep(name: str, trial: int | None, found: Borne, storage: str | None = None) -> str:
    """With the study, for its report; the last word on a model counts. Says why not, if it could not be."""
    key = BASE if trial is None else str(trial)
    try:
        Study.open(name, storage=storage).keep(BORNE, key, found.model_dump(mode="json"))
    except StudyError as error:
        return str(error)
    return ""


def sweep(subject: Subject, by: By, ratios: Sequence[float], *, norms_too: bool = False) -> Iterator[Point]:
    """The whole network, cut further and further: each time anew, and without training.

    Every layer loses the same share of its channels; or the network that share of its weights, as the pattern says.
    """
    model, lab = subject.model, subject.lab
    before = _weights(model.net)
    with _possible(subject):
        for ratio in ratios:
            smaller = _cut(model, lab, by, ratio) if ratio else model.copy()
            left = _weights(smaller.net) / before
            yield Point(ratio, left, accuracy_of(smaller.net, lab, norms_too=norms_too and ratio > 0))


def possible(by: By, ratios: Sequence[float]) -> list[float]:
    """Those of the ratios that can be asked of it."""
    return [ratio for ratio in ratios if isinstance(by, Importance) or ratio <= by.most]


def dense(subject: Subject) -> Measurement:
    """Accuracy before anything is cut."""
    return subject.measured(accuracy_of(subject.model.copy().net, subject.lab))


def _cut(model: Model, lab: Lab, by: By, ratio: float) -> Model:
    if isinstance(by, Importance):
        return trim(model, lab, Target(ratio), by, Rules(most=ratio))
    return thinned(model, by, ratio, lab.seed)


def _weights(net: nn.Module) -> int:
    """Of convolutions and matrices, those that are not 0."""
    return sum(int(torch.count_nonzero(p)) for p in net.parameters() if p.ndim > 1)


def _made(study: Study, trial: int | None) -> tuple[str, Recipe, dict[str, str]]:
    """What it is called, how it was made, and its files by role."""
    name = study.spec.name
    if trial is None:
        files = study.fact("baseline_artifacts")
        if not files or not isinstance(study.spec.teacher, dict):
            raise StudyError(f"study {name!r} has made no teacher yet; go on with: autocompress resume {name}")
        return f"{name}, its teacher", Recipe.of(study.spec.teacher), files
    found = with_model(name, study.trials, trial)
    return f"{name}, trial {trial}", found.recipe, found.artifacts


def _subject(
    name: str,
    model: Model,
    data: Dataset,
    augment: Sequence[Augmentation],
    images: int | None,
    seed: int = 0,
    round_to: int = 1,
) -> Subject:
    if model.scale is not None:
        data = replace(data, mean=model.scale.mean, std=model.scale.std)
    data = replace(data, val=_some(data.val, images))
    examples = Examples(data, augment, DEVICE)
    return Subject(name, model, Lab(data, examples=examples, seed=seed, round_to=round_to, device=DEVICE))


def _some(split: Split, images: int | None) -> Split:
    """Any so many of them, always the same ones. A split may lie in the order of its classes."""
    if images is None or images >= len(split):
        return split
    places = np.sort(np.random.default_rng(0).permutation(len(split))[:images])
    return Split(split.x[places], split.y[places])


@contextmanager
def _readable(what: str) -> Iterator[None]:
    """A model or data that cannot be loaded is told in words."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise StudyError(f"{what}: it cannot be loaded: {error}") from error


@contextmanager
def _possible(subject: Subject) -> Iterator[None]:
    """So is a network that cannot be cut like this."""
    try:
        yield
    except Failure as failure:
        raise StudyError(f"{subject.name}: {failure}") from failure

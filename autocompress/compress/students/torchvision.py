"""Any of torchvision's classifiers by name, with its weights if wanted: the usual teacher."""

from difflib import get_close_matches
from typing import Any, ClassVar

import torch
from pydantic import field_validator, model_validator
from torch import nn
from torchvision import models
from torchvision.models import WeightsEnum, get_model, get_model_weights, list_models

from autocompress.compress.students._dry_run import dry_run
from autocompress.compress.students._find_parts import find_parts, remember, remembered
from autocompress.compress.students._fit import take
from autocompress.compress.students.base import Parts, Scale, Student
from autocompress.errors import Failure

TWO_ANSWERS = ("googlenet", "inception_v3")  # while they learn, unless told not to
CHANNELS_LAST = "swin"  # between its stages; only the last map is turned into (B, C, H, W)


class Torchvision(Student):
    """torchvision's classifier `name`, such as resnet50, as it is; `weights` such as IMAGENET1K_V2 or DEFAULT.

    Weights are downloaded when they are first needed. Their head goes if the classes are not theirs, and their colours
    are added up if the images have none.
    """

    downloads: ClassVar[bool] = True

    name: str
    weights: str | None = None

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        known = list_models(module=models)
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"torchvision has no classifier {name!r}{hint}")
        return name

    @model_validator(mode="after")
    def _has_weights(self) -> "Torchvision":
        known = get_model_weights(self.name).__members__
        if self.weights is not None and self.weights not in known:
            raise ValueError(f"weights: {self.name} has no {self.weights!r}, it has {', '.join(known)}")
        return self

    @property
    def _source(self) -> WeightsEnum | None:
        return get_model_weights(self.name)[self.weights] if self.weights else None

    def build(self, inputs: tuple[int, int, int], classes: int) -> nn.Module:
        settings: dict[str, Any] = {}
        if self.name in TWO_ANSWERS:
            settings = {"aux_logits": False, "init_weights": True, "transform_input": bool(self.weights)}
        if self.name.startswith("vit") and not self.weights:
            settings = {"image_size": inputs[1]}
        try:
            net: nn.Module = get_model(self.name, weights=None, num_classes=classes, **settings)
            take(net, _first(net), inputs[0])
            _, parts = find_parts(net, lambda: dry_run(net, inputs), classes)
        except Exception as error:  # whatever a network says of images too small, or not square
            reason = f"torchvision's {self.name} cannot take images of {inputs}: {error}"
            raise Failure("unsupported", reason) from error
        remember(net, Parts(("permute",), parts.head) if self.name.startswith(CHANNELS_LAST) else parts)
        return net

    def parts(self, net: nn.Module) -> Parts:
        return remembered(net)

    def pretrain(self, net: nn.Module) -> None:
        if self._source is None:
            return
        with torch.random.fork_rng(devices=[]):
            try:
                theirs = get_model(self.name, weights=self._source, progress=False).state_dict()
            except OSError as error:
                place = f"{torch.hub.get_dir()}/checkpoints"
                raise ValueError(f"cannot fetch {self._source.url} into {place}: {error}") from error
        ours = net.state_dict()
        known = {name: value for name, value in theirs.items() if name in ours and ours[name].shape == value.shape}
        first = f"{_first(net)}.weight"
        if first not in known:
            channels = ours[first].shape[1]
            known[first] = theirs[first].sum(1, keepdim=True).expand(-1, channels, -1, -1) / channels
        new = ours.keys() - known.keys()
        assert all(name.startswith(f"{self.parts(net).head}.") for name in new), new
        ours.update(known)
        net.load_state_dict(ours)

    @property
    def pretrained(self) -> str:
        return "" if self._source is None else str(self._source.url).rpartition("/")[2]

    @property
    def scale(self) -> Scale | None:
        if self._source is None:
            return None
        wanted = self._source.transforms()
        return Scale(tuple(wanted.mean), tuple(wanted.std))


def _first(net: nn.Module) -> str:
    found: str = next(name for name, module in net.named_modules() if isinstance(module, nn.Conv2d))
    return found

"""Where networks look: heat maps of the model and of the baseline, side by side, and how alike they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from autocompress.compress.explain.heat import Seen, grad_cam, last_map
from autocompress.compress.model import Model
from autocompress.measure.likeness import ssim
from autocompress.study.examining import pictures
from autocompress.study.examining.running import Ran, mean, spaced
from autocompress.values.examination import Heat, Look

LOOKS = 4  # images that are kept
IMAGES = 64  # that are compared


@dataclass(eq=False)
class Looking:
    """A network that looks at the images of a run of its file. Each is looked at once."""

    model: Model
    run: Ran

    @cached_property
    def layer(self) -> tuple[str, tuple[int, int]]:
        return last_map(self.model)

    @cached_property
    def _known(self) -> dict[int, tuple[NDArray[np.float64], int]]:
        return {}

    def at(self, places: Sequence[int]) -> tuple[NDArray[np.float64], list[int]]:
        """Its heat maps, and the classes that it answers."""
        new = [place for place in places if place not in self._known]
        if new:
            x = torch.from_numpy(self.run.data.prepared(self.run.data.test.x[np.array(new)]))
            seen = grad_cam(self.model.net, self.layer[0], x)
            self._known.update(zip(new, _pairs(seen), strict=True))
        found = [self._known[place] for place in places]
        return np.stack([heat for heat, _ in found]), [answer for _, answer in found]


def heat(mine: Looking, base: Looking | None) -> Heat:
    """The few images that are kept are of different classes: the first that the baseline's file gets right."""
    run = mine.run
    kept = _kept(run if base is None else base.run)
    looks, likeness = _looks(mine, base, kept), None
    if base is not None:
        places = spaced(len(run.y), IMAGES).tolist()
        likeness = mean(ssim(mine.at(places)[0], base.at(places)[0]))
    return Heat(
        grid=mine.layer[1], baseline_grid=base.layer[1] if base else None, looks=tuple(looks), similarity=likeness
    )


def _looks(mine: Looking, base: Looking | None, kept: Sequence[int]) -> list[Look]:
    if not kept:
        return []
    run, names = mine.run, mine.run.data.classes
    heats, answers = mine.at(kept)
    theirs, said = base.at(kept) if base else (None, None)
    likeness = None if theirs is None else ssim(heats, theirs)
    return [
        Look(
            image=place,
            truth=names[run.y[place]],
            answer=names[answers[i]],
            baseline_answer=None if said is None else names[said[i]],
            picture=pictures.picture(run.data.test.x[place : place + 1][0]),
            heat=pictures.heat(heats[i]),
            baseline_heat=None if theirs is None else pictures.heat(theirs[i]),
            similarity=None if likeness is None else float(likeness[i]),
        )
        for i, place in enumerate(kept)
    ]


def _kept(run: Ran) -> list[int]:
    found: dict[int, int] = {}
    for place in np.flatnonzero(run.said == run.y).tolist():
        found.setdefault(int(run.y[place]), place)
        if len(found) == LOOKS:
            break
    return list(found.values())


def _pairs(seen: Seen) -> list[tuple[NDArray[np.float64], int]]:
    return list(zip(seen.heat.double().numpy(), seen.answers.tolist(), strict=True))

"""How a file bears another light: its accuracy on images that are changed more and more."""

import numpy as np

from autocompress.compress.explain.jitter import changed, jittered
from autocompress.measure.accuracy import accuracy
from autocompress.study.examining.running import Ran, as_mean, spaced
from autocompress.values.examination import Light, Mean

STRENGTHS = (0.0, 0.2, 0.4, 0.6, 0.8)
IMAGES = 2_000
AT_ONCE = 256


def light(run: Ran, base: tuple[Mean, ...] | None, seed: int) -> Light:
    """Of the file, and what is known of the baseline's."""
    return Light(changed=changed(run.data.inputs[0]), strengths=STRENGTHS, accuracy=borne(run, seed), baseline=base)


def borne(run: Ran, seed: int) -> tuple[Mean, ...]:
    """Accuracy at each strength: all files see the same images, changed in the same ways."""
    places = spaced(len(run.y), IMAGES)
    found = [[run.logits[places]], *([] for _ in STRENGTHS[1:])]
    for start in range(0, len(places), AT_ONCE):
        some = places[start : start + AT_ONCE]
        x = run.data.test.x[some]
        for parts, strength in zip(found[1:], STRENGTHS[1:], strict=True):
            parts.append(run.of(jittered(x, strength, seed, some)))
    return tuple(as_mean(accuracy(np.concatenate(parts), run.y[places], run.on)) for parts in found)

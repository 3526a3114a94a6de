"""How much can be taken out before accuracy breaks: one number from a sweep, and how sure it is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile
from typing import Literal, get_args

Rule = Literal["drop", "relative", "kneedle"]
RULES: tuple[Rule, ...] = get_args(Rule)
DUST = 1e-9  # 0.917 - 0.01 is 0.907, not 0.9070000000000001


@dataclass(frozen=True)
class Breakpoint:
    """`ratio` is the last that holds of those tried, `beyond` the next, which does not; None where all of them hold.

    `low` to `high` is where the fit, less and plus one standard error, crosses the `threshold`; of a knee, the ratios
    around it that come within one standard error of it. With `enough` images, one standard error is half of the drop.
    """

    ratio: float
    beyond: float | None
    low: float
    high: float
    fit: tuple[float, ...]  # accuracies that never rise, as near as can be to those measured
    threshold: float | None  # the least accuracy that holds; a knee has none
    images: int
    enough: int

    @property
    def resolved(self) -> bool:
        """Whether there were enough images to tell."""
        return self.images >= self.enough


def breakpoint(
    ratios: Sequence[float], accuracies: Sequence[float], images: int, *, rule: Rule = "drop", drop: float = 0.01
) -> Breakpoint:
    """The last ratio at which accuracy is at most `drop` below that of ratio 0, which comes first.

    `relative`: at most the share `drop` of it below. `kneedle`: where the curve is farthest above the line between its
    ends (Satopaa et al. 2011); such a knee knows no `drop`.
    """
    if len(ratios) != len(accuracies) or len(ratios) < 2:
        raise ValueError(f"wants two or more ratios and an accuracy for each, got {len(ratios)} and {len(accuracies)}")
    if ratios[0] != 0 or any(b <= a for a, b in pairwise(ratios)):
        raise ValueError(f"ratios must rise from 0, got {list(ratios)}")
    if not all(0 <= accuracy <= 1 for accuracy in accuracies):
        raise ValueError(f"accuracies are shares from 0 to 1, got {list(accuracies)}")
    if images < 1 or drop <= 0:
        raise ValueError(f"wants one or more images and a drop above 0, got {images} and {drop}")
    fit = falling(accuracies)
    if rule == "kneedle":
        return _knee(ratios, fit, images)
    allowed = drop if rule == "drop" else drop * accuracies[0]
    threshold = accuracies[0] - allowed
    last = max(place for place, accuracy in enumerate(fit) if accuracy >= threshold - DUST)
    low = _crossing(ratios, [accuracy - spread(accuracy, images) for accuracy in fit], threshold)
    high = _crossing(ratios, [accuracy + spread(accuracy, images) for accuracy in fit], threshold)
    enough = _enough(threshold, allowed)
    return Breakpoint(ratios[last], _after(ratios, last), low, high, fit, threshold, images, enough)


def falling(accuracies: Sequence[float]) -> tuple[float, ...]:
    """The nearest curve that never rises, by least squares: to take more out does not help, except by luck."""
    from sklearn.isotonic import isotonic_regression  # 1 s of imports

    fitted = isotonic_regression(list(map(float, accuracies)), y_min=0.0, y_max=1.0, increasing=False)
    return tuple(map(float, fitted))


def spread(accuracy: float, images: int) -> float:
    """One standard error of a share of so many images; never below that of half a mistake, nor of half a hit."""
    least = min(0.5, 0.5 / images)
    share = min(max(accuracy, least), 1 - least)
    return math.sqrt(share * (1 - share) / images)


def _knee(ratios: Sequence[float], fit: tuple[float, ...], images: int) -> Breakpoint:
    fall = fit[0] - fit[-1]
    if fall <= DUST:
        return Breakpoint(ratios[-1], None, ratios[0], ratios[-1], fit, None, images, 1)
    above = [(a - fit[-1]) / fall + r / ratios[-1] - 1 for r, a in zip(ratios, fit, strict=True)]
    last = above.index(max(above))
    near = [height + spread(a, images) / fall >= above[last] for height, a in zip(above, fit, strict=True)]
    low = last - sum(1 for _ in takewhile(bool, reversed(near[:last])))
    high = last + sum(1 for _ in takewhile(bool, near[last + 1 :]))
    enough = _enough((fit[0] + fit[-1]) / 2, fall)
    return Breakpoint(ratios[last], _after(ratios, last), ratios[low], ratios[high], fit, None, images, enough)


def _crossing(ratios: Sequence[float], curve: Sequence[float], threshold: float) -> float:
    """Where a curve first falls below the threshold, on straight lines between what was tried; else its end."""
    below = next((place for place, accuracy in enumerate(curve) if accuracy < threshold - DUST), None)
    if below is None:
        return ratios[-1]
    if below == 0:
        return ratios[0]
    left, right = curve[below - 1], curve[below]
    part = max(0.0, (left - threshold) / (left - right))
    return ratios[below - 1] + part * (ratios[below] - ratios[below - 1])


def _after(ratios: Sequence[float], place: int) -> float | None:
    return ratios[place + 1] if place + 1 < len(ratios) else None


def _enough(accuracy: float, allowed: float) -> int:
    """Images for a standard error of half of what is allowed; where nothing is right, there is nothing to tell."""
    if allowed < DUST:
        return 1
    share = min(max(accuracy, 0.0), 1.0)
    return max(1, math.ceil(share * (1 - share) / (allowed / 2) ** 2))

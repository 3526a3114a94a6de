"""What a report is made from: everything that is known of a study, as values."""

from dataclasses import dataclass

from autocompress.values.front import Front, Pick, front, reference, volume
from autocompress.values.measurement import Measurement
from autocompress.values.study import StudySpec
from autocompress.values.trial import Trial


@dataclass(frozen=True)
class StudyView:
    """A study at one moment. Every report is a pure function of it: same view, same bytes.

    `front.limits` are resolved against the baseline. `test_accuracy` is keyed by trial number (the baseline's is
    `job.BASELINE`) and was taken of the exported file.
    """

    spec: StudySpec
    trials: tuple[Trial, ...]
    baseline: tuple[Measurement, ...]
    front: Front
    test_accuracy: dict[int, Measurement]
    seconds: float  # wall clock
    environment: dict[str, str]
    rule: str = "accuracy-first"
    control: tuple[Trial, ...] = ()  # of a search by chance for as much device time

    @property
    def volumes(self) -> tuple[float, float] | None:
        """Hypervolume of the front, and of what chance has found; None where nobody has asked chance."""
        if not self.control:
            return None
        limits, point_of = self.front.limits, list(self.trials + self.control)
        point = reference(self.spec.objectives, limits, self.baseline, point_of)
        chance = front(self.control, self.spec.objectives, limits, self.baseline)
        return volume(self.front, point), volume(chance, point)

    @property
    def pick(self) -> Pick | None:
        """What to take, or None where nothing fits."""
        return self.front.pick(self.rule) if self.front.members else None

"""What a report is made from: everything that is known of a study, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from autocompress.search.importance import importance
from autocompress.values.borne import Borne
from autocompress.values.certainty import Standing, contenders, shares, standings
from autocompress.values.columns import columns, varied
from autocompress.values.examination import Examination
from autocompress.values.front import Front, Pick, front, reference, volume
from autocompress.values.growth import Stand, growth
from autocompress.values.hypervolume import Points
from autocompress.values.measurement import Measurement
from autocompress.values.study import StudySpec
from autocompress.values.techniques import Part
from autocompress.values.trial import Trial
from autocompress.values.validated import Validated

MODELS = "models"  # the folder beside the page


@dataclass(frozen=True)
class ModelFile:
    """The file of a model: where its copy is beside the page, and where its content lies."""

    place: str  # models/trial-12.onnx
    content: Path


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
    parts: tuple[Part, ...] = ()  # the fronts of those trials that do without one technique
    stopped_at: Mapping[int, float] = field(default_factory=dict)  # share of its training that a trial had
    examinations: Mapping[int, Examination] = field(default_factory=dict)  # of members of the front, by trial
    borne: Mapping[int, Borne] = field(default_factory=dict)  # what layers bear to lose, by trial, as far as analysed
    validated: Mapping[int, Validated] = field(default_factory=dict)  # what became of members with fresh seeds
    models: Mapping[int, ModelFile] = field(default_factory=dict)  # of members whose file is there and whole

    @property
    def volumes(self) -> tuple[float, float] | None:
        """Hypervolume of the front, and of what chance has found; None where nobody has asked chance."""
        if not self.control:
            return None
        chance = front(self.control, self.spec.objectives, self.front.limits, self.baseline)
        return volume(self.front, self.point), volume(chance, self.point)

    @property
    def pick(self) -> Pick | None:
        """What to take, or None where nothing fits."""
        return self.front.pick(self.rule) if self.front.members else None

    @cached_property
    def point(self) -> Points:
        """The worst acceptable point, the same for the study, its parts and its control."""
        every = list(self.trials + self.control)
        return reference(self.spec.objectives, self.front.limits, self.baseline, every)

    @cached_property
    def importance(self) -> dict[str, dict[str, float]]:
        """What mattered to each objective: metric -> choice -> share."""
        done = [t for t in self.trials if t.state == "complete" and t.origin != "replica"]
        rows = [columns(t.recipe) for t in done]
        names = varied(rows)
        return {
            o.metric: importance(rows, [o.cost(t.value(o.metric)) for t in done], names) for o in self.front.objectives
        }

    @cached_property
    def growth(self) -> tuple[list[Stand], list[Stand]]:
        """How the study's front grew, and the one of the search by chance."""
        ours, chance = (growth(trials, self.front.objectives, self.point) for trials in (self.trials, self.control))
        return ours, chance

    @cached_property
    def picks(self) -> dict[str, Pick]:
        """What every rule would take."""
        return self.front.picks()

    @cached_property
    def certain(self) -> dict[int, float]:
        """How often each member of the front, and who is near it, is on the front when the noise is drawn again."""
        near = contenders(self.front, self.trials)
        return shares([*self.front.members, *near], self.front.objectives)

    @cached_property
    def standings(self) -> dict[int, Standing]:
        """On the front or within noise of it; who is not named is beaten."""
        near = [t for t in self.trials if t.number in self.certain and t not in self.front.members]
        return standings(self.front, near, self.certain)

"""Models beside their baseline: answers, calibration, other light and where they look, as tidy rows and as charts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from altair.utils.schemapi import debug_mode

from autocompress.reports.chapter.model_layers import START
from autocompress.reports.drawing.lines import Spot, lines_chart
from autocompress.reports.drawing.looks import looks_sheet
from autocompress.reports.drawing.picture import Picture
from autocompress.reports.drawing.weights import weights_chart
from autocompress.study.explain import Baseline, Explained
from autocompress.values.examination import Examination, Mean
from autocompress.values.measurement import Measurement
from autocompress.values.metric import show

NUMBERS = {  # as columns are named -> as people read them
    "test_accuracy": "test accuracy",
    "equal_answers": "equal answers",
    "kl_divergence": "KL, nats",
    "gradcam_ssim": "likeness (SSIM)",
    "accuracy_light_0.4": "light ± 40 %",
    "accuracy_light_0.8": "light ± 80 %",
    "calibration_error": "calibration error",
}
ACCURACY = "test accuracy, % (± one standard error)"
WIDE, HIGH = 560, 340  # pixels
SHARES = tuple(name for name in NUMBERS if name not in ("kl_divergence", "gradcam_ssim"))
BASELINE = "baseline"
PARTS = {  # of an examination -> what is said of one that is not there
    "baseline": "not beside the baseline:",
    "answers": "no answers:",
    "changes": "no answers beside the baseline's:",
    "light": "nothing of another light:",
    "heat": "no heat maps:",
    "baseline_heat": "no heat maps of the baseline:",
    "baseline_light": "nothing of the baseline in another light:",
    "layers": "no layers:",
}

Known = Mean | Measurement  # a value, its spread and of how many images


@dataclass(frozen=True)
class Row:
    """One model: `trial` is None for the baseline."""

    trial: int | None
    recipe: str
    numbers: Mapping[str, Known] = field(default_factory=dict)
    light: tuple[tuple[float, Mean], ...] = ()
    classes: tuple[tuple[str, int, int], ...] = ()  # name, images, right

    @property
    def name(self) -> str:
        return BASELINE if self.trial is None else f"trial {self.trial}"


def rows(found: Sequence[Explained], base: Baseline | None) -> list[Row]:
    """The baseline first, if there is one."""
    models = [_model(one) for one in found]
    return [_baseline([one.seen for one in found], base), *models] if base else models


def missing(found: Sequence[Explained], base: Baseline | None) -> list[str]:
    """What could not be found out, and why; each reason once."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for one in found:
        for part, said in PARTS.items():
            why = one.seen.notes.get(part)
            if why and not getattr(one.seen, part, None) and (base or part != "baseline"):
                reasons.setdefault((said, why), []).append(str(one.trial.number))
    told = [f"{'trials' if len(who) > 1 else 'trial'} {', '.join(who)}: {' '.join(x)}" for x, who in reasons.items()]
    return told if base else [*told, "nothing is compared with a baseline: this study has no teacher"]


def _model(one: Explained) -> Row:
    seen, numbers = one.seen, dict[str, Known]()
    if seen.answers:
        numbers["test_accuracy"] = seen.answers.accuracy
    if seen.changes:
        numbers |= {"equal_answers": seen.changes.agreement, "kl_divergence": seen.changes.divergence}
    if seen.heat and seen.heat.similarity:
        numbers["gradcam_ssim"] = seen.heat.similarity
    light = tuple(zip(seen.light.strengths, seen.light.accuracy, strict=True)) if seen.light else ()
    numbers |= _in_light(light)
    if seen.answers:
        numbers["calibration_error"] = seen.answers.calibration.error
    classes = tuple((c.name, c.n, c.right) for c in seen.answers.classes) if seen.answers else ()
    return Row(one.trial.number, one.trial.recipe.line, numbers, light, classes)


def _baseline(every: Sequence[Examination], base: Baseline) -> Row:
    """What was found of it stands in each examination: the first that has it tells."""
    numbers: dict[str, Known] = {"test_accuracy": base.accuracy} if base.accuracy else {}
    strengths = next((tuple(zip(s.light.strengths, s.light.baseline, strict=True))
                      for s in every if s.light and s.light.baseline), ())  # fmt: skip
    answers = next((s.answers for s in every if s.answers and s.answers.calibration.baseline_error), None)
    numbers |= _in_light(strengths)
    if answers and answers.calibration.baseline_error:
        numbers["calibration_error"] = answers.calibration.baseline_error
    classes = answers.classes if answers else ()
    known = tuple((c.name, c.n, c.baseline_right) for c in classes if c.baseline_right is not None)
    return Row(None, base.recipe.line, numbers, strengths, known)


def _in_light(light: Sequence[tuple[float, Mean]]) -> dict[str, Mean]:
    return {name: found for strength, found in light if (name := f"accuracy_light_{strength:g}") in NUMBERS}


# --- as tables ---


def cells(row: Row) -> list[str]:
    """In the order of NUMBERS."""
    return [_shown(name, row.numbers.get(name)) for name in NUMBERS]


def _shown(name: str, found: Known | None) -> str:
    if found is None:
        return "–"
    if name in SHARES:
        return show("accuracy", found.value, found.spread)
    return f"{found.value:.3f}" + (f" ± {found.spread:.3f}" if found.spread else "")


def number_rows(table: Sequence[Row]) -> list[dict[str, Any]]:
    """One per model and number."""
    return [
        _of(row) | {"number": name} | _mean(row.numbers[name])
        for row in table
        for name in NUMBERS
        if name in row.numbers
    ]


def light_rows(table: Sequence[Row]) -> list[dict[str, Any]]:
    return [
        _of(row) | {"strength": strength, "accuracy": found.value, "spread": found.spread, "n": found.n}
        for row in table
        for strength, found in row.light
    ]


def class_rows(table: Sequence[Row]) -> list[dict[str, Any]]:
    return [
        _of(row) | {"class": name, "n": n, "right": right, "accuracy": right / n if n else None}
        for row in table
        for name, n, right in row.classes
    ]


def _of(row: Row) -> dict[str, Any]:
    return {"model": row.name, "trial": row.trial}


def _mean(found: Known) -> dict[str, Any]:
    return {"value": found.value, "spread": found.spread, "n": found.n}


def document(table: Sequence[Row], found: Sequence[Explained]) -> list[dict[str, Any]]:
    """For programs: the same, model by model; and what could not be found out, and why."""
    notes = {one.trial.number: dict(one.seen.notes) for one in found}
    return [
        _of(row)
        | {
            "recipe": row.recipe,
            "numbers": {name: _mean(value) for name, value in row.numbers.items()},
            "light": [{"strength": strength} | _mean(value) for strength, value in row.light],
            "classes": [{"name": name, "n": n, "right": right} for name, n, right in row.classes],
            "notes": {} if row.trial is None else notes[row.trial],
        }
        for row in table
    ]


# --- as figures ---


def figures(table: Sequence[Row], found: Sequence[Explained]) -> dict[str, str]:
    """SVGs by name."""
    made = {}
    with debug_mode(False):
        lines = [(row.name, [_spot(row.name, *one) for one in row.light]) for row in table if row.light]
        if lines:
            changed = next(" and ".join(one.seen.light.changed) for one in found if one.seen.light)
            said = f"share by which {changed} of each image change at most"
            chart = lines_chart(lines, said, ACCURACY, width=WIDE, height=HIGH, percent=True)
            made["light"] = Picture("light", "", chart).svg({})
        for one in found:
            weights = weights_chart(one.seen.layers or (), width=WIDE)
            if weights is not None:
                beside = f"; outlined: {START[one.seen.weights_before]}" if one.seen.weights_before else ""
                titled = weights.properties(title=f"Weights of trial {one.trial.number} that are not 0{beside}")
                made[f"weights-{one.trial.number}"] = Picture("weights", "", titled).svg({})
            if one.seen.heat and one.seen.heat.looks:
                made[f"looks-{one.trial.number}"] = _sheet(one)
    return made


def _spot(name: str, strength: float, found: Mean) -> Spot:
    spread = found.spread or 0.0
    said = f"{name}, ± {100 * strength:.0f} %: {show('accuracy', found.value, found.spread)}"
    return Spot(strength, found.value, max(found.value - spread, 0.0), min(found.value + spread, 1.0), said)


def _sheet(one: Explained) -> str:
    heat = one.seen.heat
    assert heat is not None
    title = f"Where trial {one.trial.number} looks (Grad-CAM)"
    same = heat.similarity
    said = "what speaks for the answer that each network gives"
    if same:
        said = f"likeness of the two maps (SSIM, 1 is equal) over {same.n} images: {_shown('gradcam_ssim', same)}"
    return looks_sheet(title, said, heat.looks)

"""What a study leaves in a folder: a page, the front and the trials as data, and a comment for a pull request."""

import csv
import filecmp
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from autocompress.reports.against import against
from autocompress.reports.drawing.figures import Figures
from autocompress.reports.drawing.picture import on_paper
from autocompress.reports.frame import front_frame, parquet, trials_frame
from autocompress.reports.grid import front_grid, heading
from autocompress.reports.markdown import code
from autocompress.reports.page import page
from autocompress.reports.put import put
from autocompress.reports.table import STAR, compared_metrics, why_none
from autocompress.reports.view import MODELS, StudyView
from autocompress.values.counts import counts
from autocompress.values.front import row
from autocompress.values.job import BASELINE
from autocompress.values.measurement import Measurement
from autocompress.values.metric import METRICS
from autocompress.values.trial import Trial

SCHEMA = "autocompress.front/v1"
MOST_ROWS = 12  # of the front in a comment
OURS = re.compile(r"trial-(\d+)\.\w+")  # names of copies of models
EARLIER = "pick.onnx"  # where earlier versions put the pick
PAIRS = {f"{a}-{b}".replace("_", "-") for a in METRICS for b in METRICS}
DRAWN = {"recipes", "growth-trials", "growth-seconds", "importance", "techniques", *PAIRS}  # names of figures


def write(view: StudyView, folder: Path, *, pictures: bool = False) -> tuple[Path, ...]:
    """Write every report of the study into `folder`; each file is there whole or not at all."""
    figures = Figures(view)
    texts = {
        "report.html": page(view, figures),
        "front.csv": front_csv(view),
        "trials.csv": trials_csv(view),
        "front.json": json.dumps(front_json(view), indent=2, ensure_ascii=False, allow_nan=False) + "\n",
        "summary.md": comment(view),
    }
    found = {name: text.encode() for name, text in texts.items()}
    found |= {"front.parquet": parquet(front_frame(view)), "trials.parquet": parquet(trials_frame(view.trials))}
    if pictures:
        for name, svg in figures.svgs.items():
            found |= on_paper(f"figures/{name}", svg)
    models = [_copied(model.content, folder / model.place) for model in view.models.values()]
    if (folder / "report.html").exists():
        (folder / EARLIER).unlink(missing_ok=True)
    written = [put(folder / name, data) for name, data in found.items()]  # after what the page links to
    if pictures:
        _undrawn(folder / "figures", set(written))
    _cleared(folder / MODELS, view)  # last: an older page linked to them
    return (*written, *models)


def _copied(content: Path, copy: Path) -> Path:
    """What is there already is left alone."""
    same = copy.exists() and filecmp.cmp(content, copy, shallow=False)
    return copy if same else put(copy, content.read_bytes())


def _undrawn(folder: Path, written: set[Path]) -> None:
    """Figures of an earlier report that are not drawn any more go."""
    for old in folder.glob("*.*"):
        if old.stem in DRAWN and old not in written:
            old.unlink()


def _cleared(folder: Path, view: StudyView) -> None:
    """Copies of models that have left the front go; one whose original is lost stays."""
    kept = {Path(model.place).name for model in view.models.values()}
    lost = {t.number for t in view.front.members} - set(view.models)
    for old in folder.glob("trial-*"):
        if (ours := OURS.fullmatch(old.name)) and old.name not in kept and int(ours[1]) not in lost:
            old.unlink()


def front_json(view: StudyView) -> dict[str, Any]:
    """The front for programs, with everything needed to judge it."""
    pick = view.pick
    claims = against(pick.trial.measurements, view.baseline, compared_metrics(view)) if pick else []
    return {
        "schema": SCHEMA,
        "study": view.spec.name,
        "hash": view.spec.hash,
        "objectives": [o.model_dump(mode="json") for o in view.front.objectives],
        "limits": [x.model_dump(mode="json") for x in view.front.limits],
        "pick": {"trial": pick.trial.number, "rule": pick.rule, "reason": pick.reason} if pick else None,
        "against_baseline": [asdict(c) for c in claims],
        "baseline": [m.model_dump(mode="json") for m in view.baseline],
        "baseline_test_accuracy": _dumped(view.test_accuracy.get(BASELINE)),
        "members": [_member(view, t) for t in view.front.members],
        "counts": asdict(counts(view.trials)),
        "seconds": view.seconds,
        "environment": dict(sorted(view.environment.items())),
    }


def front_csv(view: StudyView) -> str:
    """One row per member of the front, best first by the first objective."""
    pick, rows = view.pick, []
    for t in view.front.members:
        tested = view.test_accuracy.get(t.number)
        known = {"test_accuracy": tested.value, "test_accuracy_spread": tested.spread} if tested else {}
        rows.append({**row(t), **known, "pick": pick is not None and pick.trial is t})
    return _csv(rows, ("trial", "pick", "recipe"))


def trials_csv(view: StudyView) -> str:
    """One row per trial, whatever became of it."""
    rows = [
        {**row(t), "seed": t.seed, "fidelity": t.fidelity, "broken": " ".join(t.broken), "message": t.message}
        for t in view.trials
    ]
    return _csv(rows, ("trial", "state", "feasible", "recipe"))


def comment(view: StudyView) -> str:
    """A pull-request comment: the answer, the front, where the trials went. Free text stands in code spans."""
    lines = [f"### autocompress: {view.spec.name}", ""]
    pick = view.pick
    if pick is None:
        lines += [f"**No model to take**: {code(why_none(view))}", ""]
    else:
        claims = against(pick.trial.measurements, view.baseline, compared_metrics(view))
        said = f": {', '.join(map(str, claims))} (against the baseline)" if claims else ""
        lines += [f"**{STAR} Trial {pick.trial.number}**{said}", ""]
        lines += [f"Recipe: {code(pick.trial.recipe.line)}", "", f"Rule {pick.rule}: {code(pick.reason)}", ""]
        lines += _rows(view)
    return (
        "\n".join([*lines, f"Trials: {code(str(counts(view.trials)))}", "", f"Study {code(view.spec.hash[:12])}"])
        + "\n"
    )


def _rows(view: StudyView) -> list[str]:
    grid = front_grid(view)
    base = [r for r in grid.rows if r.number is None]
    models = [r for r in grid.rows if r.number is not None]
    shown = base + [r for i, r in enumerate(models) if i < MOST_ROWS or r.picked]
    lines = [
        f"| {' | '.join(code(h) if h not in PLAIN else h for h in grid.header)} |",
        f"|{'---:|' * (len(grid.header) - 1)}:---|",
    ]
    for r in shown:
        first = f"{STAR} {r.cells[0]}" if r.picked else r.cells[0]
        lines.append(f"| {' | '.join([first, *r.cells[1:-1], code(r.cells[-1])])} |")
    more = len(base) + len(models) - len(shown)
    return [*lines, "", *([f"and {more} more on the front", ""] if more else [])]


PLAIN = {"trial", "recipe", "test accuracy", *map(heading, METRICS)}


def _member(view: StudyView, t: Trial) -> dict[str, Any]:
    return {
        "trial": t.number,
        "seed": t.seed,
        "recipe": t.recipe.tree,
        "recipe_key": t.recipe.key,
        "measurements": [m.model_dump(mode="json") for m in t.measurements],
        "test_accuracy": _dumped(view.test_accuracy.get(t.number)),
        "violations": dict(sorted(t.violations.items())),
        "soft": {one.limit.metric: one.share for one in view.front.breaches(t)},  # share by which it is broken
        "artifacts": dict(sorted(t.artifacts.items())),
        "seconds": t.seconds,
    }


def _dumped(m: Measurement | None) -> dict[str, Any] | None:
    return m.model_dump(mode="json") if m else None


def _csv(rows: Sequence[Mapping[str, Any]], first: tuple[str, ...]) -> str:
    """Columns: `first`, then in the order in which rows bring them."""
    columns = list(dict.fromkeys([*first, *(key for r in rows for key in r)]))
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()

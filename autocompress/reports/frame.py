"""Trials as tidy data frames: one row per trial, one column per number and per choice."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autocompress.reports.view import StudyView
from autocompress.values.columns import columns
from autocompress.values.front import row
from autocompress.values.trial import Trial

if TYPE_CHECKING:
    import pandas as pd

CHOICE = "choice."  # before the columns of a recipe


def trials_frame(trials: Sequence[Trial]) -> "pd.DataFrame":
    """Whatever became of them; `choice.prune.ratio` and its like are what they were made of."""
    return _frame([_row(t) for t in trials], ["trial", "state", "feasible", "seed", "fidelity", "origin"])


def front_frame(view: StudyView) -> "pd.DataFrame":
    """The members, with how often each is on the front when the noise is drawn again, and which is the pick."""
    pick, rows = view.pick, []
    for t in view.front.members:
        tested = view.test_accuracy.get(t.number)
        known = {"test_accuracy": tested.value, "test_accuracy_spread": tested.spread} if tested else {}
        sure = {"on_front": view.certain.get(t.number), "standing": view.standings.get(t.number)}
        rows.append(_row(t) | known | sure | {"pick": pick is not None and pick.trial is t})
    return _frame(rows, ["trial", "pick", "standing", "on_front"])


def parquet(frame: "pd.DataFrame") -> bytes:
    out = io.BytesIO()
    frame.to_parquet(out, index=False, compression="zstd")
    return out.getvalue()


def _row(t: Trial) -> dict[str, Any]:
    about = {
        "seed": t.seed,
        "fidelity": t.fidelity,
        "origin": t.origin,
        "broken": " ".join(t.broken),
        "message": t.message,
    }
    choices = {f"{CHOICE}{name}": value for name, value in columns(t.recipe).items()}
    return row(t) | about | choices


def _frame(rows: Sequence[dict[str, Any]], first: Sequence[str]) -> "pd.DataFrame":
    """Columns: `first`, then in the order in which rows bring them; a choice of several types is text."""
    import pandas as pd

    names = list(dict.fromkeys([*(first if rows else ()), *(name for r in rows for name in r)]))
    frame = pd.DataFrame(list(rows), columns=names)
    for name in names:
        if name.startswith(CHOICE) and len({type(r[name]) for r in rows if name in r}) > 1:
            frame[name] = pd.Series([_text(r.get(name)) for r in rows], dtype="object")
    return frame


def _text(value: Any) -> str | None:
    return None if value is None else f"{value:g}" if isinstance(value, float) else str(value)

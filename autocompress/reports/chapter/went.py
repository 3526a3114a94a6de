"""Where the trials went: nobody is dropped in silence."""

from collections import Counter
from collections.abc import Sequence

from autocompress.reports.drawing.figures import Figures
from autocompress.reports.duration import duration
from autocompress.reports.html import Html, tag
from autocompress.reports.plural import plural
from autocompress.reports.tabled import tabled
from autocompress.reports.view import StudyView
from autocompress.values.counts import counts
from autocompress.values.metric import known
from autocompress.values.trial import Trial


def went(figures: Figures) -> Html | None:
    """One bar of all, then the reasons."""
    view = figures.view
    done = counts(view.trials)
    if not done.asked:
        return None
    front = len(view.front)
    parts = [
        ("on-front", "on the front", front),
        ("beaten", "complete, not on the front", done.fitting - front),
        ("breaks", "complete, over a limit", done.complete - done.fitting),
        ("refused", "refused by the gate, untrained", done.refused),
        ("stopped", "stopped early", done.stopped),
        ("failed", "failed", done.failed),
        ("pending", "not finished", done.pending),
    ]
    shown = [part for part in parts if part[2]]
    first: dict[str, Trial] = {t.code or "unexpected": t for t in reversed(view.trials) if t.state == "failed"}
    failures = [
        (code, str(n), f"trial {first[code].number}: {_clipped(first[code].message)}" if first[code].message else "")
        for code, n in done.failed_by.items()
    ]
    return tag(
        "section",
        tag("h2", f"Where {plural(done.asked, 'trial')} went"),
        tag("div", *(tag("i", class_=c, style=f"flex:{n}") for c, _, n in shown), class_="went", aria_hidden="true"),
        tag("ul", *(tag("li", tag("i", class_=c), f"{n} {text}") for c, text, n in shown), class_="key"),
        tag(
            "div",
            _small("Limits broken at the gate", [(known(k).title, str(n)) for k, n in done.refused_by.items()]),
            _small("Stopped early", _stops(view)),
            _small("Failures", failures),
            _small(
                "Stages",
                [("run", str(done.stages - done.cached)), ("from the cache", str(done.cached))] if done.stages else [],
            ),
            _small("Time of devices", _times(view)),
            class_="columns",
        ),
        id="trials",
    )


def _stops(view: StudyView) -> list[tuple[str, ...]]:
    """After how much of their training."""
    found = Counter(round(100 * share) for share in view.stopped_at.values())
    return [(f"after {percent} % of the training", str(n)) for percent, n in sorted(found.items())]


def _times(view: StudyView) -> list[tuple[str, ...]]:
    """What the trials of each end have taken."""
    words = {"complete": "complete", "stopped": "stopped early", "infeasible": "refused", "failed": "failed"}
    spent = {state: sum(t.seconds for t in view.trials if t.state == state) for state in words}
    return [(words[state], duration(seconds)) for state, seconds in spent.items() if seconds >= 0.05]


def _small(title: str, rows: Sequence[tuple[str, ...]]) -> Html | None:
    if not rows:
        return None
    return tag("div", tag("h3", title), tabled((), rows, words={2}))


def _clipped(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 160 else line[:157] + "..."

"""Was the search long enough, and what mattered?"""

from autocompress.reports.drawing.embedded import embedded
from autocompress.reports.drawing.figures import Figures
from autocompress.reports.html import Html, tag
from autocompress.reports.tabled import scrolled
from autocompress.reports.view import StudyView
from autocompress.search.importance import SHAKY
from autocompress.values.growth import at_seconds, last_gain


def long_enough(figures: Figures) -> Html | None:
    growth = [embedded(figures, name) for name in ("growth-trials", "growth-seconds")]
    if not any(growth):
        return None
    return tag(
        "section",
        tag("h2", "Was the search long enough?"),
        *(tag("p", line) for line in _verdict(figures.view)),
        tag("div", *growth, class_="pairs"),
        id="search",
    )


def mattered(figures: Figures) -> Html | None:
    chart = embedded(figures, "importance")
    if chart is None:
        return None
    done = sum(t.state == "complete" for t in figures.view.trials)
    shaky = f" From {done} complete trials: below {SHAKY} take it as a hint." if done < SHAKY else ""
    said = (
        "How differently each choice is distributed among the best tenth and among all complete trials, as share of "
        f"the sum (PED-ANOVA).{shaky}"
    )
    wide = scrolled(chart, "What mattered", "half-wide")
    return tag("section", tag("h2", "What mattered"), tag("p", said, class_="quiet"), wide, id="mattered")


def _verdict(view: StudyView) -> list[str]:
    """How much came late, and what chance has found in the same time."""
    ours, chance = view.growth
    whole, trials = ours[-1].volume, ours[-1].trials
    last = last_gain(ours)
    before = max((s.volume for s in ours if s.trials <= 0.75 * trials), default=0.0)
    late = 100 * (whole - before) / whole
    word = "Hardly anything" if late < 1 else f"{late:.0f} % of the hypervolume"
    advice = " More trials would probably find more." if late >= 5 else ""
    rise = f"the last rise was at trial {last.trials} of {trials}"
    lines = [f"{word} came in the last quarter of {trials} trials; {rise}.{advice}"]
    if len(chance) > 1:
        at = min(ours[-1].seconds, chance[-1].seconds)
        us, luck = at_seconds(ours, at), at_seconds(chance, at)
        share = 100 * luck / us if us else 0.0
        lines.append(
            f"Random search had {share:.0f} % of this study's hypervolume after the same {at:.0f} s of devices "
            f"(one run of each{'; more than the study itself' if share > 100 else ''})."
        )
    return lines

"""The front as a table: sortable, with how sure each place on it is, and the file behind it."""

from autocompress.reports.chapter.the_file import the_file
from autocompress.reports.drawing.figures import Figures
from autocompress.reports.grid import ESTIMATED, Row, cell, front_grid, metrics_of
from autocompress.reports.html import Html, join, tag
from autocompress.reports.plural import plural
from autocompress.reports.table import STAR
from autocompress.reports.tabled import scrolled, share
from autocompress.reports.view import StudyView
from autocompress.values.certainty import DRAWS
from autocompress.values.metric import known
from autocompress.values.trial import Trial
from autocompress.values.validated import winners_curse


def the_front(figures: Figures) -> Html | None:
    view = figures.view
    if not view.front.members:
        return None
    grid = front_grid(view)
    names = ", ".join(known(o.metric).title for o in view.front.objectives)
    also = f" {ESTIMATED} estimated, not measured." if grid.estimates else ""
    noise = f" “On front”: in how many of {DRAWS} draws from the spreads nobody beats it." if _unsure(view) else ""
    said = f"Nobody beats these in {names}. ± is one standard error; {STAR} is the pick.{noise}{also}"
    metrics = metrics_of(view)
    members = {t.number: t for t in view.front.members}
    heads = [
        _head(h, metrics[i - 1] if 0 < i <= len(metrics) else None, i == 0) for i, h in enumerate(grid.header[:-1])
    ]
    extra = [_head("on front", None, True, "descending")] if _unsure(view) else []
    rows = (_row(view, r, members.get(r.number) if r.number is not None else None, metrics) for r in grid.rows)
    return tag(
        "section",
        tag("h2", f"The front: {plural(len(view.front), 'model')}"),
        tag("p", said, class_="quiet"),
        *(tag("p", line) for line in _held(view)),
        scrolled(tag("table", tag("thead", tag("tr", *heads, *extra)), *rows, class_="front sortable"), "The front"),
        class_="long",
        id="front",
    )


def _unsure(view: StudyView) -> bool:
    return any(0 < share < 1 for share in view.certain.values())


def _head(text: str, metric: str | None, sortable: bool, first: str = "ascending") -> Html:
    if metric is None and not sortable:
        return tag("th", text, scope="col")
    if metric is not None:
        first = "ascending" if known(metric).direction == "minimize" else "descending"
    return tag("th", tag("button", text, type="button", disabled=""), scope="col", data_first=first)


def _row(view: StudyView, row: Row, trial: Trial | None, metrics: list[str]) -> Html:
    """Numbers in one line, the recipe and the file below them: all can be read on a phone."""
    mark = tag("span", STAR if row.picked else "", class_="mark star")
    first = [mark, _tick(row.number)] if trial else [mark]
    cells = [tag("td", *first, row.cells[0], **({"data_value": row.cells[0]} if trial else {}))]
    for i, text in enumerate(row.cells[1:-1]):
        found = trial.measured(metrics[i]) if trial and i < len(metrics) else None
        cells.append(tag("td", text, **({"data_value": repr(found.value)} if found else {})))
    if _unsure(view):
        cells.append(_often(view, trial))
    lines = tag("div", tag("code", row.cells[-1]), *_below(view, trial))
    below = tag("tr", tag("td", lines, colspan=str(len(cells))), class_="recipe")
    kind = "baseline" if row.number is None else "picked" if row.picked else "model"
    return tag("tbody", tag("tr", *cells), below, class_=kind)


def _below(view: StudyView, trial: Trial | None) -> list[Html]:
    """Its file, and what became of it with fresh seeds."""
    said = [the_file(view, trial, 12), _again(view, trial)] if trial else []
    return [tag("p", text) for text in said if text]


def _tick(number: int | None) -> Html:
    """Marks the trial in every chart; shown where scripts run."""
    box = tag("input", type="checkbox", data_trial=str(number), aria_label=f"show trial {number} in the charts")
    return tag("label", box, hidden="")


def _often(view: StudyView, trial: Trial | None) -> Html:
    if trial is None:
        return tag("td", "")
    often = view.certain.get(trial.number, 0.0)
    sure = view.standings.get(trial.number) == "on the front"
    return tag("td", share(often, "" if sure else "noise"), data_value=repr(often))


def _held(view: StudyView) -> list[str]:
    """What became of the front when its recipes were trained again."""
    found = view.validated
    if not found:
        return []
    seeds = max(len(v.seeds) for v in found.values())
    stand = sum(v.stands for v in found.values())
    lines = [f"Trained again with {plural(seeds, 'fresh seed')}: {stand} of {len(found)} hold."]
    curse = winners_curse(view.front, found)
    if curse is not None:
        spread = f" ± {100 * curse.spread:.2f}" if curse.spread else ""
        word = "above" if curse.value >= 0 else "below"
        lines.append(
            f"When they were chosen their accuracy was {100 * abs(curse.value):.2f}{spread} points {word} what fresh "
            f"seeds have on the same images, on average."
        )
    return lines


def _again(view: StudyView, trial: Trial) -> Html | None:
    found = view.validated.get(trial.number)
    if found is None:
        return None
    lead = found.measured(view.front.objectives[0].metric)
    verdict = tag("span", found.verdict, class_="verdict" if found.stands else "verdict bad")
    number, why = f"{cell(lead)}, " if lead else None, f": {found.why}" if found.why else None
    return join("With fresh seeds ", number, verdict, why)

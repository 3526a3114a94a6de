"""The front as a table: sortable, with how sure each place on it is, and the file behind it."""

from autocompress.reports.drawing.figures import Figures
from autocompress.reports.grid import ESTIMATED, Row, cell, front_grid, metrics_of
from autocompress.reports.html import Html, tag
from autocompress.reports.table import STAR
from autocompress.reports.view import StudyView
from autocompress.values.certainty import DRAWS
from autocompress.values.metric import known
from autocompress.values.trial import Trial
from autocompress.values.validated import winners_curse


def the_front(figures: Figures) -> Html | None:
    view = figures.view
    if not view.front.members:
        return None
    grid, size = front_grid(view), len(view.front)
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
    extra += [_head("fresh seeds", None, False)] if view.validated else []
    return tag(
        "section",
        tag("h2", f"The front: {size} {'model' if size == 1 else 'models'}"),
        tag("p", said, class_="quiet"),
        *(tag("p", line) for line in _held(view)),
        tag(
            "div",
            tag(
                "table",
                tag("thead", tag("tr", *heads, *extra)),
                *(_row(view, row, members.get(-1 if row.number is None else row.number), metrics) for row in grid.rows),
                class_="front sortable",
            ),
            class_="scroll", tabindex="0", role="region", aria_label="The front",
        ),
        class_="long",
        id="front",
    )  # fmt: skip


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
    if view.validated:
        cells.append(_again(view, trial))
    digest = trial.artifacts.get("model", "") if trial else ""
    file = tag("span", " · file ", tag("code", digest[:12]), class_="file") if digest else None
    recipe = tag("td", tag("code", row.cells[-1]), file, colspan=str(len(cells)))
    kind = "baseline" if row.number is None else "picked" if row.picked else "model"
    return tag("tbody", tag("tr", *cells), tag("tr", recipe, class_="recipe"), class_=kind)


def _tick(number: int | None) -> Html:
    """Marks the trial in every chart; shown where scripts run."""
    box = tag("input", type="checkbox", data_trial=str(number), aria_label=f"show trial {number} in the charts")
    return tag("label", box, hidden="")


def _often(view: StudyView, trial: Trial | None) -> Html:
    if trial is None:
        return tag("td", "")
    share = view.certain.get(trial.number, 0.0)
    word = "" if view.standings.get(trial.number) == "on the front" else " noise"
    bar = tag("span", tag("i", style=f"width:{100 * share:.0f}%"), class_=f"share{word}")
    return tag("td", bar, f" {100 * share:.0f} %", data_value=repr(share), class_="often")


def _held(view: StudyView) -> list[str]:
    """What became of the front when its recipes were trained again."""
    found = view.validated
    if not found:
        return []
    seeds = max(len(v.seeds) for v in found.values())
    stand = sum(v.stands for v in found.values())
    lines = [f"Trained again with {seeds} fresh {'seed' if seeds == 1 else 'seeds'}: {stand} of {len(found)} hold."]
    curse = winners_curse(view.front, found)
    if curse is not None:
        spread = f" ± {100 * curse.spread:.2f}" if curse.spread else ""
        word = "above" if curse.value >= 0 else "below"
        lines.append(
            f"When they were chosen their accuracy was {100 * abs(curse.value):.2f}{spread} points {word} what fresh "
            f"seeds have on the same images, on average."
        )
    return lines


def _again(view: StudyView, trial: Trial | None) -> Html:
    found = view.validated.get(trial.number) if trial else None
    if found is None:
        return tag("td", "")
    lead = found.measured(view.front.objectives[0].metric)
    number = f"{cell(lead)} " if lead else ""
    kind = "verdict" if found.stands else "verdict bad"
    return tag("td", number, tag("span", found.verdict, class_=kind, title=found.why))

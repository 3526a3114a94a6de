"""What each technique bought: the fronts of those trials that do without one."""

from autocompress.reports.against import points
from autocompress.reports.drawing.embedded import embedded
from autocompress.reports.drawing.figures import Figures
from autocompress.reports.html import Html, tag
from autocompress.reports.tabled import scrolled, tabled
from autocompress.reports.view import StudyView
from autocompress.values.front import Front
from autocompress.values.limit import Objective
from autocompress.values.metric import known, show
from autocompress.values.techniques import ENOUGH


def bought(figures: Figures) -> Html | None:
    view = figures.view
    if not view.parts:
        return None
    title = tag("h2", "What each technique bought")
    if len(view.parts) < 2:
        text = f"The study holds fewer than {ENOUGH} complete trials without any one technique, so it cannot be told."
        return tag("section", title, tag("p", text, class_="quiet"), id="techniques")
    said = "Hypervolume of the front that only these trials would have made, in percent of the whole study's."
    return tag(
        "section",
        title,
        tag("p", said, class_="quiet"),
        embedded(figures, "techniques"),
        _table(view),
        id="techniques",
    )


def _table(view: StudyView) -> Html | None:
    """The best each part has at the cost of the pick."""
    found = _axes(view)
    if found is None or view.pick is None:
        return None
    lead, cost = found
    room = view.pick.trial.value(cost.metric)
    (first, *_), in_points = view.parts, known(lead.metric).unit == "fraction"
    whole = _best(first.front, lead, cost, room)
    rows = []
    for part in view.parts:
        best = _best(part.front, lead, cost, room)
        shown = show(lead.metric, best) if best is not None else "none"
        apart = ""
        if in_points and part is not first and best is not None and whole is not None:
            apart = f"{points(best - whole)} points"
        rows.append((part.name, str(part.trials), str(len(part.front)), shown, apart))
    room_said = f"best {known(lead.metric).title} at {known(cost.metric).title} ≤ {show(cost.metric, room)}"
    heads = ("", "trials", "on their front", room_said, "")
    return scrolled(tabled(heads, rows), "What each technique bought")


def _axes(view: StudyView) -> tuple[Objective, Objective] | None:
    lead = next((o for o in view.front.objectives if o.direction == "maximize"), None)
    costs = [o for o in view.front.objectives if o.direction == "minimize"]
    cost = next((o for o in costs if o.metric.startswith("latency")), costs[0] if costs else None)
    return (lead, cost) if lead and cost else None


def _best(front: Front, lead: Objective, cost: Objective, room: float) -> float | None:
    values = [t.value(lead.metric) for t in front.members if t.value(cost.metric) <= room * (1 + 1e-9)]
    return max(values, default=None)

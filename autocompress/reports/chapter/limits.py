"""The limits of the device, and the room that the pick leaves below them."""

from autocompress.reports.closest import closest_miss, gap
from autocompress.reports.drawing.figures import Figures
from autocompress.reports.grid import ESTIMATED
from autocompress.reports.html import Html, tag
from autocompress.values.limit import Limit
from autocompress.values.metric import known, show


def limits(figures: Figures) -> Html | None:
    """Each limit with the room that is left below it, for the pick or, where there is none, for the closest miss."""
    view = figures.view
    pick, miss = view.pick, closest_miss(view)
    trial = pick.trial if pick else miss.trial if miss else None
    if not view.front.limits or trial is None:
        return None
    whose = f"The limits, and trial {trial.number}" + ("" if pick else ", the closest to them")
    bars = []
    for limit in view.front.limits:
        m = trial.measured(limit.metric)
        bars.append(_bar(limit, m.value if m else None, f"{ESTIMATED} " if m and m.how == "estimated" else ""))
    return tag("section", tag("h2", whose), tag("div", *bars, class_="limits"))


def _bar(limit: Limit, value: float | None, mark: str) -> Html:
    name, sign = known(limit.metric).title, "≤" if limit.side == "max" else "≥"
    kind = "limit" if limit.hard else "soft limit"
    bound = f"{kind} {sign} {show(limit.metric, limit.bound)}" if limit.bound is not None else f"{kind} {limit}"
    if value is None or limit.bound is None:
        return tag(
            "div", tag("div", tag("span", name), tag("b", "not measured"), class_="top"),
            tag("div", tag("span", bound), class_="under"), class_="limit",
        )  # fmt: skip
    share = value / limit.bound if limit.side == "max" else limit.bound / max(value, 1e-12)
    room = gap(limit, value)
    return tag(
        "div",
        tag("div", tag("span", name), tag("b", mark + show(limit.metric, value)), class_="top"),
        tag("div", tag("i", style=f"width:{100 * min(max(share, 0.0), 1.0):.1f}%"), class_="bar"),
        tag(
            "div",
            tag("span", ("✕ " if share > 1 else "") + room, class_="gap"),
            tag("span", bound),
            class_="under",
        ),
        class_="limit broken" if share > 1 else "limit",
    )

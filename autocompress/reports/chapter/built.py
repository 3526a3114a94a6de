"""How the front is built: choices and objectives side by side, one line per trial."""

from autocompress.reports.drawing.embedded import embedded
from autocompress.reports.drawing.figures import Figures
from autocompress.reports.drawing.parallel import initials
from autocompress.reports.html import Html, tag
from autocompress.reports.tabled import scrolled
from autocompress.values.columns import ORDER, columns

DRAG = "Drag along an upright to keep the lines that pass there; a click on it lets all through."


def built(figures: Figures) -> Html | None:
    rails = len(figures.rails)
    chart = embedded(figures, "recipes", data_rails=str(rails))
    if chart is None:
        return None
    return tag(
        "section",
        tag("h2", "How the front is built"),
        tag("p", text, class_="quiet") if (text := _common(figures)) else None,
        tag("p", text, class_="quiet") if (text := _letters(figures)) else None,
        tag("p", DRAG, class_="quiet moving"),
        scrolled(chart, "Recipes", "wide-chart"),
        id="recipes",
    )


def _letters(figures: Figures) -> str | None:
    """What the short names on the upright of the order stand for."""
    if not any(rail.title == ORDER for rail in figures.rails):
        return None
    short = initials(figures.points)
    return f"Order: {', '.join(f'{letters.capitalize()} {name}' for name, letters in short.items())}."


def _common(figures: Figures) -> str | None:
    """What all members of the front share, and others have not."""
    view = figures.view
    members = [columns(t.recipe) for t in view.front.members]
    every = [columns(t.recipe) for t in figures.points.drawn]
    if len(members) < 2:
        return None
    same = {k: v for k, v in members[0].items() if all(m.get(k) == v for m in members[1:])}
    telling = {k: v for k, v in same.items() if any(e.get(k) != v for e in every)}
    if not telling:
        return f"The {len(members)} models of the front have no choice in common that others have not."
    said = ", ".join(f"{k} {v:g}" if isinstance(v, float) else f"{k} {v}" for k, v in telling.items() if k != ORDER)
    order = f"the order {telling[ORDER]}" if ORDER in telling else ""
    return f"All {len(members)} models of the front have {', '.join(x for x in (order, said) if x)}; others have not."

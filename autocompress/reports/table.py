"""A study for the terminal: the front as a table, where the trials went, and the answer in a few lines."""

from rich import box
from rich.table import Table
from rich.text import Text

from autocompress.reports.against import against
from autocompress.reports.closest import closest_miss, tightest
from autocompress.reports.grid import ESTIMATED, Grid, front_grid
from autocompress.reports.plural import plural
from autocompress.reports.view import StudyView
from autocompress.values.counts import counts, listed
from autocompress.values.metric import known

STAR = "★"
ROOM = 40  # columns a recipe wants


def front_table(view: StudyView, width: int = 100) -> Table:
    """The front for a terminal: the baseline dimmed on top, the pick with a star.

    Where `width` leaves no room for recipes beside the numbers, they stand below the table; where it is too narrow even
    for the numbers, only the objectives are shown.
    """
    grid = front_grid(view)
    if _wide(grid) > width:
        grid = front_grid(view, [o.metric for o in view.front.objectives])
    beside = _wide(grid) + ROOM <= width
    below = Text("\n".join(f"{r.cells[0]}: {r.cells[-1]}" for r in grid.rows)) if not beside else Text()
    caption = Text("\n").join(x for x in (Text(_caption(grid.estimates) or ""), below) if x)
    table = Table(box=box.SIMPLE_HEAD, caption=caption or None, caption_justify="left", caption_style="")
    shown = len(grid.header) if beside else len(grid.header) - 1
    for i, heading in enumerate(grid.header[:shown]):
        last = i == len(grid.header) - 1
        table.add_column(Text(heading), justify="left" if last else "right", overflow="fold")
    for row in grid.rows:
        first = f"{STAR} {row.cells[0]}" if row.picked else row.cells[0]
        style = "dim" if row.number is None else "bold" if row.picked else ""
        table.add_row(*(Text(c) for c in (first, *row.cells[1:shown])), style=style)
    return table


def _wide(grid: Grid) -> int:
    """Terminal columns that the numbers take."""
    columns = zip(grid.header, *(row.cells for row in grid.rows), strict=True)
    return sum(max(map(len, column)) + 3 for column in list(columns)[:-1]) + 3


def plain(view: StudyView) -> str:
    """The same for a file or a pipe: aligned columns, nothing cut, no colour; `*` marks the pick."""
    grid = front_grid(view)
    lines = [("", *grid.header), *(("*" if row.picked else "", *row.cells) for row in grid.rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    text = ["  ".join([*map(str.rjust, line[:-1], widths), line[-1]]) for line in lines]
    caption = _caption(grid.estimates)
    return "\n".join([*text, *([caption] if caption else [])]) + "\n"


def summary(view: StudyView) -> str:
    """The answer in a few lines: what to take and why, or what stood in the way."""
    return "\n".join(_answer(view)) + "\n"


def compared_metrics(view: StudyView) -> list[str]:
    """What a pick is held against the baseline by: size, latency and the objectives, accuracy last."""
    wanted = dict.fromkeys(["size", "latency_p50", *(o.metric for o in view.front.objectives)])
    return sorted(wanted, key=lambda m: m == "accuracy")


def _answer(view: StudyView) -> list[str]:
    pick, where = view.pick, f"trials: {counts(view.trials)}"
    if pick is None:
        return [f"{view.spec.name}: {why_none(view)}", where]
    models = plural(len(view.front), "model")
    lines = [
        f"{view.spec.name}: take trial {pick.trial.number} ({view.rule}, {models} on the front): {pick.reason}",
        f"recipe: {pick.trial.recipe.line}",
    ]
    claims = against(pick.trial.measurements, view.baseline, compared_metrics(view))
    if claims:
        lines.append(f"against the baseline: {', '.join(map(str, claims))}")
    if view.volumes:
        ours, chance = view.volumes
        lines.append(f"against random search for as long: hypervolume {ours:.3f}, it has {chance:.3f}")
    return [*lines, where]


def why_none(view: StudyView) -> str:
    """Why there is nothing to take."""
    if not view.trials:
        return "no trials yet"
    done = counts(view.trials)
    if done.failed == done.asked:
        which = "the only trial" if done.asked == 1 else f"all {done.asked} trials"
        return f"{which} failed{listed(done.failed_by)}"
    miss = closest_miss(view)
    if miss is None:
        return "no trial has completed"
    text = f"nothing fits the limits; {miss}"
    most = tightest(view)
    return f"{text}; broken most often: {known(most[0]).title}, by {most[1]} of {most[2]} candidates" if most else text


def _caption(estimates: bool) -> str | None:
    return f"{ESTIMATED} estimated, not measured" if estimates else None

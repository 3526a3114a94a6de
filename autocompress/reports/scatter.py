"""The front as a picture of letters, for a terminal: the first objective against the second."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from rich.text import Text

from autocompress.reports.axis import Axis
from autocompress.reports.grid import ESTIMATED, heading
from autocompress.reports.ticks import label
from autocompress.reports.view import StudyView
from autocompress.values.limit import Limit, Objective
from autocompress.values.measurement import by_metric
from autocompress.values.metric import show
from autocompress.values.trial import Trial

ROWS = 14
NARROW = 24  # columns below which there is nothing to see
PICK, MEMBER, BASE, BEATEN, UP, ACROSS, CROSS = "★●■·┊╌┼"
ARROWS = {(1, 0): "→", (-1, 0): "←", (0, 1): "↑", (0, -1): "↓", (1, 1): "↗", (1, -1): "↘", (-1, 1): "↖", (-1, -1): "↙"}
STYLES = {PICK: "bold yellow", MEMBER: "cyan", BASE: "bold", UP: "red", ACROSS: "red", CROSS: "red"}
FAINT = "dim"


@dataclass(frozen=True)
class Picture:
    """Letters by column and row; row 0 is at the bottom."""

    across: Axis
    up: Axis
    letters: dict[tuple[int, int], str] = field(default_factory=dict)

    def mark(self, letter: str, x: float, y: float) -> bool:
        """False if it is beyond the frame."""
        inside = not self.across.off(x) and not self.up.off(y)
        if inside:
            self.letters[self.across.cell(x), self.up.cell(y)] = letter
        return inside

    def pin(self, letter: str, x: float, y: float) -> bool:
        """The same, but what is beyond the frame stands at its edge, with an arrow to where it is."""
        right, above = self.across.off(x), self.up.off(y)
        if not right and not above:
            return self.mark(letter, x, y)
        end = self.across.cells - 1
        column = min(max(self.across.cell(x), 0), end)
        row = min(max(self.up.cell(y), 0), self.up.cells - 1)
        arrow = column if right else column + 1 if column < end else column - 1
        self.letters[arrow, row] = ARROWS[right, above]
        self.letters[column - right, row] = letter
        return False

    def line(self, limit: Limit) -> bool:
        """Along the whole frame, under all marks. False if it is beyond it."""
        assert limit.bound is not None
        upright = limit.metric == self.across.objective.metric
        axis = self.across if upright else self.up
        if axis.off(limit.bound):
            return False
        at, letter, other = axis.cell(limit.bound), (UP, ACROSS)[not upright], (UP, ACROSS)[upright]
        for i in range(self.up.cells if upright else self.across.cells):
            place = (at, i) if upright else (i, at)
            self.letters[place] = CROSS if self.letters.get(place) in (other, CROSS) else letter
        return True


def scatter(view: StudyView, width: int) -> Text | None:
    """None where there is nothing to draw, or no room."""
    if not view.front.members or len(view.front.objectives) < 2:
        return None
    up = _axis(view, view.front.objectives[0], ROWS)
    left = up.ticks(4, _apart)
    gutter = max((len(up.label(x)) for x in left), default=0) + 1
    columns = width - gutter - 1
    if columns < NARROW:
        return None
    across = _axis(view, view.front.objectives[1], columns)
    picture = Picture(across, up)
    legend = _drawn(view, picture)
    text = Text(no_wrap=True)
    text.append(f"{up.title}\n", FAINT)
    _frame(text, picture, left, across.ticks(columns // 11, _beside), gutter)
    text.append(across.title.rjust(width) + "\n", FAINT)
    text.append("\n".join(_lines(legend, width)))
    return text


# --- the frame -------------------------------------------------------------------------------------------------------


def _axis(view: StudyView, objective: Objective, cells: int) -> Axis:
    metric = objective.metric
    guests = [m.value for m in view.baseline if m.metric == metric]
    guests += [x.bound for x in view.front.limits if x.metric == metric and x.bound]
    return Axis.over(objective, [t.value(metric) for t in view.front.members], guests, cells)


def _apart(axis: Axis, row: Sequence[float]) -> bool:
    """A line lies between two labels beside an axis."""
    return all(b - a >= 2 for a, b in pairwise(map(axis.cell, row)))


def _beside(axis: Axis, row: Sequence[float]) -> bool:
    """Labels under an axis do not touch."""
    spans = [_under(axis, value) for value in row]
    return all(a + 2 <= b for (_, a), (b, _) in pairwise(spans))


def _under(axis: Axis, value: float) -> tuple[int, int]:
    """From where to where a label goes: centred, inside the frame."""
    text = axis.label(value)
    start = min(max(axis.cell(value) - len(text) // 2, 0), axis.cells - len(text))
    return start, start + len(text)


def _frame(text: Text, picture: Picture, left: Sequence[float], below: Sequence[float], gutter: int) -> None:
    across, up = picture.across, picture.up
    beside = {up.cell(x): up.label(x) for x in left}
    for row in reversed(range(up.cells)):
        text.append(f"{beside.get(row, '').rjust(gutter - 1)} {'┤' if row in beside else '│'}", FAINT)
        for letter in "".join(picture.letters.get((column, row), " ") for column in range(across.cells)).rstrip():
            text.append(letter, STYLES.get(letter, FAINT))
        text.append("\n")
    at = set(map(across.cell, below))
    ruler = "".join("┬" if i in at else "─" for i in range(across.cells))
    numbers = ""
    for x in below:
        numbers = numbers.ljust(_under(across, x)[0]) + across.label(x)
    text.append(f"{'└'.rjust(gutter + 1)}{ruler}\n{' ' * (gutter + 1)}{numbers}\n", FAINT)


# --- what is in it ---------------------------------------------------------------------------------------------------


def _drawn(view: StudyView, picture: Picture) -> list[str]:
    """Draws everything, the most important last; returns what the letters mean."""
    pair = (picture.across.objective.metric, picture.up.objective.metric)
    pick, base, beaten = view.pick, by_metric(view.baseline), _beaten(view)
    assert pick is not None, "there are members"
    lines = [x for x in view.front.limits if x.metric in pair and x.bound and picture.line(x)]
    hidden = sum([not picture.mark(BEATEN, *_place(t, pair)) for t in beaten])
    for t in view.front.members:
        picture.mark(MEMBER, *_place(t, pair))
    legend = [f"{PICK} pick", *([f"{MEMBER} on the front"] if len(view.front) > 1 else [])]
    if all(m in base for m in pair):
        inside = picture.pin(BASE, *(base[m].value for m in pair))
        where = ", ".join(show(m, base[m].value) for m in reversed(pair))
        legend.append(f"{BASE} baseline" + ("" if inside else f" ({where})"))
    picture.mark(PICK, *_place(pick.trial, pair))
    if beaten:
        legend.append(f"{BEATEN} beaten" + (f" ({hidden} beyond the frame)" if hidden else ""))
    legend += [f"{UP if x.metric == pair[0] else ACROSS} {_bound(x)}" for x in lines]
    told = any(m and m.how == "estimated" for t in view.front.members for m in map(t.measured, pair))
    return [*legend, *([f"{ESTIMATED} estimated"] if told else [])]


def _beaten(view: StudyView) -> list[Trial]:
    """Models that fit the limits; other seeds of members are not others."""
    members = {t.recipe.key for t in view.front.members}
    return [t for t in view.trials if t.feasible and t.fidelity == 1.0 and t.recipe.key not in members]


def _place(trial: Trial, pair: tuple[str, str]) -> tuple[float, float]:
    return trial.value(pair[0]), trial.value(pair[1])


def _bound(limit: Limit) -> str:
    return f"{heading(limit.metric)} {'≤' if limit.side == 'max' else '≥'} {label(limit.metric, limit.bound or 0.0)}"


def _lines(pieces: Sequence[str], width: int) -> list[str]:
    lines = [""]
    for piece in pieces:
        longer = f"{lines[-1]}   {piece}" if lines[-1] else piece
        lines = [*lines[:-1], longer] if len(longer) <= width or not lines[-1] else [*lines, piece]
    return lines

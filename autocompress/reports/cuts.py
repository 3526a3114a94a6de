"""What a network bears to lose, as tidy rows and as a chart: layer by layer, and as a whole."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from altair.utils.schemapi import debug_mode

from autocompress.reports.drawing.heatmap import Cell, heatmap
from autocompress.reports.drawing.lines import Spot, lines_chart
from autocompress.reports.drawing.picture import Picture
from autocompress.values.metric import show

if TYPE_CHECKING:
    from autocompress.compress.breakpoint import Breakpoint
    from autocompress.compress.cutting.sensitivity import Loss
    from autocompress.study.analyse import Point, Subject

LINES = 8  # layers that one chart can hold
WIDE, HIGH = 560, 340  # pixels
NOTHING = "–"  # went: channels go in larger steps
ACCURACY = "accuracy, % (± one standard error)"


def loss_rows(
    found: "Sequence[Loss]", ratios: Sequence[float], caps: Mapping[str, float], what: str, subject: "Subject"
) -> list[dict[str, Any]]:
    """One per layer and ratio. `what` goes: channels or weights."""
    return [
        {
            "layer": one.layer,
            what: one.size,
            "ratio": ratio,
            "kept": kept,
            "accuracy": accuracy,
            "spread": subject.measured(accuracy).spread,
            "n": subject.images,
            "cap": caps.get(one.layer),
            "others": " ".join(one.others),
        }
        for one in found
        for ratio, accuracy, kept in _tried(one, ratios)
    ]


def loss_chart(found: "Sequence[Loss]", ratios: Sequence[float], what: str, dense: float, subject: "Subject") -> str:
    """SVG: a line for each layer, of many layers their numbers in a grid; only where something went."""
    title = f"share of its {what} that one layer alone has lost"
    with debug_mode(False):
        if len(found) <= LINES:
            whole = _spot(0.0, dense, subject)
            lines = [
                (one.layer, [whole, *(_spot(r, a, subject) for r, a, k in _tried(one, ratios) if k < one.size)])
                for one in found
            ]
            chart = lines_chart(lines, title, ACCURACY, percent=True, width=WIDE, height=HIGH)
        else:
            rows = [
                (
                    one.layer,
                    [_cell(a, dense) if k < one.size else Cell(NOTHING, 0.0) for _, a, k in _tried(one, ratios)],
                )
                for one in found
            ]
            chart = heatmap(rows, [f"{ratio:g}" for ratio in ratios], f"accuracy in %, by the {title}")
        return Picture("sensitivity", "", chart).svg({})


def curve_rows(found: "Breakpoint", points: "Sequence[Point]", subject: "Subject") -> list[dict[str, Any]]:
    """One per ratio."""
    return [
        {
            "ratio": p.ratio,
            "left": p.left,
            "accuracy": p.accuracy,
            "spread": subject.measured(p.accuracy).spread,
            "n": subject.images,
            "never_rising": fit,
            "breakpoint": p.ratio == found.ratio,
        }
        for p, fit in zip(points, found.fit, strict=True)
    ]


def curve_chart(found: "Breakpoint", points: "Sequence[Point]", allowed: str, what: str, subject: "Subject") -> str:
    """SVG. `allowed` names the threshold in words."""
    ratios = [p.ratio for p in points]
    lines = [
        ("measured", [_spot(p.ratio, p.accuracy, subject) for p in points]),
        ("never rising", [Spot(r, fit) for r, fit in zip(ratios, found.fit, strict=True)]),
    ]
    if found.threshold is not None:
        lines.append((allowed, [Spot(r, found.threshold) for r in (ratios[0], ratios[-1])]))
    mark = f"breakpoint {found.ratio:g} ({found.low:.2f} to {found.high:.2f})"
    title = f"share of its {what} that the network has lost"
    with debug_mode(False):
        chart = lines_chart(lines, title, ACCURACY, percent=True, marked=[(found.ratio, mark)], width=WIDE, height=HIGH)
        return Picture("breakpoint", "", chart).svg({})


def _tried(one: "Loss", ratios: Sequence[float]) -> "zip[tuple[float, float, int]]":
    return zip(ratios, one.accuracy, one.kept, strict=True)


def _spot(ratio: float, accuracy: float, subject: "Subject") -> Spot:
    spread = subject.measured(accuracy).spread or 0.0
    said = f"{ratio:g}: {show('accuracy', accuracy, spread)}"
    return Spot(ratio, accuracy, max(accuracy - spread, 0.0), min(accuracy + spread, 1.0), said)


def _cell(accuracy: float, dense: float) -> Cell:
    return Cell(f"{100 * accuracy:.1f}", min(max(1 - accuracy / dense, 0.0), 1.0) if dense else 0.0)

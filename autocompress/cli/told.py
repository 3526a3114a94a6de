"""How an analysis is told: tables, caps to paste into a study, an answer in a sentence, and what it cannot say."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from autocompress.cli.out import people

if TYPE_CHECKING:
    from autocompress.compress.breakpoint import Breakpoint, Rule
    from autocompress.compress.cutting.sensitivity import Loss
    from autocompress.study.analyse import Point, Subject
    from autocompress.values.measurement import Measurement

T = TypeVar("T")


def watched(steps: Iterable[T], names: Sequence[str]) -> Iterator[T]:
    """On a terminal, what is being looked at."""
    if not people().is_terminal:
        yield from steps
        return
    with people().status(names[0]) as status:
        for done, step in enumerate(steps, 1):
            status.update(f"{names[min(done, len(names) - 1)]}, {done}/{len(names)} done")
            yield step


def one_by_one(steps: Iterable[str]) -> None:
    """Steps that say themselves what is done next; on a terminal one sees it."""
    with people().status("looking") as status:
        for said in steps:
            status.update(said)


def written(folder: Path, files: Sequence[Path]) -> None:
    """Where they are: tables by name, of the figures how many."""
    names = [file.name for file in files if file.parent == folder]
    figures = sorted({file.stem for file in files if file.parent != folder})
    drawn = f"; figures/ {', '.join(figures)} (svg, png, pdf)" if figures else ""
    say(f"written to {folder}: {', '.join(names)}{drawn}")


def heading(subject: "Subject", dense: "Measurement") -> str:
    from autocompress.values.metric import show

    widest = (subject.measured(0.5).spread or 0.0) * 100
    quantized = " (as it is before it is quantized)" if subject.model.quantizer else ""
    return (
        f"{subject.name}{quantized}\n"
        f"accuracy {show('accuracy', dense.value, dense.spread)} of {subject.images} validation images "
        f"(one standard error; ± {widest:.2f} where accuracy is 50 %)"
    )


def words(by: str | None, pattern: str | None, recalibrate: bool) -> str:
    """What goes, and what is done about it."""
    what = f"weights ({pattern})" if pattern is not None else f"channels ({by or 'magnitude'})"
    return f"{what}, untrained{', batch norms averaged anew' if recalibrate else ''}"


def as_points(drop: float) -> str:
    return f"{drop * 100:g} pp"


def loss_table(found: "Sequence[Loss]", ratios: Sequence[float], caps: dict[str, float], what: str) -> str:
    rows = [("layer", what, *(f"{ratio:g}" for ratio in ratios), "cap", "together with")]
    for one in found:
        cells = [f"{a * 100:.2f}" if k < one.size else "–" for a, k in zip(one.accuracy, one.kept, strict=True)]
        cap = f"{caps[one.layer]:g}" if one.is_cut else "–"
        rows.append((one.layer, str(one.size), *cells, cap, ", ".join(one.others)))
    coarse = any("–" in row for row in rows)
    return aligned(rows) + ("–: nothing goes, channels go in larger steps\n" if coarse else "")


def curve_table(found: "Breakpoint", points: "Sequence[Point]", subject: "Subject") -> str:
    from autocompress.values.metric import show

    rows = [("", "ratio", "weights left", "accuracy", "never rising")]
    for p, fit in zip(points, found.fit, strict=True):
        accuracy = show("accuracy", p.accuracy, subject.measured(p.accuracy).spread)
        mark = "*" if p.ratio == found.ratio else ""
        rows.append((mark, f"{p.ratio:g}", f"{p.left * 100:.1f} %", accuracy, show("accuracy", fit)))
    return aligned(rows)


def aligned(rows: Sequence[tuple[str, ...]]) -> str:
    """The first and the last column to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join([r[0].ljust(widths[0]), *map(str.rjust, r[1:-1], widths[1:-1]), r[-1]]) for r in rows]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def yaml(caps: dict[str, float]) -> str:
    """As a stage would say it. What begins like a number is quoted."""
    named = {name if name[:1].isalpha() else f'"{name}"': cap for name, cap in caps.items()}
    return "caps:\n" + "".join(f"  {name}: {cap:g}\n" for name, cap in named.items())


def answer(found: "Breakpoint", rule: "Rule", drop: float) -> str:
    spread = f"within one standard error: {found.low:.2f} to {found.high:.2f}"
    if rule == "kneedle":
        return f"breakpoint {found.ratio:g}: the knee of the curve; {spread}"
    ends = "all that was tried holds" if found.beyond is None else f"{found.ratio:g} holds, {found.beyond:g} does not"
    share = as_points(drop) if rule == "drop" else f"{drop * 100:g} % of it"
    assert found.threshold is not None, "only a knee has none"
    return f"breakpoint {found.ratio:g}: {share} lower is {found.threshold * 100:.2f} %, {ends}; {spread}"


def warn(found: "Breakpoint", rule: "Rule", drop: float) -> None:
    if found.resolved:
        return
    what = (
        "this fall" if rule == "kneedle" else f"a drop of {as_points(drop) if rule == 'drop' else f'{drop * 100:g} %'}"
    )
    few = f"{found.images:,} validation images cannot resolve {what}"
    say(f"warning: {few}; it takes {found.enough:,} for a standard error of half of it")


def say(text: str) -> None:
    people().print(text, markup=False, highlight=False, soft_wrap=True)

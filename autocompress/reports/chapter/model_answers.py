"""What a model says to the test split: class by class, what it mixes up, how sure it is, and what has changed."""

from autocompress.reports.html import Html, tag
from autocompress.reports.tabled import scrolled, tabled
from autocompress.values.examination import Answers, Changes, Examination, Light, Mean

MOST = 16  # classes of a table that can be read
PAIRS = 8


def answers(seen: Examination) -> Html | None:
    parts = [
        _mistakes(seen.answers) if seen.answers else None,
        _sure(seen.answers) if seen.answers else None,
        _changes(seen.changes) if seen.changes else None,
        _light(seen.light) if seen.light else None,
    ]
    return tag("div", *parts, class_="columns wide-columns") if any(parts) else None


def _mistakes(found: Answers) -> Html:
    """The confusion matrix where it can be read, else what is mixed up most; accuracy by class beside it."""
    if len(found.classes) <= MOST and not found.more_classes:
        return tag("div", tag("h3", "Test split: truth down, answer across"), _matrix(found))
    worst = sorted(found.classes, key=lambda c: c.right / c.n if c.n else 1.0)[:PAIRS]
    names = [c.name for c in found.classes]
    rows = [(c.name, _share(c.right, c.n), _share(c.baseline_right, c.n)) for c in worst]
    pairs = [(f"{names[a]} taken for {names[b]}", str(n)) for a, b, n in found.mixed_up[:PAIRS]]
    return tag(
        "div",
        tag("h3", f"Test split: the {len(worst)} hardest of {len(names) + found.more_classes} classes"),
        tabled(("class", "right", "baseline"), rows, kind="small"),
        tag("h3", "Mixed up most"),
        tabled(("", "images"), pairs, kind="small"),
    )


def _matrix(found: Answers) -> Html:
    rows = []
    for truth, (one, line) in enumerate(zip(found.classes, found.confusion, strict=True)):
        cells = [_answered(n, one.n, "right" if answer == truth else "wrong") for answer, n in enumerate(line)]
        rows.append(tag("tr", tag("th", one.name, scope="row"), *cells, tag("td", _share(one.right, one.n))))
    head = tag(
        "tr", tag("td", ""), *(tag("th", c.name, scope="col") for c in found.classes), tag("th", "right", scope="col")
    )
    made = tag("table", tag("thead", head), tag("tbody", *rows), class_="matrix")
    return scrolled(made, "Confusion matrix")


def _answered(n: int, of: int, kind: str) -> Html:
    return tag("td", str(n) if n else "·", style=f"--share:{n / max(of, 1):.2f}", class_=kind)


def _sure(found: Answers) -> Html:
    calibration = found.calibration
    rows = [
        (f"{100 * i / len(calibration.bins):.0f} to {100 * (i + 1) / len(calibration.bins):.0f} %", str(b.n),
         f"{100 * b.confidence:.1f} %", f"{100 * b.accuracy:.1f} %")
        for i, b in enumerate(calibration.bins)
        if b.n and b.confidence is not None and b.accuracy is not None
    ]  # fmt: skip
    beside = f"; the baseline {_mean(calibration.baseline_error)}" if calibration.baseline_error else ""
    return tag(
        "div",
        tag("h3", "How sure, and how right"),
        tag("p", f"Expected calibration error {_mean(calibration.error)}{beside}."),
        tabled(("says it is", "images", "on average", "is right in"), rows, kind="small"),
    )


def _changes(found: Changes) -> Html:
    """Beside the baseline's answers, image by image."""
    rows = [
        ("both right", found.both_right, ()),
        ("lost: the baseline was right", found.lost, found.lost_images),
        ("gained: the baseline was wrong", found.gained, found.gained_images),
        ("the same mistake", found.same_mistake, ()),
        ("another mistake", found.other_mistake, found.other_images),
    ]
    far = f"{found.divergence.value:.4g}" + (f" ± {found.divergence.spread:.2g}" if found.divergence.spread else "")
    told = [(name, str(n), ", ".join(map(str, some))) for name, n, some in rows if n]
    return tag(
        "div",
        tag("h3", "What has changed"),
        tag("p", f"Same answer to {_mean(found.agreement)}; Kullback-Leibler divergence from the baseline {far} nats."),
        tabled(("", "images", "such as"), told, kind="small"),
    )


def _light(found: Light) -> Html:
    rows = [
        (f"± {100 * strength:.0f} %", _mean(own), *([_mean(found.baseline[i])] if found.baseline else []))
        for i, (strength, own) in enumerate(zip(found.strengths, found.accuracy, strict=True))
    ]
    heads = ("changed by", "accuracy", *(["baseline"] if found.baseline else []))
    title = tag("h3", f"In another light ({', '.join(found.changed)})")
    return tag("div", title, tabled(heads, rows, kind="small"))


def _mean(found: Mean) -> str:
    return f"{100 * found.value:.2f}" + (f" ± {100 * found.spread:.2f}" if found.spread else "") + " %"


def _share(right: int | None, n: int) -> str:
    return "–" if right is None or not n else f"{100 * right / n:.0f} %"

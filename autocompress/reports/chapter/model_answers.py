"""What a model says to the test split: class by class, what it mixes up, how sure it is, and what has changed."""

from collections.abc import Sequence

from autocompress.reports.html import Html, tag
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
        _table(("class", "right", "baseline"), rows),
        tag("h3", "Mixed up most"),
        _table(("", "images"), pairs),
    )


def _matrix(found: Answers) -> Html:
    table = found.confusion
    rows = []
    for one, line in zip(found.classes, table, strict=True):
        cells = [
            tag(
                "td",
                str(n) if n else "·",
                style=f"--share:{n / max(one.n, 1):.2f}",
                class_="right" if i == k else "wrong",
            )
            for k, n in enumerate(line)
            for i in [found.classes.index(one)]
        ]
        rows.append(tag("tr", tag("th", one.name, scope="row"), *cells, tag("td", _share(one.right, one.n))))
    head = tag(
        "tr", tag("td", ""), *(tag("th", c.name, scope="col") for c in found.classes), tag("th", "right", scope="col")
    )
    made = tag("table", tag("thead", head), tag("tbody", *rows), class_="matrix")
    return tag("div", made, class_="scroll", tabindex="0", role="region", aria_label="Confusion matrix")


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
        _table(("says it is", "images", "on average", "is right in"), rows),
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
    return tag(
        "div",
        tag("h3", "What has changed"),
        tag("p", f"Same answer to {_mean(found.agreement)}; Kullback-Leibler divergence from the baseline {far} nats."),
        _table(("", "images", "such as"), [(name, str(n), ", ".join(map(str, some))) for name, n, some in rows if n]),
    )


def _light(found: Light) -> Html:
    rows = [
        (f"± {100 * strength:.0f} %", _mean(own), *([_mean(found.baseline[i])] if found.baseline else []))
        for i, (strength, own) in enumerate(zip(found.strengths, found.accuracy, strict=True))
    ]
    heads = ("changed by", "accuracy", *(["baseline"] if found.baseline else []))
    return tag("div", tag("h3", f"In another light ({', '.join(found.changed)})"), _table(heads, rows))


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Html:
    return tag(
        "table",
        tag("thead", tag("tr", *(tag("th", h, scope="col") if h else tag("td", "") for h in heads))),
        tag("tbody", *(tag("tr", tag("th", r[0], scope="row"), *(tag("td", c) for c in r[1:])) for r in rows)),
        class_="small",
    )


def _mean(found: Mean) -> str:
    return f"{100 * found.value:.2f}" + (f" ± {100 * found.spread:.2f}" if found.spread else "") + " %"


def _share(right: int | None, n: int) -> str:
    return "–" if right is None or not n else f"{100 * right / n:.0f} %"

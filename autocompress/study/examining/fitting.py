"""An examination in as many bytes as a page has room for: what is least missed goes first, and a note says so."""

from collections.abc import Callable, Iterator

from autocompress.study.examining.answers import PAIRS
from autocompress.values.examination import LARGEST, Examination, Histogram, Layer

Change = tuple[str, str, Callable[[Examination], Examination]]  # of which part, what is said of it, what is done


def fitted(whole: Examination, most: int = LARGEST) -> Examination:
    """The same, or less of it."""
    for part, said, change in _changes():
        if len(whole.text().encode()) <= most:
            break
        if getattr(whole, part) is not None:
            whole = _noted(change(whole), part, said)
    return whole


def _changes() -> Iterator[Change]:
    yield "layers", "histograms have a third of their bins", lambda e: _layers(e, _coarser)
    yield "heat", "two images only", lambda e: _looks(e, 2)
    yield "answers", f"only the {PAIRS // 4} pairs that are mixed up most", lambda e: _pairs(e, PAIRS // 4)
    yield "layers", "no histograms", lambda e: _layers(e, lambda layer: layer.model_copy(update={"histogram": None}))
    yield "heat", "no images", lambda e: _looks(e, 0)
    yield "layers", "too many to be kept", lambda e: e.model_copy(update={"layers": None, "weights_before": None})


def _noted(e: Examination, part: str, said: str) -> Examination:
    text = "; ".join(filter(None, (e.notes.get(part), f"for lack of room: {said}")))
    return e.model_copy(update={"notes": e.notes | {part: text}})


def _layers(e: Examination, change: Callable[[Layer], Layer]) -> Examination:
    return e.model_copy(update={"layers": tuple(change(layer) for layer in e.layers or ())})


def _coarser(layer: Layer) -> Layer:
    if layer.histogram is None:
        return layer
    one = layer.histogram
    thinner = Histogram(reach=one.reach, before=one.before and _thirds(one.before), after=_thirds(one.after))
    return layer.model_copy(update={"histogram": thinner})


def _thirds(counts: tuple[int, ...]) -> tuple[int, ...]:
    """Of 33 bins eleven. Where they cannot be shared by three, all stay."""
    if len(counts) % 3:
        return counts
    return tuple(sum(counts[start : start + 3]) for start in range(0, len(counts), 3))


def _looks(e: Examination, many: int) -> Examination:
    return e.model_copy(update={"heat": e.heat and e.heat.model_copy(update={"looks": e.heat.looks[:many]})})


def _pairs(e: Examination, many: int) -> Examination:
    assert e.answers is not None
    kept, left = e.answers.mixed_up[:many], e.answers.mixed_up[many:]
    more = e.answers.more_mixed_up + sum(often for *_, often in left)
    return e.model_copy(update={"answers": e.answers.model_copy(update={"mixed_up": kept, "more_mixed_up": more})})

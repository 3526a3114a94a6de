"""Where the numbers come from: for each metric how it was obtained, on what, how often, and what to beware of."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from autocompress.reports.grid import metrics_of
from autocompress.reports.view import StudyView
from autocompress.values.job import BASELINE
from autocompress.values.measurement import How, Measurement, by_metric
from autocompress.values.metric import known

MOST = 3  # different texts quoted before "and 4 more"


@dataclass(frozen=True)
class Provenance:
    """One metric obtained in one way."""

    title: str
    how: How
    text: str


def provenance(view: StudyView) -> list[Provenance]:
    """For the models on the front and the baseline; test accuracy last."""
    found = {t.number: by_metric(t.measurements) for t in view.front.members}
    found[BASELINE] = by_metric(view.baseline)
    entries = [
        entry
        for metric in metrics_of(view)
        for entry in _entries(known(metric).title, {n: ms[metric] for n, ms in found.items() if metric in ms})
    ]
    tested = {n: m for n, m in view.test_accuracy.items() if n in found}
    return entries + _entries("test accuracy", tested)


def _entries(title: str, measured: dict[int, Measurement]) -> list[Provenance]:
    hows: tuple[How, ...] = ("measured", "counted", "estimated")
    groups = [(how, {n: m for n, m in measured.items() if m.how == how}) for how in hows]
    return [Provenance(title, how, _text(group)) for how, group in groups if group]


def _text(group: dict[int, Measurement]) -> str:
    places = _few(m.on for m in group.values()) or "on what is not recorded"
    times = sorted({m.n for m in group.values()})
    often = "" if times == [1] else f"n = {times[0]}" if len(times) == 1 else f"n = {times[0]} to {times[-1]}"
    notes = _few(_notes(group))
    return "; ".join(part for part in (places, often, notes) if part)


def _notes(group: dict[int, Measurement]) -> Iterator[str]:
    """Each note once, and whose it is unless it is everybody's."""
    for note in dict.fromkeys(m.note for m in group.values() if m.note):
        whose = [_who(number) for number, m in group.items() if m.note == note]
        yield note if len(whose) == len(group) > 1 else f"{note} ({', '.join(whose)})"


def _who(number: int) -> str:
    return "baseline" if number == BASELINE else f"trial {number}"


def _few(texts: Iterable[str]) -> str:
    different = [text for text in dict.fromkeys(texts) if text]
    more = len(different) - MOST
    return "; ".join(different[:MOST]) + (f"; and {more} more" if more > 0 else "")


def sentence(text: str) -> str:
    """With a capital and a full stop."""
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "."

"""What to know before a difference between studies is believed: numbers that do not speak of the same thing."""

from collections.abc import Sequence

from autocompress.values.device import estimated_as
from autocompress.values.entrant import Entrant
from autocompress.values.front import Front
from autocompress.values.metric import known

OF_DEVICE = ("latency", "energy", "peak_ram", "flash")  # what one device tells little of another
OF_DATA = ("accuracy", "top5", "nll", "ece")


def cautions(entrants: Sequence[Entrant], fronts: Sequence[Front]) -> list[str]:
    """In words: who is not finished; which objectives are of other devices, of other data, or estimates of one only."""
    said = [f"{e.spec.name} is {e.life}: its front may still grow" for e in entrants if e.life != "finished"]
    for o in fronts[0].objectives:
        title = f"{known(o.metric).title} is not comparable"
        if estimated_as(o.metric) in OF_DEVICE:
            said += _apart(f"{title}, the devices differ", {e.spec.name: _where(e) for e in entrants})
        if o.metric in OF_DATA:
            said += _apart(f"{title}, the data differ", {e.spec.name: _data(e) for e in entrants})
        ways = {e.spec.name: _how(f, o.metric) for e, f in zip(entrants, fronts, strict=True) if f.members}
        said += _apart(title, ways)
    return said


def _apart(words: str, what: dict[str, str]) -> list[str]:
    differ = len(set(what.values())) > 1
    return [f"{words} ({'; '.join(f'{name}: {text}' for name, text in what.items())})"] if differ else []


def _where(e: Entrant) -> str:
    """The machine that ran the files, or the device that was thought of."""
    device = e.spec.device
    if device is None:
        return e.processor or "unknown"
    if device.measurement == "estimate":
        return device.name
    threads, batch = device.runtime.threads, device.protocol.batch
    more = [f"{threads} threads"] * (threads > 1) + [f"batch {batch}"] * (batch > 1)
    return ", ".join([e.processor or "unknown", *more])


def _data(e: Entrant) -> str:
    return " ".join(map(str, e.spec.data.values())) or "unknown"


def _how(front: Front, metric: str) -> str:
    found = [t.measured(metric) for t in front.members]
    return "estimated" if any(m and m.how == "estimated" for m in found) else "measured"

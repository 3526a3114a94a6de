"""Quantities as people write them, `20 ms`, `256 KiB`, `94 %`, to SI numbers. A unit is never guessed."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from autocompress.config.diagnostic import closest
from autocompress.config.node import shown

Dimension = Literal[
    "bytes", "time", "frequency", "energy", "power", "voltage", "fraction", "difference", "count", "rate", "bandwidth"
]

_BYTES = {
    **{"B": "1", "kB": "1e3", "MB": "1e6", "GB": "1e9", "TB": "1e12"},
    **{"KiB": str(2**10), "MiB": str(2**20), "GiB": str(2**30)},
}
UNITS: dict[Dimension, dict[str, str]] = {
    "bytes": _BYTES,
    "time": {"ns": "1e-9", "us": "1e-6", "µs": "1e-6", "ms": "1e-3", "s": "1", "min": "60", "h": "3600", "d": "86400"},
    "frequency": {"Hz": "1", "kHz": "1e3", "MHz": "1e6", "GHz": "1e9"},
    "energy": {"nJ": "1e-9", "uJ": "1e-6", "µJ": "1e-6", "mJ": "1e-3", "J": "1"},
    "power": {"uW": "1e-6", "µW": "1e-6", "mW": "1e-3", "W": "1"},
    "voltage": {"mV": "1e-3", "V": "1"},
    "fraction": {"%": "0.01"},
    "difference": {"pp": "0.01"},
    "count": {"": "1", "k": "1e3", "M": "1e6", "G": "1e9"},
    "rate": {"/s": "1"},
    "bandwidth": {f"{unit}/s": factor for unit, factor in _BYTES.items()},
}
EXAMPLES: dict[Dimension, str] = {
    "bytes": "256 KiB",
    "time": "20 ms",
    "frequency": "2.4 GHz",
    "energy": "2.8 mJ",
    "power": "23.6 mW",
    "voltage": "1.8 V",
    "fraction": "94 %",
    "difference": "1.0 pp",
    "count": "15 M",
    "rate": "500 /s",
    "bandwidth": "4.8 GB/s",
}
NUMBER = r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?"
QUANTITY = re.compile(rf"\s*({NUMBER})\s*([^\s0-9.+-][^\s]*)?\s*")


def quantity(value: Any, dimension: Dimension) -> float:
    """The SI number behind a written quantity, or a PydanticCustomError whose type is one of our codes."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _wrong("wrong-type", f"wants a quantity such as '{EXAMPLES[dimension]}', got {shown(value)}")
    text = str(value)
    found = QUANTITY.fullmatch(text)
    if found is None:
        raise _wrong("bad-unit", f"'{text}' is not a quantity", f"write a number and a unit: '{EXAMPLES[dimension]}'")
    number, unit = found[1], found[2] or ""
    factor = UNITS[dimension].get(unit)
    if factor is None:
        raise _misfit(text, number, unit, dimension)
    size = float(Decimal(number) * Decimal(factor))
    if size < 0:
        raise _wrong("out-of-range", f"must not be negative, got '{text}'")
    if not size < 1e30:
        raise _wrong("out-of-range", f"'{text}' is too large to be meant")
    return size


def speaks_of_baseline(value: Any) -> bool:
    return isinstance(value, str) and value.strip().startswith("baseline")


def below_baseline(value: Any) -> float | None:
    """`baseline - 1.0 pp` is 0.01; None for what does not speak of the baseline."""
    if not speaks_of_baseline(value):
        return None
    rest = value.strip().removeprefix("baseline").strip()
    if not rest:
        return 0.0
    example = "write it like 'baseline - 1.0 pp'"
    if not rest.startswith("-"):
        raise _wrong("bad-unit", f"'{value}' is not so many percentage points below the baseline", example)
    amount = rest.removeprefix("-").strip()
    found = QUANTITY.fullmatch(amount)
    if found is None or found[2] not in (None, "%", "pp") or found[1].startswith("-"):
        raise _wrong("bad-unit", f"'{value}' does not subtract percentage points", example)
    if found[2] == "%":
        meant = f"percentage points are meant: 'baseline - {found[1]} pp'"
        raise _wrong("bad-unit", f"'{value}' subtracts a percentage", meant)
    if found[2] is None:
        number = Decimal(found[1])
        points = [number * 100, number] if 0 < number < 1 else [number]
        hint = " or ".join(f"'baseline - {_plain(each)} pp'" for each in points)
        raise _wrong("bad-unit", f"'{amount}' in '{value}' has no unit", f"write {hint}")
    return quantity(amount, "difference")


def _misfit(text: str, number: str, unit: str, dimension: Dimension) -> PydanticCustomError:
    """Why this unit does not do, and the nearest that does."""
    known = UNITS[dimension]
    if not unit:
        if dimension == "fraction" and 0 < Decimal(number) < 1:
            return _wrong("bad-unit", f"'{text}' has no unit", f"write '{_plain(Decimal(number) * 100)} %'")
        some = [u for u in known if not u.startswith("µ")]
        return _wrong("bad-unit", f"'{text}' has no unit", f"write '{number} UNIT' with one of {', '.join(some)}")
    ambiguous = dimension == "bytes" and re.fullmatch(r"([kKmMgG])[bB]", unit)
    if ambiguous:
        big = unit[0].upper()
        binary, decimal = f"{big}iB", f"{'k' if big == 'K' else big}B"
        sizes = [f"'{number} {u}' ({_plain(Decimal(number) * Decimal(known[u]))} B)" for u in (binary, decimal)]
        return _wrong("bad-unit", f"'{unit}' in '{text}' is ambiguous", f"write {' or '.join(sizes)}")
    for other, units in UNITS.items():
        if unit in units:
            wanted = f"wants {_article(dimension)}, and '{unit}' in '{text}' is {_article(other)}"
            return _wrong("bad-unit", wanted, f"write it like '{EXAMPLES[dimension]}'")
    near = next((u for u in known if u.lower() == unit.lower()), None) or closest(unit, known)
    hint = f"did you mean '{number} {near}'? " if near else ""
    return _wrong(
        "bad-unit", f"'{unit}' in '{text}' is not a unit", f"{hint}allowed: {', '.join(u for u in known if u)}"
    )


def _article(dimension: Dimension) -> str:
    words = {"bytes": "a size", "difference": "a difference in percentage points", "fraction": "a percentage"}
    return words.get(dimension, f"{'an' if dimension[0] in 'aeiou' else 'a'} {dimension}")


def _plain(size: Decimal) -> str:
    return f"{size.normalize():f}"


def _wrong(code: str, text: str, hint: str = "") -> PydanticCustomError:
    # pydantic fills {names} in a template from the context; ours goes in whole, so braces in a value are harmless
    return PydanticCustomError(code, "{text}", {"text": text, "hint": hint})


def _reader(dimension: Dimension) -> Callable[[Any], float]:
    return lambda value: quantity(value, dimension)


def _typed(dimension: Dimension) -> Any:
    return WithJsonSchema(
        {"type": ["string", "number"] if dimension == "count" else "string", "examples": [EXAMPLES[dimension]]}
    )


Bytes = Annotated[float, BeforeValidator(_reader("bytes")), _typed("bytes")]
Seconds = Annotated[float, BeforeValidator(_reader("time")), _typed("time")]
Hertz = Annotated[float, BeforeValidator(_reader("frequency")), _typed("frequency")]
Joules = Annotated[float, BeforeValidator(_reader("energy")), _typed("energy")]
Watts = Annotated[float, BeforeValidator(_reader("power")), _typed("power")]
Volts = Annotated[float, BeforeValidator(_reader("voltage")), _typed("voltage")]
BytesPerSecond = Annotated[float, BeforeValidator(_reader("bandwidth")), _typed("bandwidth")]
Fraction = Annotated[float, BeforeValidator(_reader("fraction")), _typed("fraction")]
Count = Annotated[float, BeforeValidator(_reader("count")), _typed("count")]

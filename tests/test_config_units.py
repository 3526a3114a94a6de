"""Quantities: exact, never guessed, the same after being written and read again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from autocompress.config.units import EXAMPLES, UNITS, Dimension, below_baseline, quantity


@pytest.mark.parametrize(
    ("text", "dimension", "value"),
    [
        ("64 kB", "bytes", 64_000.0),
        ("64KiB", "bytes", 65_536.0),
        ("1.1 MB", "bytes", 1_100_000.0),
        ("5 ms", "time", 0.005),
        ("0.1 us", "time", 1e-7),
        ("10 min", "time", 600.0),
        ("2.4 GHz", "frequency", 2.4e9),
        ("2.8 mJ", "energy", 0.0028),
        ("94.0 %", "fraction", 0.94),
        ("1.0 pp", "difference", 0.01),
        ("12.5 M", "count", 12_500_000.0),
        (15_000_000, "count", 15_000_000.0),
        ("500 /s", "rate", 500.0),
        ("1.8 V", "voltage", 1.8),
        ("23.6 mW", "power", 0.0236),
        ("4.8 TB/s", "bandwidth", 4.8e12),
    ],
)
def test_si_numbers(text: str | int, dimension: Dimension, value: float) -> None:
    assert quantity(text, dimension) == value


@pytest.mark.parametrize(
    ("text", "code"),
    [
        *(("64 KB", "bad-unit"), ("64 Kb", "bad-unit"), ("64 mb", "bad-unit"), ("64", "bad-unit"), (64, "bad-unit")),
        *(("-1 kB", "out-of-range"), ("inf kB", "bad-unit"), ("nan", "bad-unit"), ("1e40 kB", "out-of-range")),
        *((True, "wrong-type"), (None, "wrong-type"), ([], "wrong-type"), ("", "bad-unit"), ("kB", "bad-unit")),
        *(("1 2 kB", "bad-unit"), ("5 ms", "bad-unit"), ("{x} kB", "bad-unit"), ("1,5 kB", "bad-unit")),
        ("١ kB", "bad-unit"),
    ],
)
def test_refused(text: object, code: str) -> None:
    with pytest.raises(PydanticCustomError) as caught:
        quantity(text, "bytes")
    assert caught.value.type == code


CASES = [(dimension, unit) for dimension, units in UNITS.items() for unit in units]


@given(st.sampled_from(CASES), st.floats(0, 1e9, allow_nan=False), st.sampled_from(["", " ", "  "]))
def test_written_and_read_again(case: tuple[Dimension, str], number: float, gap: str) -> None:
    dimension, unit = case
    value = quantity(f"{number!r}{gap}{unit}", dimension)
    assert value == pytest.approx(number * float(UNITS[dimension][unit]), rel=1e-15)
    base = next(u for u, factor in UNITS[dimension].items() if u.isascii() and float(factor) in (1.0, 0.01))
    back = value if UNITS[dimension][base] == "1" else value * 100
    assert quantity(f"{back!r} {base}", dimension) == pytest.approx(value, rel=1e-15)


@given(st.text(max_size=20), st.sampled_from(list(UNITS)))
def test_any_text_is_a_number_or_one_of_our_mistakes(text: str, dimension: Dimension) -> None:
    try:
        value, code = quantity(text, dimension), ""
    except PydanticCustomError as error:
        value, code = 0.0, error.type
    assert 0 <= value < 1e30
    assert code in ("", "bad-unit", "out-of-range")


def test_examples_are_right() -> None:
    assert all(quantity(EXAMPLES[dimension], dimension) > 0 for dimension in UNITS)


def test_relative_to_the_baseline() -> None:
    assert below_baseline("baseline - 1.0 pp") == 0.01
    assert below_baseline("baseline-0.5pp") == 0.005
    assert below_baseline("baseline") == 0.0
    assert below_baseline("94 %") is None
    for wrong in ("baseline + 1 pp", "baseline - 1 %", "baseline - 1", "baselines", "baseline - -1 pp"):
        with pytest.raises(PydanticCustomError):
            below_baseline(wrong)

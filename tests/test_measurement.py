"""A number without meaning is refused; the last word on a metric counts."""

import math
from typing import Any

import pytest

from autocompress.values.measurement import Measurement, by_metric, within_noise


def m(value: float, spread: float | None = None, **more: Any) -> Measurement:
    return Measurement(metric="accuracy", value=value, spread=spread, **{"how": "measured", **more})


@pytest.mark.parametrize(
    ("field", "value"),
    [("value", math.nan), ("value", math.inf), ("spread", math.nan), ("spread", -0.1), ("n", 0), ("how", "guessed")],
)
def test_no_number_without_meaning(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"1 validation error for Measurement\n{field}"):
        Measurement(**{"metric": "accuracy", "value": 0.5, "how": "measured", field: value})


def test_a_later_measurement_replaces_an_earlier_estimate() -> None:
    early, late = m(0.5, how="estimated"), m(0.6)
    assert by_metric((early, late)) == {"accuracy": late}


def test_a_difference_within_its_own_standard_error_is_none() -> None:
    assert within_noise(m(0.90, 0.03), m(0.95, 0.04))  # sqrt(.03² + .04²) = .05
    assert not within_noise(m(0.90, 0.03), m(0.9501, 0.04))
    assert within_noise(m(0.9), m(0.9))
    assert not within_noise(m(0.9), m(0.9001))

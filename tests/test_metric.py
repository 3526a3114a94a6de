"""Numbers as people read them: exact strings."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autocompress.values.metric import METRICS, known, show


@pytest.mark.parametrize(
    ("metric", "value", "spread", "text"),
    [
        ("accuracy", 0.9722, None, "97.22 %"),
        ("accuracy", 0.9722, 0.0086, "97.22 ± 0.86 %"),
        ("accuracy", 1.0, 0.0, "100.00 %"),
        ("latency_p50", 0.01234, None, "12.34 ms"),
        ("latency_p50", 0.01234, 0.00005, "12.34 ± 0.05 ms"),
        ("latency_p50", 0.002, 1e-6, "2.000 ± 0.001 ms"),
        ("latency_p50", 0.0004, None, "400.0 µs"),
        ("latency_p50", 2.5, None, "2.50 s"),
        ("latency_p50", 120.0, None, "120.0 s"),
        ("latency_p50", 3e-9, None, "3.00 ns"),
        ("latency_p50", 0.0, None, "0.00 s"),
        ("size", 512, None, "512 B"),
        ("size", 1023, None, "1023 B"),
        ("size", 1536, None, "1.50 KiB"),
        ("size", 256 * 1024, None, "256.0 KiB"),
        ("size", 1024**2 - 1, None, "1.00 MiB"),
        ("size", 5 * 2**30, None, "5.00 GiB"),
        ("params", 999, None, "999"),
        ("params", 12_345, None, "12.35 k"),
        ("params", 999_999, None, "1.00 M"),
        ("macs", 1_814_073_344, None, "1.81 G"),
        ("energy", 0.0028, None, "2.80 mJ"),
        ("energy", 2e-6, None, "2.00 µJ"),
        ("power", 0.0236, 0.002, "23.60 ± 2.00 mW"),
        ("power", 12.0, None, "12.00 W"),
        ("power", 5e-6, None, "5.00 µW"),
        ("top5", 0.99, None, "99.00 %"),
        ("nll", 0.3456, 0.0123, "0.35 ± 0.01"),
        ("ece", 0.0215, 0.002, "2.15 ± 0.20 %"),
        ("latency_p99", 0.001, None, "1.00 ms"),
        ("params_nonzero", 77_360, None, "77.36 k"),
        ("bops", 12.5e6 * 64, None, "800.0 M"),
        ("throughput", 123.4, None, "123.4 /s"),
        ("calibration_error", 0.0034, 0.0002, "0.0034 ± 0.0002"),
        ("calibration_error", 0.034, None, "0.034"),
        ("calibration_error", -0.5, None, "-0.50"),
        ("calibration_error", 0, None, "0"),
        ("size", float("nan"), None, "?"),
        ("accuracy", float("inf"), None, "?"),
    ],
)
def test_shown(metric: str, value: float, spread: float | None, text: str) -> None:
    assert show(metric, value, spread) == text


@given(st.sampled_from([*METRICS, "stranger"]), st.floats(1e-12, 1e15))
def test_what_is_shown_is_within_half_a_percent(metric: str, value: float) -> None:
    factors = {"%": 0.01, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9, "mJ": 1e-3, "µJ": 1e-6, "KiB": 2**10, "MiB": 2**20}
    factors |= {"mW": 1e-3, "µW": 1e-6, "GiB": 2**30, "k": 1e3, "M": 1e6, "G": 1e9}
    found = re.fullmatch(r"([\d.]+) ?(\S*)", show(metric, value))
    assert found
    coarse = 0.00005 if known(metric).unit == "fraction" else 0.0  # accuracy has two decimals, whatever its size
    assert float(found[1]) * factors.get(found[2], 1) == pytest.approx(
        value, rel=6e-2 if value < 1 else 5e-3, abs=coarse
    )


def test_a_strangers_metric_is_taken_as_it_comes() -> None:
    assert known("calibration_error") == ("", "minimize", "linear", "calibration_error")

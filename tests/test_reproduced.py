"""What counts as the same: numbers decide, noise excuses, clocks are only told."""

import pytest

from autocompress.values.measurement import Measurement
from autocompress.values.reproduced import File, differences, reproduced

EQUAL, OTHER = (File("model", "a" * 64, "a" * 64),), (File("model", "a" * 64, "b" * 64),)
MOVED = {"torch": ("2.14", "2.15")}


def m(metric, value, spread=None, how="measured"):
    return Measurement(metric=metric, value=value, how=how, spread=spread)


def held(before, after, files=OTHER, around=MOVED, failed=""):
    return reproduced({x.metric: x for x in before}, {x.metric: x for x in after}, files, around, failed)


def one(before, after, **given):
    found = held([before], [after], **given)
    return found.rows[0].verdict, found.same


@pytest.mark.parametrize(
    ("before", "after", "verdict", "same"),
    [
        (m("accuracy", 0.9, 0.01), m("accuracy", 0.9, 0.01), "equal", True),
        (m("accuracy", 0.9, 0.01), m("accuracy", 0.874, 0.01), "within noise", True),  # 1.84 errors
        (m("accuracy", 0.9, 0.01), m("accuracy", 0.87, 0.01), "differs", False),  # 2.12 errors
        (m("accuracy", 0.87, 0.01), m("accuracy", 0.9, 0.01), "differs", False),  # better is not the same either
        (m("accuracy", 0.9, 0.03), m("accuracy", 0.87), "within noise", True),
        (m("size", 1000), m("size", 1000), "equal", True),
        (m("size", 1000), m("size", 1001), "differs", False),
        (m("size", 0), m("size", 1e-13), "differs", False),
        (m("macs", 10, how="counted"), m("macs", 11, how="counted"), "differs", False),
        (m("latency_p50", 1e-3, 1e-5), m("latency_p50", 1.01e-3, 1e-5), "within noise", True),
        (m("latency_p50", 1e-3, 1e-5), m("latency_p50", 2e-3, 1e-5), "differs", True),
        (m("throughput", 100), m("throughput", 50), "differs", True),
        (m("peak_ram", 100), m("peak_ram", 150), "differs", True),
        (m("peak_ram", 100, how="counted"), m("peak_ram", 150, how="counted"), "differs", False),
        (m("latency_p50", 1e-3, 1e-3, "estimated"), m("latency_p50", 1e-3, 1e-3), "differs", True),
        (m("flash", 10, 5, "estimated"), m("flash", 12, 5, "estimated"), "within noise", True),
    ],
)
def test_a_number(before, after, verdict, same):
    assert one(before, after) == (verdict, same)


def test_the_same_file_in_the_same_place_has_no_excuse_but_the_clock():
    small = m("accuracy", 0.9, 0.01), m("accuracy", 0.901, 0.01)
    assert one(*small) == ("within noise", True)
    assert one(*small, files=EQUAL) == ("within noise", True)
    assert one(*small, around={}) == ("within noise", True)
    assert one(*small, files=EQUAL, around={}) == ("differs", False)
    clock = m("latency_p50", 1e-3, 1e-5), m("latency_p50", 1.01e-3, 1e-5)
    assert one(*clock, files=EQUAL, around={}) == ("within noise", True)


def test_what_is_missing_now_speaks_against_it_and_what_is_new_does_not():
    found = held([m("accuracy", 0.9), m("energy", 1.0)], [m("accuracy", 0.9), m("ece", 0.1)])
    assert {row.metric: row.verdict for row in found.rows} == {"accuracy": "equal", "energy": "gone", "ece": "new"}
    assert found.same
    assert not held([m("accuracy", 0.9), m("ece", 0.1)], [m("accuracy", 0.9)]).same


def test_exactly_is_every_number_and_every_file():
    numbers = [m("accuracy", 0.9, 0.01), m("latency_p50", 1e-3)], [m("accuracy", 0.9, 0.01), m("latency_p50", 9e-3)]
    assert held(*numbers, files=EQUAL, around={}).exactly
    assert held(*numbers, files=EQUAL).exactly, "elsewhere, too"
    assert not held(*numbers, files=OTHER).exactly
    assert held(*numbers, files=OTHER).same, "files explain, they do not decide"
    near = held([m("accuracy", 0.9, 0.01)], [m("accuracy", 0.899, 0.01)], files=EQUAL)
    assert near.same
    assert not near.exactly
    fresh = held([m("accuracy", 0.9)], [m("accuracy", 0.9), m("ece", 0.1)], files=EQUAL)
    assert fresh.exactly
    assert not held([m("size", 1)], [m("size", 2)], files=EQUAL).exactly


def test_what_could_not_be_made_is_not_the_same():
    found = held([], [], failed="[nan_loss] it diverged")
    assert not found.same
    assert not found.exactly
    assert not File("model", "a", "").equal


def test_differences_by_name():
    then, now = {"torch": "1", "cores": "2", "commit": "abc"}, {"torch": "1", "cores": "4", "images": "f"}
    assert differences(then, now) == {"commit": ("abc", ""), "cores": ("2", "4"), "images": ("", "f")}
    assert list(differences(then, now)) == ["commit", "cores", "images"]
    assert differences(then, then) == {}

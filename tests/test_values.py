"""Trials, budgets and study specs: what identifies a study, and what may change while it goes on."""

import subprocess
import sys
from typing import Any

import pytest

from autocompress.values.device import Device
from autocompress.values.limit import Limit, Objective
from autocompress.values.recipe import Recipe
from autocompress.values.study import Budget, StudySpec, changes
from autocompress.values.trial import Trial


def spec(**more: Any) -> StudySpec:
    given = {
        "name": "digits",
        "space": {"student": {"use": "convnet", "width": {"int": [8, 64]}}},
        "objectives": (Objective(metric="accuracy", direction="maximize"),),
        "budget": Budget(trials=10),
    }
    return StudySpec(**{**given, **more})


def test_how_long_and_on_how_many_workers_may_change() -> None:
    longer = spec(budget=Budget(trials=99, seconds=5.0), driver={"use": "ray_tune", "workers": 8})
    assert longer.hash == spec().hash
    assert longer.identity == spec().identity
    assert {"driver", "budget"}.isdisjoint(spec().identity)


@pytest.mark.parametrize(
    "other",
    [
        {"name": "other"},
        {"space": {}},
        {"objectives": (Objective(metric="size", direction="maximize"),)},
        {"limits": (Limit(metric="size", side="max", bound=1),)},
        {"device": Device(id="x", name="X", kind="cpu")},
        {"data": {"use": "digits"}},
        {"teacher": {"student": "x"}},
        {"sampler": {"use": "random"}},
        {"schedule": {"use": "halving"}},
        {"seed": 1},
    ],
)
def test_everything_else_makes_another_study(other: dict[str, Any]) -> None:
    assert spec(**other).hash != spec().hash
    assert len(changes(spec().identity, spec(**other).identity)) == 1


def test_a_study_survives_the_trip_through_json() -> None:
    full = spec(device=Device(id="x", name="X", kind="cpu"), limits=(Limit(metric="size", side="max", bound=1),))
    again = StudySpec.model_validate_json(full.model_dump_json())
    assert again == full
    assert again.hash == full.hash


@pytest.mark.parametrize("name", ["", "Digits", "a b", "../x", "-x", "a" * 64, "x\n", "<b>"])
def test_a_name_is_a_file_name_and_a_url_everywhere(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        spec(name=name)


LONG = "a" * 40


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, ["a: 1 -> 2"]),
        ({"a": 1}, {"a": 1.0}, ["a: 1 -> 1.0"]),
        ({"a": 1}, {"a": "1"}, ['a: 1 -> "1"']),
        ({"a": True}, {"a": None}, ["a: true -> null"]),
        ({"a": "x"}, {}, ["a: x -> (absent)"]),
        ({}, {"a": {"b": 1}}, ['a: (absent) -> {"b":1}']),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3, "c": 4}}, ["a.b: 1 -> 3", "a.c: 2 -> 4"]),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, ["a.1.b: 2 -> 3"]),
        ({"a": [1]}, {"a": [1, 2]}, ["a: [1] -> [1,2]"]),
        ({"a": {"b": 1, "c": 2}}, {"a": {"c": 2, "b": 1}}, []),
        ({"a": LONG * 2}, {"a": "b"}, [f"a: {LONG}{'a' * 17}... -> b"]),
        ({"a": LONG * 2 + "x"}, {"a": LONG * 2 + "y"}, [f"a: ...{'a' * 20}x -> ...{'a' * 20}y"]),
    ],
)
def test_changes_are_named_path_by_path(old: Any, new: Any, lines: list[str]) -> None:
    assert changes(old, new) == lines


def test_every_side_of_a_change_is_short() -> None:
    (line,) = changes({"a": "x" * 500 + "1" * 500}, {"a": "x" * 500 + "2" * 500})
    old, new = line.removeprefix("a: ").split(" -> ")
    assert (len(old), len(new)) == (60, 60)
    assert old != new


def test_a_budget_counts_what_passed_the_gate() -> None:
    assert Budget(trials=10).most_asked == 150
    for wrong in ({"trials": -1}, {"trials": 1, "seconds": 0}, {"trials": 1, "hours": 1}):
        with pytest.raises(ValueError, match="validation error"):
            Budget(**wrong)  # type: ignore[arg-type]


def test_a_trial_is_feasible_when_complete_and_within_every_limit() -> None:
    def made(state: Any, **violations: float) -> Trial:
        return Trial(number=1, recipe=Recipe.of({}), state=state, violations=violations)

    assert made("complete").feasible
    assert made("complete", size=0.0, macs=-1.0).feasible
    assert not made("complete", size=0.1, macs=-1.0).feasible
    assert not made("stopped", size=-1.0).feasible
    assert list(made("infeasible", size=0.1, macs=-1.0, energy=0.3).broken.items()) == [("energy", 0.3), ("size", 0.1)]


def test_values_know_no_torch_no_optuna_and_no_pandas() -> None:
    code = (
        "import sys, pkgutil, importlib, autocompress.values as v\n"
        "[importlib.import_module(m.name) for m in pkgutil.iter_modules(v.__path__, 'autocompress.values.')]\n"
        "print(sorted({'torch', 'optuna', 'ray', 'pandas'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"

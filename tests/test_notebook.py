"""In a notebook values show themselves as the report does, and nothing is imported before they do."""

import subprocess
import sys

import pytest
from fakes import Pretend, spec
from views import EVIL, TRIALS, trial, view

from autocompress.config.load import load_device
from autocompress.reports.notebook import shown
from autocompress.study.study import Study
from autocompress.values.study import Budget


def test_a_study_shows_its_answer_its_chart_and_its_front(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("AUTOCOMPRESS_HOME", str(tmp_path))
    study = Study.of(spec(budget=Budget(trials=8)), work=Pretend())
    assert "not run yet" in shown(study)
    study.run()
    text = shown(study)
    pick = study.front().pick().trial.number
    assert f"pretend: take trial {pick} " in text
    assert f"pick: trial {pick}" in text  # the label in the chart
    assert text.count("<tr>") == len(study.front()) + 1 + (1 if study.baseline else 0)


def test_a_front_shows_its_members_and_none_of_the_others() -> None:
    f = view().front
    text = shown(f)
    assert "pick: trial 0" in text
    assert all(f">{t.number}<" in text or f"★ {t.number}<" in text for t in f.members)
    assert ">2<" not in text
    assert "0 models" in shown(view(()).front)


@pytest.mark.parametrize("given", TRIALS, ids=lambda t: t.state)
def test_a_trial_shows_what_is_known_of_it(given) -> None:
    text = shown(given)
    assert f"Trial {given.number}</b> {given.state}" in text
    assert given.message in text
    assert ("measured" in text) == any(m.how == "measured" for m in given.measurements)


def test_a_device_shows_its_limits() -> None:
    text = shown(load_device("stm32h743"))
    assert "STM32H743 at 480 MHz" in text
    assert "peak_ram ≤ 512.0 KiB with 30 % to spare" in text


def test_nothing_in_a_value_becomes_markup() -> None:
    assert "<script" not in shown(trial(0, "failed", use=EVIL, message=EVIL, code="export"))


NOTEBOOK = """
import sys, types
known = {}
class Formatter:
    def for_type_by_name(self, place, name, show):
        known[f"{place}.{name}"] = show
class Shell:
    display_formatter = types.SimpleNamespace(formatters={"text/html": Formatter()})
sys.modules["IPython"] = types.SimpleNamespace(get_ipython=lambda: SHELL)
import autocompress
assert not {"altair", "torch", "optuna", "pandas", "pydantic"} & set(sys.modules)
print(sorted(known))
if known:
    from autocompress.values.front import Front
    print(known["autocompress.values.front.Front"](Front((), ())))
"""


@pytest.mark.parametrize("there", [True, False])
def test_a_notebook_is_told_when_the_package_is_imported(there: bool) -> None:
    code = NOTEBOOK.replace("SHELL", "Shell()" if there else "None")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    kinds = ["study.study.Study", "values.device.Device", "values.front.Front", "values.trial.Trial"]
    assert done.startswith(str([f"autocompress.{kind}" for kind in kinds] if there else []))
    assert ("&lt;Front of 0 models" in done) == there

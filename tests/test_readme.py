"""The README tells the truth: its commands are those of CI, its files pass the check, its error is the real one."""

import re
from pathlib import Path

import pytest

import autocompress as ac
from autocompress.config.diagnostic import ConfigError
from autocompress.config.load import load_device, load_space
from autocompress.plugin import kinds

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
CI = (ROOT / ".ci" / "run").read_text()


def block(start: str) -> str:
    """The fenced block that begins with these words."""
    found = re.search(rf"```\w*\n({re.escape(start)}.*?)```", README, re.DOTALL)
    assert found, start
    return found[1]


def test_its_two_commands_are_those_of_ci():
    first = block("python -m venv").strip()
    assert first.endswith("pip install -e . && autocompress run studies/quickstart.yaml")
    second = block("pip install -e '.[test]'").strip()
    assert second == "pip install -e '.[test]' && pytest"
    for step in (*first.split(" && ")[2:], *second.split(" && ")):
        assert re.search(
            rf"^(quietly )?{re.escape(step.replace('pip install', 'pip install -q'))}(\s|$)", CI, re.MULTILINE
        ), step


def test_its_space_and_device_pass_the_check(tmp_path):
    space = load_space(tmp_path / "space.yaml", source="schema: autocompress.space/v1\n" + block("student: "))
    assert len(space["stages"]) == 3
    device = load_device(tmp_path / "my-board.yaml", source=block("schema: autocompress.device/v1"))
    assert {limit.metric for limit in device.limits} == {"size", "latency_p50", "accuracy"}


def test_its_mistake_is_told_as_it_says():
    wrong = block("schema: autocompress.device/v1").replace("256 KiB", "256 KB")
    with pytest.raises(ConfigError) as error:
        load_device("my-board.yaml", source=wrong)
    assert str(error.value) == block("my-board.yaml:").strip()


def test_every_name_of_the_python_examples_exists():
    for name in re.findall(r"\bac\.(\w+)", README):
        assert getattr(ac, name)
    for python in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        compile(python, "README.md", "exec")


def test_every_kind_strangers_may_join_is_named():
    named = set(re.findall(r"`(?:autocompress)?\.(\w+)`", README[README.index("## Extend it") :]))
    assert set(kinds()) <= named


def test_it_has_no_placeholder_left():
    assert "@@" not in README

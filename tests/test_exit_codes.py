"""The README says of every exit code what it means, and which commands end with it."""

import inspect
import re
import sys
from pathlib import Path
from types import FunctionType

from autocompress.cli import out
from autocompress.cli.app import app

README = (Path(__file__).parents[1] / "README.md").read_text()
TABLE = dict(re.findall(r"^\| (\d+) \| (.+) \|$", README[README.index("Exit codes:") :], re.MULTILINE))
CODES = {name: str(value) for name, value in vars(out).items() if name.isupper() and isinstance(value, int)}


def commands(group=app, before=""):
    for one in group.registered_commands:
        yield f"{before}{one.name or one.callback.__name__.replace('_', '-')}", one.callback
    for sub in group.registered_groups:
        yield from commands(sub.typer_instance, f"{before}{sub.name} ")


def ends(function: FunctionType, seen=frozenset()) -> set[str]:
    """Names of the codes it exits with, itself or by what it calls in its own file."""
    source, here = inspect.getsource(function), vars(sys.modules[function.__module__])
    found = set(re.findall(r"sys\.exit\((\w+)\)", source))
    for name in set(re.findall(r"\b(_\w+)\(", source)) - seen:
        if inspect.isfunction(here.get(name)):
            found |= ends(here[name], seen | {name})
    return found


def test_the_readme_lists_the_codes_there_are():
    assert set(TABLE) == set(CODES.values())


def test_it_names_the_commands_that_end_with_a_code_in_their_own_way():
    found = {(name, code) for name, function in commands() for code in ends(function)}
    assert {("verify", "NOTHING_FITS"), ("devices explain", "NOTHING_FITS"), ("run", "NOTHING_FITS")} <= found
    general = {"check", "devices check"}  # a mistake in a file, which is what 3 is for
    missing = {
        (name, code)
        for name, code in found
        if f"`{name}`" not in TABLE[CODES[code]] and code not in ("INTERRUPTED", "USAGE") and name not in general
    }
    assert not missing

"""A program for test_terminal: `run` and `resume` as people type them, in the pretend world; after a trial, long ones.

watched.py SECONDS VERB NAME [--trials N] [--json]
"""

import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from fakes import spec
from workers import Lasting

from autocompress.cli.app import main
from autocompress.cli.launch import launch
from autocompress.study.study import Study
from autocompress.values.study import Budget

TEACHER = {"student": {"use": "cnn", "width": 32}}
opened = Study.open


def run(name: str, trials: int, work: Lasting) -> None:
    pretend = spec(name=name, teacher=TEACHER, driver={"use": "local", "workers": 1}, budget=Budget(trials=trials))
    launch(Study.of(pretend, work=work), None, None, None, plain=False, json=False)


if __name__ == "__main__":
    seconds, verb, name, *options = sys.argv[1:]
    work = Lasting(float(seconds))
    if verb == "run":
        run(name, int(options[1]), work)
    else:
        Study.open = lambda name, *, storage=None: replace(opened(name, storage=storage), work=work)
        sys.argv = ["autocompress", verb, name, *options]
        main()

"""A program for test_kill: lives of one study, each ended by kill -9 after a random time; the last runs to the end."""

import json
import os
import random
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from fakes import Pretend, spec

from autocompress.study.study import Study
from autocompress.values.job import Job
from autocompress.values.study import Budget

SHARE = 0.55  # whole trainings per life: more than all the lives before the last one can do
SCHEDULE = {"use": "halving", "first": 1 / 9}


@dataclass(frozen=True)
class Unhurried:
    """A little time passes in every trial, so that kills find it in the middle."""

    def __call__(self, job: Job):
        time.sleep(0.004)
        yield from Pretend()(job)


def live(folder: Path, trials: int) -> None:
    """One life: acknowledge each ended trial, after the study has stored it, by one line in one write."""
    budget = Budget(trials=trials, replicas=2)
    study = Study(spec(driver={"use": "serial"}, schedule=SCHEDULE, budget=budget), folder, work=Unhurried())
    out = os.open(folder / "acknowledged", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for happening, _ in study.steps():
        if happening.kind == "ended":
            t = happening.trial
            line = {"number": t.number, "state": t.state, "key": t.recipe.key, "measurements": len(t.measurements)}
            os.write(out, (json.dumps(line) + "\n").encode())


def main(folder: Path, kills: int) -> None:
    chance, died_working, budget = random.Random(0), 0, round(SHARE * kills)
    for _ in range(kills):
        lines = _lines(folder)
        child = os.fork()
        if child == 0:
            live(folder, budget)
            os._exit(0)
        if chance.random() < 0.75:  # at work; the others while it opens its store and relives
            _wait_until_more_than(lines, folder, child)
            time.sleep(chance.uniform(0.0, 0.04))
        else:
            time.sleep(chance.uniform(0.0, 0.3))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        died_working += os.WIFSIGNALED(status) and _lines(folder) > lines
    before_the_last = _lines(folder)
    child = os.fork()
    if child == 0:
        live(folder, budget)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status == 0, status
    told = {"before_the_last": before_the_last, "kills": kills, "died_working": died_working, "budget": budget}
    print(json.dumps(told))


def _wait_until_more_than(lines: int, folder: Path, child: int) -> None:
    """Until the child has acknowledged something new, or has nothing left to do."""
    for _ in range(30_000):
        if _lines(folder) > lines or os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return
        time.sleep(0.001)


def _lines(folder: Path) -> int:
    file = folder / "acknowledged"
    return len(file.read_bytes().splitlines()) if file.exists() else 0


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))

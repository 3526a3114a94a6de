"""A program for test_ray_tune: a study on a Ray of its own, which acknowledges each ended trial by a line in a file."""

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from fakes import spec
from workers import Unhurried

from autocompress.study.study import Study
from autocompress.values.study import Budget

BUDGET = 24

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    pretend = spec(driver={"use": "ray_tune", "workers": 2}, budget=Budget(trials=BUDGET))
    out = os.open(folder / "acknowledged", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for happening, _ in Study(pretend, folder / "study", work=Unhurried(0.2)).steps():
        if happening.kind == "ended":
            os.write(
                out, (json.dumps({"number": happening.trial.number, "state": happening.trial.state}) + "\n").encode()
            )

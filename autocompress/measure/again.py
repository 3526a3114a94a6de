"""Open one file in a fresh process and count right answers: a question as JSON on stdin, the answer on stdout.

`python -m autocompress.measure.again`. A file of a stranger may crash what reads it, or never come to an end.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from autocompress.data.base import Dataset, Split
from autocompress.measure.accuracy import accuracy, answers
from autocompress.measure.runtimes.base import Runtime
from autocompress.plugin import make


def main() -> None:
    try:
        print(json.dumps(counted(json.load(sys.stdin))))
    except Exception as error:  # of a runtime, on a file that may hold anything
        sys.exit(" ".join(str(error).split()) or type(error).__name__)


def counted(question: dict[str, Any]) -> dict[str, Any]:
    with np.load(question["images"], allow_pickle=False) as held:
        split = Split(held["x"], held["y"])
    data = Dataset(split, split, split, (), tuple(question["mean"]), tuple(question["std"]))
    session = make(Runtime, question["runtime"]).open(Path(question["file"]))
    return {"accuracy": accuracy(answers(session, data.shown(split)), split.y, "").value}


if __name__ == "__main__":
    main()

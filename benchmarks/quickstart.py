"""What the quick start really reaches: seconds, size of the front, the pick against the teacher. Fresh each time.

    python benchmarks/quickstart.py [--runs 3]

Wall time of the whole command; accuracy against the teacher's file on the validation split and on the test split.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from typing import Any


def once() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "AUTOCOMPRESS_HOME": home}
        began = time.perf_counter()
        command = [sys.executable, "-m", "autocompress", "run", "quickstart", "--json"]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
        return {"wall": time.perf_counter() - began, **json.loads(done.stdout)}


def line(run: dict[str, Any]) -> str:
    def value(measurements: list[dict[str, Any]], metric: str) -> float:
        return float(next(m["value"] for m in measurements if m["metric"] == metric))

    pick = next(m for m in run["members"] if m["trial"] == run["pick"]["trial"])
    base, mine = run["baseline"], pick["measurements"]
    smaller = value(base, "size") / value(mine, "size")
    faster = value(base, "latency_p50") / value(mine, "latency_p50")
    points = 100 * (value(mine, "accuracy") - value(base, "accuracy"))
    tested = 100 * (pick["test_accuracy"]["value"] - run["baseline_test_accuracy"]["value"])
    counts = run["counts"]
    return (
        f"{run['wall']:6.1f} s  front {len(run['members']):2d}  refused {counts['refused']:3d}  "
        f"pick {smaller:6.1f}x smaller {faster:5.1f}x faster  {points:+.2f} pp (validation) {tested:+.2f} pp (test)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    for _ in range(parser.parse_args().runs):
        print(line(once()), flush=True)


if __name__ == "__main__":
    main()

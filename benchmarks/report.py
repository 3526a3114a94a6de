"""How large is a report, and how long does it take? To build, and in a browser until its charts are there.

    python benchmarks/report.py [--trials 250 10000] [--rounds 3]

Goals: at 250 trials a page of at most 2 MB, everything built in 5 s; at 10,000 trials 4 MB and 20 s. The pretend study
is that of the tests (tests/report_views.py). The browser's figures need Chromium.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from browser import PHONE, browser, lack, open_page
from report_views import study

from autocompress.reports import bundle

GOALS = {250: (2.0, 5.0), 10_000: (4.0, 20.0)}  # trials -> MB of the page, seconds to build


def built(trials: int, folder: Path) -> tuple[float, list[Path]]:
    """Seconds to write every report of a fresh view, which nobody has asked for anything before."""
    view = study(trials, control=trials // 2)
    start = time.perf_counter()
    paths = bundle.write(view, folder)
    return time.perf_counter() - start, list(paths)


def shown(page: Path, width: int) -> float:
    """Seconds until the page is there and has settled."""
    with browser() as started:
        start = time.perf_counter()
        with open_page(started, page, width):
            return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, nargs="+", default=list(GOALS))
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    for trials in args.trials:
        with TemporaryDirectory() as name:
            took = []
            for _ in range(args.rounds):
                seconds, paths = built(trials, Path(name))
                took.append(seconds)
            page = paths[0]
            megabytes = page.stat().st_size / 1e6
            most, longest = GOALS.get(trials, (float("inf"), float("inf")))
            kept = "" if trials not in GOALS else " kept" if megabytes <= most and max(took) <= longest else " MISSED"
            print(
                f"{trials} trials: page {megabytes:.2f} MB, {len(paths)} files {_sum(paths):.2f} MB, built in "
                f"{statistics.median(took):.2f} s (first {took[0]:.2f}, slowest {max(took):.2f});{kept}"
                + (f" goal {most:g} MB, {longest:g} s" if trials in GOALS else "")
            )
            if reason := lack():
                print(f"  in a browser: {reason}")
            else:
                print(f"  in a browser: wide {shown(page, 1400):.2f} s, phone {shown(page, PHONE):.2f} s")


def _sum(paths: list[Path]) -> float:
    return sum(path.stat().st_size for path in paths) / 1e6


if __name__ == "__main__":
    main()

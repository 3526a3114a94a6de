"""What works with what: every student x importance x share x scope, and every student x distiller, on tiny data.

    python benchmarks/grid.py [--students cnn vit ...] [--table pruning|distilling] > table.md

A cell of the first table is passed when the network was cut, its MACs moved, it trained, was saved, and was loaded by a
process that has no torch-pruning, with the same answers (to 1e-6: attention rounds by where its tensors lie). One of
the second when the student trained by the method, its losses were finite, its weights moved and its teacher's did
not. What is refused says why, below the table.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from autocompress.compress.cutting.surgery import Rules, cut
from autocompress.compress.distillers.base import Distiller
from autocompress.compress.importances.base import Importance
from autocompress.compress.lab import Lab
from autocompress.compress.manifest import save
from autocompress.compress.model import Model
from autocompress.compress.plan import Plan
from autocompress.compress.students.base import Student
from autocompress.compress.teacher import Teacher
from autocompress.compress.train import fit
from autocompress.data.base import Dataset, Split
from autocompress.errors import Failure
from autocompress.measure.counted import macs
from autocompress.plugin import find, make, names

INPUTS, CLASSES, EXAMPLES = (3, 32, 32), 10, 32
SHARES, SCOPES = (0.3, 0.5, 0.7), ("local", "global")
SMALL: dict[str, dict[str, Any]] = {  # of families that are made for photographs
    "cnn": {"width": 8},
    "convnext": {"widths": [8, 16, 24, 32], "depths": [1, 1, 1, 1]},
    "densenet": {"growth": 8},
    "dscnn": {"width": 16},
    "efficientnet": {"width": 0.25, "depth": 0.25},
    "mobilenet_v2": {"width": 0.35},
    "mobilenet_v3": {"width": 0.35},
    "regnet": {"size": "x_200mf", "width": 0.5},
    "resnet": {"depth": 8, "width": 8},
    "resnet_thin": {"widths": [8, 8, 8, 8, 8]},
    "shufflenet_v2": {"width": 0.25},
    "squeezenet": {"width": 0.25},
    "torchvision": {"name": "swin_t"},
    "vgg": {"depth": 8, "width": 8},
    "vit": {"dim": 48, "depth": 2},
    "wideresnet": {"depth": 10, "width": 1},
}
TEACHER = {"use": "resnet", "depth": 14, "width": 8}
PLAN = Plan(epochs=1, lr=0.01, batch_size=16)
CHECK = """
import sys
sys.modules["torch_pruning"] = None
import torch
from pathlib import Path
from safetensors.torch import load_file
from autocompress.compress.manifest import load
torch.set_num_threads(1)
for folder in sorted(Path(sys.argv[1]).iterdir()):
    x, y = (load_file(folder / "answers.safetensors")[name] for name in "xy")
    with torch.inference_mode():
        same = torch.allclose(load(folder).net(x), y, rtol=1e-5, atol=1e-6)
    print(folder.name, "ok" if same else "differs")
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--students", nargs="+", default=sorted(families()))
    parser.add_argument("--table", choices=["pruning", "distilling"])
    given = parser.parse_args()
    torch.set_num_threads(1)
    began = time.perf_counter()
    if given.table != "distilling":
        pruning(given.students)
    if given.table != "pruning":
        distilling(given.students)
    print(f"\n{time.perf_counter() - began:.0f} s, torch {torch.__version__}")


def families() -> Iterator[str]:
    """All that build a network by themselves."""
    for name in names(Student):
        family = find(Student, name)
        if not family.of_teacher and name not in ("saved", "grafted", "python"):
            yield name


def pruning(students: list[str]) -> None:
    importances = sorted(names(Importance))
    print(f"## Students x importances x shares {SHARES} x scopes {SCOPES}\n")
    print("Each cell: passed of tried, and the MACs left by a local cut of a half.\n")
    print("| student | " + " | ".join(importances) + " |")
    print("|---" * (len(importances) + 1) + "|")
    refused: dict[str, list[str]] = {}
    passed = tried = 0
    for student in students:
        cells = []
        for importance in importances:
            results = list(cut_cells(student, importance))
            good = sum(reason == "" for _, reason, _ in results)
            passed, tried = passed + good, tried + len(results)
            for where, reason, _ in results:
                if reason:
                    refused.setdefault(reason, []).append(f"{student} x {importance} {where}")
            left = next((f", {left:.2f}" for where, _, left in results if where == "0.5 local" and left), "")
            cells.append(f"{good}/{len(results)}{left}")
        print(f"| {student} | " + " | ".join(cells) + " |", flush=True)
    reasons(passed, tried, refused)


def cut_cells(student: str, importance: str) -> Iterator[tuple[str, str, float]]:
    """Where, why not, MACs left; all saved models are loaded and asked by one other process."""
    model = Model.fresh({"use": student, **SMALL.get(student, {})}, INPUTS, CLASSES, seed=0)
    by, lab, before = make(Importance, importance), Lab(pretend()), macs(model.net, INPUTS)
    found: dict[str, tuple[str, str, float]] = {}
    with tempfile.TemporaryDirectory() as place:
        for share in SHARES:
            for scope in SCOPES:
                where = f"{share} {scope}"
                try:
                    smaller = finished(fit(cut(model, lab, share, by, Rules(scope=scope)), lab, PLAN))
                except Failure as failure:
                    found[where] = (where, f"{failure.code}: {failure}", 0.0)
                    continue
                left = macs(smaller.net, INPUTS) / before
                found[where] = (where, "" if left < 1 else "the MACs did not move", left)
                folder = Path(place) / where.replace(" ", "_")
                save(smaller, folder, mean=MEAN, std=STD)
                x = torch.randn(2, *INPUTS)
                with torch.inference_mode():
                    save_file({"x": x, "y": smaller.net(x)}, folder / "answers.safetensors")
        done = subprocess.run([sys.executable, "-c", CHECK, place], capture_output=True, text=True, check=False)
        answers = dict(line.split() for line in done.stdout.splitlines())
    for where, (_, reason, left) in found.items():
        loaded = answers.get(where.replace(" ", "_"), f"not loaded: {done.stderr.strip().splitlines()[-1:]}")
        yield where, reason or ("" if loaded == "ok" else f"saved and loaded: {loaded}"), left


def distilling(students: list[str]) -> None:
    distillers = sorted(names(Distiller))
    print("\n## Students x distillers\n")
    print("| student | " + " | ".join(distillers) + " |")
    print("|---" * (len(distillers) + 1) + "|")
    refused: dict[str, list[str]] = {}
    for student in students:
        cells = []
        for distiller in distillers:
            reason = taught(student, distiller)
            cells.append("ok" if not reason else "-")
            if reason:
                refused.setdefault(reason, []).append(f"{student} x {distiller}")
        print(f"| {student} | " + " | ".join(cells) + " |", flush=True)
    tried = len(students) * len(distillers)
    reasons(tried - sum(map(len, refused.values())), tried, refused)


def taught(student: str, distiller: str) -> str:
    """Why not, or nothing."""
    model = Model.fresh({"use": student, **SMALL.get(student, {})}, INPUTS, CLASSES, seed=0)
    data = pretend()
    teacher = Teacher(Model.fresh(TEACHER, INPUTS, CLASSES, 1), "teacher", data, torch.device("cpu"))
    before = {name: value.clone() for name, value in teacher.net.state_dict().items()}
    lab = Lab(data, teachers=lambda name: teacher)
    method = make(Distiller, distiller)
    try:
        fresh = method.start(model, teacher.model, lab.seed).net.state_dict()
        after = finished(fit(model, lab, PLAN, [method]))
    except Failure as failure:
        return f"{failure.code}: {failure}"
    if any(not torch.equal(value, before[name]) for name, value in teacher.net.state_dict().items()):
        return "the teacher changed"
    moved = any(not torch.equal(value, fresh[name]) for name, value in after.net.named_parameters())
    return "" if moved else "the student did not learn"


def reasons(passed: int, tried: int, refused: dict[str, list[str]]) -> None:
    print(f"\n{passed} of {tried} cells passed.")
    for reason, cells in refused.items():
        print(f"- {reason}\n  ({len(cells)}: {', '.join(cells[:4])}{' ...' if len(cells) > 4 else ''})")


def finished(running: Any) -> Model:
    while True:
        try:
            next(running)
        except StopIteration as end:
            model: Model = end.value
            return model


MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)


def pretend() -> Dataset:
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (EXAMPLES, *INPUTS), dtype=np.uint8)
    split = Split(x, np.arange(EXAMPLES) % CLASSES)
    return Dataset(split, split, split, tuple(map(str, range(CLASSES))), MEAN, STD)


if __name__ == "__main__":
    main()

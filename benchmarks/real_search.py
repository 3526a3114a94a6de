"""Does the search win where training is real? Our defaults and plain Optuna on digits, at equal device time.

    python -m benchmarks.real_search --out FOLDER [--seconds 600] [--seeds 3] [--arms default tpe nsga2 ...]
    python -m benchmarks.real_search --out FOLDER --table
    python -m benchmarks.real_search --smoke

Hypervolume of what is complete and fits, between the front and the limits (values/front.py), for accuracy, log latency
and log size of the exported file; mean and standard error over the seeds; ratios are taken seed by seed.

All arms have the same space, limits, evaluation (training, export, measurement) and training seed, one process with one
thread, a home folder of their own, and a teacher that is trained before the clock starts. Device time is CPU time of
the process and all its children, from a trial's beginning to its end: refusals, stopped trials and cheap variants too.
Asking is not in it, and is shown apart.

default      a study whose file says nothing about searching: gate, halving, known recipes, variants, ehvi
tpe, nsga2   Optuna's samplers as they come, asked as people do it: what lies behind an option is asked for if it was
             taken, every candidate is trained to its end, exported and measured, then told, its limits as Optuna's
             constraints (in log scale, for they have other units). More than most would have: what was trained before
             with the same settings comes from the arm's own cache.
no-variants  the default, which takes its budget for trainings alone
nsga2-20     nsga2 with a population of 20 instead of 50
random       Optuna's RandomSampler, asked in the same way: the floor
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from autocompress.config.load import load_study
from autocompress.plugin import make
from autocompress.search.search import suggested
from autocompress.study.core import Loop
from autocompress.study.drivers.base import Driver
from autocompress.study.evaluate import Careful, Events
from autocompress.study.verdict import judged
from autocompress.values.front import front, reference, volume
from autocompress.values.job import BASELINE, Done, Gated, Job, Outcome, Rung, Work
from autocompress.values.measurement import Measurement
from autocompress.values.recipe import Recipe
from autocompress.values.space import fill
from autocompress.values.study import StudySpec
from autocompress.values.trial import Trial
from benchmarks.search import Fleeting, interval

ARMS = ("default", "tpe", "nsga2")
MORE = ("no-variants", "nsga2-20", "random")
MARKS = (0.25, 0.5, 1.0)  # of the budget
STUDY = """
schema: autocompress.study/v1
name: real-search
data: {{use: digits, val: 0.4}}
device: this-machine
teacher:
  student: {{use: resnet, depth: 14, width: 24}}
  stages: [{{use: finetune, epochs: {epochs}, lr: 0.1}}]
space:
  schema: autocompress.space/v1
  student:
    choice:
      - {{use: resnet, depth: {{choice: [8, 14, 20]}}, width: {{int: [8, 32], step: 4}}}}
      - {{use: cnn, depth: {{int: [3, 6]}}, width: {{int: [8, 32], step: 4}}}}
  stages:
    - order:
        - use: distill
          method:
            choice:
              - none
              - {{use: logit, temperature: auto, alpha: auto}}
              - {{use: dkd, beta: auto}}
          epochs: {epochs}
          lr: {{float: [0.02, 0.3], log: true}}
        - choice:
            - none
            - use: prune
              by: {{choice: [magnitude, lamp, taylor, fpgm]}}
              ratio: {{float: [0.1, 0.7]}}
              scope: {{choice: [local, global]}}
              recover: {{int: [1, 4]}}
    - {{use: finetune, epochs: {settle}, lr: 0.02}}
    - choice:
        - none
        - {{use: quantize, scheme: {{use: onnx_static, calibrate: auto, examples: auto}}}}
        - use: quantize
          scheme: {{use: lsq, weights: {{choice: [2, 3, 4, 8]}}, activations: {{choice: [4, 8]}}}}
          recover: {{int: [1, 4]}}
          method: {{choice: [none, logit]}}
limits: {{accuracy: 96 %, latency_p50: 100 us, size: 100 kB, macs: 2 M}}
budget: {{device_time: {seconds} s}}
driver: serial
seed: {seed}
"""


def study(seed: int, seconds: float, epochs: int) -> StudySpec:
    text = STUDY.format(epochs=epochs, settle=max(1, epochs // 5), seconds=seconds, seed=seed)
    return load_study("real_search.yaml", source=text)


@dataclass(frozen=True)
class Metered:
    """Work that says how long it took in seconds of CPU, whatever else the machine has to do."""

    work: Work

    def __call__(self, job: Job) -> Events:
        began, events, answer = cpu(), self.work(job), None
        while not isinstance(event := events.send(answer), Done):
            answer = yield event
        yield Done(job.number, replace(event.outcome, seconds=cpu() - began))


def cpu() -> float:
    """Seconds of this process and all below it, living or waited for."""
    took, below = {}, {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it has just ended
                continue
            took[int(folder.name)] = sum(map(int, fields[11:15]))
            below.setdefault(int(fields[1]), []).append(int(folder.name))
    family = [os.getpid()]
    for member in family:
        family += below.get(member, [])
    return sum(took.get(member, 0) for member in family) / os.sysconf("SC_CLK_TCK")


# --- the arms ---


def ours(spec: StudySpec, folder: Path) -> Iterator[Trial]:
    from autocompress.study.compression import Compression
    from autocompress.study.craft import craft

    loop = Loop(spec, Fleeting(spec), craft=craft())
    with make(Driver, spec.driver).start(Metered(Careful(Compression(spec, str(folder))))) as pool:
        yield from (h.trial for h in loop.run(pool) if h.kind == "ended" and h.trial)


def plain(sampler: Callable[[int], Any], spec: StudySpec, folder: Path) -> Iterator[Trial]:
    """Every candidate to its end. The limits are judged afterwards, so the work is not told of them."""
    import optuna

    from autocompress.study.compression import Compression

    bare = spec.model_copy(update={"limits": (), "schedule": {"use": "flat"}})
    work = Metered(Careful(Compression(bare, str(folder))))
    to_the_end(work, Job(BASELINE, Recipe.of(spec.teacher), seed=spec.seed))
    asked = optuna.create_study(directions=[o.direction for o in spec.objectives], sampler=sampler(spec.seed))
    spent = 0.0
    while spent < (spec.budget.device_seconds or 0.0):
        question = asked.ask()
        recipe = Recipe.of(fill(spec.space, lambda path, hole, one=question: suggested(one, path, hole)))
        trial = Trial(number=question.number, recipe=recipe, state="running", seed=spec.seed)
        outcome = to_the_end(work, Job(trial.number, recipe, seed=spec.seed))
        trial = judged(trial, outcome, "stopped", spec.limits, spec.objectives)
        spent += trial.seconds
        if trial.state == "complete":
            for metric, amount in trial.violations.items():
                question.set_constraint(metric, amount)
            asked.tell(question, [trial.value(o.metric) for o in spec.objectives])
        else:
            asked.tell(question, state=optuna.trial.TrialState.FAIL)
        yield trial


def to_the_end(work: Work, job: Job) -> Outcome:
    events = work(job)
    event = next(events)
    while not isinstance(event, Done):
        event = events.send(True if isinstance(event, Gated | Rung) else None)
    return event.outcome


def sampler_of(arm: str) -> Callable[[int], Any]:
    from optuna import samplers

    return {
        "tpe": lambda seed: samplers.TPESampler(seed=seed),
        "nsga2": lambda seed: samplers.NSGAIISampler(seed=seed),
        "nsga2-20": lambda seed: samplers.NSGAIISampler(seed=seed, population_size=20),
        "random": lambda seed: samplers.RandomSampler(seed=seed),
    }[arm]


# --- lives, and what is kept of them ---


def lived(out: Path, arm: str, seed: int, seconds: float, epochs: int) -> None:
    """One arm with one seed, in a process of its own: a line per trial, in a file that is there when all is done."""
    import torch

    torch.set_num_threads(1)
    spec, file = study(seed, seconds, epochs), place(out, arm, seed)
    draft = file.with_suffix(".part")
    with tempfile.TemporaryDirectory(prefix="real-search-") as home, draft.open("w") as lines:
        os.environ["AUTOCOMPRESS_HOME"] = home
        match arm:
            case "default":
                trials = ours(spec, Path(home))
            case "no-variants":
                budget = spec.budget.model_copy(update={"variants": 0})
                trials = ours(spec.model_copy(update={"budget": budget}), Path(home))
            case _:
                trials = plain(sampler_of(arm), spec, Path(home))
        spent, since, began = 0.0, 0.0, time.monotonic()
        for i, trial in enumerate(trials):
            spent += trial.seconds
            if i == 0:  # the teacher is there
                since, began = cpu() - trial.seconds, time.monotonic()
            row = {
                "arm": arm, "seed": seed, "spent": spent, "asking": cpu() - since - spent,
                "wall": time.monotonic() - began, "recipe": trial.recipe.text,
                **trial.model_dump(mode="json", exclude={"recipe", "artifacts"}),
            }  # fmt: skip
            lines.write(json.dumps(row) + "\n")
            lines.flush()
    draft.rename(file)


def place(out: Path, arm: str, seed: int) -> Path:
    return out / f"{arm}-{seed}.jsonl"


@dataclass(frozen=True)
class Life:
    volumes: tuple[float, ...]  # at each mark
    asked: int
    refused: int
    stopped: int
    failed: int
    variants: int
    complete: int
    fitting: int
    asking: float  # CPU seconds outside of trials, as a share of those inside


def read(file: Path, spec: StudySpec) -> Life:
    """Of the trials that had ended at each mark."""
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    trials = [(row["spent"], _trial(row)) for row in rows]
    marks = [share * (spec.budget.device_seconds or 0.0) for share in MARKS]
    ended = [[t for at, t in trials if at <= mark] for mark in marks]
    worst = reference(spec.objectives, spec.limits, ())
    every = ended[-1]
    many = {state: sum(t.state == state for t in every) for state in ("infeasible", "stopped", "failed", "complete")}
    return Life(
        tuple(volume(front(some, spec.objectives, spec.limits), worst) for some in ended),
        len(every),
        many["infeasible"],
        many["stopped"],
        many["failed"],
        sum(t.origin == "variant" for t in every),
        many["complete"],
        sum(t.feasible for t in every),
        rows[-1]["asking"] / rows[-1]["spent"],
    )


def _trial(row: dict[str, Any]) -> Trial:
    known = {name: row[name] for name in Trial.model_fields if name in row}
    measurements = tuple(Measurement.model_validate(m) for m in row["measurements"])
    return Trial.model_validate({**known, "recipe": Recipe(row["recipe"]), "measurements": measurements})


def table(out: Path, arms: list[str], seconds: float, epochs: int) -> str:
    marks = [f"{share * seconds:.0f} s" for share in MARKS]
    names = ("asked", "refused", "stopped", "failed", "variants", "complete", "fitting")
    lines = [
        f"| arm | seeds | {' | '.join(marks)} | default is x times | {' | '.join(names)} | asking |",
        f"|---|---:|{'---:|' * (len(marks) + len(names) + 2)}",
    ]
    files = {arm: sorted(out.glob(f"{arm}-[0-9]*.jsonl")) for arm in arms}
    lives = {
        arm: {int(f.stem.rpartition("-")[2]): read(f, study(0, seconds, epochs)) for f in found if _is(f, arm)}
        for arm, found in files.items()
    }
    for arm, by_seed in lives.items():
        if not by_seed:
            continue
        some = list(by_seed.values())
        cells = [interval([life.volumes[i] for life in some]) for i in range(len(marks))]
        both = [seed for seed in by_seed if seed in lives.get("default", {}) and by_seed[seed].volumes[-1] > 0]
        ratios = [lives["default"][seed].volumes[-1] / by_seed[seed].volumes[-1] for seed in both]
        means = [f"{statistics.mean(getattr(life, name) for life in some):.0f}" for name in names]
        lines.append(
            f"| {arm} | {len(some)} | {' | '.join(cells)} | {interval(ratios) if ratios else '-'} "
            f"| {' | '.join(means)} | {statistics.mean(life.asking for life in some):.2%} |"
        )
    return "\n".join(lines)


def _is(file: Path, arm: str) -> bool:
    """`nsga2-20-1` is no life of nsga2."""
    return file.stem.rpartition("-")[0] == arm


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="raw results; what is there already is not done again")
    parser.add_argument("--seconds", type=float, default=600.0, help="of CPU, for each arm and seed")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=30, help="of the longest training")
    parser.add_argument("--arms", nargs="*", default=list(ARMS), choices=(*ARMS, *MORE))
    parser.add_argument("--table", action="store_true", help="only print what is there")
    parser.add_argument("--smoke", action="store_true", help="whether it runs at all, in less than a minute")
    given = parser.parse_args()
    if given.smoke:
        given.seconds, given.seeds, given.epochs = 4.0, 1, 2
        given.out = Path(tempfile.mkdtemp(prefix="real-search-"))
    if given.out is None:
        parser.error("--out FOLDER, or --smoke")
    given.out.mkdir(parents=True, exist_ok=True)
    todo = [] if given.table else [(arm, seed) for seed in range(given.seeds) for arm in given.arms]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        for arm, seed in todo:
            if not place(given.out, arm, seed).exists():
                pool.submit(lived, given.out, arm, seed, given.seconds, given.epochs).result()
                print(f"{arm}, seed {seed}: done", flush=True)
    print(table(given.out, [*ARMS, *MORE], given.seconds, given.epochs))


if __name__ == "__main__":
    main()

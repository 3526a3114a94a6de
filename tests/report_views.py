"""Studies as a report may meet them: a lively one of any length, and the empty, bad and odd ones."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from examined import examined
from views import EVIL

from autocompress.reports.view import MODELS, ModelFile, StudyView
from autocompress.values.craft import Craft, Technique
from autocompress.values.device import Device, Runtime
from autocompress.values.front import front
from autocompress.values.job import BASELINE
from autocompress.values.limit import Limit, Objective, resolved, violations
from autocompress.values.measurement import Measurement, by_metric
from autocompress.values.recipe import Recipe, digest
from autocompress.values.space import Float, Hole, Int, Value, fill
from autocompress.values.study import Budget, StudySpec
from autocompress.values.techniques import parts
from autocompress.values.trial import Trial
from autocompress.values.validated import Validated

SPACE: dict[str, Any] = {
    "student": {
        "choice": [
            {"use": "resnet", "depth": {"choice": [8, 14, 20]}, "width": {"int": [8, 48], "step": 4}},
            {"use": "cnn", "depth": {"int": [3, 6]}, "width": {"int": [8, 64], "step": 8}},
        ]
    },
    "stages": [
        {
            "order": [
                {
                    "use": "distill",
                    "method": {"choice": ["none", {"use": "logit", "temperature": {"float": [1, 10], "log": True}}]},
                    "lr": {"float": [0.02, 0.3], "log": True},
                },
                {
                    "choice": [
                        "none",
                        {
                            "use": "prune",
                            "by": {"choice": ["magnitude", "taylor"]},
                            "ratio": {"float": [0.1, 0.7]},
                            "recover": 2,
                        },
                    ]
                },
            ]
        },
        {"choice": ["none", {"use": "quantize", "scheme": {"choice": ["onnx_static", "qat"]}}]},
    ],
}
TEACHER = {"student": {"use": "resnet", "depth": 20, "width": 96}, "stages": [{"use": "finetune", "epochs": 40}]}

ACCURACY = Objective(metric="accuracy", direction="maximize")
LATENCY = Objective(metric="latency_p50", direction="minimize")
SIZE = Objective(metric="size", direction="minimize")
LIMITS = (
    Limit(metric="size", side="max", bound=320 * 1024),
    Limit(metric="latency_p50", side="max", bound=1.2e-3),
    Limit(metric="peak_ram", side="max", bound=144 * 1024, margin=0.05),
    Limit(metric="accuracy", side="min", below_baseline=0.05),
    Limit(metric="macs", side="max", bound=40e6, hard=False),
)
DEVICE = Device(
    id="laptop", name="Laptop, one core", kind="cpu", runtimes=(Runtime(name="onnxruntime", version="1.31"),)
)
ENVIRONMENT = {
    "autocompress": "0.1.0",
    "command": "autocompress run lively.yaml",
    "git": "3899a8d1c2b4",
    "machine": "x86_64, 2 cores",
    "onnxruntime": "1.31.0",
    "python": "3.11.2",
    "torch": "2.15.0",
}
FAILURES: tuple[tuple[Any, str], ...] = (
    ("nan_loss", "the loss is not a number after epoch 3; a lower learning rate may help"),
    ("export", "torch.onnx: there is no operator aten::_fft_c2r in opset 20"),
    ("worker_died", "the worker was ended by signal 9"),
    ("timeout", "no sign of life for 1800 s"),
    ("parity", "the file differs from the network by 0.31 where 0.01 is allowed"),
)


@dataclass(frozen=True)
class World:
    """Who is asked, where it must fit and what it is called. `clever`: the best of so many draws is tried."""

    objectives: tuple[Objective, ...] = (ACCURACY, LATENCY, SIZE)
    limits: tuple[Limit, ...] = LIMITS
    device: Device | None = DEVICE
    estimated: bool = False  # latency comes from a formula
    word: Callable[[str], str] = str  # what plug-ins and metrics of others are called
    clever: int = 4

    @property
    def baseline(self) -> tuple[Measurement, ...]:
        return self.measured(TEACHER, random.Random(7), "teacher.onnx")

    @property
    def promises(self) -> tuple[Limit, ...]:
        return resolved(self.limits, by_metric(self.baseline))

    def counted(self, tree: Any) -> tuple[Measurement, ...]:
        """What the gate knows."""
        params, macs, keep, bits, _ = _shape(tree)
        return (
            _m("params", round(params), "counted", "the network"),
            _m("macs", round(macs), "counted", "the network"),
            _m("size", round(params * bits / 8 + 6_000), "counted", "model.onnx"),
            _m("peak_ram", round(keep * bits * 260 + 9_000), "estimated", "the arena of the file", 2_000.0),
        )

    def measured(self, tree: Any, rng: random.Random, file: str = "model.onnx") -> tuple[Measurement, ...]:
        """What a finished candidate has."""
        _, macs, _, bits, skill = _shape(tree)
        accuracy = min(max(skill + rng.gauss(0, 0.0025), 0.1), 0.999)
        latency = (macs * (0.42 if bits == 8 else 1.0) * 6e-11 + 1.6e-4) * rng.uniform(0.97, 1.04)
        error = math.sqrt(accuracy * (1 - accuracy) / 10_000)
        how = "estimated" if self.estimated else "measured"
        where = "by a table of operators" if self.estimated else f"{file}, onnxruntime 1.31, 1 thread"
        note = "contention 1.3" if rng.random() < 0.05 else ""
        return (
            _m("accuracy", accuracy, "measured", f"val, 10000 images, {file}", error, 10_000),
            _m("latency_p50", latency, how, where, latency * rng.uniform(0.004, 0.02), 5, note),
            *self.counted(tree),
            *([_m(self.word("ece"), 0.02 + rng.random() / 50, "measured", "val")] if self.word is not str else []),
        )

    def trials(self, count: int, seed: int = 0) -> tuple[Trial, ...]:
        """So many candidates, and what became of each; the last ones are still on their way."""
        rng = random.Random(seed)
        found: list[Trial] = []
        for number in range(count):
            tree, origin, of = self._wish(found, rng)
            found.append(self._tried(number, tree, rng, number >= count - 4, origin, of))
        return tuple(found)

    def _wish(self, found: list[Trial], rng: random.Random) -> tuple[Any, Any, int | None]:
        """Mostly something new; now and then a second seed, a cheap variant, or one that was stopped too early."""
        done = [t for t in found[-60:] if t.feasible]
        match rng.random():
            case x if x < 0.08 and done:
                of = max(done, key=lambda t: t.value("accuracy"))
                return of.recipe.tree, "replica", of.number
            case x if x < 0.13 and done:
                of = rng.choice(done)
                tree = of.recipe.tree
                stages = [s for s in tree["stages"] if s["use"] != "quantize"]
                return {**tree, "stages": [*stages, {"use": "quantize", "scheme": "mixed"}]}, "variant", of.number
            case x if x < 0.15 and (early := [t for t in found if t.state == "stopped"]):
                return early[-1].recipe.tree, "promoted", early[-1].number
        drawn = [self._drawn(rng) for _ in range(self.clever)]
        best = max(drawn, key=lambda tree: _shape(tree)[4] - 0.02 * math.log(_shape(tree)[1]))
        return best, "first" if len(found) < 6 else "asked", None

    def _drawn(self, rng: random.Random) -> Any:
        def pick(_: str, hole: Hole) -> Value:
            match hole:
                case Int(low, high, step):
                    return rng.randrange(low, high + 1, step)
                case Float(low, high, _, True):
                    return math.exp(rng.uniform(math.log(low), math.log(high)))
                case Float(low, high):
                    return rng.uniform(low, high)
            return rng.choice(hole.labels)

        return Recipe.of(fill(SPACE, pick)).tree

    def _tried(self, number: int, tree: Any, rng: random.Random, pending: bool, origin: Any, of: int | None) -> Trial:
        told = {**tree, "student": {**tree["student"], "use": self.word(tree["student"]["use"])}}
        stages = len(tree["stages"])
        made: dict[str, Any] = {"number": number, "recipe": Recipe.of(told), "origin": origin, "of": of}
        made |= {"seed": number if origin == "replica" else 0, "stages": stages, "cached": rng.randint(0, stages)}
        known, promises = self.counted(tree), self.promises
        if pending:
            return Trial(**made | {"state": "running" if number % 4 else "waiting", "stages": 0, "cached": 0})
        broken = violations(by_metric(known), promises)
        if any(v > 0 for v in broken.values()):
            refused = {"state": "infeasible", "measurements": known, "violations": broken, "seconds": 0.4}
            return Trial(**made | refused | {"stages": 0, "cached": 0})
        seconds = 60 + 3e-6 * _shape(tree)[1] + rng.uniform(0, 20)
        if rng.random() < 0.05:
            code, message = rng.choice(FAILURES)
            return Trial(**made | {"state": "failed", "code": code, "message": self.word(message), "seconds": seconds})
        numbers = self.measured(tree, rng)
        if origin == "asked" and rng.random() < 0.15:
            soon = numbers[0].model_copy(update={"value": numbers[0].value * 0.8})
            stopped = {"state": "stopped", "fidelity": 1 / 3, "measurements": (soon, *known), "seconds": seconds / 3}
            return Trial(**made | stopped | {"violations": broken})
        digested = {"model": digest("model", str(number))}
        complete = {
            "state": "complete",
            "measurements": numbers,
            "violations": violations(by_metric(numbers), promises),
        }
        return Trial(**made | complete | {"seconds": seconds, "artifacts": digested})


def study(count: int = 250, world: World = World(), name: str = "lively", control: int = 120, **more: Any) -> StudyView:
    """A view of so many trials of a world; `more` overrides what a view holds."""
    trials = more.pop("trials", None)
    trials = world.trials(count) if trials is None else trials
    spec = StudySpec(
        name=name,
        space=SPACE,
        objectives=world.objectives,
        limits=world.limits,
        device=world.device,
        data={"use": "torchvision", "name": "cifar10"},
        teacher=TEACHER,
        sampler={"use": "ehvi"},
        schedule={"use": "halving"},
        control="random" if control else None,
        budget=Budget(trials=max(count, 240), replicas=3, variants=2),
        seed=3,
    )
    baseline = more.get("baseline", world.baseline)
    limits = resolved(world.limits, by_metric(baseline))
    rng = random.Random(11)
    found = front(trials, world.objectives, limits, baseline)
    known = {BASELINE: by_metric(baseline), **{t.number: by_metric(t.measurements) for t in found.members}}
    given: dict[str, Any] = {
        "spec": spec,
        "trials": trials,
        "baseline": baseline,
        "front": found,
        "test_accuracy": {
            n: _m(
                "accuracy",
                m["accuracy"].value - rng.uniform(0.001, 0.006),
                "measured",
                "test, 10000 images",
                0.0026,
                10_000,
            )
            for n, m in known.items()
            if m
        },
        "seconds": sum(t.seconds for t in trials) / 2,
        "environment": ENVIRONMENT,
        "control": replace(world, clever=1).trials(control, seed=1)[:-4] if control else (),
    }
    view = StudyView(**given | more)
    return replace(view, parts=tuple(parts(trials, found, view.point, CRAFT)))


def _techniques(stage: Any) -> frozenset[Technique]:
    if stage["use"] == "distill":
        return frozenset({"distillation"} if isinstance(stage["method"], dict) else ())
    return frozenset({"pruning"} if stage["use"] == "prune" else {"quantization"})


CRAFT = Craft(free=lambda stage: stage["use"] == "quantize", techniques=_techniques)


def _m(
    metric: str, value: float, how: Any, on: str, spread: float | None = None, n: int = 1, note: str = ""
) -> Measurement:
    return Measurement(metric=metric, value=value, how=how, on=on, spread=spread, n=n, note=note)


def _shape(tree: Any) -> tuple[float, float, float, int, float]:
    """(parameters, MACs, channels that are kept, bits, accuracy without luck) of a recipe."""
    student, stages = tree["student"], tree["stages"]
    width, depth = student["width"], student["depth"]
    ratio = sum(s["ratio"] for s in stages if s["use"] == "prune")
    keep = width * (1 - ratio)
    heavy = 9.0 * depth * keep**2
    bits = 8 if any(s["use"] == "quantize" for s in stages) else 32
    skill = 0.955 - 0.9 / math.sqrt(width * depth) - (0.012 if student["use"] == "cnn" else 0.0)
    for place, stage in enumerate(stages):
        match stage:
            case {"use": "distill", "lr": lr, "method": method}:
                skill -= 0.006 * math.log(lr / 0.08) ** 2
                skill += 0.012 if isinstance(method, dict) else 0.0
            case {"use": "prune", "by": by}:
                skill -= (0.06 if by == "magnitude" else 0.045) * ratio**2 * (1.4 if place else 1.0)
            case {"use": "quantize", "scheme": scheme}:
                skill -= 0.02 if scheme == "onnx_static" else 0.008
    return heavy, heavy * 64, keep, bits, skill


# --- the cases -------------------------------------------------------------------------------------------------------

LONG = "a_name_of_sixty_characters_that_does_not_break_anywhere_hard"
assert len(LONG) == 60
HEBREW, ARABIC = "רשת קטנה ומהירה", "لوحة التجارب"


def _states(*wanted: str) -> tuple[Trial, ...]:
    return tuple(t for t in World().trials(250) if t.state in wanted)


def _looked_into(found: StudyView, **about: Any) -> StudyView:
    """With all that is found out at the end of a study: files, examinations, and what fresh seeds have said."""
    first, second, third, *_ = found.front.members
    nowhere = Path("nowhere")  # the page only names them
    beaten = "trial 2 beats it: accuracy 85.00 % against 84.00 %"
    return replace(
        found,
        models={t.number: ModelFile(f"{MODELS}/trial-{t.number}.onnx", nowhere) for t in found.front.members[:-1]},
        examinations={first.number: examined(**about), second.number: examined(layers=20), third.number: examined(12)},
        validated={
            first.number: Validated(first.number, (10, 11), first.measurements, None, "fell off", beaten),
            second.number: Validated(second.number, (10,), second.measurements, None, "holds", ""),
            third.number: Validated(third.number, (), (), None, "failed", "1 of 1 seeds failed (nan_loss)"),
        },
    )


def _none_fits() -> StudyView:
    out_of_reach = (*LIMITS[:3], Limit(metric="accuracy", side="min", bound=0.985))
    return study(60, World(limits=out_of_reach), "none-fits", control=30)


def _hostile() -> StudyView:
    device = DEVICE.model_copy(update={"name": EVIL, "runtimes": (Runtime(of=EVIL),)})
    strange = Objective(metric=f"ece{EVIL}", direction="minimize")
    world = World(objectives=(ACCURACY, LATENCY, strange), device=device, word=lambda name: f"{name}{EVIL}")
    return study(60, world, "hostile", control=0, environment={EVIL: EVIL, "command": EVIL})


def _long() -> StudyView:
    def word(name: str) -> str:
        return (name + LONG)[:60] if " " not in name else LONG * 4

    device = DEVICE.model_copy(update={"name": LONG, "runtimes": (Runtime(of=LONG, version="1.0"),)})
    strange = Objective(metric=word("ece"), direction="minimize")
    world = World(objectives=(ACCURACY, LATENCY, SIZE, strange), device=device, word=word, estimated=True)
    return _looked_into(study(60, world, LONG, control=30), classes=40, word=LONG)


CASES: dict[str, Callable[[], StudyView]] = {
    "usual": lambda: _looked_into(study()),
    "no trials": lambda: study(name="no-trials", trials=(), control=0),
    "just begun": lambda: study(name="just-begun", trials=World().trials(250)[-4:], control=0, baseline=()),
    "all failed": lambda: study(name="all-failed", trials=_states("failed"), control=0),
    "all refused": lambda: study(name="all-refused", trials=_states("infeasible"), control=0),
    "none fits": _none_fits,
    "one model": lambda: study(name="one-model", trials=_states("complete")[:1], control=0),
    "one objective, right to left, running": lambda: study(
        63,
        World(
            objectives=(ACCURACY,),
            device=DEVICE.model_copy(update={"name": ARABIC}),
            word=lambda name: f"{HEBREW} {name}",
        ),
        "right-to-left",
        control=30,
        test_accuracy={},
    ),
    "two objectives, no limits, no device": lambda: study(
        60, World(objectives=(ACCURACY, LATENCY), limits=(), device=None), "two-objectives", control=0
    ),
    "four objectives, estimated, long names": _long,
    "hostile": _hostile,
}

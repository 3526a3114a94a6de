"""How wrong the estimators are on what they have not seen: the chip, the model or the net held out.

    python benchmarks/estimators.py > table.md

Facts come from benchmarks/data (see SOURCES.md there). An error is |estimated / measured - 1|.
"""

import csv
from collections.abc import Iterable, Sequence

import numpy as np
from estimators_chips import TASKS, chip_held_out, energy, fitted, macs_alone, systems
from estimators_cpu import Learner, Timed, by_convolutions, by_macs, by_table, learned, nets
from estimators_memory import LITE, OLDER, PUBLISHED, ROUND, arenas, bytes_of, family, kept_bytes
from estimators_tiny import DATA, references

from autocompress.measure import arena
from autocompress.measure.estimators._layer import Layer

BEST = "the same, channels in fours if that fits the other chips better"


def row(*cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def head(*names: str) -> str:
    return "\n".join((row(*names), row(*["---"] * len(names))))


def summary(errors: Iterable[float]) -> tuple[str, ...]:
    found = np.abs(list(errors))
    return tuple(f"{100 * x:.1f} %" for x in (np.median(found), np.mean(found), np.quantile(found, 0.9), found.max()))


def microcontrollers() -> None:
    print("## Latency on microcontrollers, the chip held out\n")
    print(f"{len(systems())} systems of MLPerf Tiny, int8, all four tasks. Goal: median <= 20 %.\n")
    print(head("model", "median", "mean", "p90", "worst", "cases"))
    cases = {
        "macs, one point (IC)": list(macs_alone()),
        "op_cycles, shape of the engine, one point (IC)": list(chip_held_out((1,), True)),
        "the same, channels in fours": list(chip_held_out((4,), True)),
        BEST: list(chip_held_out((1, 4), True)),
        "the same, no point: the clock and other chips with this core": list(chip_held_out((1, 4), False)),
    }
    for name, found in cases.items():
        print(row(name, *summary(e for *_, e in found), len(found)))
    print("\nThe third row by engine: median of each task, then all three. The shape as it is fitted to all of them.\n")
    shape = "cycles of pointwise, linear, an operation; channels in"
    print(head("engine", "chips", "systems", shape, "VWW", "KWS", "AD", "median", "mean", "p90", "worst"))
    found = cases[BEST]
    for engine in sorted({s.engine for s, *_ in found}):
        mine = [(s, t, e) for s, t, e in found if s.engine == engine]
        tasks = [f"{100 * np.median([abs(e) for _, t, e in mine if t == task]):.0f} %" for task in TASKS]
        chips, names = {s.chip for s, *_ in mine}, {(s.round, s.name) for s, *_ in mine}
        fit = fitted([s for s in systems() if s.engine == engine], (1, 4))
        text = f"{fit.pointwise:.2f}, {fit.linear:.2f}, {fit.per_op:.0f}; {fit.round_to}"
        print(row(engine, len(chips), len(names), text, *tasks, *summary(e for *_, e in mine)))
    print("\n## Energy: power of one task x time of another\n")
    off = list(energy())
    print(head("cases", "median", "mean", "p90", "worst"))
    print(row(len(off), *summary(off)))


def memory() -> None:
    print("\n## Memory: MLPerf Tiny's networks built from their descriptions (KiB; the arena as published)\n")
    print(head("task", "most alive", "plan", "published", "estimated arena", "published", "error"))
    for task, (alive, plan, real, more) in PUBLISHED.items():
        graph = references()[task]
        found = arena.buffers(graph)
        told = bytes_of(graph, {**ROUND, "fixed": f"{850 + 176 * more} B"}) / 1024
        ours = (f"{arena.most_alive(found) / 1024:.1f}", f"{arena.height(found) / 1024:.1f}")
        print(row(task, *ours, f"{alive} / {plan}", f"{told:.1f}", real, f"{100 * (told / real - 1):+.1f} %"))
    every = arenas()
    held = {each.file: kept_bytes([e for e in every if family(e) != family(each)]) for each in every}
    print(f"\n## Memory: {len(every)} .tflite files of our students, float and int8, run on the host\n")
    print(
        "Fitted to all: " + ", ".join(f"{name} {float(v[:-2]):.0f} B" for name, v in kept_bytes(every).items()) + "\n"
    )
    print(head("runtime", "estimator", "median", "mean", "p90", "worst"))
    cases: dict[tuple[str, str], list[float]] = {
        ("TensorFlow Lite Micro", "most alive"): [
            arena.most_alive(arena.buffers(e.graph)) / e.micro - 1 for e in every
        ],
        ("TensorFlow Lite Micro", "275 B an operation"): [bytes_of(e.graph, OLDER) / e.micro - 1 for e in every],
        ("TensorFlow Lite Micro", "fitted, the family held out"): [
            bytes_of(e.graph, held[e.file]) / e.micro - 1 for e in every
        ],
        ("TensorFlow Lite", "planner tflite"): [bytes_of(e.graph, LITE) / e.lite - 1 for e in every],
    }
    for names, off in cases.items():
        print(row(*names, *summary(off)))


def simplest() -> None:
    """MACs alone on the 90 nets of an earlier machine."""
    with (DATA / "ort_epyc_models.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    print(f"\n## Latency of ONNX Runtime by MACs alone, {len(rows)} random nets of another machine\n")
    print(head("what", *(f"{k} nets: mean / p90" for k in (3, 5, 10, 45))))
    for column in ("fp32_min_ms", "int8_min_ms"):
        timed = [
            Timed("", (Layer("linear", sum(int(r[f"{op}_macs"]) for op in OPS), 1, 1, 1),), float(r[column]) / 1e3)
            for r in rows
        ]
        cells = [learned(timed, by_macs(1), many, 100) for many in (3, 5, 10, 45)]
        print(row(column, *(f"{100 * np.mean(c):.0f} / {100 * np.quantile(c, 0.9):.0f} %" for c in cells)))


OPS = ("conv", "pw", "dw", "fc")


def processors() -> None:
    learners: dict[str, Learner] = {
        "macs": by_macs(1),
        "macs, channels in eights": by_macs(8),
        "macs, channels in sixteens": by_macs(16),
        "convolutions": by_convolutions,
        "layer_table, every shape known": by_table(True),
        "layer_table, nearest 3 for its own layers": by_table(False),
    }
    for bits, name in ((32, "float32"), (8, "int8")):
        timed = nets(bits)
        print(f"\n## Latency of ONNX Runtime, {name}, {len(timed)} nets, those that are asked for held out\n")
        print(head("model", *(f"{k} nets: mean / p90" for k in (4, 8, 12, 20, 40)), "rank"))
        for label, learn in learners.items():
            cells = []
            for many in (4, 8, 12, 20, 40):
                off = learned(timed, learn, many, 8)
                cells.append(f"{100 * np.mean(off):.0f} / {100 * np.quantile(off, 0.9):.0f} %")
            print(row(label, *cells, f"{ranks(timed, learn):.2f}"))


def ranks(timed: Sequence[Timed], learn: Learner) -> float:
    """Spearman's correlation on nets that were not seen, after 20."""
    from scipy.stats import spearmanr

    tell = learn(timed[:20])
    return float(spearmanr([tell(n) for n in timed[20:]], [n.seconds for n in timed[20:]]).statistic)


def main() -> None:
    microcontrollers()
    memory()
    simplest()
    processors()


if __name__ == "__main__":
    main()

"""Mistake -> exact text: what a person reads is part of what the project promises."""

import pytest

from autocompress.config.cores import AWAY, MACHINES
from autocompress.config.diagnostic import CODES, ConfigError, Diagnostic, render
from autocompress.config.limits import KNOWN
from autocompress.config.load import device_names, load_study
from autocompress.config.runtimes import FORMATS, ours

FILE = "studies/x.yaml"

GOOD = """\
schema: autocompress.study/v1
name: demo
data: digits
space:
  student: {use: cnn, depth: 4, width: auto}
  stages:
  - use: distill
    method: {choice: [none, logit]}
    epochs: 2
  - use: prune
    by: magnitude
    ratio: {float: [0.1, 0.5]}
  - {use: quantize, scheme: onnx_static}
device:
  id: bench
  name: A bench
  kind: cpu
  hardware: {core: any, clock: 2 GHz}
  memory:
    ram: {total: 4 GiB, reserved: 1 GiB}
  runtime: {name: onnxruntime}
  measurement: {use: local}
  limits:
    size: 64 kB
    latency_p50: {max: 5 ms, kind: soft}
    accuracy: baseline - 2 pp
  objectives: [accuracy, {metric: size, direction: minimize}]
teacher:
  student: resnet
  stages: [{use: finetune, epochs: 1}]
sampler: {use: tpe, startup: 4}
budget: {trials: 3, time: 10 min}
"""

# name, what stands in GOOD, what stands there instead, what is said after the file name and a colon
TABLE = [
    (
        "unknown stage",
        "use: prune",
        "use: prun",
        "10:10: error[unknown-plugin]: stages.1.use: no stage is called 'prun'; did you mean 'prune'?",
    ),
    (
        "unknown top-level key",
        "budget: {",
        "buget: 1\nbudget: {",
        "32:1: error[unknown-key]: buget: unknown key\n"
        "    hint: did you mean 'budget'? allowed: schema, name, data, augment, space, device, teacher, "
        "teachers, sampler, schedule, driver, objectives, limits, budget, from, first, "
        "control, seed",
    ),
    (
        "unknown key of a section",
        "time: 10 min",
        "tme: 10 min",
        "32:21: error[unknown-key]: budget.tme: unknown key\n    hint: did you mean 'time'? allowed: trials, time, "
        "device_time, gain, variants, replicas, validate",
    ),
    (
        "too many fresh seeds",
        "trials: 3",
        "trials: 3, validate: 21",
        "32:31: error[out-of-range]: budget.validate: must be at most 20, got 21",
    ),
    (
        "fresh seeds as a word",
        "trials: 3",
        "trials: 3, validate: yes",
        "32:31: error[wrong-type]: budget.validate: wants a whole number, got 'yes'",
    ),
    (
        "budget without an end",
        "trials: 3, time: 10 min",
        "variants: 3",
        "32:1: error[missing-key]: budget: has no end\n    hint: add trials: 30, time: 10 min or device_time: 1 h",
    ),
    (
        "missing section",
        "budget: {trials: 3, time: 10 min}\n",
        "",
        "1:1: error[missing-key]: the key 'budget' is missing",
    ),
    (
        "wrong schema",
        "study/v1",
        "study/v2",
        "1:9: error[bad-value]: schema: wants 'autocompress.study/v1', got 'autocompress.study/v2'",
    ),
    (
        "bad name",
        "name: demo",
        "name: Demo study",
        "2:7: error[bad-value]: name: 'Demo study' does not match ^[a-z0-9][a-z0-9_-]{0,62}$",
    ),
    (
        "quoted number",
        "trials: 3",
        'trials: "3"',
        "32:18: error[wrong-type]: budget.trials: wants a whole number, got '3'\n    hint: write 3 without quotes",
    ),
    (
        "a float for a count",
        "trials: 3",
        "trials: 2.5",
        "32:18: error[wrong-type]: budget.trials: wants a whole number, got 2.5",
    ),
    (
        "zero trials",
        "trials: 3",
        "trials: 0",
        "32:18: error[out-of-range]: budget.trials: must be at least 1, got 0",
    ),
    (
        "time without unit",
        "time: 10 min",
        "time: 600",
        "32:27: error[bad-unit]: budget.time: '600' has no unit\n"
        "    hint: write '600 UNIT' with one of ns, us, ms, s, min, h, d",
    ),
    (
        "no section but a word",
        "budget: {trials: 3, time: 10 min}",
        "budget: 3",
        "32:9: error[wrong-type]: budget: wants a mapping, got 3",
    ),
    (
        "seed negative",
        "sampler:",
        "seed: -1\nsampler:",
        "31:7: error[out-of-range]: seed: must be at least 0, got -1",
    ),
    (
        "unknown sampler",
        "use: tpe",
        "use: tpee",
        "31:16: error[unknown-plugin]: sampler.use: no sampler is called 'tpee'; did you mean 'tpe'?",
    ),
    (
        "space for a study",
        "study/v1",
        "space/v1",
        "1:9: error[bad-value]: schema: wants 'autocompress.study/v1', got 'autocompress.space/v1'",
    ),
    (
        "unknown setting",
        "by: magnitude",
        "by: {use: magnitude, bits: 4}",
        "11:26: error[unknown-key]: stages.1.by.bits: unknown key\n    hint: allowed: p",
    ),
    (
        "setting out of range",
        "startup: 4",
        "startup: 0",
        "31:30: error[out-of-range]: sampler.startup: must be at least 1, got 0",
    ),
    (
        "setting of wrong type",
        "startup: 4",
        "startup: many",
        "31:30: error[wrong-type]: sampler.startup: wants a whole number, got 'many'",
    ),
    (
        "yes is a word",
        "startup: 4",
        "startup: yes",
        "31:30: error[wrong-type]: sampler.startup: wants a whole number, got 'yes'",
    ),
    (
        "a list for a plug-in",
        "data: digits",
        "data: [digits]",
        "3:7: error[wrong-type]: data: wants {use: NAME}, got a list",
    ),
    (
        "no use",
        "data: digits",
        "data: {val: 0.1}",
        "3:1: error[missing-key]: data: the key 'use' is missing",
    ),
    (
        "unknown space",
        "  student: {use: cnn, depth: 4, width: auto}",
        "  studnt: {use: cnn, depth: 4, width: auto}",
        "4:1: error[missing-key]: the key 'student' is missing\n"
        "5:3: error[unknown-key]: studnt: unknown key\n"
        "    hint: did you mean 'student'? allowed: schema, student, stages",
    ),
    (
        "missing setting",
        "    by: magnitude\n",
        "",
        "10:5: error[missing-key]: stages.1: the key 'by' is missing",
    ),
    (
        "unknown nested plug-in",
        "by: magnitude",
        "by: magnitud",
        "11:9: error[unknown-plugin]: stages.1.by.use: no importance is called 'magnitud'; did you mean 'magnitude'?",
    ),
    (
        "unknown option",
        "[none, logit]",
        "[none, logits]",
        "8:29: error[unknown-plugin]: stages.0.method.choice.1.use: no distiller is called 'logits'; "
        "did you mean 'logit'?",
    ),
    (
        "nested setting out of range",
        "[none, logit]",
        "[none, {use: logit, alpha: 1.5}]",
        "8:49: error[out-of-range]: stages.0.method.choice.1.alpha: must be at most 1, got 1.5",
    ),
    (
        "high end out of range",
        "[0.1, 0.5]",
        "[0.1, 0.95]",
        "12:26: error[out-of-range]: stages.1.ratio.float.1: must be at most 0.9, got 0.95",
    ),
    (
        "low end out of range",
        "[0.1, 0.5]",
        "[-0.1, 0.5]",
        "12:21: error[out-of-range]: stages.1.ratio.float.0: must be at least 0, got -0.1",
    ),
    (
        "range upside down",
        "[0.1, 0.5]",
        "[0.5, 0.1]",
        "12:12: error[bad-hole]: stages.1.ratio: low 0.5 is above high 0.1",
    ),
    (
        "range of three",
        "[0.1, 0.5]",
        "[0.1, 0.5, 0.7]",
        "12:12: error[bad-hole]: stages.1.ratio: 'float' wants two numbers, [low, high]",
    ),
    (
        "log from zero",
        "{float: [0.1, 0.5]}",
        "{float: [0, 0.5], log: true}",
        "12:12: error[bad-hole]: stages.1.ratio: a log range must start above 0, got 0",
    ),
    (
        "hole with a stranger",
        "{float: [0.1, 0.5]}",
        "{float: [0.1, 0.5], steps: 3}",
        "12:12: error[bad-hole]: stages.1.ratio: a 'float' hole cannot also have ['steps']",
    ),
    (
        "empty choice",
        "[none, logit]",
        "[]",
        "8:13: error[bad-hole]: stages.0.method: a choice needs at least one option",
    ),
    (
        "float hole in a whole number",
        "epochs: 2",
        "epochs: {float: [1, 3]}",
        "9:22: error[wrong-type]: stages.0.epochs.float.0: wants a whole number, got 1.0",
    ),
    (
        "order in a setting",
        "epochs: 2",
        "epochs: {order: [1, 2]}",
        "9:13: error[bad-hole]: stages.0.epochs: an order belongs in the list of stages",
    ),
    (
        "auto without a range",
        "epochs: 2",
        "epochs: auto",
        "9:13: error[bad-hole]: stages.0.epochs: no range is declared for 'epochs'\n"
        "    hint: write one: {float: [LOW, HIGH]} or {choice: [...]}",
    ),
    (
        "quantize first",
        "  - use: distill",
        "  - {use: quantize, scheme: onnx_static}\n  - use: distill",
        "7:11: error[bad-order]: stages.0.use: 'quantize' must come last, but 'distill' can come after "
        "it\n"
        "    hint: nothing may follow it: it decides about the exported file",
    ),
    (
        "quantize in an order",
        "- {use: quantize, scheme: onnx_static}",
        "- order: [finetune, {use: quantize, scheme: onnx_static}]",
        "13:29: error[bad-order]: stages.2.order.1.use: 'quantize' must come last, but 'finetune' can "
        "come after it\n"
        "    hint: nothing may follow it: it decides about the exported file",
    ),
    (
        "grids before a cut",
        "  - use: distill",
        "  - {use: quantize, scheme: {choice: [lsq]}}\n  - use: distill",
        "7:11: error[bad-order]: stages.0.use: 'prune' must not come after 'quantize', but it can\n"
        "    hint: nothing changes how a network is built once its weights are on grids",
    ),
    (
        "grids, or else the file, and then training",
        "- {use: quantize, scheme: onnx_static}",
        "- {use: quantize, scheme: {choice: [lsq, onnx_static]}}\n  - use: finetune",
        "13:11: error[bad-order]: stages.2.use: 'quantize' must come last, but 'finetune' can come after "
        "it\n"
        "    hint: nothing may follow it: it decides about the exported file",
    ),
    (
        "a file that learns",
        "scheme: onnx_static",
        "scheme: onnx_static, recover: 2",
        "13:5: error[bad-value]: stages.2: recover: onnx_static works on the exported file, which cannot learn; "
        "leave recover out and train before it, or take a scheme that works on the network, such as lsq",
    ),
    (
        "perhaps a file that learns",
        "scheme: onnx_static",
        "scheme: {choice: [lsq, onnx_static]}, recover: {choice: [0, 2]}",
        "13:5: error[bad-value]: stages.2: recover: onnx_static works on the exported file, which cannot learn; "
        "leave recover out and train before it, or take a scheme that works on the network, such as lsq\n"
        "    hint: for example with recover 2",
    ),
    (
        "bits twice, in the file",
        "- {use: quantize, scheme: onnx_static}",
        "- {use: quantize, scheme: onnx_static}\n  - {use: quantize, scheme: lsq}",
        "13:11: error[bad-order]: stages.2.use: 'quantize' must not come after 'quantize', but it can\n"
        "    hint: one stage takes the bits: leave the other out, or give one of them a choice of schemes",
    ),
    (
        "bits twice, in the network",
        "- {use: quantize, scheme: onnx_static}",
        "- {use: quantize, scheme: lsq}\n  - {use: quantize, scheme: onnx_static}",
        "13:11: error[bad-order]: stages.2.use: 'quantize' must not come after 'quantize', but it can\n"
        "    hint: one stage takes the bits: leave the other out, or give one of them a choice of schemes",
    ),
    (
        "order inside a choice",
        "- {use: quantize, scheme: onnx_static}",
        "- choice: [{order: [finetune, prune]}, none]",
        "13:14: error[bad-hole]: stages.2.choice.0: an order stands in the list of stages itself, not inside a hole",
    ),
    (
        "stage is a number",
        "- {use: quantize, scheme: onnx_static}",
        "- 7",
        "13:5: error[wrong-type]: stages.2: wants {use: NAME}, got 7",
    ),
    (
        "only inside the range",
        "student: {use: cnn, depth: 4, width: auto}",
        "student: {use: resnet, depth: {int: [8, 20], step: 2}}",
        "5:33: error[bad-value]: student.depth: must be 6n + 2 (8, 14, 20, 26, 32, ...) or one of 18, 34, "
        "50, 101, 152, got 16",
    ),
    (
        "hole in a teacher",
        "epochs: 1",
        "epochs: {int: [1, 3]}",
        "30:36: error[bad-hole]: teacher.stages.0.epochs: nothing may be left open here\n"
        "    hint: write the value itself",
    ),
    (
        "auto in a teacher",
        "epochs: 1",
        "epochs: 1, lr: auto",
        "30:43: error[bad-hole]: teacher.stages.0.lr: nothing may be left open here\n    hint: write the value itself",
    ),
    (
        "teacher with a teacher",
        "[{use: finetune, epochs: 1}]",
        "[{use: distill, method: logit}]",
        "30:18: error[needs-teacher]: teacher.stages.0.use: 'distill' learns from a teacher, and a "
        "teacher has none itself",
    ),
    (
        "unknown teacher",
        "  - use: distill",
        "  - use: distill\n    teacher: teecher",
        "8:14: error[needs-teacher]: stages.0.teacher: no teacher is called 'teecher'; did you mean 'teacher'?\n"
        "    hint: known: teacher",
    ),
    (
        "a teacher of a teacher, too late",
        "teacher:\n  student: resnet\n",
        "teachers:\n  first: {student: resnet, stages: [{use: distill, method: logit, teacher: second}]}\n"
        "  second: {student: resnet}\nteacher:\n  student: resnet\n",
        "29:76: error[needs-teacher]: teachers.first.stages.0.teacher: no teacher is called 'second'\n"
        "    hint: known: teacher",
    ),
    (
        "another main teacher",
        "teacher:\n  student: resnet\n",
        "teachers:\n  teacher: {student: resnet}\nteacher:\n  student: resnet\n",
        "29:3: error[bad-value]: teachers.teacher: 'teacher' is the one under the study's own key 'teacher'",
    ),
    (
        "the teacher itself, without one",
        "teacher:\n  student: resnet\n  stages: [{use: finetune, epochs: 1}]\n",
        "teachers:\n  mirror: {student: same}\n",
        "7:10: error[needs-teacher]: stages.0.use: no teacher is called 'teacher'\n"
        "    hint: known: mirror\n"
        "26:15: error[needs-teacher]: device.limits.accuracy: is relative to the baseline, which is the "
        "teacher's accuracy, and the study has no teacher\n"
        "    hint: add a teacher to the study\n"
        "29:21: error[needs-teacher]: teachers.mirror.student.use: 'same' is the teacher, and a teacher has "
        "none itself",
    ),
    (
        "a mirror of a main teacher that is not there",
        "teacher:\n  student: resnet\n  stages: [{use: finetune, epochs: 1}]\n",
        "teachers:\n  other: {student: resnet}\n  mirror: {student: same}\n",
        "7:10: error[needs-teacher]: stages.0.use: no teacher is called 'teacher'; did you mean 'other'?\n"
        "    hint: known: other, mirror\n"
        "26:15: error[needs-teacher]: device.limits.accuracy: is relative to the baseline, which is the "
        "teacher's accuracy, and the study has no teacher\n"
        "    hint: add a teacher to the study\n"
        "30:21: error[needs-teacher]: teachers.mirror.student.use: no teacher is called 'teacher'; did you mean "
        "'other'?\n"
        "    hint: known: other",
    ),
    (
        "augmentation",
        "sampler: {use: tpe",
        "augment: [flop, {use: flip, p: 2}]\nsampler: {use: tpe",
        "31:11: error[unknown-plugin]: augment.0.use: no augmentation is called 'flop'; did you mean 'flip'?\n"
        "31:32: error[out-of-range]: augment.1.p: must be at most 1, got 2",
    ),
    (
        "hint that works on answers",
        "  - use: distill",
        "  - use: distill\n    hint: logit",
        "7:5: error[bad-value]: stages.0: hint: wants a method that works on features, such as fitnet; write the "
        "other as method",
    ),
    (
        "no teacher",
        "teacher:\n  student: resnet\n  stages: [{use: finetune, epochs: 1}]\n",
        "",
        "7:10: error[needs-teacher]: stages.0.use: 'distill' learns from a teacher, and the study has "
        "none\n"
        "26:15: error[needs-teacher]: device.limits.accuracy: is relative to the baseline, which is the "
        "teacher's accuracy, and the study has no teacher\n"
        "    hint: add a teacher to the study",
    ),
    (
        "teacher without student",
        "  student: resnet\n",
        "",
        "28:1: error[missing-key]: teacher: the key 'student' is missing",
    ),
    (
        "KB",
        "size: 64 kB",
        "size: 64 KB",
        "24:11: error[bad-unit]: device.limits.size: 'KB' in '64 KB' is ambiguous\n"
        "    hint: write '64 KiB' (65536 B) or '64 kB' (64000 B)",
    ),
    (
        "bare size",
        "size: 64 kB",
        "size: 64000",
        "24:11: error[bad-unit]: device.limits.size: '64000' has no unit\n"
        "    hint: write '64000 UNIT' with one of B, kB, MB, GB, TB, KiB, MiB, GiB",
    ),
    (
        "time for a size",
        "size: 64 kB",
        "size: 5 ms",
        "24:11: error[bad-unit]: device.limits.size: wants a size, and 'ms' in '5 ms' is a time\n"
        "    hint: write it like '256 KiB'",
    ),
    (
        "negative size",
        "size: 64 kB",
        "size: -64 kB",
        "24:11: error[out-of-range]: device.limits.size: must not be negative, got '-64 kB'",
    ),
    (
        "zero size",
        "size: 64 kB",
        "size: 0 kB",
        "24:11: error[out-of-range]: device.limits.size: a limit must be above 0, got '0 kB'",
    ),
    (
        "unknown metric",
        "    size: 64 kB",
        "    sise: 64 kB",
        "24:5: error[unknown-name]: device.limits.sise: no metric is called 'sise'; did you mean "
        "'size'?\n"
        f"    hint: known: {', '.join(KNOWN)}",
    ),
    (
        "metric nobody tells",
        "    size: 64 kB",
        "    energy: 3 mJ",
        "24:5: error[unsupported]: device.limits.energy: nothing tells the energy of bench: it has no estimator of "
        "energy\n"
        "    hint: add one: measurement: {estimators: {energy: {use: ...}}}",
    ),
    (
        "wrong side",
        "accuracy: baseline - 2 pp",
        "accuracy: {max: 90 %}",
        "26:16: error[bad-limit]: device.limits.accuracy.max: accuracy should be large: its limit is a 'min'",
    ),
    (
        "both sides",
        "accuracy: baseline - 2 pp",
        "accuracy: {max: 90 %, min: 80 %}",
        "26:5: error[bad-limit]: device.limits.accuracy: a metric has one limit, not a 'max' and a 'min'",
    ),
    (
        "bare accuracy",
        "accuracy: baseline - 2 pp",
        "accuracy: 0.93",
        "26:15: error[bad-unit]: device.limits.accuracy: '0.93' has no unit\n    hint: write '93 %'",
    ),
    (
        "too accurate",
        "accuracy: baseline - 2 pp",
        "accuracy: 101 %",
        "26:15: error[out-of-range]: device.limits.accuracy: must be at most 100 %, got '101 %'",
    ),
    (
        "percent below the baseline",
        "baseline - 2 pp",
        "baseline - 2 %",
        "26:15: error[bad-unit]: device.limits.accuracy: 'baseline - 2 %' subtracts a percentage\n"
        "    hint: percentage points are meant: 'baseline - 2 pp'",
    ),
    (
        "size relative to baseline",
        "size: 64 kB",
        "size: baseline - 2 pp",
        "24:11: error[bad-limit]: device.limits.size: only accuracy can be relative to the baseline\n"
        "    hint: write it like '256 KiB'",
    ),
    (
        "half the baseline's flash",
        "    size: 64 kB",
        "    flash: baseline * 0.5",
        "24:12: error[bad-limit]: device.limits.flash: only accuracy can be relative to the baseline\n"
        "    hint: write it like '256 KiB'",
    ),
    (
        "less energy than the baseline",
        "    size: 64 kB",
        "    energy: {max: baseline - 1 mJ}",
        "24:19: error[bad-limit]: device.limits.energy.max: only accuracy can be relative to the baseline\n"
        "    hint: write it like '2.8 mJ'",
    ),
    (
        "half the baseline's accuracy",
        "baseline - 2 pp",
        "baseline * 0.5",
        "26:15: error[bad-unit]: device.limits.accuracy: 'baseline * 0.5' is not so many percentage points below the "
        "baseline\n"
        "    hint: write it like 'baseline - 1.0 pp'",
    ),
    (
        "better than the baseline",
        "baseline - 2 pp",
        "baseline + 2 pp",
        "26:15: error[bad-unit]: device.limits.accuracy: 'baseline + 2 pp' is not so many percentage points below the "
        "baseline\n"
        "    hint: write it like 'baseline - 1.0 pp'",
    ),
    (
        "energy below the baseline's accuracy",
        "baseline - 2 pp",
        "baseline - 1 mJ",
        "26:15: error[bad-unit]: device.limits.accuracy: 'baseline - 1 mJ' does not subtract percentage points\n"
        "    hint: write it like 'baseline - 1.0 pp'",
    ),
    (
        "less than nothing below the baseline",
        "baseline - 2 pp",
        "baseline - -2 pp",
        "26:15: error[bad-unit]: device.limits.accuracy: 'baseline - -2 pp' does not subtract percentage points\n"
        "    hint: write it like 'baseline - 1.0 pp'",
    ),
    (
        "a share below the baseline, or points",
        "baseline - 2 pp",
        "baseline - 0.01",
        "26:15: error[bad-unit]: device.limits.accuracy: '0.01' in 'baseline - 0.01' has no unit\n"
        "    hint: write 'baseline - 1 pp' or 'baseline - 0.01 pp'",
    ),
    (
        "bare points below the baseline",
        "baseline - 2 pp",
        "baseline - 2",
        "26:15: error[bad-unit]: device.limits.accuracy: '2' in 'baseline - 2' has no unit\n"
        "    hint: write 'baseline - 2 pp'",
    ),
    (
        "all of the baseline",
        "baseline - 2 pp",
        "baseline - 100 pp",
        "26:15: error[out-of-range]: device.limits.accuracy: this is more accuracy than there is",
    ),
    (
        "kind of a limit",
        "kind: soft",
        "kind: sof",
        "25:36: error[bad-value]: device.limits.latency_p50.kind: wants one of hard, soft, got 'sof'; "
        "did you mean 'soft'?",
    ),
    (
        "unknown key of a limit",
        "kind: soft",
        "wait: 2",
        "25:30: error[unknown-key]: device.limits.latency_p50.wait: unknown key\n"
        "    hint: did you mean 'weight'? allowed: max, kind, weight, margin",
    ),
    (
        "wrong direction",
        "direction: minimize",
        "direction: maximize",
        "27:52: error[bad-value]: device.objectives.1.direction: size is better the other way: 'minimize'",
    ),
    (
        "direction misspelt",
        "direction: minimize",
        "direction: min",
        "27:52: error[bad-value]: device.objectives.1.direction: wants one of maximize, minimize, got 'min'",
    ),
    (
        "objective twice",
        "[accuracy, ",
        "[accuracy, accuracy, ",
        "27:26: error[bad-value]: device.objectives.1: accuracy is an objective already",
    ),
    (
        "no objectives",
        "  objectives: [accuracy, {metric: size, direction: minimize}]\n",
        "",
        "1:1: error[missing-key]: there is nothing to improve: neither the study nor its device has "
        "'objectives'\n"
        "    hint: add objectives: [accuracy, latency_p50, size]",
    ),
    (
        "five objectives",
        "{metric: size, direction: minimize}]",
        "size, macs, params, latency_p50]",
        "27:15: error[out-of-range]: device.objectives: wants 1 to 4 objectives, got 5",
    ),
    (
        "unknown core",
        "core: any",
        "core: cortex-a67",
        "18:20: error[bad-value]: device.hardware.core: no core is called 'cortex-a67'; did you mean "
        "'cortex-a78'?\n"
        f"    hint: known: {', '.join((*MACHINES, *AWAY))}",
    ),
    (
        "microcontroller",
        "core: any",
        "core: cortex-m4",
        "18:20: error[unsupported]: device.hardware.core: 'cortex-m4' cannot run autocompress itself, "
        "so nothing is measured on it\n"
        "    hint: measurement: {use: estimate}, with estimators",
    ),
    (
        "agent",
        "{use: local}",
        "{use: agent}",
        "22:3: error[missing-key]: device.measurement: the key 'agent' is missing\n"
        "22:22: error[unsupported]: device.measurement.use: agents on other machines are not available yet; "
        "use 'local' on the device itself, or 'estimate'",
    ),
    (
        "runtime of others",
        "name: onnxruntime",
        "name: x-cube-ai",
        "21:19: error[unsupported]: device.runtime.name: autocompress does not run 'x-cube-ai', so nothing is "
        "measured with it\n"
        f"    hint: one of {', '.join(ours())}; or measurement: {{use: estimate}}, with estimators",
    ),
    (
        "unknown runtime",
        "name: onnxruntime",
        "name: onnx-runtime",
        "21:19: error[unknown-name]: device.runtime.name: no runtime is called 'onnx-runtime'; did you "
        "mean 'onnxruntime'?\n"
        f"    hint: known: {', '.join(dict.fromkeys((*ours(), *FORMATS)))}; for any other write 'custom'",
    ),
    (
        "clock without unit",
        "clock: 2 GHz",
        "clock: 2",
        "18:32: error[bad-unit]: device.hardware.clock: '2' has no unit\n"
        "    hint: write '2 UNIT' with one of Hz, kHz, MHz, GHz",
    ),
    (
        "nothing left",
        "reserved: 1 GiB",
        "reserved: 4 GiB",
        "20:35: error[out-of-range]: device.memory.ram.reserved: nothing is left: 'reserved' takes all of 'total'",
    ),
    (
        "pattern of zeros",
        "  measurement:",
        "  sparsity: {pattern: '4:2'}\n  measurement:",
        "22:23: error[bad-value]: device.sparsity.pattern: wants one of none, 2:4, got '4:2'",
    ),
    (
        "kind of device",
        "kind: cpu",
        "kind: laptop",
        "17:9: error[bad-value]: device.kind: wants one of mcu, mcu-npu, wearable-soc, phone, sbc, npu, "
        "cpu, gpu, got 'laptop'",
    ),
    (
        "unknown parent",
        "  id: bench",
        "  extends: raspbery-pi-5\n  id: bench",
        "15:12: error[unknown-name]: device.extends: no device is called 'raspbery-pi-5'; did you mean "
        "'raspberry-pi-5'?\n"
        f"    hint: shipped: {', '.join(device_names())}",
    ),
    (
        "duplicate key",
        "name: demo",
        "name: demo\nname: again",
        "3:1: error[duplicate-key]: name: the key 'name' stands twice, first on line 2",
    ),
    (
        "tag",
        "trials: 3",
        "trials: !!int 3",
        "32:18: error[yaml-tag]: budget.trials: the tag '!!int' is not read\n    hint: write the plain value",
    ),
    (
        "merge key",
        "budget: {",
        "budget: {<<: {a: 1}, ",
        "32:10: error[yaml-tag]: budget: merge keys '<<' are not read\n    hint: write the keys out",
    ),
    (
        "infinite",
        "trials: 3",
        "trials: .inf",
        "32:18: error[bad-value]: budget.trials: '.inf' is not a finite number that fits 64 bits",
    ),
    (
        "tab",
        "  id: bench",
        "\tid: bench",
        "15:1: error[yaml-tab]: a tab stands where YAML wants spaces\n    hint: indent and separate with spaces",
    ),
    (
        "syntax",
        "name: demo",
        "name: demo: 2",
        "2:11: error[yaml-syntax]: mapping values are not allowed here",
    ),
    (
        "unclosed",
        "time: 10 min}",
        "time: 10 min",
        "33:1: error[yaml-syntax]: expected ',' or '}', but got '<stream end>' (while parsing a flow "
        "mapping, begun at line 32)",
    ),
    (
        "second document",
        "sampler:",
        "---\nsampler:",
        "31:1: error[yaml-syntax]: a file holds one document, here a second begins",
    ),
    (
        "key that is a list",
        "name: demo",
        "[name]: demo",
        "2:1: error[yaml-syntax]: a key must be a plain word",
    ),
    (
        "alias without anchor",
        "name: demo",
        "name: *demo",
        "2:7: error[yaml-syntax]: name: the alias '*demo' has no anchor before it",
    ),
]


def said(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_study(FILE, source=text)
    return str(caught.value).replace(f"{FILE}:", "")


@pytest.mark.parametrize(("name", "there", "instead", "text"), TABLE, ids=[row[0] for row in TABLE])
def test_a_mistake_is_said_exactly_so(name: str, there: str, instead: str, text: str) -> None:
    assert there in GOOD
    assert said(GOOD.replace(there, instead, 1)) == text


def test_without_a_mistake_there_is_a_study() -> None:
    spec = load_study(FILE, source=GOOD)
    assert spec.space["student"]["depth"] == 4
    assert "int" in spec.space["student"]["width"]  # what `auto` stood for
    assert spec.space["stages"][0]["method"] == {"choice": [{"use": "none"}, {"use": "logit"}]}
    assert spec.teacher == {"student": {"use": "resnet"}, "stages": [{"use": "finetune", "epochs": 1}]}
    assert spec.budget.seconds == 600


def test_what_has_grids_may_be_trained_on() -> None:
    scheme = "{use: lsq, weights: auto, layers: {'blocks.*': {choice: [2, 4]}}}"
    text = f"- {{use: quantize, scheme: {scheme}, recover: 2, method: logit}}\n  - use: finetune"
    spec = load_study(FILE, source=GOOD.replace("- {use: quantize, scheme: onnx_static}", text))
    assert spec.space["stages"][2]["scheme"]["weights"] == {"int": [2, 8]}


def test_the_house_example() -> None:
    text = GOOD.replace("- use: prune\n    by: magnitude\n    ratio: {float: [0.1, 0.5]}", "- prun")
    text = text.replace("name: demo\n", "name: demo\n# one\n# two\n")
    assert said(text) == "12:5: error[unknown-plugin]: stages.1.use: no stage is called 'prun'; did you mean 'prune'?"
    house = "studies/x.yaml:12:5: error[unknown-plugin]: stages.1.use: no stage is called 'prun'; did you mean 'prune'?"
    shown = Diagnostic(
        FILE, 12, 5, "unknown-plugin", "stages.1.use", "no stage is called 'prun'; did you mean 'prune'?"
    )
    assert str(shown) == house


def test_all_mistakes_at_once_sorted_by_place() -> None:
    text = GOOD
    for _, there, instead, _ in [row for row in TABLE if row[0] in ("unknown stage", "KB", "zero trials", "bad name")]:
        text = text.replace(there, instead, 1)
    assert [line.split(" ")[1] for line in said(text).split("\n") if "error" in line] == [
        "error[bad-value]:",
        "error[unknown-plugin]:",
        "error[bad-unit]:",
        "error[out-of-range]:",
    ]


def test_every_code_is_explained_in_a_line() -> None:
    assert all(text.endswith(".") and "\n" not in text for text in CODES.values())
    assert {row[3].split("[")[1].split("]")[0] for row in TABLE} <= set(CODES)


def test_a_terminal_sees_the_line_and_a_caret() -> None:
    with pytest.raises(ConfigError) as caught:
        load_study(FILE, source=GOOD.replace("64 kB", "64 KB"))
    assert render(caught.value.diagnostics, tty=True) == (
        "studies/x.yaml:24:11: error[bad-unit]: device.limits.size: 'KB' in '64 KB' is ambiguous\n"
        "        size: 64 KB\n"
        "              ^\n"
        "    hint: write '64 KiB' (65536 B) or '64 kB' (64000 B)"
    )


def test_github_and_json() -> None:
    found = [Diagnostic("a,b.yaml", 1, 2, "bad-unit", "x", "50 %\nor so", "none")]
    assert render(found, "github") == "::error file=a%2Cb.yaml,line=1,col=2::bad-unit: x: 50 %25%0Aor so (none)"
    assert '"code": "bad-unit"' in render(found, "json")


def test_a_value_cannot_write_on_the_terminal() -> None:
    assert "\x1b" not in said(GOOD.replace("name: demo", r'name: "\e[31mred"'))
    assert "\x1b" not in said(GOOD.replace("name: demo", r'"\e[31m": demo'))


def test_unknown_names_without_a_near_one_say_what_is_known() -> None:
    assert "hint: known: " in said(GOOD.replace("use: tpe", "use: hyperband"))


def test_null_is_not_a_space_and_brings_no_objectives() -> None:
    before, _, rest = GOOD.partition("space:\n")
    after = rest[rest.index("device:\n") :]
    assert said(before + "space:\n" + after) == (
        "4:1: error[wrong-type]: space: wants a name, a path such as './space.yaml', or a mapping, got nothing"
    )
    space, _, rest = GOOD.partition("device:\n")
    after = rest[rest.index("teacher:\n") :]
    nothing = "1:1: error[missing-key]: there is nothing to improve: neither the study nor its device has 'objectives'"
    for given in ("device:\n", "device: null\nobjectives: null\n", "device: null\n"):
        assert said(space + given + after).startswith(nothing)

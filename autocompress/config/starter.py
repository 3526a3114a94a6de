"""What `autocompress init` writes: a study, a space, a device, an analysis, each line explained; and their schemas."""

import json

from autocompress.config.schema import KINDS_OF_FILE, schema

STUDY = """\
# yaml-language-server: $schema=./schemas/study.schema.json
#
# One question: what is searched, for which device, on which data, for how long.
#   autocompress check study.yaml     every mistake, with its place, before anything runs
#   autocompress run study.yaml       run it; run it again to go on where it stopped
schema: autocompress.study/v1
name: my-study                    # names its folder of results

# Examples: `digits` comes with autocompress. Your own images, as one NumPy file:
#   data: {use: npz, path: images.npz}      # x_train, y_train, x_test, y_test
data: digits

space: ./space.yaml               # what may be built
device: ./device.yaml             # where it must fit, and what to improve

# Whom students learn from, and the baseline of limits such as `baseline - 2 pp`. Without holes.
teacher:
  student: {use: resnet, depth: 14, width: 24}
  stages:
    - {use: finetune, epochs: 20}

# Replace the device's limits for the same metric; `null` takes one away.
limits:
  size: 300 kB

sampler: ehvi                     # or tpe, nsga2, nsga3, gp, random
schedule: halving                 # who promises little is stopped; flat: everyone is trained to the end
driver: {use: local, workers: 2}  # processes on this machine

budget:
  trials: 20                      # whole trainings: refusals are free, who is stopped early pays a share
  time: 30 min                    # whichever comes first; what is running is finished
  variants: 4                     # of each training: other endings that need none (bits, calibration)

seed: 0
"""

SPACE = """\
# yaml-language-server: $schema=./schemas/space.schema.json
#
# What may be built. A mapping with `use` is a plug-in and its settings (`autocompress plugins` lists them), and any
# value may be left open:
#   {choice: [a, b]}                 one of these; options may hold holes of their own
#   {int: [8, 32], step: 8}          a whole number
#   {float: [0.01, 0.3], log: true}  a number
#   {order: [stage, stage]}          these stages, in any sequence
#   auto                             the range that the plug-in declares for this setting
schema: autocompress.space/v1

student: {use: resnet, depth: auto, width: auto}

stages:
  - {use: distill, method: {use: logit, temperature: auto, alpha: auto}, epochs: 10}
  - choice:
      - none                      # a stage that is `none` vanishes
      - {use: prune, by: {choice: [magnitude, taylor]}, ratio: {float: [0.1, 0.7]}}
  - {use: finetune, epochs: 3, lr: 0.02}
  - choice:
      - none
      - {use: quantize, scheme: onnx_static}
"""

DEVICE = """\
# yaml-language-server: $schema=./schemas/device.schema.json
#
# Where it must fit. Quantities have units: kB is 1000 bytes, KiB is 1024, KB is refused as ambiguous.
schema: autocompress.device/v1
extends: this-machine             # what is not said here is inherited; a path such as ./other.yaml does too
id: my-device
name: My device, one thread

operators: {channels: {round_to: 4}}  # pruned layers keep a multiple of this many channels

limits:                           # short for {max: ..., kind: hard}; `accuracy` and its like have a min
  latency_p50: 2 ms
  size: 500 kB
  accuracy: baseline - 5 pp       # percentage points below the teacher

objectives:                       # 1 to 4
  - {metric: accuracy, direction: maximize}
  - {metric: latency_p50, direction: minimize}
  - {metric: size, direction: minimize}
"""


ANALYSIS = """\
# yaml-language-server: $schema=./schemas/analysis.schema.json
#
# An experiment without a search: every recipe of a small space, each trained with several seeds.
#   autocompress analyse sweep analysis.yaml -o out     a table, tidy files, figures; run it again to go on
schema: autocompress.analysis/v1
name: my-analysis
title: How far can it be cut, and which score cuts best?
seeds: 3                          # each number is a mean, with its standard error
along: prune.ratio                # what figures go along; every other difference is a line of its own

study:                            # a study, or ./study.yaml; it needs neither name nor budget
  data: digits
  device: ./device.yaml           # its limits are told here, and refuse nobody
  teacher:
    student: {use: resnet, depth: 14, width: 24}
    stages:
      - {use: finetune, epochs: 20}
  space:                          # choices and steps, no open ranges
    student: same                 # the teacher itself
    stages:
      - {use: prune, by: {choice: [magnitude, taylor]}, ratio: {choice: [0.25, 0.5, 0.75]}, recover: 3}

reduced:                          # --reduced: the same at a scale that a laptop bears
  seeds: 1
  study:
    data: {use: some, of: digits, train: 500}
    teacher: {student: {depth: 8, width: 8}, stages: [{use: finetune, epochs: 10}]}

smoke:                            # --smoke: this very file with these changes, to see whether it runs
  seeds: 1
  study:
    teacher: {stages: [{use: finetune, epochs: 2}]}
"""


def starter() -> dict[str, str]:
    """Relative path -> text."""
    schemas = {f"schemas/{kind}.schema.json": json.dumps(schema(kind), indent=2) + "\n" for kind in KINDS_OF_FILE}
    return {"study.yaml": STUDY, "space.yaml": SPACE, "device.yaml": DEVICE, "analysis.yaml": ANALYSIS, **schemas}

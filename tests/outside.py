"""The program run from outside, and a small real study for it."""

import os
import subprocess
import sys

STUDY = """\
schema: autocompress.study/v1
name: small
data: digits
space:
  student: {use: cnn, width: {choice: [4, 8, 12]}, depth: {choice: [2, 3, 4]}}
  stages:
    - {use: distill, method: {choice: [none, {use: logit, temperature: auto}]}, epochs: {int: [1, 2]}}
    - {choice: [none, {use: quantize, scheme: onnx_static}]}
device:
  schema: autocompress.device/v1
  id: quick
  name: quick
  kind: cpu
  hardware: {core: any}
  runtime: {name: onnxruntime}
  measurement: {use: local, protocol: {warmup: 1, runs: 3, processes: 1}}
  limits: {size: 256 kB}
  objectives: [accuracy, latency_p50, size]
teacher: {student: {use: cnn, width: 8, depth: 3}, stages: [{use: finetune, epochs: 2}]}
sampler: random
driver: {use: local, workers: 1}
budget: {trials: 3, variants: 0}
schedule: flat
first: nothing
"""


def program(*arguments, home, **environment):
    variables = {**os.environ, "AUTOCOMPRESS_HOME": str(home), "COLUMNS": "100", **environment}
    command = [sys.executable, "-m", "autocompress", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=variables)

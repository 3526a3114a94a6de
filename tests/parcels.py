"""A model as `export` hands it over, and as a stranger might."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

from hands import SMALL, fresh
from views import trial, view

from autocompress.compress.manifest import save
from autocompress.data.digits import Digits
from autocompress.measure.accuracy import accuracy, answers
from autocompress.measure.runtimes.onnxruntime import Onnxruntime
from autocompress.reports.parcel import SUMS, parcel, sums, write
from autocompress.study.deploy import lowered, runs_in

DATA = Digits().load()


@cache
def packed() -> dict[str, bytes]:
    """An untrained network that was measured in earnest."""
    data, model, runtime = DATA, fresh(SMALL, seed=1), Onnxruntime()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        file = lowered(model, runtime, folder, data)
        save(model, folder, mean=data.mean, std=data.std)
        artifacts = {
            "model": file.read_bytes(),
            "manifest": (folder / "manifest.json").read_bytes(),
            "weights": (folder / "weights.safetensors").read_bytes(),
            "runtime": json.dumps(runs_in({"use": "onnxruntime"}, runtime)).encode(),
            "classes": json.dumps({"classes": data.classes}).encode(),
        }
        session = runtime.open(file)
    found = [accuracy(answers(session, data.shown(split)), split.y, "here") for split in (data.val, data.test)]
    shown = view(test_accuracy={1: found[1]})
    shown = replace(shown, spec=shown.spec.model_copy(update={"data": {"use": "digits"}}))
    return parcel(shown, trial(1, "complete", (found[0],)), artifacts)


def forged(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Some files are others, and the sums agree with them."""
    found = {name: content for name, content in packed().items() if name != SUMS} | files
    write(found | {SUMS: sums(found)}, folder)
    return folder

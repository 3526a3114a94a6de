"""One model by the files that its trial has left. What is asked of it is found out once."""

import tempfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from autocompress.compress.manifest import MANIFEST, WEIGHTS, load
from autocompress.compress.model import Model
from autocompress.study.artifacts import Artifacts
from autocompress.study.examining.heat import Looking
from autocompress.study.examining.light import borne
from autocompress.study.examining.running import Ran, ran
from autocompress.values.examination import Mean
from autocompress.values.study import StudySpec


class Subject:
    """`files` are digests, by role."""

    def __init__(self, spec: StudySpec, artifacts: Artifacts, files: Mapping[str, str]) -> None:
        self._spec, self._artifacts, self.files = spec, artifacts, files

    @cached_property
    def run(self) -> Ran:
        return ran(self._spec, *(self._artifacts.path(self.files[role]) for role in ("model", "manifest", "runtime")))

    @cached_property
    def model(self) -> Model:
        with tempfile.TemporaryDirectory(prefix="autocompress-") as folder:
            for role, file in (("manifest", MANIFEST), ("weights", WEIGHTS)):
                (Path(folder) / file).write_bytes(self._artifacts.get(self.files[role]))
            return load(Path(folder))

    @cached_property
    def borne(self) -> tuple[Mean, ...]:
        return borne(self.run, self._spec.seed)

    @cached_property
    def looking(self) -> Looking:
        return Looking(self.model, self.run)

"""From a file, or the name of a shipped study, to a study that can be run."""

from pathlib import Path

from autocompress.config.load import load_study
from autocompress.errors import StudyError
from autocompress.study.home import study_names
from autocompress.study.inheritance import NOTHING, Inheritance, inheritance
from autocompress.study.study import Study


def load(path: str | Path, *, name: str | None = None, storage: str | None = None) -> Study:
    """Read and check a study file. All its mistakes come at once, as a ConfigError. `name` makes it another study."""
    spec = load_study(path)
    if name is not None:
        spec = type(spec).model_validate(spec.model_dump() | {"name": name})
    command = f"autocompress run {path}" + (f" --as {name}" if name else "")
    study = Study.of(spec, storage=storage, command=command)
    if spec.source:
        study.inherits = _of_source(study, storage)
    return study


def _of_source(heir: Study, storage: str | None) -> Inheritance:
    """All models of the other study that are trained already, and those of its front, whatever they take."""
    name, known = heir.spec.source, study_names()
    if name == heir.spec.name:
        raise StudyError(f"study {name!r} cannot be 'from' itself; give it another name, with --as NAME")
    if heir.spec.name in known and name not in known:
        return NOTHING  # it has taken what there was
    other = Study.open(name, storage=storage)
    best = {t.number for t in other.front().members}
    return inheritance(heir.spec, other.trials, other.params, best)

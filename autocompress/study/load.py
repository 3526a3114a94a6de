"""From a file, or the name of a shipped study, to a study that can be run."""

from pathlib import Path

from autocompress.config.load import load_study
from autocompress.study.study import Study


def load(path: str | Path, *, name: str | None = None, storage: str | None = None) -> Study:
    """Read and check a study file. All its mistakes come at once, as a ConfigError. `name` makes it another study."""
    spec = load_study(path)
    if name is not None:
        spec = type(spec).model_validate(spec.model_dump() | {"name": name})
    command = f"autocompress run {path}" + (f" --as {name}" if name else "")
    return Study.of(spec, storage=storage, command=command)

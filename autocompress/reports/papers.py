"""The papers of a model that was handed over, read as if a stranger had written them: types, sizes, places."""

import errno
import io
import os
import stat
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from autocompress.values.measurement import Measurement

LARGEST = 4 * 2**30  # bytes of a file: a billion weights in 32 bits
LONGEST = 16 * 2**20  # bytes of a paper; a ResNet-152 has 40 KiB

Finite = Annotated[float, Field(allow_inf_nan=False)]
Above = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Size = Annotated[int, Field(ge=1, le=2**16)]


def _named(settings: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(settings.get("use"), str):
        raise ValueError("wants {use: NAME}")
    return settings


class Paper(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)


class RunsIn(Paper):
    use: str
    threads: Annotated[int, Field(ge=1)]
    version: str


class Facts(Paper):
    """`facts.json`: where the model comes from, and what was measured on it."""

    kind: Annotated[Literal["autocompress.export/v1"], Field(alias="schema")]
    study: str
    hash: str
    trial: int
    recipe: dict[str, Any]
    model: str
    runtime: RunsIn
    data: Annotated[dict[str, Any], AfterValidator(_named)]
    measurements: tuple[Measurement, ...]
    test_accuracy: Measurement | None
    environment: dict[str, str]


class Normalise(Paper):
    mean: tuple[Finite, ...]
    std: tuple[Above, ...]


class Manifest(Paper):
    """`manifest.json`: what the file wants to see, and which weights it was made of."""

    kind: Annotated[Literal["autocompress.model/v1"], Field(alias="schema")]
    student: dict[str, Any]
    inputs: tuple[Size, Size, Size]
    classes: Size
    widths: dict[str, list[int]]
    quantizer: dict[str, Any] | None
    sparse: tuple[str, ...]
    normalise: Normalise
    weights_sha256: str
    torch: str = ""


P = TypeVar("P", bound=Paper)


def paper(folder: Path, name: str, kind: type[P]) -> P:
    """What is wrong with it is a ValueError that names the place."""
    try:
        return kind.model_validate_json(content(folder, name), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ": ".join(filter(None, (name, ".".join(map(str, first["loc"])))))
        text = f"{where}: {first['msg']}; damaged, or of another version: export the model again"
        raise ValueError(text) from None


def content(folder: Path, name: str) -> bytes:
    with opened(folder, name, LONGEST) as file:
        return file.read()


def opened(folder: Path, name: str, most: int = LARGEST) -> io.BufferedReader:
    """A file that lies in the folder itself. Links and pipes lead elsewhere, and nobody waits for what never ends."""
    if name != Path(name).name:
        raise ValueError(f"{name}: is no name of a file in this folder")
    try:
        handle = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise ValueError(f"{name}: is not there") from None
    except OSError as error:
        why = "is a link; an export has none" if error.errno == errno.ELOOP else f"cannot be read ({error.strerror})"
        raise ValueError(f"{name}: {why}") from None
    found = os.fstat(handle)
    if stat.S_ISREG(found.st_mode) and found.st_size <= most:
        return os.fdopen(handle, "rb")
    os.close(handle)
    what = f"has {found.st_size:,} bytes, more than {most:,}" if stat.S_ISREG(found.st_mode) else "is no file"
    raise ValueError(f"{name}: {what}")

"""The folder is the registry: `{use: taylor}` is `compress/importances/taylor.py`. Strangers join by entry point.

A kind is a folder with a `base.py`, which defines one abstract class. Every other file in it that does not start
with an underscore is one plug-in: one frozen class whose fields are its settings. Nothing is imported until named.
"""

import ast
import importlib
import inspect
import os
import sys
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from autocompress.errors import UnknownPlugin

ROOT = Path(__file__).parent


class Plugin(BaseModel):
    """Settings as frozen fields; behaviour as one verb; state in what the verb returns."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @model_validator(mode="wrap")
    @classmethod
    def _by_name(cls, value: Any, handler: ModelWrapValidatorHandler["Plugin"]) -> "Plugin":
        """Where an abstract kind is wanted, `{use: name, ...}` becomes that plug-in."""
        if isinstance(value, cls) or not inspect.isabstract(cls):
            return handler(value)
        if isinstance(value, str):
            value = {"use": value}
        if not isinstance(value, Mapping) or not isinstance(value.get("use"), str):
            kind = kind_of(cls)
            article = "an" if kind[0] in "aeiou" else "a"
            raise PydanticCustomError("needs_use", "wants {wanted}", {"wanted": f"{{use: NAME}} of {article} {kind}"})
        settings = {k: v for k, v in value.items() if k != "use"}
        return find(cls, value["use"]).model_validate(settings)

    @field_validator("*", mode="before")
    @classmethod
    def _no_lists(cls, value: Any, info: ValidationInfo) -> Any:
        """YAML and JSON have lists only; a frozen setting is a tuple."""
        field = cls.model_fields[info.field_name or ""]
        return _as_tuple(value) if get_origin(field.annotation) is not list else value


def _as_tuple(value: Any) -> Any:
    return tuple(map(_as_tuple, value)) if isinstance(value, list) else value


P = TypeVar("P", bound=Plugin)


def ranged(default: Any, low: float, high: float, *, log: bool = False, step: float | None = None) -> Any:
    """A setting with a range worth searching: `auto` in a search space stands for it."""
    kind = "int" if all(isinstance(x, int) for x in (default, low, high)) else "float"
    hole: dict[str, Any] = {
        kind: [low, high],
        **({"log": True} if log else {}),
        **({"step": step} if step is not None else {}),
    }
    return Field(default, json_schema_extra={"search": hole})


def among(default: Any, *options: Any) -> Any:
    """A setting with a few values worth searching."""
    return Field(default, json_schema_extra={"search": {"choice": list(options)}})


class Listed(NamedTuple):
    """What `autocompress plugins` says of one plug-in."""

    kind: str
    name: str
    summary: str
    origin: str
    error: str = ""


def kind_of(base: type[Plugin]) -> str:
    """What people call this kind: `importance`."""
    return base.__name__.lower()


@cache
def kinds() -> dict[str, str]:
    """Plural name of each kind -> its folder as a dotted path: 'importances' -> 'autocompress.compress.importances'."""
    folders = sorted(p.parent for p in ROOT.rglob("base.py"))
    return {f.name: ".".join((ROOT.name, *f.relative_to(ROOT).parts)) for f in folders}


def names(base: type[Plugin]) -> dict[str, str]:
    """Name -> module (ours) or entry-point value (a stranger's) of every plug-in of a kind."""
    return _names(_folder(base))


def _names(folder: str) -> dict[str, str]:
    plural = folder.rpartition(".")[2]
    strangers = {_plain(ep.name): f"{ep.module}:{ep.attr or ''}" for ep in _strangers(plural)}
    ours = {name: f"{folder}.{name}" for name in _ours(folder)}
    return strangers | ours


def find(base: type[P], name: str) -> type[P]:
    """The class behind a name. Imports that one module only: an optional dependency costs nothing until it is used."""
    known = names(base)
    module_name = known.get(_plain(name))
    if module_name is None:
        nearest = get_close_matches(_plain(name), known, n=1)
        raise UnknownPlugin(kind_of(base), name, nearest[0] if nearest else None)
    module_name, _, attribute = module_name.partition(":")
    module = importlib.import_module(module_name)
    if attribute:
        found = [getattr(module, attribute)]
    else:
        found = [
            c
            for c in vars(module).values()
            if inspect.isclass(c) and issubclass(c, base) and c.__module__ == module_name and not inspect.isabstract(c)
        ]
    if len(found) != 1 or not (inspect.isclass(found[0]) and issubclass(found[0], base)):
        what = [getattr(c, "__name__", repr(c)) for c in found]
        raise TypeError(f"{module_name} must define exactly one {kind_of(base)}, found {what}")
    return found[0]


def make(base: type[P], settings: Mapping[str, Any] | str) -> P:
    """The plug-in that `{use: name, **settings}` asks for. A mistake is pydantic's ValidationError, with its place."""
    return base.model_validate(settings)


def written(base: type[P], plug: P) -> dict[str, Any]:
    """What a file says of a plug-in, `{use: name, **settings}`: `make` reads it back."""
    module, qualname = type(plug).__module__, type(plug).__qualname__
    mine = (module, f"{module}:", f"{module}:{qualname}")
    name = next(name for name, target in names(base).items() if target in mine)
    inner = {field: _written_inside(getattr(plug, field)) for field in type(plug).model_fields}
    return {"use": name, **plug.model_dump(mode="json"), **{field: it for field, it in inner.items() if it is not None}}


def _written_inside(value: Any) -> Any:
    """Of a setting that is a plug-in, or some of them; None for any other."""
    if isinstance(value, Plugin):
        kind = next(c for c in type(value).__mro__ if c.__module__.endswith(".base") and inspect.isabstract(c))
        return written(kind, value)
    if isinstance(value, tuple) and value and all(isinstance(one, Plugin) for one in value):
        return [_written_inside(one) for one in value]
    return None


def _one_colon(function: str) -> str:
    if function.count(":") != 1:
        raise ValueError(f'wants "package.module:name", got {function!r}')
    return function


Function = Annotated[str, AfterValidator(_one_colon)]  # code of the user's, by name


def own(function: str) -> Any:
    """What `package.module:name` names: code of the user's, looked for in the folder where they started too."""
    module, _, name = function.partition(":")
    here = os.getcwd()
    if here not in sys.path:
        sys.path.append(here)
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        if error.name not in (module, module.partition(".")[0]):
            raise  # something that it imports itself
        raise ModuleNotFoundError(f"no {module}.py in {here}, where you started, nor installed") from error


def base_of(plural: str) -> type[Plugin]:
    """The abstract class of a kind, by the kind's plural name."""
    folder = kinds()[plural]
    module = importlib.import_module(f"{folder}.base")
    return next(
        c
        for c in vars(module).values()
        if inspect.isclass(c) and issubclass(c, Plugin) and c.__module__ == module.__name__ and inspect.isabstract(c)
    )


def listing() -> list[Listed]:
    """Every plug-in, without importing any: ours by reading their files, strangers' by their metadata."""
    found: list[Listed] = []
    for plural, folder in sorted(kinds().items()):
        ours = [Listed(plural, name, _summary(_place(folder) / f"{name}.py"), "autocompress") for name in _ours(folder)]
        taken = {listed.name for listed in ours}
        found += ours
        for ep in _strangers(plural):
            listed = _listed_stranger(plural, ep)
            if listed.name in taken and not listed.error:
                listed = listed._replace(error=f"the name {listed.name!r} is taken by autocompress")
            found.append(listed)
    return found


def _listed_stranger(plural: str, ep: EntryPoint) -> Listed:
    origin = f"{ep.dist.name} {ep.dist.version}" if ep.dist else "?"
    try:
        spec = find_spec(ep.module)
    except Exception as error:  # importing its parent package may run anything
        return Listed(plural, _plain(ep.name), "", origin, f"{type(error).__name__}: {error}")
    if spec is None or spec.origin is None:
        return Listed(plural, _plain(ep.name), "", origin, f"no module {ep.module!r}")
    return Listed(plural, _plain(ep.name), _summary(Path(spec.origin)), origin)


@cache
def _strangers(plural: str) -> tuple[EntryPoint, ...]:
    """Looking takes 6 ms, a study asks a hundred thousand times, and nobody installs a package meanwhile."""
    return tuple(entry_points(group=f"autocompress.{plural}"))


def _folder(base: type[Plugin]) -> str:
    return base.__module__.rpartition(".")[0]


def _place(folder: str) -> Path:
    return ROOT.joinpath(*folder.split(".")[1:])


def _ours(folder: str) -> list[str]:
    """By the names of the files, in strings: a check of one study asks ten thousand times."""
    stems = [file.removesuffix(".py") for file in os.listdir(_place(folder)) if file.endswith(".py")]
    return sorted(stem for stem in stems if stem != "base" and not stem.startswith("_"))


def _summary(path: Path) -> str:
    """First line of the docstring of the file's class, else of the file."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError) as error:
        return f"(unreadable: {type(error).__name__})"
    classes = [n for n in tree.body if isinstance(n, ast.ClassDef) and not n.name.startswith("_")]
    docs = [ast.get_docstring(node) for node in classes]
    text = next((d for d in [*docs, ast.get_docstring(tree)] if d), "")
    return text.splitlines()[0] if text else ""


def _plain(name: str) -> str:
    return name.replace("-", "_")

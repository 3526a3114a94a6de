"""JSON Schemas of the four files, for editors: completion and red lines while typing. The reader has the last word.

A schema never refuses what the reader accepts; it lets pass what only the reader can see (units, plug-ins' settings).
"""

from typing import Any, Literal, get_args

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from autocompress import plugin
from autocompress.config.analysis_file import AnalysisFile
from autocompress.config.cores import AWAY, ISA, MACHINES
from autocompress.config.device_file import DeviceFile
from autocompress.config.estimators import ESTIMATED
from autocompress.config.limits import KINDS, KNOWN, MOST_OBJECTIVES
from autocompress.config.provenance import ORIGINS
from autocompress.config.runtimes import FORMATS
from autocompress.config.shipped import names
from autocompress.config.space_file import SpaceFile
from autocompress.config.study_file import PLUGS, StudyFile
from autocompress.values.metric import METRICS, Scale

FileKind = Literal["study", "space", "device", "analysis"]
KINDS_OF_FILE: tuple[FileKind, ...] = get_args(FileKind)
DIALECT = "https://json-schema.org/draft/2020-12/schema"
MODELS: dict[FileKind, type[BaseModel]] = {
    "study": StudyFile,
    "space": SpaceFile,
    "device": DeviceFile,
    "analysis": AnalysisFile,
}

Schema = dict[str, Any]


def schema(kind: FileKind) -> Schema:
    """The schema of one kind of file; what a study may hold inline is in it too."""
    _, whole = models_json_schema([(model, "validation") for model in MODELS.values()], by_alias=True)
    parts: dict[str, Schema] = whole["$defs"]
    parts["BudgetSection"]["anyOf"] = [{"required": [end]} for end in ("trials", "time", "device_time")]
    _study(parts["StudyFile"]["properties"])
    _analysis(parts["AnalysisFile"]["properties"])
    _recipe(parts["SpaceFile"]["properties"])
    _recipe(parts["TeacherSection"]["properties"])
    for name in _reachable("DeviceFile", parts):
        _inheritable(parts[name])
    _device(parts)
    parts["Sourced"] = SOURCED
    return {
        "$schema": DIALECT,
        "title": f"autocompress {kind}",
        "$ref": f"#/$defs/{MODELS[kind].__name__}",
        "required": ["schema"],
        "$defs": parts,
    }


def _study(properties: Schema) -> None:
    for name, plural in PLUGS.items():
        properties[name] = {**_plug(plural), **_description(name)}
    steps = {"type": "array", "items": _plug("augmentations")}
    properties["augment"] = {**steps, **_description("augment")}
    properties["space"] = {"anyOf": [_name(names("space")), {"$ref": "#/$defs/SpaceFile"}], **_description("space")}
    inline = {"$ref": "#/$defs/DeviceFile"}
    properties["device"] = {"anyOf": [_name(names("device")), inline, {"type": "null"}], **_description("device")}
    properties["limits"], properties["objectives"] = _limits(), _objectives()


def _analysis(properties: Schema) -> None:
    """A study without what an analysis knows of it; and changes, which say anything."""
    properties["study"] = {"anyOf": [_name(names("study")), {"type": "object"}], **_description("study")}
    for name in ("each", "reduced", "smoke"):
        properties[name] = {"type": ["object", "null"], **_description(name)}


def _recipe(properties: Schema) -> None:
    nothing = {"enum": [None, "none"]}
    properties["student"] = {**_plug("students", holes=True), **_description("student")}
    stage = {"anyOf": [nothing, _plug("stages", holes=True)]}
    properties["stages"] = {"type": "array", "items": stage, **_description("stages")}


def _device(parts: dict[str, Schema]) -> None:
    properties = parts["DeviceFile"]["properties"]
    properties["extends"] = {"anyOf": [_name(names("device")), {"type": "null"}], **_description("extends")}
    properties["limits"], properties["objectives"] = _limits(), _objectives()
    parts["Hardware"]["properties"]["core"] = _or_sourced({"enum": [*MACHINES, *AWAY]})
    parts["Hardware"]["properties"]["isa"] = _or_sourced({"type": "array", "items": {"enum": list(ISA)}})
    ours = [found.name for found in plugin.listing() if found.kind == "runtimes"]
    parts["Runs"]["properties"]["name"] = _or_sourced(_name([*ours, *FORMATS]))
    one = {"$ref": "#/$defs/Runs"}
    properties["runtime"] = {
        "anyOf": [one, {"type": "array", "items": one, "minItems": 1}, {"type": "null"}],
        **_description("runtime"),
    }
    told = {"type": "object", "properties": {"use": _or_sourced({"type": "string"})}}
    parts["Measured"]["properties"]["estimators"] = {
        "anyOf": [
            {
                "type": "object",
                "properties": dict.fromkeys(ESTIMATED, _or_sourced(told)),
                "additionalProperties": False,
            },
            {"type": "null"},
        ],
        **_description("estimators"),
    }


def _plug(plural: str, *, holes: bool = False) -> Schema:
    """A bare name, or `{use: name, ...}` with settings that only the class can judge."""
    use = _name([found.name for found in plugin.listing() if found.kind == plural])
    mapping: Schema = {"type": "object", "properties": {"use": use}}
    if holes:
        mapping["properties"] |= {word: {"type": "array", "minItems": 1} for word in ("choice", "order")}
    else:
        mapping["required"] = ["use"]
    return {"anyOf": [use, mapping]}


def _name(known: list[str]) -> Schema:
    """Names that an editor may offer; others exist elsewhere, or are spelled with a hyphen."""
    return {"anyOf": [{"enum": known}, {"type": "string"}]} if known else {"type": "string"}


def _limits() -> Schema:
    each = {}
    for metric in KNOWN:
        side = "max" if METRICS[metric].direction == "minimize" else "min"
        bound = {"type": ["string", "number"] if not METRICS[metric].unit else "string"}
        long = {
            "type": "object",
            "properties": {
                side: bound,
                "kind": {"enum": [*KINDS, None]},
                "margin": {"type": ["string", "null"]},
                "weight": {"type": ["number", "null"], "minimum": 0},
            },
            "required": [side],
            "additionalProperties": False,
        }
        each[metric] = {"anyOf": [bound, long, {"type": "null"}]}
    found = {"type": "object", "properties": each, "additionalProperties": False}
    return {"anyOf": [found, {"type": "null"}], **_description("limits")}


def _objectives() -> Schema:
    properties = {
        "metric": {"enum": list(KNOWN)},
        "direction": {"enum": ["maximize", "minimize"]},
        "scale": {"enum": list(get_args(Scale))},
    }
    long = {"type": "object", "properties": properties, "required": ["metric"], "additionalProperties": False}
    items = {"anyOf": [properties["metric"], long]}
    found = {"type": "array", "items": items, "minItems": 1, "maxItems": MOST_OBJECTIVES}
    return {"anyOf": [found, {"type": "null"}], **_description("objectives")}


def _inheritable(part: Schema) -> None:
    """In a device anything may be inherited, so nothing is required, `null` takes away, and any value may say where it
    comes from."""
    part.pop("required", None)
    for name, value in part.get("properties", {}).items():
        part["properties"][name] = _or_sourced(value)


def _or_sourced(value: Schema) -> Schema:
    return {"anyOf": [value, {"$ref": "#/$defs/Sourced"}, {"type": "null"}]}


def _reachable(name: str, parts: dict[str, Schema]) -> list[str]:
    found = [name]
    for part in found:
        found += [ref for ref in _references(parts[part]) if ref not in found]
    return found


def _references(part: Any) -> list[str]:
    if isinstance(part, dict):
        here = [part["$ref"].rpartition("/")[2]] if "$ref" in part else []
        return here + [ref for value in part.values() for ref in _references(value)]
    return [ref for value in part for ref in _references(value)] if isinstance(part, list) else []


def _description(name: str) -> Schema:
    return {"description": DESCRIPTIONS[name]}


SOURCED: Schema = {
    "description": "A value and where it comes from.",
    "type": "object",
    "properties": {
        "value": {},
        "how": {"enum": [*ORIGINS, None]},
        "error": {"type": ["string", "null"]},
        "source": {"type": ["string", "null"]},
    },
    "required": ["value"],
    "additionalProperties": False,
}
DESCRIPTIONS = {
    "data": "Where examples come from.",
    "augment": "What is done to training images, in this order.",
    "space": "What may be built: a shipped space, a path such as ./space.yaml, or the space itself.",
    "device": "Where it must fit: a shipped device, a path such as ./device.yaml, or the device itself.",
    "sampler": "Which recipe next.",
    "schedule": "How much training before a candidate is looked at again.",
    "driver": "Who does the work.",
    "study": "What is trained: a shipped study, a path, or the study itself; it needs neither name nor budget.",
    "each": "The study once for each label, with these changes: mappings merge, lists and scalars replace.",
    "reduced": "Changes to this very file that make it small enough for a laptop, and still worth reading.",
    "smoke": "Changes to this very file that make it small enough to be tried.",
    "student": "The network that is built.",
    "stages": "What is done to it, in order. A stage that is `none` vanishes.",
    "extends": "The device this one differs from. Mappings merge, lists and scalars replace, null takes away.",
    "runtime": "What runs the files on the device; of a list, the one that is measured best.",
    "estimators": "What tells a metric without the device: latency, peak_ram, energy.",
    "limits": "What must hold: `size: 256 KiB`, `accuracy: baseline - 1.0 pp`, or {max: ..., kind: soft}.",
    "objectives": "What to improve, 1 to 4 metrics.",
}

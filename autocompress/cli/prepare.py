"""`init`, `check`, `plugins`, `schema`, `doctor`: everything before a study runs."""

import json as jsonlib
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autocompress.cli.launch import Json, Trust, trusting
from autocompress.cli.out import CONFIGURATION, NOTHING_FITS, UNEXPECTED, data, document, people

if TYPE_CHECKING:
    from autocompress.config.diagnostic import Diagnostic
    from autocompress.study.reach import Reach
    from autocompress.values.study import StudySpec

STUDY = "autocompress.study/v1"


def init(
    folder: Annotated[Path, typer.Argument(help="Where to write them.")] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that are there.")] = False,
) -> None:
    """Write a commented starter study, space, device and analysis, and the schemas that editors complete them with."""
    from autocompress.config.starter import starter

    files = starter()
    there = [name for name in files if (folder / name).exists()]
    if there and not force:
        people().print(f"{', '.join(there)} in {folder} already; --force overwrites", highlight=False, soft_wrap=True)
        sys.exit(CONFIGURATION)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
        data(str(folder / name))
    study = next(name for name, text in files.items() if "autocompress.study/v1" in text and name.endswith(".yaml"))
    people().print(f"next: autocompress run {folder / study}", highlight=False, soft_wrap=True)


def check(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Studies, spaces, devices and analyses.")],
    form: Annotated[str, typer.Option("--format", metavar="FORMAT", help="text, json or github.")] = "text",
    quick: Annotated[bool, typer.Option("--quick", help="Read the files only; do not try their students.")] = False,
    trust: Trust = False,
) -> None:
    """Find every mistake in study, space, device and analysis files, with its place and what would be right.

    Of a study without mistakes every student is built, cut, trained on a few images and exported (text only). Then
    candidates are drawn and asked, untrained, for every limit that can be told before training.
    """
    from autocompress.config.diagnostic import FORMATS, ConfigError, errors, render
    from autocompress.config.load import check as checked
    from autocompress.config.load import load_study, mistaken
    from autocompress.errors import Failure
    from autocompress.study.here import refusal

    known = next((f for f in FORMATS if f == form), None)
    if known is None:
        raise typer.BadParameter(f"{form!r} is not one of {', '.join(FORMATS)}", param_hint="--format")
    trusting(trust)
    found: list[Diagnostic] = []
    vain: list[Diagnostic] = []
    reaches: dict[str, Any] = {}
    hopeless = False
    for file in files:
        try:
            schema = checked(file, remarks=found, today=date.today())
        except ConfigError as error:
            found.extend(error.diagnostics)
            continue
        if form == "text":
            people().print(f"{file}: ok ({schema})", markup=False, highlight=False, soft_wrap=True)
        if schema != STUDY:
            continue
        spec = load_study(file)
        if why := refusal(spec):
            found.append(mistaken(file, "device", why, code="not-here"))
        if quick or spec.device is None:
            continue
        from autocompress.study.reach import reach

        try:
            if form == "text":
                hopeless |= _tried(spec)
            if reached := reach(spec):
                reaches[file] = reached.plain
                vain += _in_vain(file, reached)
                if form == "text":
                    data("\n".join(reached.lines))
        except Failure as failure:
            found.append(mistaken(file, failure.code, str(failure)))
    told = sorted({*found, *vain})
    if form == "json":
        more = {"reach": reaches} if reaches else {}
        document("diagnostics", {"diagnostics": jsonlib.loads(render(told, "json"))["diagnostics"]} | more)
    elif told:
        data(render(told, known, tty=sys.stdout.isatty()))
    if errors(found) or hopeless:
        sys.exit(CONFIGURATION)
    if vain:
        sys.exit(NOTHING_FITS)


def _in_vain(file: str, reached: "Reach") -> "list[Diagnostic]":
    """What `run` would refuse for its limits."""
    from autocompress.config.load import mistaken

    if reached.possible or not reached.settled:
        return []
    places = [mistaken(file, key, reached.verdict, code="empty-space") for key in ("limits", "device")]
    place = next((one for one in places if one.path), places[0])  # a study without limits has its device's
    return [replace(place, hint=reached.hint)]


def _tried(spec: "StudySpec") -> bool:
    """Say what each student of a study can do. True if some cannot be a candidate at all."""
    from autocompress.study.probe import probed

    hopeless = False
    for probe in probed(spec):
        data(f"{'BAD ' if probe.hopeless else 'ok  '} {probe.student}: {probe.size or probe.refused[0].why}")
        if probe.size:
            data(f"       cut: {probe.cuts}")
            for text in probe.kept:
                data(f"            whole: {text}")
            data(f"       export: {probe.exports}")
            for text in probe.floats:
                data(f"               32 bits: {text}")
        for refused in probe.refused if probe.size else ():
            how = "every candidate needs it" if refused.always else "such candidates will fail, others not"
            data(f"       refused: {refused.stage}: {refused.why} ({how})")
        hopeless |= probe.hopeless
    return hopeless


def plugins(
    name: Annotated[str | None, typer.Argument(help="Only those of this name, with their settings.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Every plug-in: its kind, its name, what it does, where it comes from. Of one, its settings too."""
    from autocompress.plugin import listing

    found = [one for one in listing() if name is None or one.name == name.replace("-", "_")]
    if not found:
        raise typer.BadParameter(f"no plug-in is called {name!r}", param_hint="NAME")
    if name is not None and not json:
        for one in found:
            data(f"{one.kind}  {one.name}  {one.summary}")
            for line in _settings(one.kind, one.name):
                data(f"    {line}")
        return
    if json:
        document("plugins", {"plugins": [one._asdict() for one in found]})
        return
    widths = [max(len(one[i]) for one in found) for i in (0, 1)]
    for one in found:
        text = one.summary if not one.error else f"(broken: {one.error})"
        origin = "" if one.origin == "autocompress" else f"  [{one.origin}]"
        data(f"{one.kind.ljust(widths[0])}  {one.name.ljust(widths[1])}  {text}{origin}")


def _settings(kind: str, name: str) -> list[str]:
    """What may be set, what it is if it is not, and what `auto` stands for."""
    from autocompress.plugin import base_of, find

    lines = []
    for setting, field in find(base_of(kind), name).model_fields.items():
        default = "required" if field.is_required() else jsonlib.dumps(field.get_default(), default=str)
        extra = field.json_schema_extra
        declared = extra.get("search") if isinstance(extra, dict) else None
        auto = f"  auto: {jsonlib.dumps(declared)}" if declared is not None else ""
        lines.append(f"{setting}: {default}{auto}")
    return lines


def schema(
    out: Annotated[Path | None, typer.Option("-o", "--out", metavar="DIR", help="Write them here.")] = None,
) -> None:
    """JSON Schemas of study, space, device and analysis files, for editors."""
    from autocompress.config.schema import KINDS_OF_FILE
    from autocompress.config.schema import schema as schema_of

    texts = {k: jsonlib.dumps(schema_of(k), indent=1, ensure_ascii=False) + "\n" for k in KINDS_OF_FILE}
    if out is None:
        data(jsonlib.dumps({name: jsonlib.loads(text) for name, text in texts.items()}, indent=1, ensure_ascii=False))
        return
    out.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (out / f"{name}.schema.json").write_text(text, encoding="utf-8")
        data(str(out / f"{name}.schema.json"))


def doctor(json: Json = False) -> None:
    """Look at this machine: packages, cores, where studies are kept, and what would get in the way."""
    from autocompress.study.doctor import examined

    found = examined()
    if json:
        document("doctor", {"findings": [f._asdict() for f in found]})
    else:
        width = max(len(f.what) for f in found)
        for f in found:
            data(f"{f.mark.ljust(4)} {f.what.ljust(width)}  {f.text}")
    if not all(f.ok for f in found):
        sys.exit(UNEXPECTED)

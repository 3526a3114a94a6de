"""`devices explain`: does a model fit a device, limit by limit, and what of it can the device not run?"""

import sys
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autocompress.cli.launch import Json
from autocompress.cli.out import NOTHING_FITS, data, document, people

if TYPE_CHECKING:
    from autocompress.measure.rules import Broken
    from autocompress.study.fits import Fit, Verdict
    from autocompress.values.device import Device

Name = Annotated[str, typer.Argument(help="A shipped device, or a file.")]
MOST = 4  # operations that are named


def explain(
    name: Name,
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="An .onnx or .tflite file.")],
    json: Json = False,
) -> None:
    """Does this model fit that device? Limit by limit, what is left, and which operations it cannot run."""
    from autocompress.config.diagnostic import Diagnostic
    from autocompress.config.load import load_device
    from autocompress.errors import Failure
    from autocompress.study.fits import fit

    remarks: list[Diagnostic] = []
    device = load_device(name, remarks=remarks, today=date.today())
    if not model.is_file():
        raise typer.BadParameter(f"there is no file {model}", param_hint="MODEL")
    try:
        found = fit(device, model)
    except Failure as failure:
        raise typer.BadParameter(str(failure), param_hint="MODEL") from failure
    if json:
        document("fit", _document(device, model, found))
    else:
        _explained(device, model, found)
    for old in (one for one in remarks if one.code == "stale"):
        people().print(f"warning: {old.message}", markup=False, highlight=False, soft_wrap=True)
    if not found.fits:
        sys.exit(NOTHING_FITS)


def _explained(device: "Device", model: Path, found: "Fit") -> None:
    from autocompress.study.fits import reason
    from autocompress.values.metric import show

    rows = [("", "limit", "this model", "left", "how")]
    for v in found.verdicts:
        mark = {True: "ok", False: "NO" if v.limit.hard else "no", None: "?"}[v.holds]
        value = show(v.limit.metric, v.value.value) if v.value else "?"
        left = f"{v.headroom * 100:.0f} %" if v.headroom is not None else ""
        how = v.value.how if v.value and v.headroom is not None else reason(v)
        rows.append((mark, f"{v.limit}{'' if v.limit.hard else ' (soft)'}", value, left, how))
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    for row in rows:
        left, right = (
            f"{row[0].ljust(2)}  {row[1].ljust(widths[1])}",
            f"{row[2].rjust(widths[2])}  {row[3].rjust(widths[3])}",
        )
        data(f"{left}  {right}  {row[4]}".rstrip())
    limited = {v.limit.metric for v in found.verdicts}
    others = [f"{m.metric} {show(m.metric, m.value)}" for m in found.known if m.metric not in limited]
    data(f"also: {', '.join(others)}")
    for (why, fatal), names in _alike(found.broken).items():
        some = ", ".join(names[:MOST]) + (f" and {len(names) - MOST} more" if len(names) > MOST else "")
        data(f"{'NO' if fatal else 'no'}  {why}: {some}")
    if slow := found.slow_memory(device):
        data(f"no  {slow}")
    fits = "fits" if found.fits else "does not fit"
    unknown = sum(v.holds is None for v in found.verdicts)
    rest = f"; {unknown} limit{'s' if unknown > 1 else ''} cannot be judged" if unknown else ""
    soft = "".join(f"; it breaks {one}" for one in found.breaches)
    people().print(f"{model} {fits} {device.id}{soft}{rest}", markup=False, highlight=False, soft_wrap=True)


def _alike(broken: "Iterable[Broken]") -> dict[tuple[str, bool], list[str]]:
    """What is wrong and whether that is the end -> the operations of which it is so."""
    found: dict[tuple[str, bool], list[str]] = {}
    for one in broken:
        found.setdefault((one.why, one.fatal), []).append(one.operation)
    return found


def _document(device: "Device", model: Path, found: "Fit") -> dict[str, Any]:
    def judged(v: "Verdict") -> dict[str, Any]:
        from autocompress.study.fits import reason

        value = v.value.model_dump(mode="json") if v.value else None
        why = reason(v) if v.holds is None else ""
        limit = {**v.limit.model_dump(mode="json"), "text": str(v.limit)}
        return {"limit": limit, "value": value, "holds": v.holds, "headroom": v.headroom, "why": why}

    return {
        "device": device.id,
        "model": str(model),
        "fits": found.fits,
        "limits": [judged(v) for v in found.verdicts],
        "soft": {one.limit.metric: one.share for one in found.breaches},
        "known": [m.model_dump(mode="json") for m in found.known],
        "operators": [b._asdict() for b in found.broken],
    }

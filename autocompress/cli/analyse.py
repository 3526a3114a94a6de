"""`analyse sensitivity`, `analyse breakpoint`: which layers bear a cut, and how far the whole network bears one."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

from autocompress.cli.launch import Storage
from autocompress.cli.out import data, titled, whole
from autocompress.cli.told import (
    answer,
    as_points,
    curve_table,
    heading,
    loss_table,
    say,
    warn,
    watched,
    words,
    written,
    yaml,
)

if TYPE_CHECKING:
    from autocompress.compress.breakpoint import Rule
    from autocompress.config.units import Dimension
    from autocompress.plugin import Plugin
    from autocompress.study.analyse import By, Subject
    from autocompress.values.measurement import Measurement

    P = TypeVar("P", bound=Plugin)

analyse = typer.Typer(
    help="What models bear to lose, what compression has done to them, and what each choice is worth.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

What = Annotated[str, typer.Argument(metavar="WHAT", help="A study that was begun here; with --data, a folder.")]
Of = Annotated[int | None, typer.Option("--trial", min=0, help="A model of the study, instead of its teacher.")]
Data = Annotated[
    str | None, typer.Option("--data", metavar="DATA", help="WHAT is a folder of `export`; its data, such as digits.")
]
Score = Annotated[
    str | None,
    typer.Option("--by", metavar="IMPORTANCE", help="Scores channels: magnitude (default), '{use: magnitude, p: 1}'."),
]
Mask = Annotated[
    str | None,
    typer.Option("--pattern", metavar="PATTERN", help="Single weights go instead: uniform, '{use: n_of_m, m: 4}'."),
]
Norms = Annotated[bool, typer.Option("--recalibrate", help="Average batch norms anew after each cut, as prune does.")]
Examples = Annotated[int | None, typer.Option("--examples", min=1, help="Validation images to look at, of all.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Out = Annotated[
    Path | None, typer.Option("-o", "--out", metavar="DIR", help="Tables as CSV and Parquet, and figures, in there.")
]
Drop = Annotated[str | None, typer.Option("--drop", metavar="DROP", help="What accuracy may lose: '1 pp' (default).")]


@analyse.command("sensitivity")
def sensitivity(
    what: What,
    trial: Of = None,
    dataset: Data = None,
    by: Score = None,
    pattern: Mask = None,
    ratios: Annotated[str, typer.Option(metavar="LIST", help="Shares to take out.")] = "0.1,0.3,0.5,0.7,0.9",
    drop: Drop = None,
    recalibrate: Norms = False,
    examples: Examples = 1000,
    out: Out = None,
    storage: Storage = None,
    json: Json = False,
) -> None:
    """Layer by layer: accuracy after a cut in that layer alone; and the caps that follow, for a prune stage."""
    asked, allowed, how = _ratios(ratios), may_lose("drop", drop), _by(by, pattern)
    from autocompress.study import analyse as study

    subject = _subject(what, trial, dataset, examples, storage)
    tried = _tried(asked, how)
    places, left_whole = study.layers(subject, how)
    dense = study.dense(subject)
    losses = study.losses(subject, places, tried, norms_too=recalibrate)
    found = list(watched(losses, [place.layer for place in places]))
    borne = {one.layer: one.borne(tried, dense.value, subject.images, allowed) for one in found}
    caps = {one.layer: borne[one.layer].ratio for one in found if one.is_cut}
    left_whole |= {one.layer: "at none of these ratios does anything go" for one in found if not one.is_cut}
    layers = {"layers": [asdict(one) for one in found], "left_whole": left_whole, "caps": caps}
    asked_for = _asked(subject, how, recalibrate, dense) | {"ratios": tried, "drop": allowed}
    document = titled("sensitivity", asked_for | layers)
    what_goes: Literal["channels", "weights"] = "channels" if pattern is None else "weights"
    if json:
        whole(document)
    else:
        data(heading(subject, dense))
        data(
            f"below, accuracy in % after one layer alone has lost this share of its {words(by, pattern, recalibrate)};"
        )
        data(f"cap: the largest of these that costs {as_points(allowed)} or less\n\n")
        data(loss_table(found, tried, caps, what_goes))
        data("\n" + yaml(caps) if caps else "")
    for why in dict.fromkeys(left_whole.values()):
        say(f"left whole: {', '.join(name for name, reason in left_whole.items() if reason == why)} ({why})")
    warn(next(iter(borne.values())), "drop", allowed)
    if dataset is None:
        told = study.borne(found, tried, caps, what_goes, words(by, pattern, recalibrate), dense, allowed)
        if why_not := study.keep(what, trial, told, storage):
            say(f"the report will not show it: {why_not}")
    if out is not None:
        from autocompress.reports import analysed, cuts

        rows = cuts.loss_rows(found, tried, caps, what_goes, subject)
        chart = cuts.loss_chart(found, tried, what_goes, dense.value, subject)
        written(out, analysed.write(out, {"sensitivity": rows}, {"sensitivity": chart}, {"sensitivity": document}))


@analyse.command("breakpoint")
def breakpoint(
    what: What,
    trial: Of = None,
    dataset: Data = None,
    by: Score = None,
    pattern: Mask = None,
    rule: Annotated[str, typer.Option(metavar="RULE", help="drop (pp), relative (%) or kneedle.")] = "drop",
    drop: Drop = None,
    steps: Annotated[int, typer.Option(min=2, max=91, help="Ratios to try, from 0 to 0.9.")] = 10,
    recalibrate: Norms = False,
    examples: Examples = None,
    out: Out = None,
    storage: Storage = None,
    json: Json = False,
) -> None:
    """The whole network, cut further and further: the last ratio that it bears, and how sure that is."""
    from autocompress.compress import breakpoint as curve

    known = next((one for one in curve.RULES if one == rule), None)
    if known is None:
        raise typer.BadParameter(f"{rule!r} is not one of {', '.join(curve.RULES)}", param_hint="--rule")
    allowed, how = may_lose(known, drop), _by(by, pattern)
    from autocompress.study import analyse as study

    subject = _subject(what, trial, dataset, examples, storage)
    tried = _tried([round(0.9 * i / (steps - 1), 4) for i in range(steps)], how)
    sweep = study.sweep(subject, how, tried, norms_too=recalibrate)
    points = list(watched(sweep, [f"ratio {ratio:g}" for ratio in tried]))
    dense = subject.measured(points[0].accuracy)
    found = curve.breakpoint(tried, [p.accuracy for p in points], subject.images, rule=known, drop=allowed)
    drawn = [p._asdict() | {"spread": subject.measured(p.accuracy).spread} for p in points]
    asked_for = _asked(subject, how, recalibrate, dense) | {
        "rule": known,
        "drop": allowed if known != "kneedle" else None,
    }
    result = asdict(found) | {"resolved": found.resolved}
    document = titled("breakpoint", asked_for | {"curve": drawn, "breakpoint": result})
    if json:
        whole(document)
    else:
        data(heading(subject, dense))
        data(f"below, accuracy after the network has lost this share of its {words(by, pattern, recalibrate)}\n\n")
        data(curve_table(found, points, subject))
        data("\n" + answer(found, known, allowed))
    warn(found, known, allowed)
    if out is not None:
        from autocompress.reports import analysed, cuts

        rows = cuts.curve_rows(found, points, subject)
        bound = f"{as_points(allowed) if known == 'drop' else f'{allowed * 100:g} %'} lower"
        chart = cuts.curve_chart(found, points, bound, "channels" if pattern is None else "weights", subject)
        written(out, analysed.write(out, {"breakpoint": rows}, {"breakpoint": chart}, {"breakpoint": document}))


# --- what was asked for ---


def _subject(what: str, trial: int | None, dataset: str | None, images: int | None, storage: str | None) -> "Subject":
    from autocompress.compress.manifest import MANIFEST
    from autocompress.data.base import Data
    from autocompress.errors import UnknownStudy
    from autocompress.study.analyse import of_folder, of_study

    if dataset is not None:
        if trial is not None:
            raise typer.BadParameter("give --trial or --data, not both: a folder holds one model")
        return of_folder(Path(what), _plug("--data", dataset, Data), images=images)
    try:
        return of_study(what, trial, images=images, storage=storage)
    except UnknownStudy:
        if (Path(what) / MANIFEST).is_file():
            text = f"{what} is a folder with a model; add --data, since it does not say what it was trained on"
            raise typer.BadParameter(text) from None
        raise


def _by(by: str | None, pattern: str | None) -> "By":
    from autocompress.compress.importances.base import Importance
    from autocompress.compress.patterns.base import Pattern

    if by is not None and pattern is not None:
        raise typer.BadParameter("give --by or --pattern, not both: channels go, or single weights")
    return _plug("--by", by or "magnitude", Importance) if pattern is None else _plug("--pattern", pattern, Pattern)


def _plug(option: str, text: str, base: "type[P]") -> "P":
    """A plug-in as a study file would name it: `magnitude`, or `{use: magnitude, p: 1}`."""
    from autocompress.config.check_plugin import Checker
    from autocompress.config.diagnostic import ConfigError
    from autocompress.config.document import parsed

    node, mistakes = parsed(text, option, Path())
    node = Checker(mistakes).plug(node, base)
    if mistakes:
        raise ConfigError(mistakes)
    return base.model_validate(node.data)


def _ratios(text: str) -> list[float]:
    found = set()
    for word in text.split(","):
        try:
            found.add(float(word))
        except ValueError:
            found.add(-1.0)
        if not all(0 < ratio < 1 for ratio in found):
            wanted = "wants numbers above 0 and below 1, such as 0.1,0.5"
            raise typer.BadParameter(f"{word.strip()!r} is not a ratio: {wanted}", param_hint="--ratios")
    return sorted(found)


def _tried(ratios: Sequence[float], how: "By") -> list[float]:
    """Without those that are too much for the pattern."""
    from autocompress.study.analyse import possible

    found = possible(how, ratios)
    if not any(found):
        raise typer.BadParameter("they are all more than this pattern can take out", param_hint="--ratios")
    if left := [f"{ratio:g}" for ratio in ratios if ratio not in found]:
        say(f"left out: {', '.join(left)}, more than this pattern can take out")
    return found


def may_lose(rule: "Rule", drop: str | None) -> float:
    """`1 pp` or `5 %`: the rule says which."""
    from autocompress.config.units import quantity

    if rule == "kneedle":
        if drop is not None:
            raise typer.BadParameter("a knee does not depend on it; leave it out", param_hint="--drop")
        return 1.0
    usual: dict[Rule, tuple[Dimension, str]] = {"drop": ("difference", "1 pp"), "relative": ("fraction", "5 %")}
    dimension, text = usual[rule][0], drop or usual[rule][1]
    try:
        allowed = quantity(text, dimension)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--drop") from None
    if not 0 < allowed < 1:
        raise typer.BadParameter(f"must be more than nothing and less than all, got {text!r}", param_hint="--drop")
    return allowed


def _asked(subject: "Subject", how: "By", recalibrate: bool, dense: "Measurement") -> dict[str, Any]:
    """For machines: of what, by what, and from where accuracy falls."""
    from autocompress.compress.importances.base import Importance
    from autocompress.compress.patterns.base import Pattern
    from autocompress.plugin import written

    one = {"by": written(Importance, how)} if isinstance(how, Importance) else {"pattern": written(Pattern, how)}
    accuracy = dense.model_dump(mode="json")
    return {
        "of": subject.name,
        **one,
        "round_to": subject.lab.round_to,
        "recalibrated": recalibrate,
        "accuracy": accuracy,
    }

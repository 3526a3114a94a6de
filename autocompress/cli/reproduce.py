"""`reproduce`: one model of a study, trained again from nothing with the same seed: does it come out the same?"""

import sys
from typing import TYPE_CHECKING, Any

import typer

from autocompress.cli.hand_over import ByRule, Which, chosen
from autocompress.cli.launch import Json, Storage, Trust, trusting
from autocompress.cli.look import Name, view_for
from autocompress.cli.out import NOTHING_FITS, data, document, people
from autocompress.cli.told import aligned, say

if TYPE_CHECKING:
    from collections.abc import Generator

    from autocompress.values.measurement import Measurement
    from autocompress.values.reproduced import Reproduced, Row
    from autocompress.values.trial import Trial

DIGITS = 12  # of a digest that are shown


def reproduce(
    name: Name,
    trial: Which = None,
    rule: ByRule = None,
    storage: Storage = None,
    trust: Trust = False,
    json: Json = False,
) -> None:
    """Train one model of a study again, with the same seed and nothing from the cache; say whether it is the same.

    Its teacher is taken over as it was kept. Accuracy, sizes and counts decide; what a clock says is only told.
    """
    from autocompress.study import reproduction
    from autocompress.study.study import Study

    if trial is not None and rule is not None:
        raise typer.BadParameter("give --trial or --pick, not both")
    trusting(trust)
    view = view_for(name, storage, rule or "accuracy-first")
    study = Study.open(name, storage=storage)
    reproduction.refuse_what_is_no_network(study)
    number = chosen(view, trial, "reproduce").number
    taken = next(t for t in view.trials if t.number == number)  # itself: on a front it stands for all its seeds
    taught = "; its teacher is taken over, not trained" if study.spec.teacher is not None else ""
    say(f"{name}: trial {number}, trained again from nothing with seed {taken.seed}{taught}\n{taken.recipe.line}")
    found = _followed(reproduction.steps(study, taken))
    if json:
        document("reproduction", _document(name, taken, found, str(reproduction.place(study))))
    else:
        data("\n".join(grid(found)))
    for line in words(found):
        say(line)
    if not found.same:
        say(f"its files: {reproduction.place(study) / 'artifacts'}")
        sys.exit(NOTHING_FITS)


def grid(found: "Reproduced") -> list[str]:
    """A line for each number and each file."""
    from autocompress.reports.grid import cell

    rows = [("", "then", "now", "")]
    rows += [(_title(row.metric), cell(row.before), cell(row.after), _verdict(row)) for row in found.rows]
    for file in found.files:
        same = "equal, bit for bit" if file.equal else "differs"
        rows.append((f"{file.role} file", file.before[:DIGITS], file.after[:DIGITS] or "–", same))
    return aligned(rows).splitlines()


def words(found: "Reproduced") -> list[str]:
    """What is not as it was, and the answer."""
    lines = [f"{name} was {then or 'not noted'}, is {now or 'not known'}" for name, (then, now) in found.around.items()]
    if found.failed:
        return [*lines, f"not reproduced: it could not be made: {found.failed}"]
    against = [_title(row.metric) for row in found.rows if row.speaks_against]
    if against:
        return [*lines, f"not reproduced: {', '.join(against)}"]
    slack = [_title(row.metric) for row in found.rows if row.decides and row.verdict == "within noise"]
    clocks = [_title(row.metric) for row in found.rows if not row.decides and row.verdict == "differs"]
    lines += [f"by the clock it differs, which does not count: {', '.join(clocks)}"] if clocks else []
    if found.exactly:
        return [*lines, "reproduced, bit for bit"]
    return [*lines, f"reproduced within noise: {', '.join(slack)}" if slack else "reproduced; its files differ"]


def _followed(steps: "Generator[str, None, Reproduced]") -> "Reproduced":
    """To their end; on a terminal, with what is being done."""
    from contextlib import nullcontext

    with people().status("") if people().is_terminal else nullcontext() as status:
        while True:
            try:
                text = next(steps)
            except StopIteration as end:
                found: Reproduced = end.value
                return found
            if status is not None:
                status.update(text)


def _document(name: str, trial: "Trial", found: "Reproduced", folder: str) -> dict[str, Any]:
    def plain(m: "Measurement | None") -> dict[str, Any] | None:
        return m.model_dump(mode="json") if m else None

    return {
        "study": name,
        "trial": trial.number,
        "seed": trial.seed,
        "reproduced": found.same,
        "exactly": found.exactly,
        "failed": found.failed or None,
        "numbers": [
            {
                "metric": row.metric,
                "before": plain(row.before),
                "after": plain(row.after),
                "verdict": row.verdict,
                "decides": row.decides,
            }
            for row in found.rows
        ],
        "files": [
            {"role": file.role, "before": file.before, "after": file.after or None, "equal": file.equal}
            for file in found.files
        ],
        "changed": {what: {"before": then, "after": now} for what, (then, now) in found.around.items()},
        "folder": folder,
    }


def _title(metric: str) -> str:
    from autocompress.values.metric import known

    return "test accuracy" if metric == "test_accuracy" else known(metric).title


def _verdict(row: "Row") -> str:
    """A difference of fractions in points."""
    from autocompress.reports.against import points
    from autocompress.values.metric import known

    then, now = row.before, row.after
    if row.verdict in ("within noise", "differs") and then and now and known(now.metric).unit == "fraction":
        return f"{row.verdict}, {points(now.value - then.value)} points"
    return row.verdict

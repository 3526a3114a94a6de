"""Reproduce it: the commands, what it was run with, and the study as it was resolved."""

import json

from autocompress.reports.drawing.figures import Figures
from autocompress.reports.html import Html, tag
from autocompress.reports.view import StudyView


def reproduce(figures: Figures) -> Html:
    """What it takes to run the same study again."""
    view = figures.view
    spec, env = view.spec, dict(view.environment)
    command = env.pop("command", f"autocompress run {spec.name}.yaml")
    facts = {
        "study hash": spec.hash,
        "seed": str(spec.seed),
        "budget": str(spec.budget),
        **dict(sorted(env.items())),
    }
    rows = (x for k, v in facts.items() for x in (tag("dt", k), tag("dd", tag("code", v))))
    text = json.dumps(spec.model_dump(mode="json"), indent=2, sort_keys=True, ensure_ascii=False)
    return tag(
        "section",
        tag("h2", "Reproduce it"),
        tag("div", tag("code", command, class_="command")),
        _pick(view),
        tag("dl", *rows),
        tag("details", tag("summary", "The study, resolved"), tag("pre", text)),
        class_="long",
        id="reproduce",
    )


def _pick(view: StudyView) -> Html | None:
    """The command that makes the model again and compares; of a function of somebody's there is none."""
    if view.pick is None or "model" not in view.pick.trial.artifacts:
        return None
    again = f"autocompress reproduce {view.spec.name} --trial {view.pick.trial.number}"
    return tag("div", tag("code", again, class_="command"))

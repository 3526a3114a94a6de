"""Reproduce it: the command, what it was run with, and the study as it was resolved."""

import json

from autocompress.reports.drawing.figures import Figures
from autocompress.reports.html import Html, tag


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
        tag("dl", *rows),
        tag("details", tag("summary", "The study, resolved"), tag("pre", text)),
        class_="long",
        id="reproduce",
    )

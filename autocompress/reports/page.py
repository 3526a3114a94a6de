"""One self-contained HTML page about a study: no scripts, no network, the answer first."""

import json
from collections.abc import Callable, Sequence
from importlib.resources import files

from autocompress.reports.against import Against, against
from autocompress.reports.closest import closest_miss, gap
from autocompress.reports.grid import ESTIMATED, Row, front_grid
from autocompress.reports.html import Html, tag
from autocompress.reports.provenance import provenance
from autocompress.reports.table import STAR, compared_metrics, why_none
from autocompress.reports.view import StudyView
from autocompress.values.counts import counts
from autocompress.values.limit import Limit
from autocompress.values.metric import known, show
from autocompress.values.trial import Trial

CSP = "default-src 'none'; style-src 'unsafe-inline'"


def page(view: StudyView) -> str:
    """The whole page as text. Same view, same bytes."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=CSP),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", f"{view.spec.name}: autocompress report"),
        tag("style", Html(files(__package__).joinpath("page.css").read_text(encoding="utf-8"))),
    )
    body = tag("body", _top(view), tag("main", *(section(view) for section in SECTIONS)), _bottom(view))
    return "<!doctype html>\n" + tag("html", head, body, lang="en") + "\n"


def _top(view: StudyView) -> Html:
    device = view.spec.device
    where = [device.name, ", ".join(one.title for one in device.runtimes)] if device else []
    total = len(view.trials)
    facts = [f"{total} {'trial' if total == 1 else 'trials'} in {duration(view.seconds)}", *where]
    return tag(
        "header",
        tag("p", "autocompress report", class_="eyebrow"),
        tag("h1", view.spec.name),
        tag("p", " · ".join(facts), class_="quiet"),
    )


def _bottom(view: StudyView) -> Html:
    version = view.environment.get("autocompress")
    made = f"Made by autocompress{f' {version}' if version else ''}. One file, no scripts, no network."
    return tag("footer", tag("p", made))


# --- the answer ------------------------------------------------------------------------------------------------------


def _answer(view: StudyView) -> Html:
    pick = view.pick
    if pick is None:
        reason = why_none(view)
        return tag(
            "section",
            tag("h2", "No model to take"),
            tag("p", f"{reason[0].upper()}{reason[1:]}."),
            class_="answer none",
        )
    number = pick.trial.number
    claims = against(pick.trial.measurements, view.baseline, compared_metrics(view))
    said = ", ".join(str(c) for c in claims)
    command = f"autocompress export {view.spec.name} --trial {number} -o {view.spec.name}-{number}"
    tested = view.test_accuracy.get(number)
    return tag(
        "section",
        tag("h2", tag("span", STAR, class_="star"), f" Trial {number}{f': {said}' if said else ''}"),
        tag("div", *map(_claim, claims), class_="claims") if claims else None,
        tag("p", "Recipe: ", tag("code", pick.trial.recipe.line, class_="recipe")),
        tag("p", f"Rule {pick.rule}: {pick.reason}."),
        tag("p", f"On the test split: {show('accuracy', tested.value, tested.spread)} accuracy.") if tested else None,
        tag("code", command, class_="command"),
        class_="answer",
    )


def _claim(c: Against) -> Html:
    words = len(c.amount) > 8  # "no difference", not "3.4x"
    return tag(
        "div",
        tag("small", known(c.metric).title),
        tag("p", tag("b", str(c))) if words else tag("p", tag("b", c.amount), f" {c.word}"),
        tag("small", f"{c.before} → {c.after}"),
        class_="claim words" if words else "claim",
    )


def _limits(view: StudyView) -> Html | None:
    """Each limit with the room that is left below it, for the pick or, where there is none, for the closest miss."""
    pick, miss = view.pick, closest_miss(view)
    trial = pick.trial if pick else miss.trial if miss else None
    if not view.front.limits or trial is None:
        return None
    whose = f"The limits, and trial {trial.number}" + ("" if pick else ", the closest to them")
    bars = []
    for limit in view.front.limits:
        m = trial.measured(limit.metric)
        bars.append(_bar(limit, m.value if m else None, f"{ESTIMATED} " if m and m.how == "estimated" else ""))
    return tag("section", tag("h2", whose), tag("div", *bars, class_="limits"))


def _bar(limit: Limit, value: float | None, mark: str) -> Html:
    name, sign = known(limit.metric).title, "≤" if limit.side == "max" else "≥"
    kind = "limit" if limit.hard else "soft limit"
    bound = f"{kind} {sign} {show(limit.metric, limit.bound)}" if limit.bound is not None else f"{kind} {limit}"
    if value is None or limit.bound is None:
        return tag(
            "div", tag("div", tag("span", name), tag("b", "not measured"), class_="top"),
            tag("div", tag("span", bound), class_="under"), class_="limit",
        )  # fmt: skip
    share = value / limit.bound if limit.side == "max" else limit.bound / max(value, 1e-12)
    room = gap(limit, value)
    return tag(
        "div",
        tag("div", tag("span", name), tag("b", mark + show(limit.metric, value)), class_="top"),
        tag("div", tag("i", style=f"width:{100 * min(max(share, 0.0), 1.0):.1f}%"), class_="bar"),
        tag(
            "div",
            tag("span", ("✕ " if share > 1 else "") + room, class_="gap"),
            tag("span", bound),
            class_="under",
        ),
        class_="limit broken" if share > 1 else "limit",
    )


# --- the evidence ----------------------------------------------------------------------------------------------------


def _front(view: StudyView) -> Html | None:
    if not view.front.members:
        return None
    grid, size = front_grid(view), len(view.front)
    names = ", ".join(known(o.metric).title for o in view.front.objectives)
    also = f" {ESTIMATED} estimated, not measured." if grid.estimates else ""
    return tag(
        "section",
        tag("h2", f"The front: {size} {'model' if size == 1 else 'models'}"),
        tag("p", f"Nobody beats these in {names}. ± is one standard error; {STAR} is the pick.{also}", class_="quiet"),
        tag(
            "div",
            tag(
                "table",
                tag("thead", tag("tr", *(tag("th", h, scope="col") for h in grid.header[:-1]))),
                *map(_row, grid.rows),
                class_="front",
            ),
            class_="scroll", tabindex="0", role="region", aria_label="The front",
        ),
        class_="long",
    )  # fmt: skip


def _row(row: Row) -> Html:
    """Numbers in one line, the recipe below them: both can be read on a phone."""
    mark = tag("span", STAR if row.picked else "", class_="mark star")
    numbers = [tag("td", mark, row.cells[0]), *(tag("td", c) for c in row.cells[1:-1])]
    recipe = tag("td", tag("code", row.cells[-1]), colspan=str(len(numbers)))
    kind = "baseline" if row.number is None else "picked" if row.picked else "model"
    return tag("tbody", tag("tr", *numbers), tag("tr", recipe, class_="recipe"), class_=kind)


def _went(view: StudyView) -> Html | None:
    done = counts(view.trials)
    if not done.asked:
        return None
    front = len(view.front)
    parts = [
        ("on-front", "on the front", front),
        ("beaten", "complete, not on the front", done.fitting - front),
        ("breaks", "complete, over a limit", done.complete - done.fitting),
        ("refused", "refused by the gate, untrained", done.refused),
        ("stopped", "stopped early", done.stopped),
        ("failed", "failed", done.failed),
        ("pending", "not finished", done.pending),
    ]
    shown = [part for part in parts if part[2]]
    first: dict[str, Trial] = {t.code or "unexpected": t for t in reversed(view.trials) if t.state == "failed"}
    failures = [
        (code, str(n), f"trial {first[code].number}: {_clipped(first[code].message)}" if first[code].message else "")
        for code, n in done.failed_by.items()
    ]
    return tag(
        "section",
        tag("h2", f"Where {done.asked} {'trial' if done.asked == 1 else 'trials'} went"),
        tag("div", *(tag("i", class_=c, style=f"flex:{n}") for c, _, n in shown), class_="went", aria_hidden="true"),
        tag("ul", *(tag("li", tag("i", class_=c), f"{n} {text}") for c, text, n in shown), class_="key"),
        tag(
            "div",
            _small("Limits broken at the gate", [(known(k).title, str(n)) for k, n in done.refused_by.items()]),
            _small("Failures", failures),
            _small(
                "Stages",
                [("run", str(done.stages - done.cached)), ("from the cache", str(done.cached))] if done.stages else [],
            ),
            class_="columns",
        ),
    )


def _small(title: str, rows: Sequence[tuple[str, ...]]) -> Html | None:
    if not rows:
        return None
    body = (tag("tr", *(tag("td", c, class_=("name", "number", "text")[i]) for i, c in enumerate(r))) for r in rows)
    return tag("div", tag("h3", title), tag("table", tag("tbody", *body)))


def _measured(view: StudyView) -> Html | None:
    entries: list[Html] = []
    for p in provenance(view):
        entries.append(tag("dt", p.title))
        entries.append(tag("dd", tag("span", p.how, class_=f"how {p.how}"), p.text))
    return tag("section", tag("h2", "How it was measured"), tag("dl", *entries, class_="wide")) if entries else None


def _reproduce(view: StudyView) -> Html:
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
        tag("code", command, class_="command"),
        tag("dl", *rows),
        tag("details", tag("summary", "The study, resolved"), tag("pre", text)),
        class_="long",
    )


SECTIONS: tuple[Callable[[StudyView], Html | None], ...] = (_answer, _limits, _front, _went, _measured, _reproduce)


def duration(seconds: float) -> str:
    """`7 h 42 min`, `3 min 20 s`, `4.2 s`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _clipped(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 160 else line[:157] + "..."

"""What others have published beside what came out here: writes docs/published.md.

    python -m benchmarks.published                     the page, from the analyses and the results that are kept
    python -m benchmarks.published --keep out/sweep.json   keeps the result of an analysis, and writes the page anew

Results are documents that `autocompress analyse sweep -o` has written, one for each analysis, in
studies/published/results; one at a reduced scale is shown until there is one in the whole size.
"""

import argparse
import json
from datetime import date
from pathlib import Path
from typing import Any

from autocompress.config.load import load_analysis
from autocompress.config.shipped import names
from autocompress.reports.markdown import code
from autocompress.reports.swept import broken, metrics_of, shown, title, told
from autocompress.values.analysis import Analysis
from autocompress.values.columns import varied
from autocompress.values.measurement import Measurement

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "studies" / "published" / "results"
PAGE = ROOT / "docs" / "published.md"
VERSIONS = ("python", "torch", "onnxruntime")
HEAD = """# What others have published, and what comes out here

Each of these is a file in `studies/published/`; `autocompress analyse sweep NAME` runs it, `--reduced` the same at a
scale that a laptop bears, `--smoke` its small version on data that installs. Published numbers are quoted with their
source. Ours are of files that were exported and run: `±` is one standard error, over seeds where there are several.
Where the scale is not that of the source, it is said.
This page is made by `python -m benchmarks.published`.
"""


def page() -> str:
    return HEAD + "".join(f"\n{_section(name)}" for name in names("analysis"))


def keep(file: Path) -> Path:
    """With the day on which it was kept."""
    document = json.loads(file.read_text(encoding="utf-8"))
    if document.get("schema") != "autocompress.sweep/v1" or document["size"] == "smoke":
        raise ValueError(f"{file}: wants the sweep.json of an analysis in its whole size or at a reduced scale")
    target = RESULTS / f"{document['analysis']}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    kept = {**document, "date": document.get("date") or date.today().isoformat()}
    target.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return target


def _section(name: str) -> str:
    analysis = load_analysis(name)
    kept = [file for size in ("", "-reduced") if (file := RESULTS / f"{name}{size}.json").is_file()]
    flag = " --reduced" if kept and kept[0].stem != name else ""
    parts = [f"## {analysis.title or name}", f"`autocompress analyse sweep {name}{flag}`"]
    if published := analysis.published:
        parts.append(f"Source: {published.source}. {published.setting}")
    parts += _ours(json.loads(kept[0].read_text(encoding="utf-8"))) if kept else _nothing(analysis)
    return "\n\n".join(parts) + "\n"


def _nothing(analysis: Analysis) -> list[str]:
    """Published numbers alone."""
    said = "Not run here yet but for its small version, in the tests."
    if analysis.published is None or not analysis.published.numbers:
        return [said]
    rows = [
        (_named(reference.row), title(metric), shown(metric, value), reference.note)
        for reference in analysis.published.numbers
        for metric, value in reference.values.items()
    ]
    return [said, _table(("of", "number", "published", "note"), rows)]


def _ours(document: dict[str, Any]) -> list[str]:
    env = document["environment"]
    versions = ", ".join(f"{name} {env[name]}" for name in VERSIONS if name in env)
    where = f"{env.get('cores', '?')} cores of {env.get('processor', '?')}"
    scale = "at a reduced scale, " if document["size"] == "reduced" else ""
    parts = [f"Here: {scale}{document['date']}, {where}, {versions}{_data(document)}. {document['scale']}".strip()]
    numbers = (document["published"] or {}).get("numbers", [])
    rows = [told(one, document["size"]) for one in numbers]
    parts += [_table(("of", "number", "published", "here", "difference", "note"), rows)] if rows else []
    broke = broken(document["breakpoints"], document["axis"], document.get("drop") or 0.01)
    parts += [f"Here, {broke.title}:", _table(broke.header, list(broke.rows))] if broke else []
    return [*parts, f"<details><summary>All that was measured here</summary>\n\n{_all(document)}\n</details>"]


def _data(document: dict[str, Any]) -> str:
    """On which data, if not on what the file says."""
    if not document["other_data"]:
        return ""
    different = {json.dumps(data, sort_keys=True) for data in document["data"].values()}
    return f"; data given by hand: {', '.join(f'`{text}`' for text in sorted(different))}"


def _all(document: dict[str, Any]) -> str:
    rows = document["rows"]
    columns = varied([row["choices"] for row in rows if not row["baseline"]])
    columns = [*(["case"] if any(row["case"] for row in rows) else []), *columns]
    found = [{m["metric"]: Measurement(**m) for m in row["measurements"]} for row in rows]
    for row, mine in zip(rows, found, strict=True):
        if row["test_accuracy"]:
            mine["test_accuracy"] = Measurement(**row["test_accuracy"])
    metrics = metrics_of(found)
    lines = [
        (
            *(_cell(row, name, first=i == 0) for i, name in enumerate(columns)),
            "–" if row["baseline"] else str(len(row["seeds"])),
            *(shown(m, mine[m].value, mine[m].spread) if m in mine else "–" for m in metrics),
        )
        for row, mine in zip(rows, found, strict=True)
    ]
    return _table((*columns, "seeds", *map(title, metrics)), lines)


def _cell(row: dict[str, Any], name: str, *, first: bool) -> str:
    if name == "case":
        return " ".join(filter(None, (row["case"], "baseline" if row["baseline"] else "")))
    if row["baseline"]:
        return "baseline" if first else "–"
    value = row["choices"].get(name)
    return "–" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _named(row: dict[str, Any]) -> str:
    told = {name: v for name, v in row.items() if v is not None}
    return ", ".join(str(v) if isinstance(v, str) else n if v is True else f"{n} {v:g}" for n, v in told.items())


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    kept = [i for i, _ in enumerate(header) if any(row[i] for row in rows)]
    lines = [[header[i] for i in kept], ["---" for _ in kept], *([_plain(row[i]) for i in kept] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _plain(text: str) -> str:
    return code(text) if "|" in text else text


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, metavar="FILE", help="the sweep.json of an analysis")
    given = parser.parse_args()
    if given.keep:
        print(keep(given.keep))
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)

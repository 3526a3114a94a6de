"""What an analysis leaves in a folder: tidy tables as CSV and Parquet, its document, and its figures for a paper."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autocompress.reports.drawing.picture import on_paper
from autocompress.reports.frame import parquet
from autocompress.reports.put import put

Rows = Sequence[Mapping[str, Any]]
WHOLE = ("trial", "n")  # columns of whole numbers that may be empty: else they would become 4.0


def write(
    folder: Path,
    tables: Mapping[str, Rows],
    figures: Mapping[str, str] | None = None,
    documents: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[Path]:
    """By name, without suffix: rows, SVGs and what `--json` would say. A table without rows is none."""
    found: dict[str, bytes] = {}
    for name, rows in tables.items():
        found |= _table(name, rows) if rows else {}
    for name, document in (documents or {}).items():
        text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
        found[f"{name}.json"] = f"{text}\n".encode()
    for name, svg in (figures or {}).items():
        found |= on_paper(f"figures/{name}", svg)
    return [put(folder / name, content) for name, content in found.items()]


def _table(name: str, rows: Rows) -> dict[str, bytes]:
    import pandas as pd

    frame = pd.DataFrame(list(rows))
    for column in WHOLE:
        if column in frame:
            frame[column] = frame[column].astype("Int64")
    text: str = frame.to_csv(index=False, lineterminator="\n")
    return {f"{name}.csv": text.encode(), f"{name}.parquet": parquet(frame)}

"""Examinations as a study keeps them: files by their digests, and a list of those by the numbers of trials."""

from collections.abc import Mapping
from contextlib import suppress

from autocompress.study.artifacts import Artifacts
from autocompress.values.examination import Examination

EXAMINATIONS = "examinations"  # the fact
TESTED = "test_accuracy"  # another: accuracy on the test split by trial, and under `BASE`
BASE = "baseline"


def kept(artifacts: Artifacts, digests: Mapping[str, str] | None) -> dict[int, Examination]:
    """Those whose files are there and whole: the others are as good as never made."""
    found = {}
    for number, digest in (digests or {}).items():
        with suppress(OSError, ValueError):
            found[int(number)] = Examination.model_validate_json(artifacts.get(digest))
    return found

"""Every test works on one thread, as workers do: two would fight with the next test process for the cores."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A headless browser; where there is none the tests are skipped, with the reason."""
    from browser import browser, lack

    if reason := lack():
        pytest.skip(reason)
    with browser() as started:
        yield started

"""Silence for tools that talk on every channel there is, some of them from C++."""

import contextlib
import io
import logging
import os
import sys
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Nothing reaches stdout or stderr, of the whole process. Exceptions do come through."""
    before = logging.root.manager.disable
    with contextlib.ExitStack() as stack:
        for channel in (1, 2):
            stack.enter_context(_closed(channel))
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        stack.callback(logging.disable, before)
        logging.disable(logging.CRITICAL)
        yield


@contextlib.contextmanager
def _closed(channel: int) -> Iterator[None]:
    """What is written to this file descriptor goes nowhere."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    kept, nowhere = os.dup(channel), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, channel)
        yield
    finally:
        os.dup2(kept, channel)
        os.close(kept)
        os.close(nowhere)

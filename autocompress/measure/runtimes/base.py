"""What runs the exported file: the runtime of the device."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from autocompress.plugin import Plugin

Session = Callable[[NDArray[np.float32]], NDArray[np.float32]]  # prepared inputs -> logits


class Runtime(Plugin, ABC):
    """Open an exported file and run it. Fields are the session's settings."""

    suffix: ClassVar[str]  # of the files it runs

    threads: Annotated[int, Field(ge=1)] = 1

    @abstractmethod
    def open(self, path: Path) -> Session:
        """Imports neither torch nor anything of the project: this is what a stopwatch times in a fresh process."""

    @property
    @abstractmethod
    def version(self) -> str:
        """Name and version, as it goes beside each number: `onnxruntime 1.31.1`."""

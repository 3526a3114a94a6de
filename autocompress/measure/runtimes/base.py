"""What runs the exported file: the runtime of the device, or one that stands in for it."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from autocompress.plugin import Plugin
from autocompress.values.dialect import Dialect

if TYPE_CHECKING:
    from torch import nn

Session = Callable[[NDArray[np.float32]], NDArray[np.float32]]  # prepared inputs -> logits


class Snippet(NamedTuple):
    """What a script has to say to run a file without autocompress: `FILE` is its path, `x` what it is shown."""

    imports: str
    opens: str
    runs: str  # an expression: the logits


class Runtime(Plugin, ABC):
    """Write a network as a file of its own kind, open such a file and run it. Fields are the session's settings."""

    suffix: ClassVar[str]  # of the files it runs
    dialect: ClassVar[Dialect] = Dialect()  # how quantized networks have to be written before they are lowered
    snippet: ClassVar[Snippet]  # for whoever is handed a file
    layout: ClassVar[str] = "NCHW"  # of images in the files
    module: ClassVar[str]  # what it imports
    extra: ClassVar[str] = ""  # of autocompress, that brings it; empty: it is always here
    runs_code: ClassVar[bool] = False  # that may be hidden in a file, when it is opened: nothing for files of strangers

    threads: Annotated[int, Field(ge=1)] = 1

    @abstractmethod
    def lower(self, net: "nn.Module", inputs: tuple[int, int, int], path: Path) -> None:
        """Write `net` as it would be shipped. What cannot be written is a Failure("export")."""

    @abstractmethod
    def open(self, path: Path) -> Session:
        """Imports nothing but what a device needs to run the file: a stopwatch times this in a fresh process."""

    @property
    @abstractmethod
    def version(self) -> str:
        """Name and version, as it goes beside each number: `onnxruntime 1.31.1`."""

    @property
    def missing(self) -> str:
        """What it lacks to work here and the command that brings it; empty if it can. Imports nothing heavy."""
        return self.absent

    @property
    def absent(self) -> str:
        """The same for what it takes to open a file, which may be less than to write one."""
        if found(self.module):
            return ""
        name, _, _ = self.module.partition(".")
        package = f"'autocompress[{self.extra}]'" if self.extra else name
        return f"{name} is not installed: pip install {package}"


def found(module: str) -> bool:
    """Could it be imported? Nothing is, but the packages it lies in."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False

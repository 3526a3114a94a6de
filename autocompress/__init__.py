"""autocompress: one search over pruning, distillation and quantization that ends with measured models for your device.

>>> import autocompress as ac
>>> study = ac.load("studies/quickstart.yaml")  # doctest: +SKIP
>>> study.run().pick()  # doctest: +SKIP
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autocompress.study.load import load as load
    from autocompress.study.search_anything import search as search
    from autocompress.study.study import Study as Study
    from autocompress.values.device import Device as Device
    from autocompress.values.front import Front as Front
    from autocompress.values.limit import Limit as Limit
    from autocompress.values.limit import Objective as Objective
    from autocompress.values.measurement import Measurement as Measurement
    from autocompress.values.recipe import Recipe as Recipe
    from autocompress.values.study import Budget as Budget
    from autocompress.values.trial import Trial as Trial

_PLACES = {
    "load": "study.load",
    "Study": "study.study",
    "Device": "values.device",
    "Front": "values.front",
    "Limit": "values.limit",
    "Objective": "values.limit",
    "Measurement": "values.measurement",
    "Recipe": "values.recipe",
    "Budget": "values.study",
    "Trial": "values.trial",
}

__all__ = sorted([*_PLACES, "search"])
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Nothing heavy is imported before it is used."""
    if name == "search":
        return import_module("autocompress.search")
    if name not in _PLACES:
        raise AttributeError(f"module 'autocompress' has no attribute {name!r}")
    return getattr(import_module(f"autocompress.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return __all__


class _Search(ModuleType):
    """The folder `autocompress.search`, which can be called: `ac.search(...)` searches anything."""

    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        return import_module("autocompress.study.search_anything").search(*arguments, **settings)


class _Package(ModuleType):
    """The function and the folder have one name; importing the folder must not hide the function."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "search" and isinstance(value, ModuleType):
            value.__class__ = _Search
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def _show_in_notebooks() -> None:
    """Studies, fronts, trials and devices as charts and tables, once something is shown."""
    shell = sys.modules["IPython"].get_ipython()
    if shell is None:
        return
    html = shell.display_formatter.formatters["text/html"]
    for place, name in (
        ("study.study", "Study"),
        ("values.front", "Front"),
        ("values.trial", "Trial"),
        ("values.device", "Device"),
    ):
        html.for_type_by_name(f"autocompress.{place}", name, lambda value: _notebook().shown(value))


def _notebook() -> ModuleType:
    return import_module("autocompress.reports.notebook")


if "IPython" in sys.modules:
    _show_in_notebooks()

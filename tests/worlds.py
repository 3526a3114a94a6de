"""Living a pretend study: to its end, or with interruptions on the way."""

from pathlib import Path

from fakes import Pretend

from autocompress.plugin import make
from autocompress.study.core import Loop
from autocompress.study.drivers.base import Driver
from autocompress.study.evaluate import Careful
from autocompress.study.store import Store
from autocompress.values.study import StudySpec


def lived(spec: StudySpec, folder: Path, *, work=None, stops=(), craft=None) -> tuple[Loop, Store]:
    """Run to the end of the budget. After `stops[i]` happenings the i-th life ends, as if the power had failed."""
    url = f"sqlite:///{folder / 'study.db'}"
    for stop in [*stops, None]:
        store = Store.create(url, spec.name, spec.objectives)
        loop = Loop(spec, store, craft=craft)
        with make(Driver, spec.driver).start(Careful(work or Pretend())) as pool:
            for i, _ in enumerate(loop.run(pool), 1):
                if i == stop:
                    break
        store.close()
    return loop, Store(url, spec.name)

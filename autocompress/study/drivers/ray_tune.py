"""Ray Tune, here or on a cluster: it places the work, begins again what died, and does what the study says."""

import math
import os
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator

from autocompress.errors import StudyError
from autocompress.study.depot import VARIABLE
from autocompress.study.drivers._ray.cluster import OWN, joined, places
from autocompress.study.drivers._ray.exchange import Exchange
from autocompress.study.drivers._share import cores, told
from autocompress.study.drivers.base import Driver, Pool
from autocompress.study.home import home
from autocompress.values.job import Event, Job, Work

if TYPE_CHECKING:
    from autocompress.study.drivers._ray.tour import Tour

LOOK = 2.0  # seconds between two looks at which nodes are there
LEAVE = 30.0  # seconds that Tune has to end


class RayTune(Driver):
    """Ray Tune, on this machine (`address: local`), on the cluster it belongs to (`auto`), or on one named host:port.

    All machines have AUTOCOMPRESS_HOME under the same path, either one folder that all see, or each its own and all
    one AUTOCOMPRESS_FILES; and the same version of this package.
    """

    address: str = OWN
    cpus_per_trial: float = Field(1, gt=0)
    gpus_per_trial: float = Field(0, ge=0)
    workers: int | None = Field(None, ge=1, le=4096)  # None: as many as there is room for; else what a cluster grows to
    max_failures: int = Field(1, ge=0, le=10)  # how often a job is begun again because its worker died

    @field_validator("address")
    @classmethod
    def _no_client(cls, address: str) -> str:
        if address.startswith("ray://"):
            raise ValueError("runs on a machine of the cluster, not through Ray Client; say auto there")
        return address

    def start(self, work: Work) -> Pool:
        return RayTunePool(self, work)


class RayTunePool(Pool):
    def __init__(self, driver: RayTune, work: Work) -> None:
        self._driver = driver
        self._exchange = Exchange()
        self._tours: list[Tour] = []
        self._seen, self._places = -math.inf, 0
        with ExitStack() as stack:
            cpus = max(cores(), math.ceil((driver.workers or 0) * driver.cpus_per_trial))
            self._folder = stack.enter_context(joined(driver.address, cpus))
            if not driver.workers and not places(driver.cpus_per_trial, driver.gpus_per_trial):
                raise StudyError(
                    f"no machine has {_needs(driver)}, which a trial takes: ask for less, or for `workers`"
                )
            self._trainable = _trainable(driver, work)
            self._stack = stack.pop_all()

    def room(self) -> int:
        many = self._driver.workers or self._fitting()
        running = len(self._exchange.open)
        return max(many - running, 0 if running else 1)  # at least one, which waits for a machine

    def submit(self, job: Job) -> None:
        self._exchange.begin(job)
        self._give(job)

    def next(self, timeout: float) -> Event | None:
        while self._exchange.again:
            self._give(self._exchange.again.popleft())
        self._forget_tours()
        return self._exchange.take(timeout)

    def answer(self, number: int, go_on: bool) -> None:
        self._exchange.answer(number, go_on)

    def clock(self) -> float:
        return time.monotonic()

    def close(self) -> None:
        import ray

        workers = [worker for tour in self._tours for worker in tour.route.at_work()]  # before Tune forgets them
        self._exchange.close()
        for worker in workers:
            ray.kill(worker)
        until = time.monotonic() + LEAVE
        for tour in self._tours:
            tour.join(until - time.monotonic())
        self._stack.close()

    def _give(self, job: Job) -> None:
        from autocompress.study.drivers._ray.tour import Tour

        if not self._tours or self._tours[-1].full:
            lives = self._driver.max_failures + 1
            self._tours.append(Tour(self._exchange, self._trainable, self._folder, f"tour-{time.time_ns()}", lives))
        self._tours[-1].route.give(job)

    def _forget_tours(self) -> None:
        """Those that are over. One that broke down before it heard of anybody: so would the next."""
        for tour in [tour for tour in self._tours if tour.over]:
            self._tours.remove(tour)
            if tour.error is not None and not tour.route.heard:
                raise StudyError(f"Ray Tune broke down: {tour.error!r}") from tour.error

    def _fitting(self) -> int:
        """Machines come and go."""
        if time.monotonic() - self._seen > LOOK:
            self._seen, self._places = (
                time.monotonic(),
                places(self._driver.cpus_per_trial, self._driver.gpus_per_trial),
            )
        return self._places


def _trainable(driver: RayTune, work: Work) -> Any:
    """What travels to the workers: once, however many there are."""
    from ray import cloudpickle, tune

    from autocompress.study.drivers._ray.worker import Worker

    path = (os.getcwd(), *filter(None, sys.path))
    pickled: bytes = cloudpickle.dumps(work)  # type: ignore[no-untyped-call]
    full = tune.with_parameters(Worker, work=pickled, told=environment(driver), path=path)
    return tune.with_resources(full, {"cpu": driver.cpus_per_trial, "gpu": driver.gpus_per_trial})


def environment(driver: RayTune) -> dict[str, str]:
    """Of the workers, as far as it is told from here. Credentials are each machine's own."""
    shared = math.ceil(1 / driver.gpus_per_trial) if driver.gpus_per_trial else cores() / driver.cpus_per_trial
    about = told(max(1, int(driver.cpus_per_trial)), max(1, int(shared)))
    about |= {name: os.environ[name] for name in (*about, VARIABLE) if name in os.environ}
    about["AUTOCOMPRESS_HOME"] = str(home())
    return about


def _needs(driver: RayTune) -> str:
    gpus = f" and {driver.gpus_per_trial:g} GPUs" if driver.gpus_per_trial else ""
    return f"{driver.cpus_per_trial:g} CPUs{gpus}"

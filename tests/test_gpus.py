"""Workers and GPUs: how many there are, who is given which, how much of its memory. None is needed for this."""

import os
from collections import Counter

import numpy as np
import pytest
import torch
from placed import Placed, told

from autocompress.compress import examples
from autocompress.compress.examples import Examples
from autocompress.data.base import Dataset, Split
from autocompress.plugin import make
from autocompress.study.drivers import local
from autocompress.study.drivers.base import Driver
from autocompress.study.evaluate import Careful
from autocompress.values.job import Done, Job
from autocompress.values.recipe import Recipe


@pytest.fixture
def two(monkeypatch):
    """A machine with eight GPUs of which the user gives two."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, GPU-5")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


def job(number, width=20):
    return Job(number, Recipe.of({"student": {"use": "cnn", "width": width}, "stages": []}))


def pool(folder="", together=1, **settings):
    return make(Driver, {"use": "local", **settings}).start(Careful(Placed(str(folder), together)))


def finish(pool, many):
    done = {}
    while len(done) < many:
        event = pool.next(60)
        assert isinstance(event, Done)
        done[event.number] = event.outcome.state
    return done


@pytest.mark.parametrize(
    ("named", "many", "expected"),
    [
        (None, 3, ("0", "1", "2")),
        ("2,0", 2, ("2", "0")),
        ("GPU-1a, MIG-2b", 2, ("GPU-1a", "MIG-2b")),
        ("1,9,2", 1, ("1",)),  # what comes after one that is not there is not seen
        ("", 0, ()),
        ("-1", 0, ()),
        (None, 0, ()),
    ],
)
def test_gpus_go_by_the_names_that_the_user_gave_them(named, many, expected, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if named is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: many)
    assert local.gpus() == expected


@pytest.mark.parametrize(
    ("gpus", "cores", "wanted", "workers"),
    [
        (2, 16, None, 2),
        (12, 4, None, 12),
        (2, 16, 5, 5),
        (4, 16, 1, 1),
        (0, 3, None, 3),
        (0, 64, None, 8),
        (0, 3, 7, 7),
    ],
)
def test_one_worker_per_gpu_or_core_unless_told_otherwise(gpus, cores, wanted, workers, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(local, "cores", lambda: cores)
    with pool(workers=wanted) as started:
        assert started.room() == workers


def test_each_worker_is_given_a_gpu_in_turn_and_who_comes_after_a_dead_one_gets_its(two, tmp_path, monkeypatch):
    monkeypatch.setattr(local, "cores", lambda: 6)
    monkeypatch.delenv("OMP_NUM_THREADS")  # nobody has said how many threads
    before = dict(os.environ)
    with pool(tmp_path, together=4, workers=3) as started:
        started.submit(job(0))
        started.submit(job(1, width=16))
        started.submit(job(2))
        assert dict(os.environ) == before
        assert finish(started, 1) == {1: "failed"}
        started.submit(job(3))
        assert finish(started, 3) == {0: "complete", 2: "complete", 3: "complete"}
    assert told(tmp_path) == {0: ("3", "2", "2"), 1: ("GPU-5", "2", "2"), 2: ("3", "2", "2"), 3: ("GPU-5", "2", "2")}


def test_without_gpus_nobody_is_told_of_any(monkeypatch, tmp_path):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(local, "cores", lambda: 2)
    with pool(tmp_path, workers=2) as started:
        started.submit(job(0))
        finish(started, 1)
    assert told(tmp_path) == {0: ("nothing", "2", "1")}


def test_what_was_not_to_be_seen_stays_unseen(monkeypatch, tmp_path):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pool(tmp_path, workers=1) as started:
        started.submit(job(0))
        finish(started, 1)
    assert told(tmp_path)[0][:2] == ("", "1")


@pytest.mark.parametrize("workers", [1, 2, 3, 4, 5])
def test_workers_are_dealt_out_evenly(workers, two, monkeypatch):
    """Without starting any."""
    seen = []
    monkeypatch.setattr(local, "get_context", lambda _: Pretend(seen))
    with pool(workers=workers) as started:
        for number in range(workers):
            started.submit(job(number))
        started._team.clear()
    counts = Counter(seen)
    assert set(counts) <= {"3", "GPU-5"}
    assert counts["3"] - counts["GPU-5"] in (0, 1)


class Pretend:
    """Stands for multiprocessing's context."""

    exitcode = 0

    def __init__(self, seen):
        self._seen = seen

    def Pipe(self):
        return self, self

    def Process(self, **_):
        return self

    def start(self):
        self._seen.append(os.environ["CUDA_VISIBLE_DEVICES"])

    def send(self, _): ...

    def close(self): ...


class Photos:
    """An album: images that are decoded when they are asked for."""

    shape = (10, 3, 4, 4)

    def __len__(self):
        return 10

    def __getitem__(self, places):
        return np.zeros((len(places), *self.shape[1:]), dtype=np.uint8)


@pytest.mark.parametrize(("sharing", "fits"), [(None, True), ("1", True), ("2", True), ("3", False)])
def test_who_shares_a_device_takes_a_part_of_what_is_free(sharing, fits, monkeypatch):
    """Images of 480 bytes where 2000 are free: half of that is for one alone, a quarter for each of two, and so on."""
    monkeypatch.delenv("AUTOCOMPRESS_SHARED_BY", raising=False)
    if sharing is not None:
        monkeypatch.setenv("AUTOCOMPRESS_SHARED_BY", sharing)
    monkeypatch.setattr(examples, "free", lambda device: 2000)
    monkeypatch.setattr(examples, "read", lambda images: iter([torch.zeros(images.shape, dtype=torch.uint8)]))
    few = Split(np.zeros((1, *Photos.shape[1:]), dtype=np.uint8), np.zeros(1, dtype=np.int64))
    data = Dataset(Split(Photos(), np.zeros(10, dtype=np.int64)), few, few, ("a", "b"), (0.5,), (0.5,))
    assert (Examples(data)._images is not None) == fits

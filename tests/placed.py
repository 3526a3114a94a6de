"""Work that tells what its process was given: which GPU, with how many to share, how many threads to compile with."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from workers import Events, numbers

from autocompress.values.job import Done, Job, Outcome

TOLD = ("CUDA_VISIBLE_DEVICES", "AUTOCOMPRESS_SHARED_BY", "TORCHINDUCTOR_COMPILE_THREADS")


@dataclass(frozen=True)
class Placed:
    """Leaves it in a file called like its job; ends its worker when the width is 16; waits for so many `together`."""

    folder: str
    together: int

    def __call__(self, job: Job) -> Events:
        found = "\n".join(os.environ.get(name, "nothing") for name in TOLD)
        place = Path(self.folder)
        (place / f"{job.number}.part").write_text(found)
        (place / f"{job.number}.part").rename(place / f"{job.number}.txt")
        if job.recipe.student["width"] == 16:
            os._exit(7)
        while len(list(place.glob("*.txt"))) < self.together:
            time.sleep(0.02)
        yield Done(job.number, Outcome("complete", numbers(accuracy=0.9)))


def told(folder: Path) -> dict[int, tuple[str, ...]]:
    """By number of the job."""
    return {int(file.stem): tuple(file.read_text().splitlines()) for file in folder.glob("*.txt")}

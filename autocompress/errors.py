"""What can go wrong, by name: the closed list of failure codes and the exceptions that carry them."""

from typing import Literal, get_args

FailureCode = Literal[
    "data",  # the examples cannot be read: a missing folder, a broken image, a function that fails
    "bad_recipe",  # the recipe cannot be built (a setting out of range after filling)
    "nan_loss",  # training diverged
    "no_effect",  # a stage ran but changed nothing (pruning that did not move the MACs)
    "unsupported",  # a plug-in refuses this architecture
    "out_of_memory",
    "export",  # the model could not be written in the runtime's format
    "parity",  # the exported file disagrees with the model it came from
    "measure",  # a number could not be obtained
    "bad_measurement",  # not finite, or a metric the study needs is missing
    "worker_died",  # killed, or crashed without a word
    "store_away",  # the files that several machines share could not be reached
    "timeout",
    "unexpected",  # anything else: a bug, ours or a plug-in's
]
FAILURE_CODES: tuple[FailureCode, ...] = get_args(FailureCode)


class Failure(Exception):
    """A candidate that cannot be finished. It becomes a failed trial with this code, never a crash of the study."""

    def __init__(self, code: FailureCode, message: str) -> None:
        super().__init__(message)
        self.code: FailureCode = code


class StudyError(Exception):
    """The study itself cannot go on; the message is for the person who started it."""


class StoreAway(StudyError):
    """The files that several machines share cannot be reached."""


class UnknownStudy(StudyError):
    """No study of this name has been begun here."""


class UnknownPlugin(ValueError):
    """No plug-in of this kind has this name."""

    def __init__(self, kind: str, name: str, nearest: str | None) -> None:
        hint = f"; did you mean {nearest!r}?" if nearest else ""
        super().__init__(f"no {kind} is called {name!r}{hint}")
        self.kind, self.name, self.nearest = kind, name, nearest

"""What an outcome means for the study, and when doing a thing again would end in the same way."""

from collections.abc import Iterable, Sequence

from autocompress.study.retries import LOST, RETRIES
from autocompress.values.job import Outcome
from autocompress.values.limit import Limit, Objective, violations
from autocompress.values.measurement import by_metric
from autocompress.values.trial import State, Trial

UNLUCKY = ("timeout", "out_of_memory", "unexpected")  # codes that another try might not meet


def judged(
    trial: Trial, outcome: Outcome, stopped_as: State, limits: Sequence[Limit], objectives: Sequence[Objective]
) -> Trial:
    """The trial with all that came of it. Without a number that was asked for it has failed."""
    state = stopped_as if outcome.state == "stopped" else outcome.state
    known = by_metric(outcome.measurements)
    hard = tuple(x for x in limits if x.hard)
    wanted = {*(o.metric for o in objectives), *(x.metric for x in hard)}
    code, message = outcome.code, outcome.message
    if state == "complete" and (missing := sorted(wanted - set(known))):
        state, code = "failed", "bad_measurement"
        message = f"no measurement of {', '.join(missing)}"
    return trial.model_copy(
        update={
            "state": state,
            "measurements": outcome.measurements,
            "violations": violations(known, hard),
            "artifacts": outcome.artifacts,
            "seconds": outcome.seconds,
            "stages": outcome.stages,
            "cached": outcome.cached,
            "code": code,
            "message": message,
        }
    )


def work(trial: Trial) -> tuple[str, int]:
    """Equal for equal work."""
    return trial.recipe.key, trial.seed


def settled(trial: Trial, trials: Iterable[Trial]) -> bool:
    """Whether doing it again would end in the same way. A worker's death is the machine's fault, up to the third."""
    if trial.state == "failed" and trial.code in LOST:
        same = [t for t in trials if work(t) == work(trial) and t.same_as is None]
        return sum(t.code in LOST for t in same) > RETRIES
    return trial.state == "complete" or (trial.state == "failed" and trial.code not in UNLUCKY)


def copied(trial: Trial, twin: Trial) -> Trial:
    """The same recipe with the same seed is the same model: its numbers are taken over, nothing is done again."""
    kept = twin.model_dump(include={"state", "violations", "artifacts", "stages", "code", "message"})
    told = {"measurements": twin.measurements, "cached": twin.stages, "seconds": 0.0, "same_as": twin.number}
    return trial.model_copy(update={**kept, **told})

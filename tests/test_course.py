"""Rungs of what was done before: judged as it was then, not as it is now."""

from dataclasses import dataclass

import pytest
from hands import SMALL, fresh, lab
from test_compression import CUT

from autocompress.compress.stages.base import Stage
from autocompress.plugin import make
from autocompress.study.cache import Cache
from autocompress.study.course import Course
from autocompress.values.job import Job, Rung
from autocompress.values.recipe import Recipe

FOUR = {"use": "finetune", "epochs": 4, "lr": 0.05, "batch_size": 64}
RUNGS = (0.2, 0.25, 0.5, 1.0)


@dataclass
class Judged:
    """A course that was run to its end, or left after so many rungs."""

    accuracies: dict[float, float]
    asked: int  # how often the network was judged


def judged(folder, *stages, rungs=RUNGS, leave=99) -> Judged:
    recipe = Recipe.of({"student": SMALL, "stages": list(stages)})
    bench, found, asked = lab(), {}, []
    measured = bench.accuracy
    bench.accuracy = lambda net: asked.append(1) or measured(net)  # type: ignore[method-assign]
    job, key = Job(0, recipe, rungs=rungs), lambda n: recipe.keys[n]
    running = Course(job, bench, [make(Stage, stage) for stage in stages], Cache(folder), key).run(fresh(SMALL))
    answer = None
    while True:
        try:
            event = running.send(answer)
        except StopIteration:
            return Judged(found, len(asked))
        answer = None
        if isinstance(event, Rung):
            found[event.at] = event.measurements[0].value
            answer = True
            if len(found) == leave:
                running.close()
                return Judged(found, len(asked))


@pytest.mark.parametrize("leave", [2, 3])
def test_a_stage_that_is_resumed_reports_what_it_was_at_the_rungs_it_has_passed(leave, tmp_path):
    whole = judged(tmp_path / "whole", FOUR)
    assert whole.accuracies[0.25] != whole.accuracies[0.5] != whole.accuracies[1.0]
    judged(tmp_path / "killed", FOUR, leave=leave)
    again = judged(tmp_path / "killed", FOUR)
    assert again.accuracies == whole.accuracies
    assert again.asked == 3 - (leave - 1)  # two of the rungs are at the first epoch


def test_so_does_one_that_was_cached_for_another_candidate(tmp_path):
    first = judged(tmp_path, FOUR, CUT)
    second = judged(tmp_path, FOUR, {**CUT, "ratio": 0.25})
    assert second.accuracies == first.accuracies  # the last rung is at the end of what they share
    assert second.asked == 2  # by the cut itself, before and after it averages anew


def test_where_nobody_looked_at_that_time_it_is_judged_as_it_is_and_nobody_else_is_told(tmp_path):
    alone = judged(tmp_path / "alone", FOUR).accuracies
    judged(tmp_path / "shared", FOUR, rungs=())
    assert set(judged(tmp_path / "shared", FOUR).accuracies.values()) == {alone[1.0]}
    longer = judged(tmp_path / "shared", FOUR, {**FOUR, "epochs": 12}, rungs=(0.0625, 0.25)).accuracies
    assert set(longer.values()) == {alone[1.0]}
    assert len(list((tmp_path / "shared" / "rungs").glob("*.tensors"))) == 1


def test_before_and_without_any_training_there_is_one_accuracy(tmp_path):
    assert len(set(judged(tmp_path, CUT).accuracies.values())) == 1
    assert len(set(judged(tmp_path).accuracies.values())) == 1
    other = judged(tmp_path, {**CUT, "ratio": 0.25})
    assert set(other.accuracies) == set(RUNGS)

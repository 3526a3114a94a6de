"""Between the study and Tune: whatever dies, each question is asked once and each job is done once."""

import pytest

from autocompress.study.drivers._ray.exchange import Exchange
from autocompress.values.job import Done, Gated, Job, Outcome, Progress, Rung
from autocompress.values.recipe import Recipe

JOB = Job(0, Recipe.of({"student": {"use": "cnn"}, "stages": []}))
GATED, RUNG, DONE = Gated(0, ()), Rung(0, 0.5, ()), Done(0, Outcome("complete"))


@pytest.fixture
def exchange():
    found = Exchange()
    found.begin(JOB)
    return found


def all_of(exchange):
    return list(iter(lambda: exchange.take(0), None))


def test_a_question_is_answered_once_for_all_lives_of_its_job(exchange):
    first = exchange.hear(0, [Progress(0, "hello"), GATED], 1)
    assert not exchange.settled(first, 0)
    again = exchange.hear(0, [Progress(0, "hello again"), GATED], 1)
    assert again is first, "its worker died while the study thought about it"
    assert [type(e) for e in all_of(exchange)] == [Progress, Gated, Progress]
    exchange.answer(0, False)
    assert exchange.settled(again, 0)
    assert again.answer is False
    later = exchange.hear(0, [GATED], 1)
    assert (later.answer, all_of(exchange)) == (False, [])
    assert exchange.hear(0, [RUNG], 2) is not first
    assert all_of(exchange) == [RUNG]
    exchange.answer(0, True)
    assert later.answer is False, "an answer is for what was asked last"


def test_two_gates_of_a_job_are_two_questions(exchange):
    assert exchange.hear(0, [GATED], 1) is not exchange.hear(0, [GATED], 2)
    assert all_of(exchange) == [GATED, GATED]


def test_done_is_answered_when_the_study_comes_back_from_it(exchange):
    question = exchange.hear(0, [DONE], 0)
    assert list(exchange.open) == [0], "its place is not free before the study knows"
    assert exchange.take(0) == DONE
    assert not exchange.open
    assert question.answer is None
    exchange.take(0)
    assert question.answer is True


def test_done_is_said_once(exchange):
    exchange.hear(0, [DONE], 0)
    assert exchange.hear(0, [GATED], 1).last
    assert exchange.hear(0, [DONE], 1).last
    exchange.lost(0, "too late", lives=3)
    assert all_of(exchange) == [DONE]
    assert exchange.hear(0, [DONE], 1).answer is True
    assert all_of(exchange) == []


def test_who_dies_before_a_word_begins_again(exchange):
    exchange.lost(0, "its worker died", lives=2)
    assert (exchange.again.popleft(), all_of(exchange)) == (JOB, [])
    exchange.lost(0, "its worker died", lives=2)
    [done] = all_of(exchange)
    assert (done.outcome.state, done.outcome.code, done.outcome.message) == ("failed", "worker_died", "its worker died")
    assert not exchange.again


def test_who_has_spoken_was_begun_again_by_tune_already(exchange):
    exchange.hear(0, [Progress(0, "hello")], 0)
    exchange.lost(0, "its worker died", lives=2)
    assert [type(e) for e in all_of(exchange)] == [Progress, Done]


def test_nobody_waits_when_it_closes(exchange):
    question = exchange.hear(0, [GATED], 1)
    exchange.close()
    assert exchange.settled(question, 60)
    assert exchange.hear(0, [RUNG], 2).last

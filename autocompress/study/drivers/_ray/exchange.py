"""Where the study's thread and Tune's threads meet: jobs go in, events come out, answers go back. Knows no Ray."""

import time
from collections import deque
from dataclasses import dataclass, field
from threading import Condition
from typing import Any

from autocompress.values.job import Done, Event, Gated, Job, Outcome, Rung

Key = tuple[Any, ...]


@dataclass(eq=False)
class Question:
    """What an event asks the study. `Done` asks too: is the next job on its way?"""

    key: Key = ()
    last: bool = False
    answer: bool | None = None


@dataclass
class Open:
    """A job that the study waits for."""

    job: Job
    since: float = field(default_factory=time.monotonic)
    asked: dict[Key, Question] = field(default_factory=dict)
    heard: bool = False
    done: bool = False  # and the study will hear of it next
    lives: int = 1


class Exchange:
    """Whatever happens to its workers, each job asks each question once and is done once."""

    def __init__(self) -> None:
        self.moved = Condition()
        self.closing = False
        self.open: dict[int, Open] = {}
        self.again: deque[Job] = deque()  # to be given away once more
        self._events: deque[tuple[Event, Question]] = deque()
        self._shown = Question()  # belongs to the event that the study is busy with

    # --- the study's side ---

    def begin(self, job: Job) -> None:
        with self.moved:
            self.open[job.number] = Open(job)

    def take(self, timeout: float) -> Event | None:
        """The next event. To ask for it is to be done with the one before."""
        with self.moved:
            if self._shown.last:
                self._shown.answer = True
                self.moved.notify_all()
            self.moved.wait_for(lambda: self._events or self.again, timeout)
            event, self._shown = self._events.popleft() if self._events else (None, Question())
            if isinstance(event, Done):
                del self.open[event.number]
            return event

    def answer(self, number: int, go_on: bool) -> None:
        with self.moved:
            if number in self.open:  # else it died for good while the study thought about it
                waiting = (q for q in self.open[number].asked.values() if q.answer is None)
                for question in waiting:
                    question.answer = go_on
            self.moved.notify_all()

    def close(self) -> None:
        with self.moved:
            self.closing = True
            self.open.clear()
            self.moved.notify_all()

    # --- Tune's side ---

    def hear(self, number: int, events: list[Event], asked: int) -> Question | None:
        """The question at the end of these events, the `asked`th of its job. After its worker's death a job says again
        what it has said: what was answered, or is being thought about, is not asked again."""
        with self.moved:
            job = self.open.get(number)
            if job is None or job.done:
                return Question(last=True, answer=True)  # nobody waits for it any more
            job.heard = True
            question = None
            for event in events:
                question = _question(event, asked)
                if question is not None and question.key in job.asked:
                    return job.asked[question.key]
                if question is not None:
                    job.asked[question.key] = question
                self._say(event, question or Question())
            return question

    def settled(self, question: Question, timeout: float) -> bool:
        """Whether it is answered, or will be soon."""
        with self.moved:
            return self.moved.wait_for(lambda: question.answer is not None or self.closing, timeout)

    def lost(self, number: int, why: str, lives: int, *, innocent: bool = False) -> None:
        """Tune has given it up. A job that is not to blame, since it had not said a word yet, is given away again."""
        with self.moved:
            job = self.open.get(number)
            if job is None or job.done:
                return
            if job.lives < lives and (innocent or not job.heard):
                job.lives += 1
                self.again.append(job.job)
                self.moved.notify_all()
            else:
                seconds = time.monotonic() - job.since
                outcome = Outcome("failed", seconds=seconds, code="worker_died", message=why)
                self._say(Done(number, outcome), Question())

    def _say(self, event: Event, question: Question) -> None:
        if isinstance(event, Done):
            self.open[event.number].done = True
        self._events.append((event, question))
        self.moved.notify_all()


def _question(event: Event, asked: int) -> Question | None:
    match event:
        case Gated():
            return Question((asked, "gated"))
        case Rung():
            return Question((asked, "rung", event.at))
        case Done():
            return Question(last=True)
    return None

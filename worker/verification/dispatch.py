"""Carries out what was booked with a provider: calls side by side, or a file handed in."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import cast

from config import stopping
from config.stopping import Stopped
from worker.store.bulk import chunks
from worker.verification.errors import LostError, ProviderError
from worker.verification.ledger import Outcome
from worker.verification.models import Answer, Question
from worker.verification.protocol import BulkProvider, ChainStep

log = logging.getLogger(__name__)

_FIRST_LOOK, _LONGEST_LOOK = 0.5, 30.0  # seconds between two looks at a file
# Seconds: so long those that came back wait for others, and a caller for the first of them.
_MOMENT, _LONGEST_WAIT = 0.25, 1.0
_BROKEN = "gave an answer that cannot be read"
_NOT_ASKED = "was not asked"


class Flight:
    """Calls of one step under way side by side, with a few more booked so that none waits for work.

    A few at a time are booked and a few at a time settled, each in one transaction.
    """

    def __init__(self, step: ChainStep, pool: ThreadPoolExecutor, at_once: int) -> None:
        self._step = step
        self._pool = pool
        self._few = max(1, at_once // 2)
        self._most = at_once + self._few
        self._under_way: dict[Future[list[Answer] | ProviderError], Sequence[Question]] = {}

    def __len__(self) -> int:
        return len(self._under_way)

    @property
    def room(self) -> int:
        """Questions that can be booked now; 0 until there is room for a few calls."""
        free = self._most - len(self._under_way)
        return free * self._step.provider.batch if free >= self._few else 0

    def send(self, questions: Sequence[Question]) -> None:
        for batch in chunks(questions, self._step.provider.batch):
            self._under_way[self._pool.submit(_call, self._step, batch)] = batch

    def land(self) -> tuple[list[Question], Outcome]:
        """What came back: of a few calls, or of fewer after a moment; of none after a second."""
        wanted = min(self._few, len(self._under_way))
        waited = 0.0
        while True:
            done = [call for call in self._under_way if call.done()]
            if len(done) >= wanted or waited >= (_MOMENT if done else _LONGEST_WAIT):
                return self._landed(done)
            before = time.monotonic()
            wait({*self._under_way} - {*done}, _MOMENT, FIRST_COMPLETED)
            waited += time.monotonic() - before

    def abandon(self) -> tuple[list[Question], Outcome]:
        """Nobody can wait any more: what was not sent yet is called off, the rest is waited for."""
        called_off = [call for call in self._under_way if call.cancel()]
        questions = [one for call in called_off for one in self._under_way.pop(call)]
        wait({*self._under_way})
        asked, outcome = self._landed(list(self._under_way))
        outcome.failed.update(dict.fromkeys(questions, _NOT_ASKED))
        return [*asked, *questions], outcome

    def _landed(
        self, done: Sequence[Future[list[Answer] | ProviderError]]
    ) -> tuple[list[Question], Outcome]:
        outcome = Outcome()
        asked: list[Question] = []
        for call in done:
            questions = self._under_way.pop(call)
            asked += questions
            if isinstance(call.exception(), Stopped):  # it waited for its slot: it was not sent
                outcome.failed.update(dict.fromkeys(questions, _NOT_ASKED))
                continue
            answered = call.result()
            if isinstance(answered, ProviderError):
                _failed(outcome, questions, answered)
            else:
                outcome.succeeded = True
                _answered(outcome, questions, answered)
        return asked, outcome


def _call(step: ChainStep, questions: Sequence[Question]) -> list[Answer] | ProviderError:
    try:
        return step.provider.ask(questions, step.depth)
    except ProviderError as error:
        return error
    except Exception:  # a fault of ours, or of a third party's provider: never of the number
        log.exception("provider %s: its answer could not be handled", step.name)
        return LostError(_BROKEN)


def _failed(outcome: Outcome, questions: Sequence[Question], error: ProviderError) -> None:
    """Take an error, and the answers that it broke off after: they are paid for."""
    outcome.errors.append(error)
    brought = {(one.number, one.since) for one in error.answers}
    answered = [one for one in questions if (one.number, one.since) in brought]
    _answered(outcome, answered, error.answers)
    for question in questions:
        if question in answered:
            continue
        asked = error.question is None or question == error.question
        (outcome.lost if error.lost and asked else outcome.failed)[question] = error.reason


def _answered(outcome: Outcome, questions: Sequence[Question], answers: Sequence[Answer]) -> None:
    """Take the answers to what was asked, one each; whatever else came is none."""
    by_key = {(one.number, one.since): one for one in answers}
    for question in questions:
        answer = by_key.get((question.number, question.since))
        if answer is None and question.since is not None:
            answer = by_key.get((question.number, None))  # of a package that knows no dates
        if answer is None:
            outcome.failed[question] = "gave no answer"
        else:
            outcome.answers.append(answer)


def hand_in(
    step: ChainStep, questions: Sequence[Question], remember: Callable[[str], None]
) -> tuple[str, Outcome]:
    """Hand a file in; `remember` is told its name before anything else happens."""
    outcome = Outcome()
    try:
        job = cast(BulkProvider, step.provider).submit(questions, step.depth)
    except ProviderError as error:
        _failed(outcome, questions, error)
        return "", outcome
    except Stopped:  # it waited for its slot: it was not sent
        outcome.failed.update(dict.fromkeys(questions, _NOT_ASKED))
        return "", outcome
    except Exception:
        log.exception("provider %s: a file could not be handed in", step.name)
        _failed(outcome, questions, LostError(_BROKEN))
        return "", outcome
    remember(job)
    return job, outcome


def fetch(
    step: ChainStep,
    job: str,
    questions: Sequence[Question],
    heartbeat: Callable[[], None],
    patience: float,
    sleep: Callable[[float], None] = stopping.sleep,
) -> Outcome | None:
    """Wait for a file and fetch its answers; None when it is not done within `patience` seconds.

    A provider that does not answer meanwhile has the file all the same: it is asked again.
    """
    pause, waited = _FIRST_LOOK, 0.0
    provider = cast(BulkProvider, step.provider)
    while True:
        heartbeat()
        outcome = Outcome()
        try:
            answers = provider.collect(job, questions, step.depth)
        except LostError as error:  # there is nothing to fetch any more: it was paid for nothing
            _failed(outcome, questions, error)
            return outcome
        except ProviderError as error:
            log.info("provider %s %s; its file %s is asked for again", step.name, error, job)
        except Exception:
            log.exception("provider %s: its file %s could not be handled", step.name, job)
            _failed(outcome, questions, LostError(_BROKEN))
            return outcome
        else:
            if answers is not None:
                outcome.succeeded = True
                _answered(outcome, questions, answers)
                return outcome
        if waited >= patience:
            return None
        sleep(pause)
        waited += pause
        pause = min(_LONGEST_LOOK, pause * 1.5)

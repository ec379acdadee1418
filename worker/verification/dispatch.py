"""Carry out reserved lookups: by parallel calls, or by a file that is handed in."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import cast

from config import stopping
from config.stopping import Stopped
from worker.store.bulk import chunks
from worker.verification.errors import AmbiguousResultError, ProviderError
from worker.verification.models import Answer, Question
from worker.verification.protocol import BulkProvider, ChainStep
from worker.verification.reservation import LookupOutcome

log = logging.getLogger(__name__)

_FIRST_POLL, _MAX_POLL = 0.5, 30.0  # seconds between two looks at a file
# Seconds that finished calls wait for others of their group, and a caller for any.
_GROUP_WAIT, _MAX_WAIT = 0.25, 1.0
_BROKEN = "gave an answer that cannot be read"
_NOT_ASKED = "was not asked"


class InFlightCalls:
    """The calls of one step that are in flight, with a few more reserved so that no
    thread idles.

    They are reserved and settled in groups of half the calls in flight, each in one transaction.
    """

    def __init__(self, step: ChainStep, pool: ThreadPoolExecutor, at_once: int) -> None:
        self._step = step
        self._pool = pool
        self._group_size = max(1, at_once // 2)
        self._capacity = at_once + self._group_size
        self._calls: dict[Future[list[Answer] | ProviderError], Sequence[Question]] = {}

    def __len__(self) -> int:
        return len(self._calls)

    @property
    def room(self) -> int:
        """Return how many questions can be reserved now; 0 until there is room for a group of
        calls."""
        free = self._capacity - len(self._calls)
        return free * self._step.provider.batch if free >= self._group_size else 0

    def send(self, questions: Sequence[Question]) -> None:
        for batch in chunks(questions, self._step.provider.batch):
            self._calls[self._pool.submit(_call, self._step, batch)] = batch

    def next_results(self) -> tuple[list[Question], LookupOutcome]:
        """Wait for a group of calls and return their results. After `_GROUP_WAIT` fewer will do;
        after `_MAX_WAIT` it returns with none."""
        group = min(self._group_size, len(self._calls))
        waited = 0.0
        while True:
            done = [call for call in self._calls if call.done()]
            if len(done) >= group or waited >= (_GROUP_WAIT if done else _MAX_WAIT):
                return self._results_of(done)
            before = time.monotonic()
            wait({*self._calls} - {*done}, _GROUP_WAIT, FIRST_COMPLETED)
            waited += time.monotonic() - before

    def cancel(self) -> tuple[list[Question], LookupOutcome]:
        """Cancel the calls that were not sent yet, and wait for the others: they may be charged."""
        called_off = [call for call in self._calls if call.cancel()]
        questions = [question for call in called_off for question in self._calls.pop(call)]
        wait({*self._calls})
        asked, outcome = self._results_of(list(self._calls))
        outcome.failed.update(dict.fromkeys(questions, _NOT_ASKED))
        return [*asked, *questions], outcome

    def _results_of(
        self, done: Sequence[Future[list[Answer] | ProviderError]]
    ) -> tuple[list[Question], LookupOutcome]:
        outcome = LookupOutcome()
        asked: list[Question] = []
        for call in done:
            questions = self._calls.pop(call)
            asked += questions
            if isinstance(call.exception(), Stopped):  # it waited for its slot: it was not sent
                outcome.failed.update(dict.fromkeys(questions, _NOT_ASKED))
                continue
            answered = call.result()
            if isinstance(answered, ProviderError):
                _take_error(outcome, questions, answered)
            else:
                outcome.succeeded = True
                _take_answers(outcome, questions, answered)
        return asked, outcome


def _call(step: ChainStep, questions: Sequence[Question]) -> list[Answer] | ProviderError:
    try:
        return step.provider.ask(questions, step.check_level)
    except ProviderError as error:
        return error
    except Exception:  # a fault of ours, or of a third party's provider: never of the number
        log.exception("provider %s: its answer could not be handled", step.name)
        return AmbiguousResultError(_BROKEN)


def _take_error(
    outcome: LookupOutcome, questions: Sequence[Question], error: ProviderError
) -> None:
    """Note an error, and the answers that came before it: they are paid for."""
    outcome.errors.append(error)
    brought = {(answer.number, answer.since) for answer in error.answers}
    answered = [question for question in questions if (question.number, question.since) in brought]
    _take_answers(outcome, answered, error.answers)
    for question in questions:
        if question in answered:
            continue
        asked = error.question is None or question == error.question
        (outcome.charge_unknown if error.charge_unknown and asked else outcome.failed)[question] = (
            error.reason
        )


def _take_answers(
    outcome: LookupOutcome, questions: Sequence[Question], answers: Sequence[Answer]
) -> None:
    """Record one answer to each question; anything else that came is ignored."""
    by_key = {(answer.number, answer.since): answer for answer in answers}
    for question in questions:
        answer = by_key.get((question.number, question.since))
        if answer is None and question.since is not None:
            answer = by_key.get((question.number, None))  # of a package that knows no dates
        if answer is None:
            outcome.failed[question] = "gave no answer"
        else:
            outcome.answers.append(answer)


def submit_file(
    step: ChainStep, questions: Sequence[Question], remember: Callable[[str], None]
) -> tuple[str, LookupOutcome]:
    """Hand a file in, and call `remember` with its name before anything else happens."""
    outcome = LookupOutcome()
    try:
        job = cast(BulkProvider, step.provider).submit(questions, step.check_level)
    except ProviderError as error:
        _take_error(outcome, questions, error)
        return "", outcome
    except Stopped:  # it waited for its slot: it was not sent
        outcome.failed.update(dict.fromkeys(questions, _NOT_ASKED))
        return "", outcome
    except Exception:
        log.exception("provider %s: a file could not be handed in", step.name)
        _take_error(outcome, questions, AmbiguousResultError(_BROKEN))
        return "", outcome
    remember(job)
    return job, outcome


def collect_file(
    step: ChainStep,
    job: str,
    questions: Sequence[Question],
    heartbeat: Callable[[], None],
    patience: float,
    sleep: Callable[[float], None] = stopping.sleep,
) -> LookupOutcome | None:
    """Wait for a file and return its answers; None if it is not done within `patience` seconds.

    A provider that does not answer now and then still has the file, so it is polled again.
    """
    pause, waited = _FIRST_POLL, 0.0
    provider = cast(BulkProvider, step.provider)
    while True:
        heartbeat()
        outcome = LookupOutcome()
        try:
            answers = provider.collect(job, questions, step.check_level)
        except (
            AmbiguousResultError
        ) as error:  # there is nothing to collect any more: it was paid for nothing
            _take_error(outcome, questions, error)
            return outcome
        except ProviderError as error:
            log.info("provider %s %s; its file %s is polled again", step.name, error, job)
        except Exception:
            log.exception("provider %s: its file %s could not be handled", step.name, job)
            _take_error(outcome, questions, AmbiguousResultError(_BROKEN))
            return outcome
        else:
            if answers is not None:
                outcome.succeeded = True
                _take_answers(outcome, questions, answers)
                return outcome
        if waited >= patience:
            return None
        sleep(pause)
        waited += pause
        pause = min(_MAX_POLL, pause * 1.5)

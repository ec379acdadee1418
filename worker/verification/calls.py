"""Carries out what was booked with a provider: calls side by side, or a file handed in."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import cast

from worker.store.db import chunks
from worker.verification.base import (
    Answer,
    BulkProvider,
    ChainStep,
    LostError,
    ProviderError,
    Question,
)
from worker.verification.ledger import Outcome

log = logging.getLogger(__name__)

_FIRST_LOOK, _LONGEST_LOOK = 0.5, 30.0  # seconds between two looks at a file
_BROKEN = "gave an answer that cannot be read"


def ask(step: ChainStep, questions: Sequence[Question], pool: ThreadPoolExecutor) -> Outcome:
    """Ask in calls of the provider's size, side by side; every question ends up somewhere."""
    outcome = Outcome()
    batches = list(chunks(questions, step.provider.batch))
    for batch, answered in zip(batches, pool.map(lambda b: _call(step, b), batches), strict=True):
        if isinstance(answered, ProviderError):
            _failed(outcome, batch, answered)
        else:
            outcome.succeeded = True
            _answered(outcome, batch, answered)
    return outcome


def _call(step: ChainStep, questions: Sequence[Question]) -> list[Answer] | ProviderError:
    try:
        return step.provider.ask(questions, step.depth)
    except ProviderError as error:
        return error
    except Exception:  # a fault of ours, or of a third party's provider: never of the number
        log.exception("provider %s: its answer could not be handled", step.name)
        return LostError(_BROKEN)


def _failed(outcome: Outcome, questions: Sequence[Question], error: ProviderError) -> None:
    outcome.errors.append(error)
    (outcome.lost if error.lost else outcome.failed).update(dict.fromkeys(questions, error.reason))


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
    remember(job)
    return job, outcome


def fetch(
    step: ChainStep,
    job: str,
    questions: Sequence[Question],
    heartbeat: Callable[[], None],
    patience: float,
    sleep: Callable[[float], None] = time.sleep,
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

"""Cache verifications in the database: an answer that counts is not paid for again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Protocol

import sqlalchemy as sa
from msgspec.structs import replace
from sqlalchemy.engine import Connection

from worker.phones.plan_changes import renumbered_forms
from worker.store import Store
from worker.store.array_param import any_of
from worker.store.bulk import upsert
from worker.store.tables import lookup_retries, verifications
from worker.verification.models import Verification
from worker.verification.protocol import ChainStep

# Labelled as the fields of `Verification`, so that a row is one in a single step.
_COLUMNS = [column.label(column.key) for column in verifications.c if column.key != "due_at"]


class AnswerCache(Protocol):
    """A cache of verifications. `get` returns those that still count, in any order."""

    def get(
        self,
        numbers: Sequence[str],
        now: datetime,
        fresh_since: datetime | None = None,
        step: ChainStep | None = None,
    ) -> Iterable[Verification]: ...

    def put(self, answers: Sequence[Verification]) -> None: ...


class DatabaseAnswerCache:
    def __init__(self, store: Store) -> None:
        self._store = store

    def get(
        self,
        numbers: Sequence[str],
        now: datetime,
        fresh_since: datetime | None = None,
        step: ChainStep | None = None,
    ) -> Iterator[Verification]:
        with self._store.read() as connection:
            yield from load_answers(connection, numbers, now, fresh_since, step)

    def put(self, answers: Sequence[Verification]) -> None:
        if answers:
            with self._store.write() as connection:
                put_answers(connection, answers)


class ForecastAnswerCache:
    """A dry run's cache, which reads what is stored and stores nothing.

    The run's own answers stay in this process, so that each number is counted once. (One process
    does a dry run from start to end.)
    """

    def __init__(self, store: Store) -> None:
        self._stored = DatabaseAnswerCache(store)
        self._answers: dict[str, dict[tuple[str, str], Verification]] = {}
        self._counted: set[tuple[str, str, str, str]] = set()

    def get(
        self,
        numbers: Sequence[str],
        now: datetime,
        fresh_since: datetime | None = None,
        step: ChainStep | None = None,
    ) -> Iterator[Verification]:
        known = set()
        for verification in self._stored.get(numbers, now, fresh_since, step):
            known.add((verification.number, verification.provider, verification.package))
            yield verification
        for number in numbers:
            for (provider, package), verification in self._answers.get(number, {}).items():
                if (number, provider, package) not in known:
                    yield verification

    def put(self, answers: Sequence[Verification]) -> None:
        for answer in answers:
            self._answers.setdefault(answer.number, {})[answer.provider, answer.package] = answer

    def counted(self, number: str, provider: str, package: str, since: str) -> bool:
        """Return whether a lookup that would be paid was counted before, and count it."""
        key = (number, provider, package, since)
        before = key in self._counted
        self._counted.add(key)
        return before


def load_answers(
    connection: Connection,
    numbers: Sequence[str],
    now: datetime,
    fresh_since: datetime | None = None,
    step: ChainStep | None = None,
) -> list[Verification]:
    """Return verifications of these numbers that count: all, or those of one step.

    What was paid for of a number that a change of its plan makes equal to one of these counts for
    that one.

    `fresh_since`: only those given since then, but for a step that is asked `at_most_every` so
    often, whose answers count for that long at least.
    """
    c = verifications.c
    counting = c.expires_at > now
    if fresh_since is not None:
        counting = sa.and_(counting, c.at >= fresh_since)
    if step is not None and step.step.at_most_every is not None:
        counting = sa.or_(counting, c.at > now - step.step.at_most_every)
    query = sa.select(*_COLUMNS).where(counting)
    if step is not None:
        query = query.where(c.provider == step.name, c.package == step.package)
    meant: dict[str, list[str]] = {}
    for number in dict.fromkeys(numbers):
        for form in renumbered_forms(number):
            meant.setdefault(form, []).append(number)
    answers: list[Verification] = []
    others: list[Verification] = []
    for row in connection.execute(query.where(any_of(c.number, list(meant)))):
        answer = _verification_of(row)
        for number in meant[answer.number]:
            if number == answer.number:
                answers.append(answer)
            elif answer.check_level != "format":  # which numbers exist tells the plan of today
                others.append(replace(answer, number=number))
    if others:  # what was answered about the number itself goes first
        answered = {
            (answer.number, answer.provider, answer.package, answer.since) for answer in answers
        }
        answers += [
            answer
            for answer in others
            if (answer.number, answer.provider, answer.package, answer.since) not in answered
        ]
    return answers


def put_answers(connection: Connection, answers: Sequence[Verification]) -> None:
    rows = [
        {
            "number": v.number,
            "provider": v.provider,
            "package": v.package,
            "since": v.since,
            "check_level": v.check_level,
            "verdict": v.verdict,
            "line_type": v.line_type,
            "country": v.country[:3],
            "carrier": v.carrier[:120],
            "live": v.live,
            "reassigned": v.reassigned,
            "cost": v.cost,
            "detail": v.detail[:255],
            "raw_answer": v.raw_answer[:4000],
            "at": v.at,
            "expires_at": v.expires_at,
            "due_at": v.expires_at,
        }
        for v in answers
    ]
    rows.sort(key=lambda row: (str(row["number"]), str(row["since"])))  # one order: no deadlock
    upsert(connection, verifications, rows)


def stop_refreshing(
    connection: Connection, step: ChainStep, numbers: Sequence[str], now: datetime
) -> None:
    """Stop refreshing this step's answers about these numbers: nobody needs them now."""
    v = verifications.c
    connection.execute(
        sa.update(verifications)
        .where(any_of(v.number, numbers), v.provider == step.name, v.package == step.package)
        .where(v.due_at <= now)
        .values(due_at=None)
    )
    clear_retries(connection, step, numbers)


def clear_retries(connection: Connection, step: ChainStep, numbers: Sequence[str]) -> None:
    u = lookup_retries.c
    connection.execute(
        sa.delete(lookup_retries).where(
            any_of(u.number, numbers), u.provider == step.name, u.package == step.package
        )
    )


def history(store: Store, number: str) -> list[Verification]:
    """Return the latest answer of each provider about a number, newest first."""
    query = (
        sa.select(*_COLUMNS)
        .where(verifications.c.number == number)
        .order_by(verifications.c.at.desc())
    )
    with store.read() as connection:
        return [_verification_of(row) for row in connection.execute(query)]


def _verification_of(row: Any) -> Verification:
    return Verification(**row._mapping)

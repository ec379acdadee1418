"""The `claims` table: questions that a worker is asking now, so that nobody else asks them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from worker.store.bulk import chunks
from worker.store.tables import lookup_claims
from worker.verification import budget
from worker.verification.models import Question
from worker.verification.protocol import ChainStep
from worker.verification.reservation import LookupRequest

Key = tuple[str, str]  # number, and the date that is asked about in ISO form ("" = none)
_ROWS = 90  # in one INSERT: SQLite allows 999 values in a statement


def key_of(question: Question) -> Key:
    return question.number, question.since.isoformat() if question.since else ""


def unique_numbers(questions: Iterable[Question]) -> list[str]:
    return list(dict.fromkeys(question.number for question in questions))


@dataclass
class ByClaim:
    """Questions sorted by who has claimed them.

    `free`: nobody, or a dead worker whose claims are `orphaned`. `busy`: a living worker. `files`:
    by job, those in a file whose worker died and that the provider still has.
    """

    free: list[Question] = field(default_factory=list)
    busy: list[Question] = field(default_factory=list)
    files: dict[str, list[Question]] = field(default_factory=dict)
    orphaned: list[Any] = field(default_factory=list)


def sort_by_claim(
    questions: Sequence[Question], claimed: Mapping[Key, Any], is_live: Callable[[Any], bool]
) -> ByClaim:
    """Sort questions by their claims (pure). `is_live`: whether a claim's worker still asks it."""
    sorted_ = ByClaim()
    for question in questions:
        claim = claimed.get(key_of(question))
        if claim is None:
            sorted_.free.append(question)
        elif is_live(claim):
            sorted_.busy.append(question)
        elif claim.job:
            sorted_.files.setdefault(claim.job, []).append(question)
        else:
            sorted_.orphaned.append(claim)
            sorted_.free.append(question)
    return sorted_


def load(
    connection: Connection, step: ChainStep, questions: Sequence[Question], owner: str | None = None
) -> dict[Key, Any]:
    """Return the claims on these questions (of one worker): rows by number and date."""
    query = sa.select(lookup_claims).where(*_of(step))
    if owner is not None:
        query = query.where(lookup_claims.c.owner == owner)
    by_key: dict[Key, Any] = {}
    for chunk in chunks(unique_numbers(questions)):
        for row in connection.execute(query.where(lookup_claims.c.number.in_(chunk))):
            by_key[row.number, row.since] = row
    return by_key


def insert(
    connection: Connection, step: ChainStep, questions: Sequence[Question],
    request: LookupRequest, price: int, now: datetime, expires_at: datetime,
) -> list[Question]:  # fmt: skip
    """Claim questions. Return those that nobody else claimed in the meantime."""
    rows = [
        {
            "number": question.number,
            "provider": step.name,
            "package": step.package,
            "since": key_of(question)[1],
            "owner": request.owner,
            "lease_expires_at": expires_at,
            "run_id": request.run_id,
            "day": budget.day_of(now),
            "price": price,
            "job": "",
        }
        for question in sorted(questions, key=key_of)  # in one order everywhere: no deadlock
    ]
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = (
        dialect.insert(lookup_claims)
        .on_conflict_do_nothing()
        .returning(lookup_claims.c.number, lookup_claims.c.since)
    )
    ours: set[Key] = set()
    for chunk in chunks(rows, _ROWS):
        result = connection.execute(statement.values(list(chunk)))
        ours.update((row.number, row.since) for row in result)
    return [question for question in questions if key_of(question) in ours]


def take_over(
    connection: Connection, step: ChainStep, job: str, questions: Sequence[Question],
    owner: str, expires_at: datetime,
) -> None:  # fmt: skip
    """Make the claims on a file, whose worker died, this worker's."""
    for chunk in chunks(unique_numbers(questions)):
        connection.execute(
            sa.update(lookup_claims)
            .where(*_of(step), lookup_claims.c.job == job, lookup_claims.c.number.in_(chunk))
            .values(owner=owner, lease_expires_at=expires_at)
        )


def set_job(
    connection: Connection, step: ChainStep, questions: Sequence[Question], job: str
) -> None:
    """Store the name under which the provider knows the file with these questions."""
    for chunk in chunks(unique_numbers(questions)):
        in_file = lookup_claims.c.number.in_(chunk)
        connection.execute(sa.update(lookup_claims).where(*_of(step), in_file).values(job=job))


def release_file(connection: Connection, step: ChainStep, job: str, now: datetime) -> None:
    """Leave an unfinished file to the next worker."""
    connection.execute(
        sa.update(lookup_claims)
        .where(*_of(step), lookup_claims.c.job == job)
        .values(owner="", lease_expires_at=now)
    )


def renew(connection: Connection, owner: str, expires_at: datetime) -> None:
    mine = lookup_claims.c.owner == owner
    connection.execute(sa.update(lookup_claims).where(mine).values(lease_expires_at=expires_at))


def delete(connection: Connection, step: ChainStep, keys: Iterable[Key]) -> None:
    by_since: dict[str, list[str]] = {}
    for number, since in keys:
        by_since.setdefault(since, []).append(number)
    c = lookup_claims.c
    for since, numbers in by_since.items():
        for chunk in chunks(numbers):
            connection.execute(
                sa.delete(lookup_claims).where(*_of(step), c.since == since, c.number.in_(chunk))
            )


def delete_row(connection: Connection, row: Any) -> None:
    """Delete one claim, whichever step it is of."""
    c = lookup_claims.c
    connection.execute(
        sa.delete(lookup_claims).where(
            c.number == row.number,
            c.provider == row.provider,
            c.package == row.package,
            c.since == row.since,
        )
    )


def without_a_file(connection: Connection) -> Sequence[Any]:
    """Return all claims on questions that were not handed in as a file."""
    return connection.execute(sa.select(lookup_claims).where(lookup_claims.c.job == "")).all()


def _of(step: ChainStep) -> tuple[sa.ColumnElement[bool], ...]:
    return lookup_claims.c.provider == step.name, lookup_claims.c.package == step.package

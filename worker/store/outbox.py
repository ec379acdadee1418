"""Keep what each CRM is still to be told about a number, and when the CRM confirmed it.

A delivery is one row for each report and CRM. It is enqueued when the report is applied, claimed by
a run over the records that hold the number, and completed when every such record of that CRM says
what it should. When the CRM is away, the delivery is postponed and stays with its run. It is
requeued when it has to reach the CRM once more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config.connections import FORMER, is_file
from worker.phones.plan_changes import equal_forms
from worker.store.array_param import any_of
from worker.store.bulk import chunks, upsert
from worker.store.tables import UtcDateTime, contact_numbers, deliveries, failures

BACKOFF_INITIAL, BACKOFF_MAX = timedelta(seconds=5), timedelta(minutes=2)
MISSED_WINDOW = timedelta(minutes=15)  # much longer than recording a page takes
NOT_CONNECTED = "it was not connected when this came"
# A record that its CRM does not take is tried again less and less often.
REFUSED_BACKOFF_MAX = timedelta(hours=6)


class DeliveryState(StrEnum):
    PENDING = "pending"
    DONE = "done"  # each record of the CRM that holds the number says what it should


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """Something about a number that every CRM in `connectors` has to know. `source_key`: what it
    came from, as the key of `suppressions`. `everywhere`: also those that are not connected just
    now and have a record with the number, by our index: it waits until they are back."""

    source_key: str
    number: str
    connectors: tuple[str, ...]
    since: datetime
    everywhere: bool = True


def enqueue(connection: Connection, items: Sequence[OutboxItem], now: datetime) -> None:
    """Keep what is to be delivered; a CRM without a record that holds the number has confirmed."""
    holding = _holding_connectors(connection, {entry.number for entry in items})
    rows = []
    for entry in items:
        holders = holding.get(entry.number, set())
        away = {name for name in holders.difference(entry.connectors) if not is_file(name)}
        for connector in (*entry.connectors, *sorted(away if entry.everywhere else ())):
            there = connector in holders
            rows.append(
                {
                    "cause": entry.source_key,
                    "connector": connector,
                    "number": entry.number,
                    "state": DeliveryState.PENDING if there else DeliveryState.DONE,
                    "since": entry.since,
                    "attempts": 0,
                    "retry_at": now,
                    "error": NOT_CONNECTED if connector in away else "",
                    "holders": 0,
                    "confirmed_at": None if there else now,
                }
            )
    upsert(connection, deliveries, rows, ignore=True, key=("cause", "connector"))


def requeue(
    connection: Connection, connector: str | None, numbers: Sequence[str], now: datetime
) -> None:
    """Deliver again what was reported of these numbers, to one CRM or (None) to all: somebody may
    have written over it, or it has come to mean something else."""
    c = deliveries.c
    # What was delivered to a former account of a connection has no CRM to go to.
    where = [c.connector == connector if connector else ~c.connector.contains(FORMER)]
    for chunk in chunks(_all_forms(numbers)):
        connection.execute(
            sa.update(deliveries)
            .where(*where, c.number.in_(chunk))
            .values(state=DeliveryState.PENDING, retry_at=now, run_id=None, confirmed_at=None)
        )


def requeue_missed(connection: Connection, connector: str, now: datetime) -> int:
    """Deliver after all what nobody seemed to hold when it came, and somebody does; how many.

    A page that was being recorded just then had looked for news before the report was there, and
    its contacts were not in the index yet when the report looked for them.
    """
    c, n = deliveries.c, contact_numbers.c
    held_now = sa.exists().where(n.connector == c.connector, n.number == c.number)
    missed = sa.and_(
        c.connector == connector,
        c.state == DeliveryState.DONE,
        c.retry_at >= now - MISSED_WINDOW,
        c.holders == 0,
    )
    # The database does not know which numbers a change of a numbering plan has made equal.
    numbers = connection.scalars(sa.select(c.number).where(missed, ~held_now).distinct())
    renumbered = [number for number in numbers if len(equal_forms(number)) > 1]
    held_otherwise = [
        number
        for number, connectors in _holding_connectors(connection, renumbered).items()
        if connector in connectors
    ]
    updated = connection.execute(
        sa.update(deliveries)
        .where(missed, sa.or_(held_now, any_of(c.number, held_otherwise)))
        .values(state=DeliveryState.PENDING, retry_at=now, run_id=None, confirmed_at=None)
    )
    return updated.rowcount


def claimable(connection: Connection, connector: str, now: datetime, limit: int) -> dict[Any, str]:
    """Return deliveries that no run has claimed and that are due, oldest first: id -> number."""
    c = deliveries.c
    query = (
        sa.select(c.id, c.number)
        .where(
            c.connector == connector,
            c.state == DeliveryState.PENDING,
            c.retry_at <= now,
            c.run_id.is_(None),
        )
        .order_by(c.id)
        .limit(limit)
    )
    return {row.id: row.number for row in connection.execute(query)}


def claimed(connection: Connection, connector: str) -> tuple[str, datetime] | None:
    """Return a run that has deliveries left, and when to try it again."""
    c = deliveries.c
    query = (
        sa.select(c.run_id, sa.func.min(c.retry_at, type_=UtcDateTime).label("at"))
        .where(c.connector == connector, c.state == DeliveryState.PENDING, c.run_id.is_not(None))
        .group_by(c.run_id)
        .order_by(c.run_id)
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else (row.run_id, row.at)


def claim(connection: Connection, ids: Sequence[Any], run_id: str) -> None:
    for chunk in chunks(ids):
        connection.execute(
            sa.update(deliveries)
            .where(deliveries.c.id.in_(chunk), deliveries.c.state == DeliveryState.PENDING)
            .values(run_id=run_id)
        )


def release(
    connection: Connection,
    connector: str,
    run_id: str,
    object_name: str,
    record_ids: Sequence[str],
    retry_at: datetime,
) -> None:
    """Take from a run the deliveries of the numbers that these records hold: the run leaves the
    records alone, so what it carries is not on all holders when it ends. A later run delivers and
    confirms them."""
    n, c = contact_numbers.c, deliveries.c
    held = sa.select(n.number).where(
        n.connector == connector, n.object == object_name, any_of(n.record_id, record_ids)
    )
    numbers = set(connection.scalars(held))
    connection.execute(
        sa.update(deliveries)
        .where(
            c.run_id == run_id,
            c.state == DeliveryState.PENDING,
            any_of(c.number, _all_forms(numbers)),
        )
        .values(run_id=None, retry_at=retry_at)
    )


def postpone(connection: Connection, run_id: str, error: str, now: datetime) -> None:
    """Postpone the deliveries of a CRM that could not be used. They wait longer each time, and stay
    with their run."""
    of_run = sa.and_(deliveries.c.run_id == run_id, deliveries.c.state == DeliveryState.PENDING)
    attempts = connection.scalar(sa.select(sa.func.max(deliveries.c.attempts)).where(of_run)) or 0
    connection.execute(
        sa.update(deliveries)
        .where(of_run)
        .values(
            attempts=attempts + 1,
            error=error[:500],
            retry_at=now + min(BACKOFF_INITIAL * 2 ** min(attempts, 10), BACKOFF_MAX),
        )
    )


def complete(connection: Connection, connector: str, run_id: str, now: datetime) -> int:
    """Complete the deliveries of a run: those that all holders took are confirmed; why one of them
    refused is kept.

    Returns how many were confirmed.
    """
    confirmed = 0
    c = deliveries.c
    rows = connection.execute(
        sa.select(c.id, c.number, c.attempts).where(
            c.run_id == run_id, c.state == DeliveryState.PENDING
        )
    ).all()
    counts, refusals = _holders_and_failures(connection, connector, {row.number for row in rows})
    for row in rows:
        values: dict[str, Any] = {"holders": counts.get(row.number, 0)}
        if (why := refusals.get(row.number)) is not None:
            wait = min(BACKOFF_INITIAL * 2 ** min(row.attempts, 20), REFUSED_BACKOFF_MAX)
            values.update(
                attempts=row.attempts + 1, error=why[:500], retry_at=now + wait, run_id=None
            )
        else:
            values.update(state=DeliveryState.DONE, confirmed_at=now, error="")
        # One that was opened anew meanwhile is no longer this run's.
        still_ours = sa.and_(c.id == row.id, c.run_id == run_id)
        settled = connection.execute(sa.update(deliveries).where(still_ours).values(**values))
        confirmed += settled.rowcount if why is None else 0
    return confirmed


def held_by_anybody(connection: Connection, numbers: Sequence[str]) -> list[str]:
    """Return those of these numbers that some record holds, in whatever form."""
    holding = _holding_connectors(connection, set(numbers))
    return [number for number in numbers if number in holding]


def _holding_connectors(connection: Connection, numbers: Iterable[str]) -> dict[str, set[str]]:
    """Return the connectors whose records hold each of these numbers, in whatever form."""
    n, asked = contact_numbers.c, _by_form(numbers)
    query = sa.select(n.connector, n.number).distinct()
    holding: dict[str, set[str]] = {}
    for chunk in chunks(sorted(asked)):
        for row in connection.execute(query.where(n.number.in_(chunk))):
            for number in asked[row.number]:
                holding.setdefault(number, set()).add(row.connector)
    return holding


def _by_form(numbers: Iterable[str]) -> dict[str, list[str]]:
    """Map each form of these numbers to those of them that it is equal to."""
    by_form: dict[str, list[str]] = {}
    for number in numbers:
        for form in equal_forms(number):
            by_form.setdefault(form, []).append(number)
    return by_form


def _all_forms(numbers: Iterable[str]) -> list[str]:
    return sorted(_by_form(numbers))


def _holders_and_failures(
    connection: Connection, connector: str, numbers: Iterable[str]
) -> tuple[Mapping[str, int], Mapping[str, str]]:
    """Return number -> records that hold it, and number -> why one of them could not be written."""
    n = contact_numbers.c
    same = sa.and_(
        failures.c.connector == n.connector,
        failures.c.object == n.object,
        failures.c.record_id == n.record_id,
    )
    query = (
        sa.select(
            n.number,
            sa.func.count(sa.distinct(n.record_id)).label("holders"),
            sa.func.max(failures.c.message).label("why"),
        )
        .select_from(contact_numbers)
        .outerjoin(failures, same)
        .where(n.connector == connector)
        .group_by(n.number)
    )
    asked = _by_form(numbers)
    counts: Counter[str] = Counter()
    refusals: dict[str, str] = {}
    for chunk in chunks(sorted(asked)):
        for row in connection.execute(query.where(n.number.in_(chunk))):
            for number in asked[row.number]:
                counts[number] += row.holders
                if row.why is not None:
                    refusals[number] = row.why
    return counts, refusals

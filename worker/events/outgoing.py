"""The deliveries of events to endpoints: enqueued, due in order, delivered, parked, retried.

For one subject (a number, or a contact without one) and endpoint, an event is only due when all
earlier ones are delivered, parked ones too. So a lift never overtakes a suppression that the
endpoint does not have yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.events.model import FOR_ONE, SUBSCRIBABLE, DeliveryState, EndpointState, EventType
from worker.store.array_param import any_of
from worker.store.tables import endpoints, event_deliveries, events

# The schedule that the Standard Webhooks specification recommends, about three days long:
# https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
RETRY_AFTER: tuple[timedelta, ...] = (
    timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2),
    timedelta(hours=5), timedelta(hours=10), timedelta(hours=14), timedelta(hours=20),
    timedelta(hours=24),
)  # fmt: skip
PARK_AFTER = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class DueDelivery:
    """A delivery that may be attempted now. `attempts`: those that failed."""

    id: int
    event_id: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of an attempt. `status`: of the answer; None if there was none. `error`: why it
    was not delivered; "" if it was. `note`: what a person should know of one that was delivered.
    `final`: trying again as it is cannot help, so it is parked at once."""

    status: int | None
    error: str = ""
    retry_after: timedelta | None = None  # what the endpoint asked for
    note: str = ""
    final: bool = False

    @property
    def delivered(self) -> bool:
        return not self.error


def enqueue(connection: Connection, after: int, now: datetime) -> None:
    """Enqueue the events after a place in the log for each endpoint that subscribes to them.

    A parked event of the same subject is tried again, as it comes before the new one.
    """
    e, d = endpoints.c, event_deliveries.c
    query = sa.select(e.id, e.types).where(e.state != EndpointState.OFF)
    for endpoint in connection.execute(query).all():
        wanted = sa.and_(events.c.id > after, _subscribed(endpoint.types))
        _insert(connection, endpoint.id, wanted, now)
        subjects = sa.select(_subject()).where(wanted)
        connection.execute(
            sa.update(event_deliveries)
            .where(
                d.endpoint_id == endpoint.id, d.state == DeliveryState.PARKED,
                d.subject.in_(subjects),
            )
            .values(state=DeliveryState.PENDING, since=now, retry_at=now)
        )  # fmt: skip


def subscribed_types(connection: Connection) -> set[str]:
    """Return the types of events that some endpoint subscribes to."""
    e = endpoints.c
    query = sa.select(e.types).where(e.state != EndpointState.OFF)
    return {kind for types in connection.scalars(query) for kind in types or SUBSCRIBABLE}


def _subject() -> sa.ColumnElement[str]:
    return sa.case((events.c.number != "", events.c.number), else_=events.c.contact)


def _subscribed(types: Sequence[str]) -> sa.ColumnElement[bool]:
    kinds = [kind for kind in types if kind not in FOR_ONE]
    if kinds:
        return events.c.type.in_(kinds)
    return events.c.type.not_in(FOR_ONE)


def _insert(
    connection: Connection, endpoint_id: int, which: sa.ColumnElement[bool], now: datetime
) -> int:
    """Enqueue events of the log that are not enqueued yet; how many."""
    d = event_deliveries.c
    enqueued = sa.exists().where(d.endpoint_id == endpoint_id, d.event_id == events.c.id)
    time = event_deliveries.c.since.type
    rows = sa.select(
        sa.literal(endpoint_id), events.c.id, _subject(), sa.literal(DeliveryState.PENDING.value),
        sa.literal(now, time), sa.literal(0), sa.literal(now, time), sa.literal(""),
        sa.literal(""),
    ).where(which, ~enqueued)  # fmt: skip
    columns = [
        "endpoint_id", "event_id", "subject", "state", "since", "attempts", "retry_at", "error",
        "note",
    ]  # fmt: skip
    return connection.execute(sa.insert(event_deliveries).from_select(columns, rows)).rowcount


def enqueue_one(connection: Connection, endpoint_id: int, event_id: int, now: datetime) -> None:
    """Enqueue one event for one endpoint, whatever it subscribes to."""
    _insert(connection, endpoint_id, events.c.id == event_id, now)


def enqueue_type(
    connection: Connection, endpoint_id: int, kind: EventType, after: int, now: datetime
) -> None:
    """Enqueue the events of a type after a place in the log for one endpoint, whatever it
    subscribes to."""
    _insert(connection, endpoint_id, sa.and_(events.c.id > after, events.c.type == kind), now)


def replay(
    connection: Connection, endpoint_id: int, types: Sequence[str], since: datetime, now: datetime
) -> int:
    """Deliver all events since a time again, and those that it has missed; how many."""
    d = event_deliveries.c
    of_time = sa.and_(events.c.at >= since, _subscribed(types))
    _insert(connection, endpoint_id, of_time, now)
    again = sa.and_(
        d.endpoint_id == endpoint_id, d.event_id.in_(sa.select(events.c.id).where(of_time))
    )
    return connection.execute(
        sa.update(event_deliveries).where(again).values(**_afresh(now))
    ).rowcount


def retry(connection: Connection, delivery_id: int, now: datetime) -> bool:
    """Try one delivery again now, whatever became of it; False if there is none. Those before it
    that were parked come first."""
    d = event_deliveries.c
    row = connection.execute(
        sa.select(d.endpoint_id, d.subject, d.event_id).where(d.id == delivery_id)
    ).one_or_none()
    if row is None:
        return False
    before = sa.and_(
        d.endpoint_id == row.endpoint_id, d.subject == row.subject, d.event_id < row.event_id,
        d.state != DeliveryState.DELIVERED,
    )  # fmt: skip
    connection.execute(
        sa.update(event_deliveries).where(sa.or_(before, d.id == delivery_id))
        .values(**_afresh(now))
    )  # fmt: skip
    return True


def _afresh(now: datetime) -> dict[str, Any]:
    return {"state": DeliveryState.PENDING, "since": now, "retry_at": now, "attempts": 0}


def is_due(endpoint_id: Any, now: datetime) -> sa.ColumnElement[bool]:
    """The condition that a row of `event_deliveries` may be attempted now: its time has come, and
    all earlier events of its subject are delivered. `endpoint_id`: a value, or a column."""
    d, earlier = event_deliveries.c, event_deliveries.alias("earlier")
    # As texts where partial indexes have them: else a database may not see that they serve.
    blocked = sa.exists().where(
        earlier.c.endpoint_id == d.endpoint_id, earlier.c.subject == d.subject,
        earlier.c.event_id < d.event_id, sa.text("earlier.state <> 'delivered'"),
    )  # fmt: skip
    return sa.and_(
        d.endpoint_id == endpoint_id, sa.text("event_deliveries.state <> 'delivered'"),
        d.state == DeliveryState.PENDING, d.retry_at <= now, ~blocked,
    )  # fmt: skip


def due(connection: Connection, endpoint_id: int, now: datetime, limit: int) -> list[DueDelivery]:
    """Return what may be attempted now, at most one event of a subject, in the order of events."""
    d = event_deliveries.c
    query = sa.select(d.id, d.event_id, d.attempts).where(is_due(endpoint_id, now))
    rows = connection.execute(query.order_by(d.event_id).limit(limit))
    return [DueDelivery(*row) for row in rows]


def endpoints_with_due(connection: Connection, now: datetime) -> list[int]:
    """Return the endpoints with something to attempt that may be tried now."""
    e = endpoints.c
    something = sa.exists().where(is_due(e.id, now)).correlate(endpoints)
    query = sa.select(e.id).where(
        e.state == EndpointState.ACTIVE, sa.or_(e.retry_at.is_(None), e.retry_at <= now), something
    )
    return list(connection.scalars(query.order_by(e.id)))


def record(
    connection: Connection, outcomes: Sequence[tuple[DueDelivery, Attempt]], now: datetime
) -> None:
    """Record what came of attempts: delivered, or when to try again."""
    d = event_deliveries.c
    for delivery, attempt in outcomes:
        wait = attempt.retry_after or RETRY_AFTER[min(delivery.attempts, len(RETRY_AFTER) - 1)]
        values: dict[str, Any] = {
            "attempts": delivery.attempts + (not attempt.delivered),
            "status": attempt.status,
            "error": attempt.error[:255],
            "note": attempt.note[:255],
            "at": now,
        }
        if attempt.delivered:
            values["state"] = DeliveryState.DELIVERED
        elif attempt.final:
            values["state"] = DeliveryState.PARKED
        else:
            values["retry_at"] = now + wait
        connection.execute(sa.update(event_deliveries).where(d.id == delivery.id).values(**values))


def park_old(connection: Connection, endpoint_id: int, now: datetime) -> int:
    """Give up what could not be delivered for three days; how many."""
    d = event_deliveries.c
    old = sa.and_(
        d.endpoint_id == endpoint_id, d.state == DeliveryState.PENDING, d.since < now - PARK_AFTER
    )
    return connection.execute(
        sa.update(event_deliveries).where(old).values(state=DeliveryState.PARKED)
    ).rowcount


def wake(connection: Connection, endpoint_id: int, now: datetime) -> None:
    """Make all that waits due now: the endpoint answers again."""
    d = event_deliveries.c
    waits = sa.and_(
        d.endpoint_id == endpoint_id, d.state == DeliveryState.PENDING, d.retry_at > now
    )
    connection.execute(sa.update(event_deliveries).where(waits).values(retry_at=now))


def restart(connection: Connection, endpoint_id: int, now: datetime) -> None:
    """Try all that is not delivered again, parked ones too, for another three days: the endpoint
    was away on purpose, or was mended."""
    d = event_deliveries.c
    is_open = sa.and_(d.endpoint_id == endpoint_id, d.state != DeliveryState.DELIVERED)
    connection.execute(sa.update(event_deliveries).where(is_open).values(**_afresh(now)))


def still_open(connection: Connection, event_ids: Sequence[int]) -> set[int]:
    """Return which of these events some endpoint has not confirmed yet."""
    d = event_deliveries.c
    query = sa.select(d.event_id).where(
        any_of(d.event_id, list(event_ids)), d.state != DeliveryState.DELIVERED
    )
    return set(connection.scalars(query))

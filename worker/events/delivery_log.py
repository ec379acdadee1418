"""The log of deliveries to endpoints, for people: what was sent when, and what was answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.context import Context
from worker.events import endpoints as directory
from worker.events import log, outgoing
from worker.events.model import DeliveryState, Event, EventType
from worker.store import pause
from worker.store.array_param import any_of
from worker.store.pseudonyms import ERASED_PREFIX
from worker.store.tables import endpoints, event_deliveries, events

# Of the range that is kept for fiction: 555-0100 to 555-0199 (NANPA, 555 line number guidelines).
_TEST_NUMBER = "+12025550100"


class NoSuchDeliveryError(directory.NoSuchEndpointError):
    def __init__(self, delivery_id: int) -> None:
        Exception.__init__(
            self,
            f"there is no delivery {delivery_id}; list them: hygiene endpoints deliveries NAME",
        )


@dataclass(frozen=True, slots=True)
class LoggedDelivery:
    """`number`: E.164; None if it was erased or the event has none. `contact`:
    "connector/object/id" if the event is about one. `note`: what a person should know of one that
    was delivered."""

    id: int
    endpoint: str
    event: str
    type: str
    number: str | None
    contact: str | None
    sequence: int
    happened_at: datetime
    state: DeliveryState
    attempts: int
    at: datetime | None
    retry_at: datetime | None
    status: int | None
    error: str
    note: str

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "endpoint": self.endpoint,
            "event": self.event,
            "type": self.type,
            "number": self.number,
            "contact": self.contact,
            "sequence": self.sequence,
            "happened_at": self.happened_at.isoformat(),
            "state": self.state,
            "failed_attempts": self.attempts,
            "at": self.at.isoformat() if self.at else None,
            "retry_at": self.retry_at.isoformat() if self.retry_at else None,
            "status": self.status,
            "error": self.error or None,
            "note": self.note or None,
        }


def list_deliveries(
    ctx: Context, name: str, state: str | None = None, before: int = 0, limit: int = 100
) -> list[LoggedDelivery]:
    """Return deliveries to an endpoint, the newest event first; `before`: of an id, to read on.

    Raises `NoSuchEndpointError`.
    """
    endpoint = directory.find(ctx, name)
    d = event_deliveries.c
    where: list[sa.ColumnElement[bool] | sa.TextClause] = [d.endpoint_id == endpoint.id]
    where += [d.state == state] if state else []
    if state and state != DeliveryState.DELIVERED:  # few: their index is a partial one
        where.append(sa.text("event_deliveries.state <> 'delivered'"))
    if before:
        read_so_far = sa.select(d.event_id).where(d.id == before).scalar_subquery()
        where.append(d.event_id < read_so_far)
    with ctx.store.read() as connection:
        return _load(connection, sa.and_(*where), limit)


def of_number(
    connection: Connection, names: Sequence[str], limit: int = 200
) -> list[LoggedDelivery]:
    """Return what endpoints were sent about a number, newest first. `names`: as
    `number_aliases`."""
    d = event_deliveries.c
    about = sa.select(events.c.id).where(any_of(events.c.number, list(names)))
    return _load(connection, d.event_id.in_(about), limit)


def _load(
    connection: Connection, where: sa.ColumnElement[bool], limit: int
) -> list[LoggedDelivery]:
    d, v, e = event_deliveries.c, events.c, endpoints.c
    query = (
        sa.select(event_deliveries, e.name, v.uid, v.type, v.number, v.contact,
                  v.sequence, v.at.label("happened_at"))
        .join(events, v.id == d.event_id)
        .join(endpoints, e.id == d.endpoint_id)
        .where(where)
        .order_by(d.event_id.desc(), d.id.desc())
        .limit(limit)
    )  # fmt: skip
    return [
        LoggedDelivery(
            row.id, row.name, row.uid, row.type,
            None if row.number.startswith(ERASED_PREFIX) else row.number or None,
            row.contact or None, row.sequence, row.happened_at, DeliveryState(row.state),
            row.attempts, row.at,
            row.retry_at if row.state == DeliveryState.PENDING else None, row.status, row.error,
            row.note,
        )
        for row in connection.execute(query)
    ]  # fmt: skip


def retry(ctx: Context, delivery_id: int) -> None:
    """Send one delivery again now. Raises `NoSuchDeliveryError`."""
    with ctx.store.write() as connection:
        if not outgoing.retry(connection, delivery_id, ctx.now()):
            raise NoSuchDeliveryError(delivery_id)
        e, d = endpoints.c, event_deliveries.c
        its_endpoint = sa.select(d.endpoint_id).where(d.id == delivery_id).scalar_subquery()
        connection.execute(sa.update(endpoints).where(e.id == its_endpoint).values(retry_at=None))


def replay(ctx: Context, name: str, since: datetime) -> int:
    """Send all events since a time again, in their order; return how many."""
    endpoint = directory.find(ctx, name)
    with ctx.store.write() as connection:
        return outgoing.replay(connection, endpoint.id, endpoint.types, since, ctx.now())


def enqueue_test(ctx: Context, name: str) -> int:
    """Enqueue a test event for one endpoint; return the id of its delivery. Earlier tests that it
    has not taken are tried again now, as they come first.

    Raises `PausedError` while everything is paused: it would not be sent.
    """
    pause.check(ctx.store)
    endpoint = directory.find(ctx, name)
    if endpoint.state != "active":
        raise directory.EndpointError(f"{name} is {endpoint.state}; resume it first")
    keys = ctx.keys
    note = {"note": "A test: nothing has happened, and nothing needs to be done."}
    with ctx.store.write() as connection:
        log.append(connection, [Event(EventType.TEST, _TEST_NUMBER, detail=note)], keys, ctx.now())
        event_id = log.last_id(connection)
        outgoing.enqueue_one(connection, endpoint.id, event_id, ctx.now())
        connection.execute(
            sa.update(endpoints).where(endpoints.c.id == endpoint.id).values(retry_at=None)
        )
        d = event_deliveries.c
        query = sa.select(d.id).where(d.endpoint_id == endpoint.id, d.event_id == event_id)
        delivery_id = int(connection.execute(query).scalar_one())
        outgoing.retry(connection, delivery_id, ctx.now())
        return delivery_id


def load_delivery(ctx: Context, delivery_id: int) -> LoggedDelivery:
    with ctx.store.read() as connection:
        found = _load(connection, event_deliveries.c.id == delivery_id, 1)
    if not found:
        raise NoSuchDeliveryError(delivery_id)
    return found[0]

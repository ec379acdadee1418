"""Send all current suppressions to a system that is connected later.

Each becomes an event for that one endpoint (`number.standing`), in the order of the list, a batch
at a time: the next one follows when most of the last is delivered, so a backfill is as fast as the
vendor, and what changes meanwhile does not wait behind the whole list. The place in the list is
kept with what was enqueued, in one transaction, so a backfill that is interrupted goes on where it
was.

Live changes are never overtaken: an event of a number is only sent once all earlier ones are, and
it brings the number to the state in which it is then. So a suppression that was lifted while its
event waited closes nothing.

Registries are not carried over: they are others' lists, and too long for these.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config.event_names import WEBHOOK
from config.section import SettingsError
from worker.context import Context
from worker.events import endpoints as directory
from worker.events import log, outgoing
from worker.events.endpoints import Endpoint, EndpointError
from worker.events.model import DeliveryState, EndpointState, Event, EventType
from worker.events.systems import registry
from worker.store.pseudonyms import Keys
from worker.store.tables import endpoint_backfills, endpoints, event_deliveries, suppressions

BATCH = 500  # suppressions that are enqueued at once
_MOST_COUNTED = 100_000
_AHEAD = 250  # events that may still wait when the next batch is enqueued


@dataclass(frozen=True, slots=True)
class Backfill:
    """`total`: suppressions that stood when it began; `queued`: those that were enqueued so far,
    one that has been lifted meanwhile left out."""

    total: int
    queued: int
    started_at: datetime
    started_by: str
    finished_at: datetime | None

    @property
    def state(self) -> str:
        return "done" if self.finished_at else "running"

    def as_json(self) -> dict[str, Any]:
        return {
            "state": self.state, "suppressions": self.total, "queued": self.queued,
            "started_at": self.started_at.isoformat(), "started_by": self.started_by,
            "finished_at": self.finished_at.isoformat() if self.finished_at else None,
        }  # fmt: skip


def count(ctx: Context, name: str) -> int:
    """Return how many suppressions a backfill would carry over now. Raises `EndpointError`."""
    channels = _channels(_system(ctx, name).kind)
    with ctx.store.read() as connection:
        return _count(connection, channels, _last_id(connection))


def start(ctx: Context, name: str, by: str) -> Backfill:
    """Begin a backfill, or go on with one that is under way. Raises `EndpointError`."""
    endpoint = _system(ctx, name)
    if endpoint.state == EndpointState.OFF:
        raise EndpointError(f"{name} is off; resume it first: hygiene endpoints resume {name}")
    channels, b = _channels(endpoint.kind), endpoint_backfills.c
    with ctx.store.write() as connection:
        # Two that begin at the same time wait here for each other.
        its_row = sa.select(endpoints.c.id).where(endpoints.c.id == endpoint.id)
        connection.execute(its_row.with_for_update())
        before = _load(connection, endpoint.id)
        if before is None or before.finished_at is not None:
            last = _last_id(connection)
            connection.execute(sa.delete(endpoint_backfills).where(b.endpoint_id == endpoint.id))
            connection.execute(
                sa.insert(endpoint_backfills).values(
                    endpoint_id=endpoint.id, after_id=0, upto_id=last,
                    total=_count(connection, channels, last), queued=0, started_at=ctx.now(),
                    started_by=by[:120], finished_at=None,
                )
            )  # fmt: skip
    feed_endpoint(ctx, endpoint.id)
    return find(ctx, name)


def find(ctx: Context, name: str) -> Backfill:
    """Return the last backfill of an endpoint. Raises `EndpointError` if there was none."""
    endpoint = _system(ctx, name)
    with ctx.store.read() as connection:
        found = _load(connection, endpoint.id)
    if found is None:
        raise EndpointError(f"{name} was never backfilled: hygiene endpoints backfill {name}")
    return found


def of_endpoint(ctx: Context, endpoint: Endpoint) -> Backfill | None:
    with ctx.store.read() as connection:
        return _load(connection, endpoint.id)


def feed(ctx: Context) -> None:
    """Enqueue what comes next of every backfill that is under way."""
    b, e = endpoint_backfills.c, endpoints.c
    query = (
        sa.select(b.endpoint_id)
        .join(endpoints, e.id == b.endpoint_id)
        .where(b.finished_at.is_(None), e.state == EndpointState.ACTIVE)
    )
    with ctx.store.read() as connection:
        running = list(connection.scalars(query))
    for endpoint_id in running:
        feed_endpoint(ctx, endpoint_id)


def feed_endpoint(ctx: Context, endpoint_id: int) -> bool:
    """Enqueue the next batch of an endpoint's backfill; False if there is none, or if enough of the
    last one still waits."""
    b = endpoint_backfills.c
    its_row = sa.select(endpoint_backfills).where(
        b.endpoint_id == endpoint_id, b.finished_at.is_(None)
    )
    with ctx.store.read() as connection:
        if connection.execute(its_row).one_or_none() is None:
            return False
    keys, now = ctx.keys, ctx.now()
    with ctx.store.write() as connection:
        row = connection.execute(its_row.with_for_update()).one_or_none()
        state = connection.scalar(sa.select(endpoints.c.state).where(endpoints.c.id == endpoint_id))
        if row is None or state != EndpointState.ACTIVE:
            return False
        if _waiting(connection, endpoint_id) > _AHEAD:
            return False
        kind = connection.scalar(sa.select(endpoints.c.kind).where(endpoints.c.id == endpoint_id))
        channels = _channels(str(kind))
        c = suppressions.c
        query = sa.select(suppressions).where(
            c.id > row.after_id, c.id <= row.upto_id, c.lifted_at.is_(None)
        )
        batch = connection.execute(query.order_by(c.id).limit(BATCH)).all()
        news = list(_events(batch, channels))
        _enqueue(connection, endpoint_id, news, keys, now)
        over = len(batch) < BATCH
        connection.execute(
            sa.update(endpoint_backfills).where(b.endpoint_id == endpoint_id).values(
                after_id=row.upto_id if over else batch[-1].id, queued=row.queued + len(news),
                finished_at=now if over else None,
            )
        )  # fmt: skip
        return bool(news) or not over


def never_backfilled(ctx: Context) -> list[tuple[Endpoint, int]]:
    """Return the systems that were never given what stood before they were added, each with the
    number of such suppressions, up to a limit."""
    systems = [
        endpoint
        for endpoint in directory.all_endpoints(ctx)
        if endpoint.kind != WEBHOOK and endpoint.state != EndpointState.OFF
    ]
    if not systems:
        return []
    b, c = endpoint_backfills.c, suppressions.c
    found: list[tuple[Endpoint, int]] = []
    with ctx.store.read() as connection:
        done = set(connection.scalars(sa.select(b.endpoint_id)))
        for endpoint in systems:
            if endpoint.id in done:
                continue
            try:
                channels = _channels(endpoint.kind)
            except EndpointError:
                continue  # the doctor says elsewhere that it cannot be loaded
            before = c.since < endpoint.created_at
            number = _count(connection, channels, _last_id(connection), before, most=_MOST_COUNTED)
            found += [(endpoint, number)] if number else []
    return found


def _system(ctx: Context, name: str) -> Endpoint:
    endpoint = directory.find(ctx, name)
    if endpoint.kind == WEBHOOK:
        raise EndpointError(
            f"{name} is a webhook: give it the list once (hygiene suppressions export), and it "
            "learns of changes by its events"
        )
    return endpoint


def _channels(kind: str) -> frozenset[str]:
    try:
        return registry.load(kind).channels
    except SettingsError as error:
        raise EndpointError("\n".join(error.problems)) from error


def _load(connection: Connection, endpoint_id: int) -> Backfill | None:
    query = sa.select(endpoint_backfills).where(endpoint_backfills.c.endpoint_id == endpoint_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return Backfill(row.total, row.queued, row.started_at, row.started_by, row.finished_at)


def _last_id(connection: Connection) -> int:
    return connection.scalar(sa.select(sa.func.max(suppressions.c.id))) or 0


def _count(
    connection: Connection, channels: frozenset[str], upto: int, *where: sa.ColumnElement[bool],
    most: int | None = None,
) -> int:  # fmt: skip
    """Count what stands against numbers that are known, by channels that a system has. `most`: a
    limit, for what is asked often."""
    c = suppressions.c
    closes = sa.or_(*(c.channels.contains(channel) for channel in sorted(channels)))
    stands = sa.select(sa.literal(1)).where(
        c.id <= upto, c.lifted_at.is_(None), c.number.startswith("+"), closes, *where
    )
    counted = stands.limit(most).subquery()
    return connection.scalar(sa.select(sa.func.count()).select_from(counted)) or 0


def _waiting(connection: Connection, endpoint_id: int) -> int:
    """Return how many events wait for an endpoint, up to a few more than may."""
    d = event_deliveries.c
    # As a text where the partial index has it: else a database may not see that it serves.
    waits = sa.select(sa.literal(1)).where(
        d.endpoint_id == endpoint_id, sa.text("event_deliveries.state <> 'delivered'"),
        d.state == DeliveryState.PENDING,
    )  # fmt: skip
    counted = waits.limit(_AHEAD + 1).subquery()
    return connection.scalar(sa.select(sa.func.count()).select_from(counted)) or 0


def _events(rows: Sequence[Any], channels: frozenset[str]) -> Iterator[Event]:
    for row in rows:
        closed = set(row.channels.split()) & channels
        if closed and row.number.startswith("+"):
            detail = {
                "suppression": row.id, "source": row.source, "since": row.since.isoformat(),
            }  # fmt: skip
            yield Event(
                EventType.STANDING, row.number, row.contact, tuple(sorted(closed)), row.reason,
                row.key, detail,
            )  # fmt: skip


def _enqueue(
    connection: Connection, endpoint_id: int, news: Sequence[Event], keys: Keys, now: datetime
) -> None:
    """Append events, and enqueue them for one endpoint."""
    if not news:
        return
    before = log.append(connection, news, keys, now)
    outgoing.enqueue_type(connection, endpoint_id, EventType.STANDING, before, now)

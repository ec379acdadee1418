"""Send messages to channels: each one once to each of them, and again where it failed.

1. Whoever sends claims the message for the channel first, in a row of its own. The row stands
   before anything is sent; two workers never send the same message at the same time.
2. A worker that dies while it sends leaves a claim that expires: the message is sent again.
3. Each channel has a thread of its own, and its own waits: one that hangs or refuses holds up no
   other. After a failure the rest of its messages waits with the one that failed, unless the
   service took exception to that one alone.

The rows are in the table `installation`: `sent:DAY:HASH:CHANNEL` of an alert that began on that
day, `digest:WEEK:CHANNEL`, and `channel:NAME` with the time until which a channel is left alone.
"""

from __future__ import annotations

import contextvars
import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Thread

import msgspec
import sqlalchemy as sa

from config import stopping
from worker.alerts.channels import ChannelError, send
from worker.alerts.message import Message
from worker.context import Context
from worker.store.bulk import upsert
from worker.store.engine import Store
from worker.store.tables import app_state

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 10
_LONGEST_WAIT = timedelta(hours=1)
_CLAIM = timedelta(minutes=5)  # a worker that died while it sent is not waited for any longer
_ROUND = 120.0  # seconds after which a channel's thread begins no further message


class Delivery(msgspec.Struct, frozen=True):
    """How far a message has come on its way to a channel. `retry_at` None: nothing is left to do,
    because it is `sent` or because it failed too often."""

    attempts: int = 0
    retry_at: datetime | None = None
    sent: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """A message for a channel. `name`: of its row."""

    name: str
    channel: str
    message: Message


def send_all(ctx: Context, jobs: Iterable[Job]) -> None:
    """Send what is due, each channel beside the others, and record what came of it."""
    by_channel: dict[str, list[Job]] = {}
    for job in jobs:
        by_channel.setdefault(job.channel, []).append(job)
    unexpected: list[Exception] = []
    threads = [
        Thread(
            target=contextvars.copy_context().run,
            args=(_send_channel, ctx, channel, channel_jobs, unexpected),
        )
        for channel, channel_jobs in by_channel.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if unexpected:
        raise unexpected[0]


def states(store: Store, names: Sequence[str]) -> dict[str, Delivery]:
    """Return the deliveries that somebody has begun, by the name of their row."""
    c = app_state.c
    with store.read() as connection:
        rows = connection.execute(sa.select(c.name, c.value).where(c.name.in_(names))).all()
    return {row.name: msgspec.json.decode(row.value, type=Delivery) for row in rows}


def purge(store: Store, prefix: str, before: str) -> None:
    """Delete rows `PREFIX:TEXT...` whose text comes before another one, as dates and weeks do."""
    c = app_state.c
    with store.write() as connection:
        connection.execute(
            sa.delete(app_state).where(c.name >= f"{prefix}:", c.name < f"{prefix}:{before}")
        )


def _send_channel(
    ctx: Context, channel: str, jobs: Sequence[Job], unexpected: list[Exception]
) -> None:
    """Send a channel's messages. What nobody expected is handed to the caller: in a thread it would
    be lost."""
    try:
        _send_in_turn(ctx, channel, jobs)
    except Exception as error:
        unexpected.append(error)


def _send_in_turn(ctx: Context, channel: str, jobs: Sequence[Job]) -> None:
    until = time.monotonic() + _ROUND
    for job in jobs:
        now = ctx.now()
        if time.monotonic() > until or stopping.requested():
            return
        if _left_alone_until(ctx.store, channel, now) is not None:
            return
        claimed = _claim(ctx.store, job.name, now)
        if claimed is None:
            continue  # it is done, not due, or another worker is at it
        try:
            send(ctx.settings, channel, job.message)
        except ChannelError as error:
            log.warning("a message could not be sent: %s", error)
            retry_at = _record_failure(ctx.store, job.name, claimed, error, now)
            if not error.refused:
                _leave_alone(ctx.store, channel, retry_at)
                return
        else:
            _record(ctx.store, job.name, Delivery(claimed.attempts, None, sent=True))


def _claim(store: Store, name: str, now: datetime) -> Delivery | None:
    """Take a message for long enough to send it; None if nothing is to be done by us."""
    c = app_state.c
    first = msgspec.json.encode(Delivery(retry_at=now)).decode()
    with store.write() as connection:
        upsert(connection, app_state, [{"name": name, "value": first}], ignore=True)
        stored = connection.scalar(sa.select(c.value).where(c.name == name))
        before = msgspec.json.decode(stored or first, type=Delivery)
        if before.retry_at is None or before.retry_at > now:
            return None
        if before.attempts < MOST_ATTEMPTS:
            claimed = Delivery(before.attempts + 1, now + _CLAIM, error=before.error)
        else:  # each worker that sent it has died
            claimed = Delivery(before.attempts, None, error=before.error or "it was not sent")
        taken = connection.execute(
            sa.update(app_state)
            .where(c.name == name, c.value == stored)
            .values(value=msgspec.json.encode(claimed).decode())
        )
    return claimed if taken.rowcount == 1 and claimed.retry_at else None


def _record_failure(
    store: Store, name: str, claimed: Delivery, error: ChannelError, now: datetime
) -> datetime:
    """Record why it was not sent; returns when its channel is tried again."""
    wait = min(_LONGEST_WAIT, timedelta(minutes=2 ** min(claimed.attempts, 10)))
    if error.wait is not None:
        wait = max(wait, error.wait)
    again = now + wait if claimed.attempts < MOST_ATTEMPTS else None
    _record(store, name, Delivery(claimed.attempts, again, error=str(error)[:255]))
    return now + wait


def _record(store: Store, name: str, delivery: Delivery) -> None:
    row = {"name": name, "value": msgspec.json.encode(delivery).decode()}
    with store.write() as connection:
        upsert(connection, app_state, [row])


def _left_alone_until(store: Store, channel: str, now: datetime) -> datetime | None:
    with store.read() as connection:
        stored = connection.scalar(
            sa.select(app_state.c.value).where(app_state.c.name == f"channel:{channel}")
        )
    until = datetime.fromisoformat(stored) if stored else now
    return until if until > now else None


def _leave_alone(store: Store, channel: str, until: datetime) -> None:
    with store.write() as connection:
        upsert(connection, app_state, [{"name": f"channel:{channel}", "value": until.isoformat()}])

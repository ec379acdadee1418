"""Where each stream stands: replay ids, who follows it, and the pulls that it wants.

One process at a time follows a connector's streams. Its lease is a row of `stream_subscribers`, and
each step is committed only while that row is still ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config.connectors import SalesforceSettings
from config.redaction import redact_secrets
from config.settings import Settings
from worker.context import Context
from worker.feedback import merged_records
from worker.leases import is_alive
from worker.store import changed_records
from worker.store.bulk import upsert
from worker.store.tables import change_streams, stream_subscribers
from worker.sync.stream import plan

LEASE = timedelta(seconds=30)
KEEPALIVE = timedelta(seconds=270)  # a stream in good health has a word at least so often


class LostLeaseError(Exception):
    """Another process follows the streams now. Nothing of the step was committed."""


def followed(settings: Settings) -> Iterator[tuple[str, SalesforceSettings]]:
    """Yield the connectors whose change events are switched on."""
    for name in settings.active_connectors:
        section = settings.section(name)
        if isinstance(section, SalesforceSettings) and section.streaming.enabled:
            yield name, section


def expect(ctx: Context) -> None:
    """Note since when streams should be followed, so that one which never begins is noticed."""
    rows = [{"connector": name, "expected_at": ctx.now()} for name, _ in followed(ctx.settings)]
    if rows:
        with ctx.store.write() as connection:
            upsert(connection, stream_subscribers, rows, ignore=True)


# -- the lease -----------------------------------------------------------------------------


def claim(ctx: Context, connector: str) -> bool:
    """Become the one that follows a connector; False while another process may be alive."""
    s, now = stream_subscribers.c, ctx.now()
    with ctx.store.write() as connection:
        row = {"connector": connector, "expected_at": now}
        upsert(connection, stream_subscribers, [row], ignore=True)
        held = connection.execute(
            sa.select(s.owner, s.lease_expires_at)
            .where(s.connector == connector)
            .with_for_update()  # of two that come at once, the second sees the first one's lease
        ).one()
        leased = held.lease_expires_at is not None and held.lease_expires_at > now
        if leased and held.owner != ctx.owner and is_alive(held.owner):
            return False
        connection.execute(
            sa.update(stream_subscribers)
            .where(s.connector == connector)
            .values(owner=ctx.owner, lease_expires_at=ctx.lease(LEASE))
        )
    return True


def renew(ctx: Context, connector: str) -> bool:
    """Prolong our lease; False if it is another's now."""
    with ctx.store.write() as connection:
        return _still_ours(connection, ctx, connector)


def release(ctx: Context, connector: str) -> None:
    """Give our lease back, so that another process need not wait for its end."""
    s = stream_subscribers.c
    with ctx.store.write() as connection:
        connection.execute(
            sa.update(stream_subscribers)
            .where(s.connector == connector, s.owner == ctx.owner)
            .values(owner=None, lease_expires_at=None)
        )


def _still_ours(connection: Connection, ctx: Context, connector: str) -> bool:
    s = stream_subscribers.c
    done = connection.execute(
        sa.update(stream_subscribers)
        .where(s.connector == connector, s.owner == ctx.owner)
        .values(lease_expires_at=ctx.lease(LEASE))
    )
    return done.rowcount == 1


# -- positions -----------------------------------------------------------------------------


def replay_id(ctx: Context, connector: str, channel: str) -> bytes | None:
    """Return where a subscription goes on; None = at the tip of the stream."""
    c = change_streams.c
    query = sa.select(c.replay_id).where(c.connector == connector, c.channel == channel)
    with ctx.store.read() as connection:
        stored: bytes | None = connection.scalar(query)
    return stored


def commit(ctx: Context, connector: str, channel: str, step: plan.Step) -> None:
    """Store a step: its records, its pull and its replay id, all or nothing.

    Raises `LostLeaseError`.
    """
    c, now = change_streams.c, ctx.now()
    with ctx.store.write() as connection:
        if not _still_ours(connection, ctx, connector):
            raise LostLeaseError(connector)
        _store_changed(connection, connector, step.changed, now)
        if step.pull:
            _want_pull(connection, connector, step.pull, now)
        before = connection.execute(
            sa.select(c.counts, c.event_at, c.lag).where(
                c.connector == connector, c.channel == channel
            )
        ).one_or_none()
        row = {
            "connector": connector,
            "channel": channel,
            "replay_id": step.replay_id,
            "heard_at": now,
            "event_at": before.event_at if before else None,
            "lag": before.lag if before else None,
            "counts": plan.merged_counts((before.counts if before else None) or {}, step.counts),
            "problem": "",
        }
        if step.event_at is not None:
            row["event_at"] = step.event_at
            row["lag"] = max(0, round((now - step.event_at) / timedelta(milliseconds=1)))
        upsert(connection, change_streams, [row])


def _store_changed(
    connection: Connection, connector: str, changed: Sequence[tuple[str, str]], now: datetime
) -> None:
    by_object: dict[str, set[str]] = {}
    for object_name, record_id in changed:
        # A record that was merged away is read where it lives on. Its own id is stored too: that it
        # is gone is seen by reading it.
        living = merged_records.surviving_record(connection, connector, object_name, record_id)
        for name, living_id in {(object_name, record_id), living}:
            by_object.setdefault(name, set()).add(living_id)
    for name, ids in by_object.items():
        changed_records.record(connection, connector, name, sorted(ids), now)


def note_problem(ctx: Context, connector: str, channel: str, problem: str) -> None:
    """Store why a stream is down, for the doctor and alerts. It says nothing of when it was heard
    last."""
    c = change_streams.c
    text = redact_secrets(problem)[:500]
    with ctx.store.write() as connection:
        if not _still_ours(connection, ctx, connector):
            return
        row = {"connector": connector, "channel": channel, "counts": {}, "problem": text}
        upsert(connection, change_streams, [row], ignore=True)
        connection.execute(
            sa.update(change_streams)
            .where(c.connector == connector, c.channel == channel)
            .values(problem=text)
        )


# -- pulls ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WantedPull:
    """Changes that no event tells are to be pulled by a run that begins after `at`."""

    at: datetime
    reason: str


def wanted_pull(ctx: Context, connector: str) -> WantedPull | None:
    s = stream_subscribers.c
    query = sa.select(s.pull_at, s.pull_reason).where(s.connector == connector)
    with ctx.store.read() as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None or row.pull_at is None else WantedPull(row.pull_at, row.pull_reason)


def _want_pull(connection: Connection, connector: str, reason: str, now: datetime) -> None:
    connection.execute(
        sa.update(stream_subscribers)
        .where(stream_subscribers.c.connector == connector)
        .values(pull_at=now, pull_reason=reason[:200])
    )


def pull_begun(ctx: Context, connector: str, pull: WantedPull) -> None:
    """Forget a wanted pull, unless another one was wanted since."""
    s = stream_subscribers.c
    with ctx.store.write() as connection:
        connection.execute(
            sa.update(stream_subscribers)
            .where(s.connector == connector, s.pull_at == pull.at)
            .values(pull_at=None, pull_reason="")
        )


# -- health --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Health:
    """How one stream is. `silent_for`: since its last word, or since one was first expected; None
    before that. `lag`: from the last event's commit in the CRM until we had stored it."""

    connector: str
    channel: str
    silent_for: timedelta | None
    event_at: datetime | None
    lag: timedelta | None
    counts: dict[str, int]
    problem: str


def health(ctx: Context) -> list[Health]:
    """Return how each stream is that the settings switch on."""
    now = ctx.now()
    with ctx.store.read() as connection:
        rows = {(r.connector, r.channel): r for r in connection.execute(sa.select(change_streams))}
        expected = {
            row.connector: row.expected_at
            for row in connection.execute(sa.select(stream_subscribers))
        }
    found = []
    for name, section in followed(ctx.settings):
        for channel in plan.channels(section):
            row = rows.get((name, channel))
            since = (row.heard_at if row else None) or expected.get(name)
            lag = None if row is None or row.lag is None else timedelta(milliseconds=row.lag)
            found.append(
                Health(
                    name,
                    channel,
                    None if since is None else now - since,
                    row.event_at if row else None,
                    lag,
                    dict(row.counts or {}) if row else {},
                    row.problem if row else "",
                )
            )
    return found

"""Delete personal data once it is old enough. Reports and suppressions are kept for ever."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from config import temporary
from worker.capture import counts
from worker.context import Context
from worker.events import feed as event_feed
from worker.feedback import reply_model
from worker.registries import uploads
from worker.store.states import RunState
from worker.store.tables import (
    absent_records,
    alerts,
    ask_messages,
    capture_answers,
    lookups,
    owner_tasks,
    pages,
    rechecks,
    reviews,
    runs,
    scrubs,
    sessions,
    throttles,
    writes,
)

_AT_ONCE = 5000  # rows of a transaction
_CAPTURE_COUNTS = timedelta(days=400)


def purge_expired(ctx: Context) -> dict[str, int]:
    """Delete what the settings no longer want; how many rows, by table. Safe to repeat."""
    keep = ctx.settings.retention
    done = {
        "writes": _delete(ctx, writes, writes.c.at, keep.writes),
        "lookups": _delete(ctx, lookups, lookups.c.at, keep.lookups),
        "scrubs": _delete(ctx, scrubs, scrubs.c.at, keep.scrubs),
        # Those that were not sent are old when they might have been.
        "asked": _delete(
            ctx,
            ask_messages,
            sa.func.coalesce(ask_messages.c.claimed_at, ask_messages.c.not_before),
            keep.asked,
        ),
        "replies": _redact_replies(ctx, keep.replies),
        "rechecks": _rechecks(ctx, keep.runs),
    }
    done["events"] = _events(ctx)
    done["runs"] = _runs(ctx, keep.runs)
    done["access"] = _expired_access_rows(ctx)
    done["captures"] = _captures(ctx)
    done["uploads"] = uploads.sweep(ctx)
    done["temporary"] = temporary.sweep()
    return done


def _events(ctx: Context) -> int:
    """Delete old events, with their deliveries. Where the feed begins since then is kept: an older
    cursor would miss something, and is told so."""
    age = ctx.settings.events.keep
    if not age:
        return 0
    total = 0
    while True:
        with ctx.store.write() as connection:
            count = event_feed.purge(connection, ctx.now() - age, _AT_ONCE)
        total += count
        if count < _AT_ONCE:
            return total


def _expired_access_rows(ctx: Context) -> int:
    """Delete expired sessions, old wrong passwords and resolved alerts."""
    now = ctx.now()
    with ctx.store.write() as connection:
        return sum(
            connection.execute(sa.delete(table).where(old)).rowcount
            for table, old in (
                (sessions, sessions.c.expires_at < now),
                (throttles, throttles.c.at < now - timedelta(days=1)),
                (alerts, alerts.c.resolved_at < now - timedelta(days=90)),
            )
        )


def _captures(ctx: Context) -> int:
    """Delete answers of forms that nobody can ask for any more, and old counts."""
    now = ctx.now()
    with ctx.store.write() as connection:
        answers = connection.execute(
            sa.delete(capture_answers).where(capture_answers.c.expires_at < now)
        )
        return answers.rowcount + counts.purge(connection, ctx, _CAPTURE_COUNTS)


def _rechecks(ctx: Context, age: timedelta) -> int:
    """Delete old re-checks. Until then, a repeated request is recognised."""
    if not age:
        return 0
    with ctx.store.write() as connection:
        return connection.execute(
            sa.delete(rechecks).where(rechecks.c.answered_at < ctx.now() - age)
        ).rowcount


def _delete(ctx: Context, table: sa.Table, at: sa.ColumnElement[Any], age: timedelta) -> int:
    if not age:
        return 0
    old = sa.select(table.c.id).where(at < ctx.now() - age).limit(_AT_ONCE)
    total = 0
    while True:
        with ctx.store.write() as connection:
            count = connection.execute(sa.delete(table).where(table.c.id.in_(old))).rowcount
        total += count
        if count < _AT_ONCE:
            return total


def _redact_replies(ctx: Context, age: timedelta) -> int:
    """Delete the words of replies; the decisions stay."""
    if not age:
        return 0
    old = sa.and_(reviews.c.decided_at < ctx.now() - age, reviews.c.text != "")
    with ctx.store.write() as connection:
        reply_model.note_erasure(connection, old, ctx.now())
        return connection.execute(
            sa.update(reviews).where(old).values(text="", evidence="")
        ).rowcount


def _runs(ctx: Context, age: timedelta) -> int:
    """Delete old runs, with their pages and scopes."""
    if not age:
        return 0
    old = sa.select(runs.c.id).where(
        runs.c.finished_at < ctx.now() - age,
        runs.c.state.in_((RunState.DONE, RunState.CANCELLED, RunState.FAILED, RunState.STOPPED)),
    )
    with ctx.store.write() as connection:
        ids = list(connection.scalars(old.limit(500)))
        if not ids:
            return 0
        connection.execute(sa.delete(pages).where(pages.c.run_id.in_(ids)))
        connection.execute(sa.delete(owner_tasks).where(owner_tasks.c.run_id.in_(ids)))
        connection.execute(sa.delete(absent_records).where(absent_records.c.run_id.in_(ids)))
        return connection.execute(sa.delete(runs).where(runs.c.id.in_(ids))).rowcount

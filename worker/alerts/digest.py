"""Send the weekly digest: once for each week and channel (`worker.alerts.deliveries`).

What it says is composed by who calls this: the read models are a layer above alerts.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import sqlalchemy as sa

from worker.alerts import deliveries, weeks
from worker.alerts.channels import digest_route
from worker.alerts.deliveries import Delivery, Job
from worker.alerts.message import Message
from worker.alerts.weeks import Week
from worker.context import Context
from worker.store.tables import runs

_KEPT = timedelta(days=400)


def send_due(ctx: Context, compose: Callable[[Week], Message]) -> Week | None:
    """Send the digest whose time has come, to the channels that have not had it; returns its week
    once all of them have it now, None where nothing was to be done or something is left to do.

    If nobody was at work at its time, it is sent later. An installation that had no run before the
    end of that week has nothing to tell of it.
    """
    channels = digest_route(ctx.settings)
    if not channels:
        return None
    now, digest = ctx.now(), ctx.settings.alerts.digest
    week = weeks.to_send(now, digest)
    _begin, end = week.bounds(digest.tz)
    if not _open(ctx, week, channels) or not _had_a_run_before(ctx, end):
        return None
    states = send(ctx, compose(week), week, channels)
    return week if all(delivery.sent for delivery in states.values()) else None


def _open(ctx: Context, week: Week, channels: list[str]) -> bool:
    """Return whether a channel has not had the digest, and is to be tried now."""
    now = ctx.now()
    states = deliveries.states(ctx.store, [_name(week, channel) for channel in channels])
    return any(
        (state := states.get(_name(week, channel))) is None
        or (state.retry_at is not None and state.retry_at <= now)
        for channel in channels
    )


def _had_a_run_before(ctx: Context, moment: object) -> bool:
    query = sa.select(runs.c.id).where(runs.c.opened_at < moment).limit(1)
    with ctx.store.read() as connection:
        return connection.scalar(query) is not None


def had_it(ctx: Context, week: Week, channels: list[str]) -> list[str]:
    """Return those of the channels that have had a week's digest."""
    states = deliveries.states(ctx.store, [_name(week, channel) for channel in channels])
    return [name for name in channels if states.get(_name(week, name), Delivery()).sent]


def send(ctx: Context, message: Message, week: Week, channels: list[str]) -> dict[str, Delivery]:
    """Send a week's digest to channels that have not had it; returns how each stands then."""
    deliveries.send_all(ctx, (Job(_name(week, channel), channel, message) for channel in channels))
    deliveries.purge(ctx.store, "digest", str(weeks.week_of((ctx.now() - _KEPT).date())))
    states = deliveries.states(ctx.store, [_name(week, channel) for channel in channels])
    return {channel: states.get(_name(week, channel), Delivery()) for channel in channels}


def _name(week: Week, channel: str) -> str:
    return f"digest:{week}:{channel}"

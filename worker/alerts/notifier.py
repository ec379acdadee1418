"""Store alerts, send each once to the channels of its kind, and retry those that could not be
sent."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from worker.alerts import deliveries, rules
from worker.alerts.channels import route
from worker.alerts.deliveries import Delivery, Job
from worker.alerts.message import of_alert
from worker.alerts.rules import Alert
from worker.context import Context
from worker.store.bulk import upsert
from worker.store.fit_key import fit_key
from worker.store.tables import alerts

_KEPT = timedelta(days=100)  # longer than an alert is sent, and longer than a resolved one is kept
_SENT_LENGTH = 40  # characters of the column


def evaluate(ctx: Context) -> int:
    """Find what holds now, keep what is new, and tell it; how many were told.

    While everything is paused, that alone is told; all else stays as it was until then.
    """
    now, c = ctx.now(), alerts.c
    paused = rules.paused(ctx)
    found = rules.current(ctx) if paused is None else [paused]
    current = {fit_key(alert.key): alert for alert in found}
    kinds = sa.true() if paused is None else c.kind == paused.kind
    rows = [
        {"key": key, "kind": alert.kind, "text": alert.text, "path": alert.path, "at": now,
         "retry_at": now}
        for key, alert in current.items()
    ]  # fmt: skip
    with ctx.store.write() as connection:
        upsert(connection, alerts, rows, ignore=True)
        over = sa.and_(c.resolved_at.is_(None), c.key.not_in(list(current)), kinds)
        connection.execute(sa.update(alerts).where(over).values(resolved_at=now, retry_at=None))
    return _send(ctx, kinds)


def _send(ctx: Context, kinds: sa.ColumnElement[bool]) -> int:
    """Send what is due. One alert may be due to several channels: it is told once all of them have
    it. A channel that was taken out of the settings is not waited for."""
    now, c = ctx.now(), alerts.c
    with ctx.store.read() as connection:
        query = sa.select(alerts).where(c.retry_at <= now, kinds).order_by(c.at)
        due = connection.execute(query).all()
    if not due:
        return 0
    jobs = {row.key: _jobs(ctx, row) for row in due}
    deliveries.send_all(ctx, (job for row_jobs in jobs.values() for job in row_jobs))
    deliveries.purge(ctx.store, "sent", f"{now - _KEPT:%Y%m%d}")
    names = [job.name for row_jobs in jobs.values() for job in row_jobs]
    by_name = deliveries.states(ctx.store, names)
    return sum(_record(ctx, row, jobs[row.key], by_name, now) for row in due)


def _jobs(ctx: Context, row: Any) -> list[Job]:
    message = of_alert(ctx.settings, Alert(row.key, row.kind, row.text, row.path))
    had_it = set(row.sent.split())  # by a version that kept no deliveries, perhaps
    identity = hashlib.sha256(row.key.encode()).hexdigest()[:16]
    return [
        Job(f"sent:{row.at:%Y%m%d}:{identity}:{channel}", channel, message)
        for channel in route(ctx.settings, row.kind)
        if channel not in had_it
    ]


def _record(
    ctx: Context, row: Any, jobs: Iterable[Job], by_name: Mapping[str, Delivery], now: datetime
) -> bool:
    """Record how far an alert has come, for lists of alerts; whether it has reached all of its
    channels, and nobody had recorded that."""
    states = {job.channel: by_name.get(job.name, Delivery(retry_at=now)) for job in jobs}
    had_it = {*row.sent.split(), *(name for name, state in states.items() if state.sent)}
    problems = [state.error for state in states.values() if state.error and not state.sent]
    waits = [state.retry_at for state in states.values() if state.retry_at is not None]
    values = {
        "sent": _in_short(had_it),
        "attempts": max((state.attempts for state in states.values()), default=row.attempts),
        "retry_at": min(waits) if waits else None,
        "error": problems[0] if problems else "",
    }
    same = sa.and_(alerts.c.key == row.key, alerts.c.retry_at == row.retry_at)
    with ctx.store.write() as connection:
        recorded = connection.execute(sa.update(alerts).where(same).values(**values))
    return recorded.rowcount == 1 and not waits and not problems


def _in_short(names: Iterable[str]) -> str:
    """Return names that the column has room for, and how many others there are.

    >>> _in_short(["email", "slack-ops"])
    'email slack-ops'
    >>> _in_short(["slack-operations-europe", "slack-operations-asia", "teams"])
    'slack-operations-asia teams +1'
    """
    kept: list[str] = []
    left_out = 0
    names = [name for name in names if not name.startswith("+")]  # of what stood there before
    for name in sorted(names, key=lambda name: (len(name) > 8, name)):
        if len(" ".join([*kept, name])) <= _SENT_LENGTH - 4:
            kept.append(name)
        else:
            left_out += 1
    shown = sorted(kept)
    return " ".join([*shown, f"+{left_out}"] if left_out else shown)


def active(ctx: Context, limit: int = 50) -> list[dict[str, Any]]:
    """Return the active alerts, newest first."""
    c = alerts.c
    query = sa.select(alerts).where(c.resolved_at.is_(None)).order_by(c.at.desc()).limit(limit)
    with ctx.store.read() as connection:
        return [
            {"kind": row.kind, "text": row.text, "path": row.path, "at": row.at.isoformat(),
             "sent": row.sent.split(), "error": row.error}
            for row in connection.execute(query)
        ]  # fmt: skip

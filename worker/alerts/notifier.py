"""Store alerts, send each once, and retry those that could not be sent."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from worker.alerts import rules
from worker.alerts.channels import ChannelError, channels, send
from worker.alerts.rules import Alert
from worker.context import Context
from worker.store.bulk import upsert
from worker.store.tables import alerts

log = logging.getLogger(__name__)

_MOST_ATTEMPTS = 10
_LONGEST_WAIT = timedelta(hours=1)
_CLAIM = timedelta(minutes=5)  # a worker that died while it told one is not waited for any longer


def evaluate(ctx: Context) -> int:
    """Find what holds now, keep what is new, and tell it; how many were told."""
    now = ctx.now()
    found = {one.key[:255]: one for one in rules.current(ctx)}
    c = alerts.c
    rows = [
        {"key": key, "kind": one.kind, "text": one.text, "path": one.path, "at": now,
         "retry_at": now}
        for key, one in found.items()
    ]  # fmt: skip
    with ctx.store.write() as connection:
        upsert(connection, alerts, rows, ignore=True)
        over = sa.and_(c.resolved_at.is_(None), c.key.not_in(list(found)))
        connection.execute(sa.update(alerts).where(over).values(resolved_at=now, retry_at=None))
    return _send(ctx)


def _send(ctx: Context) -> int:
    now, c, told = ctx.now(), alerts.c, 0
    wanted = channels(ctx.settings)
    with ctx.store.read() as connection:
        due = connection.execute(sa.select(alerts).where(c.retry_at <= now).order_by(c.at)).all()
    for row in due:
        if not _claim(ctx, row):
            continue  # another worker is at it
        sent = set(row.sent.split())
        one = Alert(row.key, row.kind, row.text, row.path)
        problem = ""
        for channel in wanted:
            if channel in sent:
                continue
            try:
                send(ctx.settings, channel, one)
                sent.add(channel)
            except ChannelError as error:
                problem = str(error)
                log.warning("an alert could not be sent: %s", error)
        told += not problem
        attempts = row.attempts + 1
        wait = min(_LONGEST_WAIT, timedelta(minutes=2 ** min(attempts, 10)))
        again = now + wait if problem and attempts < _MOST_ATTEMPTS else None
        with ctx.store.write() as connection:
            connection.execute(
                sa.update(alerts)
                .where(c.key == row.key)
                .values(
                    sent=" ".join(sorted(sent)),
                    attempts=attempts,
                    retry_at=again,
                    error=problem[:255],
                )
            )
    return told


def _claim(ctx: Context, row: Any) -> bool:
    """Take an alert for long enough to tell it; False where somebody else has."""
    c = alerts.c
    with ctx.store.write() as connection:
        taken = connection.execute(
            sa.update(alerts)
            .where(c.key == row.key, c.retry_at == row.retry_at)
            .values(retry_at=ctx.now() + _CLAIM)
        )
    return taken.rowcount == 1


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

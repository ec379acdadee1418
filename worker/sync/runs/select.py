"""Select the records of a scope from our own index, without a call to the CRM."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from connectors.errors import InvalidRequestError
from worker.context import Context
from worker.phones.plan_changes import equal_forms
from worker.store.bulk import chunks
from worker.store.tables import contact_numbers, contacts, lookup_retries, verifications
from worker.sync.runs.scope import Scope
from worker.verification import spend_report
from worker.verification.protocol import ChainStep

Records = Iterator[tuple[str, str]]  # (object, record id)


def select(connection: Connection, ctx: Context, connector: str, scope: Scope) -> Records:
    """Yield the records of a scope that is not read through, and that our index knows."""
    if scope.kind == "numbers":
        n = contact_numbers.c
        forms = {form for number in scope.values for form in equal_forms(number)}
        for numbers in chunks(sorted(forms)):
            query = sa.select(n.object, n.record_id).where(
                n.connector == connector, n.number.in_(numbers)
            )
            yield from (tuple(row) for row in connection.execute(query.distinct()))
    elif scope.kind == "due":
        yield from select_due(connection, ctx, connector, scope.limit)
    else:
        yield from _of_contacts(connection, ctx, connector, scope)


def _of_contacts(connection: Connection, ctx: Context, connector: str, scope: Scope) -> Records:
    c = contacts.c
    query = sa.select(c.object, c.record_id).where(c.connector == connector)
    if scope.kind == "older_than":
        query = query.where(c.checked_at < ctx.now() - timedelta(seconds=scope.age_seconds))
    else:
        columns = {
            "source": c.source, "campaign": c.campaign, "country": c.country, "month": c.month,
        }  # fmt: skip
        if scope.key not in columns:
            raise InvalidRequestError(f"{connector}: it has no {scope.key}s")
        query = query.where(columns[scope.key] == scope.values[0])
    yield from (tuple(row) for row in connection.execute(query))


def select_due(connection: Connection, ctx: Context, connector: str, limit: int) -> Records:
    """Yield contacts that are to be processed again without anything having changed in the CRM.

    First those that waited for an answer which has come meanwhile, through another contact. Then
    those with a number to be asked about again: its answer no longer counts, or it got none. The
    most valuable come first, then those that wait longest. No more are selected than the budget
    can pay for now, and none for a provider that is left alone just now.
    """
    now = ctx.now()
    seen: set[tuple[str, str]] = set()

    def unseen(query: Any, most: int) -> Records:
        if most <= 0:
            return
        # Those that were selected already may come again: as many more are looked at.
        for row in connection.execute(query.limit(most + len(seen))):
            record = (row.object, row.record_id)
            if record not in seen and most > 0:
                seen.add(record)
                most -= 1
                yield record

    yield from unseen(_answered_meanwhile(connector), limit)
    room = spend_report.affordable_count(
        connection, ctx.providers, ctx.settings.verification, now, limit
    )
    for step in ctx.providers.steps:
        most = room.get(step.name, limit)
        for numbers in (_expired(step, now), _without_answer(step, now)):
            before = len(seen)
            yield from unseen(_contacts_with(numbers, connector), min(limit - before, most))
            most -= len(seen) - before


def _answered_meanwhile(connector: str) -> Any:
    n, c = contact_numbers.c, contacts.c
    still_open = (
        sa.select(sa.literal(1))
        .select_from(contact_numbers)
        .join(lookup_retries, lookup_retries.c.number == n.number)
        .where(n.connector == c.connector, n.object == c.object, n.record_id == c.record_id)
    )
    return (
        sa.select(c.object, c.record_id)
        .where(c.connector == connector, c.waiting, ~still_open.exists())
        .order_by(sa.func.coalesce(c.value, 0).desc(), c.record_id)
    )


def _expired(step: ChainStep, now: datetime) -> Any:
    v = verifications.c
    return sa.select(v.number, v.due_at.label("at")).where(
        v.provider == step.name, v.package == step.package, v.due_at <= now
    )


def _without_answer(step: ChainStep, now: datetime) -> Any:
    u = lookup_retries.c
    return sa.select(u.number, u.retry_at.label("at")).where(
        u.provider == step.name, u.package == step.package, u.retry_at <= now
    )


def _contacts_with(numbers: Any, connector: str) -> Any:
    due_numbers, n, c = numbers.subquery(), contact_numbers.c, contacts.c
    same = sa.and_(c.connector == n.connector, c.object == n.object, c.record_id == n.record_id)
    return (
        sa.select(n.object, n.record_id)
        .select_from(due_numbers)
        .join(contact_numbers, n.number == due_numbers.c.number)
        .join(contacts, same)
        .where(n.connector == connector)
        .group_by(n.object, n.record_id)
        .order_by(
            sa.func.coalesce(sa.func.max(c.value), 0).desc(), sa.func.min(due_numbers.c.at),
            n.record_id,
        )
    )  # fmt: skip

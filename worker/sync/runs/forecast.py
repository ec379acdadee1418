"""What a run would look at, and what that may cost at most: told at once, before any dry run."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from worker.context import Context
from worker.phones.plan_changes import equal_forms
from worker.store.bulk import chunks
from worker.store.tables import contact_numbers, contacts, list_members
from worker.sync.runs.scope import Scope
from worker.verification import spend_report


def upper_bound(ctx: Context, connector: str, scope: Scope, force: bool) -> dict[str, Any]:
    """By our own index: contacts and numbers in the scope, and the lookups if each number were
    asked about (`force`: also those whose answers still count). A dry run says it exactly."""
    n = contact_numbers.c
    queries = _records(ctx, connector, scope)
    records: int | None = None if queries is None else 0
    numbers: int | None = None if queries is None else 0
    with ctx.store.read() as connection:
        for query in queries or ():
            scoped = query.subquery()
            same = sa.and_(
                n.connector == connector,
                n.object == scoped.c.object,
                n.record_id == scoped.c.record_id,
            )
            of_them = sa.select(sa.func.count(sa.distinct(n.number)))
            of_them = of_them.select_from(scoped).join(contact_numbers, same)
            counted_here = connection.scalar(sa.select(sa.func.count()).select_from(scoped))
            records = (records or 0) + (counted_here or 0)
            numbers = (numbers or 0) + (connection.scalar(of_them) or 0)
        counted = {
            step.name: {"asked": numbers or 0, "cost": step.price * (numbers or 0)}
            for step in ctx.providers.steps
            if not step.provider.local
        }
        settings = ctx.settings.verification
        ahead = spend_report.forecast(connection, ctx.providers, settings, ctx.now(), counted)
    return {"records": records, "numbers": numbers, "force": force, **ahead.as_json()}


def matches(ctx: Context, connector: str, scope: Scope) -> bool | None:
    """Return whether our own index holds a contact in the scope; None where it cannot tell: the CRM
    knows what has changed, and who is on a list that it was not asked for."""
    if scope.kind == "changed":
        return None
    queries = _records(ctx, connector, scope)
    if queries is None:
        return None
    with ctx.store.read() as connection:
        has_record = any(connection.execute(query.limit(1)).first() for query in queries)
    return has_record or (None if scope.key == "list" else False)


def _records(ctx: Context, connector: str, scope: Scope) -> list[Any] | None:
    """Queries for the records of a scope, part by part; None for what only the CRM can tell."""
    c, n = contacts.c, contact_numbers.c
    base = sa.select(c.object, c.record_id).where(c.connector == connector)
    if scope.kind == "everything":
        return [base]
    if scope.kind == "ids":
        return [base.where(c.record_id.in_(chunk)) for chunk in chunks(scope.values)]
    if scope.kind == "numbers":
        columns = sa.select(n.object, n.record_id).where(n.connector == connector)
        forms = sorted({form for number in scope.values for form in equal_forms(number)})
        return [columns.where(n.number.in_(chunk)).distinct() for chunk in chunks(forms)]
    if scope.kind == "older_than":
        return [base.where(c.checked_at < ctx.now() - timedelta(seconds=scope.age_seconds))]
    columns_by = {
        "source": c.source, "campaign": c.campaign, "country": c.country, "month": c.month,
    }  # fmt: skip
    if scope.kind == "segment" and scope.key in columns_by:
        return [base.where(columns_by[scope.key] == scope.values[0])]
    if scope.kind == "segment":
        m = list_members.c
        members = sa.select(m.object, m.record_id)
        return [members.where(m.connector == connector, m.list == scope.values[0])]
    return None

"""Invalidate contacts that need no second look, when something new is learned about a number."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.phones.plan_changes import equal_forms
from worker.store.bulk import chunks
from worker.store.tables import contact_numbers, contacts


def invalidate(connection: Connection, numbers: Iterable[str]) -> None:
    """Have all contacts that hold one of these numbers processed again by the next run that reads
    them, whatever form a change of its numbering plan gave a number."""
    n, c = contact_numbers.c, contacts.c
    for chunk in chunks(sorted({form for number in numbers for form in equal_forms(number)})):
        holders = sa.select(n.connector, n.object, n.record_id).where(n.number.in_(chunk))
        connection.execute(
            sa.update(contacts)
            .where(sa.tuple_(c.connector, c.object, c.record_id).in_(holders))
            .values(fresh_until=None)
        )

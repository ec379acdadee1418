"""Writes that were announced, and of which nobody has noted what became of them: their worker died.

What a record holds now tells whether a write had reached it. One that had is ours: it can be
undone, and its flags are no person's word.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from connectors.records import Value
from worker.store.bulk import chunks
from worker.store.tables import writes
from worker.sync import contact_index

Held = Mapping[str, Mapping[str, Value]]  # record id -> what it holds


def settle(
    connection: Connection, connector: str, object_name: str, rows: Iterable[Any], held: Held
) -> list[int]:
    """Note as done what had reached the CRM; the ids of the rows that had not. Rows of `writes`
    with `id`, `record_id` and `after`."""
    missed = []
    for row in rows:
        now_held = held.get(row.record_id)
        if now_held is None or not _reached(now_held, row.after):
            missed.append(row.id)
            continue
        connection.execute(sa.update(writes).where(writes.c.id == row.id).values(state="done"))
        contact_index.remember_flags(connection, connector, object_name, row.record_id, row.after)
    return missed


def give_up(connection: Connection, missed: Sequence[int]) -> None:
    """Note that these did not reach the CRM and will not: nobody needs to look for them again."""
    said = "the run ended before the CRM had answered, and the record does not hold it"
    for some in chunks(missed):
        connection.execute(
            sa.update(writes)
            .where(writes.c.id.in_(some), writes.c.state == "pending")
            .values(state="failed", kind="other", message=said)
        )


def _reached(held: Mapping[str, Value], after: Mapping[str, Value]) -> bool:
    # The mark of the run and the time of the check tell alone: a person does not write those.
    marks = [key for key in ("run", "checked_at") if key in after and key in held]
    return all(
        (held.get(key) or None) == (after[key] or None) for key in marks or after if key in held
    )

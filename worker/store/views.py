"""The views for a warehouse: their columns, and the keys of their rows.

`docs/warehouse.md` documents them, and a test holds all three against each other: this list, the
document, and the views that migration 0013 makes in either database. A column is never renamed,
retyped or moved; a new one is appended.

A migration that rebuilds a table below (`batch_alter_table` on SQLite), or that drops or retypes a
column on PostgreSQL, has to drop the views first and to create them again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from worker.store.tables import UtcDateTime

ColumnType = Literal["text", "integer", "float", "decimal", "boolean", "timestamp"]

_TYPES: dict[ColumnType, Any] = {
    "text": sa.Text,
    "integer": sa.BigInteger,
    "float": sa.Float,
    "decimal": sa.Numeric(12, 6),
    "boolean": sa.Boolean,
    "timestamp": UtcDateTime,
}


@dataclass(frozen=True)
class View:
    """A view. `key`: the columns that identify a row, in the order in which rows are read."""

    name: str
    key: tuple[str, ...]
    columns: dict[str, ColumnType]

    @property
    def table(self) -> sa.TableClause:
        columns = (sa.column(name, _TYPES[kind]) for name, kind in self.columns.items())
        return sa.table(self.name, *columns)


_RECORD: dict[str, ColumnType] = {"connector": "text", "object": "text", "record_id": "text"}

VIEWS = (
    View(
        "v_contacts",
        ("connector", "object", "record_id"),
        {
            **_RECORD,
            "status": "text",
            "phone_statuses": "text",
            "wrong_number": "boolean",
            "do_not_contact": "boolean",
            "do_not_call": "boolean",
            "do_not_text": "boolean",
            "source": "text",
            "campaign": "text",
            "country": "text",
            "created_month": "text",
            "person": "text",
            "contact_value": "float",
            "awaiting_answer": "boolean",
            "checked_at": "timestamp",
        },
    ),
    View(
        "v_numbers",
        ("connector", "object", "record_id", "field", "position"),
        {
            **_RECORD,
            "field": "text",
            "position": "integer",
            "number": "text",
            "extension": "text",
            "status": "text",
            "checked_at": "timestamp",
        },
    ),
    View(
        "v_lookups",
        ("id",),
        {
            "id": "integer",
            "number": "text",
            "provider": "text",
            "package": "text",
            "run_id": "text",
            "state": "text",
            "verdict": "text",
            "line_type": "text",
            "country": "text",
            "carrier": "text",
            "reassigned": "boolean",
            "answer_expires_at": "timestamp",
            "cost": "decimal",
            "asked_at": "timestamp",
        },
    ),
    View(
        "v_reports",
        ("id",),
        {
            "id": "integer",
            "kind": "text",
            "number": "text",
            "channels": "text",
            **_RECORD,
            "scope": "text",
            "origin": "text",
            "severity": "text",
            "new_number": "text",
            "reported_at": "timestamp",
            "received_at": "timestamp",
            "applied_at": "timestamp",
        },
    ),
)

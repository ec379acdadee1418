"""What `Store.read()` must not be asked: on PostgreSQL each of its statements is a transaction by
itself, so that a lock ends at once, a setting lasts for nothing, and a change cannot be taken back.
"""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

_NEEDS_A_TRANSACTION = re.compile(
    r"^\s*(?:INSERT|UPDATE|DELETE)\b|\bFOR (?:UPDATE|SHARE|NO KEY|KEY)\b|pg_advisory_xact"
    r"|set_config|\bSET LOCAL\b",
    re.IGNORECASE,
)


def refuse_outside_transactions() -> None:
    """Fail the test whose statement needs a transaction that `Store.read()` does not give."""

    @sa.event.listens_for(Engine, "before_cursor_execute")
    def look(
        connection: Connection, _cursor: Any, statement: str, _values: Any, _ctx: Any, _many: bool
    ) -> None:
        if connection.dialect.name != "postgresql":
            return
        isolation = connection.get_execution_options().get("isolation_level")
        if isolation == "AUTOCOMMIT" and _NEEDS_A_TRANSACTION.search(statement):
            raise AssertionError(f"needs snapshot() or write(): {statement[:200]}")

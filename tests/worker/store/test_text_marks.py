"""Marks in the text of a JSON column: a query finds its partial index, in both databases."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from worker.context import Context
from worker.decisions.diff import FLAGS
from worker.store.tables import contacts
from worker.store.text_marks import flag_mark, has_indexed_mark, status_mark

STATUSES = ("do_not_contact", "wrong_number", "invalid", "unreachable", "unverified")
BAD = ("invalid", "wrong_number", "unreachable")
c = contacts.c
INDEXED = {
    **{
        f"ix_contacts_{status}": has_indexed_mark(c.statuses, status_mark(status))
        for status in STATUSES
    },
    "ix_contacts_bad": has_indexed_mark(c.statuses, *map(status_mark, BAD)),
    **{
        f"ix_contacts_flag_{flag}": has_indexed_mark(c.last_seen_flags, flag_mark(flag))
        for flag in FLAGS
    },
}


@pytest.fixture
def ctx(make_context: Callable[..., Context], either_database_url: str) -> Context:
    return make_context(DATABASE_URL=either_database_url)


def plan_of(ctx: Context, condition: sa.ColumnElement[bool]) -> str:
    query = (
        sa.select(c.record_id)
        .where(c.connector == "hubspot", condition)
        .order_by(c.object, c.record_id)
        .limit(50)
    )
    with ctx.store.snapshot() as connection:
        compiled = query.compile(connection, compile_kwargs={"literal_binds": True})
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            connection.exec_driver_sql("SET LOCAL enable_bitmapscan = off")
            explained = f"EXPLAIN {compiled}"
        else:
            explained = f"EXPLAIN QUERY PLAN {compiled}"
        return str(connection.exec_driver_sql(explained).all())


@pytest.mark.parametrize("index", INDEXED)
def test_an_index_is_found_by_its_condition(ctx: Context, index: str) -> None:
    assert f"{index} " in plan_of(ctx, INDEXED[index]).replace("on contacts", " ")

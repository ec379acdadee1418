"""Lists as one parameter, on both databases."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from constants import NOW

from worker.store.array_param import any_of
from worker.store.bulk import insert
from worker.store.engine import open_store
from worker.store.tables import contact_numbers, contacts, throttles, writes

ODD = ["plain", "it's", 'in "quotes"', "back\\slash", "brace}", "comma,", "", "null", "é漢", "NULL"]


def holds(url: str, names: list[str]) -> sa.Connection:
    connection = open_store(url).engine.connect()
    rows = [
        {"connector": "hubspot", "object": "contacts", "record_id": name, "field": "phone",
         "place": 0, "number": "+14155550123", "extension": ""}
        for name in names
    ]  # fmt: skip
    insert(connection, contact_numbers, rows)
    return connection


@pytest.mark.parametrize("wanted", [[], ["plain"], ODD, ODD[2:5], ["absent"], ["plain"] * 3])
def test_it_finds_what_is_in_the_list_and_nothing_else(
    either_database_url: str, wanted: list[str]
) -> None:
    connection = holds(either_database_url, ODD)
    c = contact_numbers.c
    ids = connection.execute(sa.select(c.record_id).where(any_of(c.record_id, wanted))).scalars()
    assert sorted(ids) == sorted(set(ODD) & set(wanted))
    connection.close()


def test_a_list_may_be_as_long_as_it_is(either_database_url: str) -> None:
    names = [f"{number:09d}" for number in range(70_000)]  # SQLite takes 32,766 parameters
    connection = holds(either_database_url, names[:3])
    c = contact_numbers.c
    count = connection.scalar(sa.select(sa.func.count()).where(any_of(c.record_id, names)))
    assert count == 3
    connection.close()


def test_whole_numbers_are_compared_as_such(either_database_url: str) -> None:
    connection = open_store(either_database_url).engine.connect()
    row = {"run_id": "r", "connector": "hubspot", "object": "contacts", "record_id": "1",
           "before": {}, "after": {}, "state": "done", "at": NOW}  # fmt: skip
    insert(connection, writes, [row] * 3)
    ids = connection.execute(sa.select(writes.c.id)).scalars().all()
    rows = connection.execute(sa.select(writes.c.id).where(any_of(writes.c.id, ids[1:])))
    assert sorted(rows.scalars()) == sorted(ids[1:])
    connection.close()


def test_one_statement_is_worked_out_once_for_lists_of_every_length(
    either_database_url: str,
) -> None:
    connection = open_store(either_database_url).engine.connect()
    statements = set()
    sa.event.listen(
        connection, "before_cursor_execute", lambda _c, _cursor, text, *_more: statements.add(text)
    )
    for names in ([], ["a"], ["a", "b", "c"]):
        connection.execute(sa.select(throttles.c.key).where(any_of(throttles.c.key, names))).all()
    assert len(statements - {"BEGIN"}) == 1
    connection.close()


def test_an_index_serves_it(either_database_url: str) -> None:
    connection = open_store(either_database_url).engine.connect()
    c = contacts.c
    query = sa.select(c.fingerprint).where(
        c.connector == "hubspot", c.object == "contacts", any_of(c.record_id, ["1", "2"])
    )
    sqlite = connection.dialect.name == "sqlite"
    if not sqlite:  # of a table that is empty it reads all
        connection.exec_driver_sql("SET enable_seqscan = off")

    @sa.event.listens_for(connection, "before_cursor_execute", retval=True)
    def explained(_c, _cursor, statement, given, *_more):  # type: ignore[no-untyped-def]
        return f"EXPLAIN {'QUERY PLAN ' if sqlite else ''}{statement}", given

    result = connection.execute(query)
    assert result.cursor is not None
    plan = str(result.cursor.fetchall())
    assert "record_id=?" in plan if sqlite else "Index Cond" in plan and "record_id" in plan
    connection.close()

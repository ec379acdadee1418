"""Bulk statements: many rows or values with one prepared statement, in both dialects."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Dialect

_CHUNK = 500  # values in one IN (...): under SQLite's limit
# Rows in one INSERT, the largest groups first; the rest go one by one. A statement of more than 500
# costs as much a row, and SQLite takes 32,766 values in one (https://sqlite.org/limits.html).
_GROUPS = (500, 100)


def insert(connection: Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, which all have the same keys."""
    if rows:
        _execute(connection, table, rows, None, False)


def upsert(
    connection: Connection,
    table: sa.Table,
    rows: Sequence[Mapping[str, Any]],
    ignore: bool = False,
    key: Sequence[str] | None = None,
) -> None:
    """Insert rows, or update those whose key (the primary key) exists; `ignore` keeps them."""
    if rows:
        keys = tuple(key or (column.key for column in table.primary_key))
        _execute(connection, table, rows, keys, ignore)


def _execute(
    connection: Connection,
    table: sa.Table,
    rows: Sequence[Mapping[str, Any]],
    keys: tuple[str, ...] | None,
    ignore: bool,
) -> None:
    """Hand all rows to the driver, past SQLAlchemy: it would work out the parameters of each row
    anew, which costs more than the database does.

    1. Compile the statement, once for each table and set of columns (`_prepare`).
    2. Where SQLAlchemy fills a column in by itself, leave all of it to SQLAlchemy.
    3. Else convert the values as its types would, and pass rows by name (PostgreSQL) or by position
       (SQLite).
    """
    columns = tuple(rows[0])
    prepared = _prepare(connection.dialect, table, columns, keys, ignore)
    if prepared is None:
        statement = _statement(connection.dialect, table, columns, keys, ignore)
        connection.execute(statement, list(rows))
    elif prepared.by_name:
        connection.exec_driver_sql(prepared.sql, _as_dicts(rows, prepared.converters))
    else:
        _execute_by_position(connection, prepared, rows)


Converter = Callable[[Any], Any]


class _Prepared(NamedTuple):
    """A compiled statement. `converters`: its columns in order, each with what turns a value into
    the driver's (None: it is passed as it is). `by_name`: whether the driver takes names."""

    sql: str
    converters: list[tuple[str, Converter | None]]
    by_name: bool


@lru_cache(maxsize=128)
def _prepare(
    dialect: Dialect,
    table: sa.Table,
    columns: tuple[str, ...],
    keys: tuple[str, ...] | None,
    ignore: bool,
) -> _Prepared | None:
    """Compile a statement; None where a column that is left out has a default of SQLAlchemy's."""
    if any(column.default is not None and column.key not in columns for column in table.columns):
        return None
    statement = _statement(dialect, table, columns, keys, ignore)
    compiled = statement.compile(dialect=dialect, column_keys=columns)
    order = compiled.positiontup if compiled.positional else columns
    converters: list[tuple[str, Converter | None]] = [
        (name, table.c[name].type.dialect_impl(dialect).bind_processor(dialect))
        for name in order or ()
    ]
    return _Prepared(str(compiled), converters, not compiled.positional)


def _statement(
    dialect: Dialect,
    table: sa.Table,
    columns: tuple[str, ...],
    keys: tuple[str, ...] | None,
    ignore: bool,
) -> sa.Insert:
    """Build an INSERT; with `keys`, one that updates or ignores the rows that exist."""
    if keys is None:
        return sa.insert(table).inline()
    statement = postgresql.insert(table) if dialect.name == "postgresql" else sqlite.insert(table)
    others = {name: statement.excluded[name] for name in columns if name not in keys}
    if ignore or not others:
        return statement.on_conflict_do_nothing(index_elements=keys)
    return statement.on_conflict_do_update(index_elements=keys, set_=others)


def _as_dicts(
    rows: Sequence[Mapping[str, Any]], converters: list[tuple[str, Converter | None]]
) -> list[dict[str, Any]]:
    return [
        {name: convert(row[name]) if convert else row[name] for name, convert in converters}
        for row in rows
    ]


def _execute_by_position(
    connection: Connection, prepared: _Prepared, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Insert groups of rows a statement (`_GROUPS`), and the rest one by one. Between two rows
    SQLite's driver lets other threads in and waits for them, which costs more than the row."""
    values = _as_lists(rows, prepared.converters)
    begin = 0
    for size in _GROUPS:
        end = len(values) - (len(values) - begin) % size
        group_sql = _with_many_rows(prepared.sql, size)
        for group in chunks(values[begin:end], size):
            connection.exec_driver_sql(group_sql, tuple(chain.from_iterable(group)))
        begin = end
    if begin < len(values):
        connection.exec_driver_sql(prepared.sql, [*map(tuple, values[begin:])])


@lru_cache(maxsize=128)
def _with_many_rows(sql: str, count: int) -> str:
    """Turn an INSERT of one row into one of `count` rows."""
    head, mark, rest = sql.partition(" VALUES (")
    row, _, tail = rest.partition(")")
    return f"{head}{mark}{', ('.join([row + ')'] * count)}{tail}"


def _as_lists(
    rows: Sequence[Mapping[str, Any]], converters: list[tuple[str, Converter | None]]
) -> list[list[Any]]:
    """Return the rows' values in the order of the columns, converted column by column.

    A value that is the same object as in the row before, such as the time of a page, is converted
    once.
    """
    pick = itemgetter(*(name for name, _ in converters))
    # With a single name, itemgetter returns the value itself, not a tuple.
    values = [[*pick(row)] for row in rows] if len(converters) > 1 else [[pick(r)] for r in rows]
    for position, (_, convert) in enumerate(converters):
        if convert is None:
            continue
        last: Any = _NO_VALUE
        converted: Any = None
        for row in values:
            if row[position] is not last:
                last, converted = row[position], convert(row[position])
            row[position] = converted
    return values


_NO_VALUE = object()  # the same as no value of any row


def chunks(values: Sequence[Any], size: int = _CHUNK) -> Iterator[Sequence[Any]]:
    """Yield the values in parts of at most `size`."""
    for start in range(0, len(values), size):
        yield values[start : start + size]

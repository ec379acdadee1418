"""Bulk statements: many rows or values with one prepared statement, in both dialects."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Dialect

_CHUNK = 500  # values in one IN (...): under SQLite's limit
_AT_ONCE = 100  # rows in one INSERT


def insert(connection: Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, which all have the same keys."""
    if rows:
        _many(connection, rows, table, None, False)


def upsert(
    connection: Connection,
    table: sa.Table,
    rows: Sequence[Mapping[str, Any]],
    ignore: bool = False,
    key: Sequence[str] | None = None,
) -> None:
    """Insert rows, or update those whose key (the primary key) is there; `ignore` keeps them."""
    if rows:
        keys = tuple(key or (column.key for column in table.primary_key))
        _many(connection, rows, table, keys, ignore)


def _many(
    connection: Connection,
    rows: Sequence[Mapping[str, Any]],
    table: sa.Table,
    keys: tuple[str, ...] | None,
    ignore: bool,
) -> None:
    """Hand rows to the driver at once. SQLAlchemy would work out the parameters of each row anew,
    which costs more than the database does."""
    prepared = _prepared(connection.dialect, table, tuple(rows[0]), keys, ignore)
    if prepared is None:
        statement = _statement(connection.dialect, table, tuple(rows[0]), keys, ignore)
        connection.execute(statement, list(rows))
        return
    text, convert, by_name = prepared
    if by_name:
        connection.exec_driver_sql(
            text,
            [
                {name: make(row[name]) if make else row[name] for name, make in convert}
                for row in rows
            ],
        )
        return
    values = _converted(rows, convert)
    # Many rows in one statement: between two rows SQLite's driver would let other threads in, and
    # wait for them, which costs more than the row.
    many, whole = _many_values(text), len(values) - len(values) % _AT_ONCE
    for some in chunks(values[:whole], _AT_ONCE):
        connection.exec_driver_sql(many, tuple(chain.from_iterable(some)))
    if whole < len(values):
        connection.exec_driver_sql(text, [*map(tuple, values[whole:])])


@lru_cache(maxsize=128)
def _many_values(text: str) -> str:
    """An INSERT of one row as one of `_AT_ONCE` rows."""
    head, mark, rest = text.partition(" VALUES (")
    row, _, tail = rest.partition(")")
    return f"{head}{mark}{', ('.join([row + ')'] * _AT_ONCE)}{tail}"


def _converted(
    rows: Sequence[Mapping[str, Any]], convert: list[tuple[str, Callable[[Any], Any] | None]]
) -> list[list[Any]]:
    nothing_yet = object()  # what no row holds
    pick = itemgetter(*(name for name, _ in convert))
    values = [[*pick(row)] for row in rows] if len(convert) > 1 else [[pick(row)] for row in rows]
    for place, (_, make) in enumerate(convert):
        if make is None:
            continue
        last: Any = nothing_yet
        made: Any = None
        for row in values:
            if row[place] is not last:  # of many columns all rows hold the same, such as the time
                last, made = row[place], make(row[place])
            row[place] = made
    return values


def _statement(
    dialect: Dialect,
    table: sa.Table,
    names: tuple[str, ...],
    keys: tuple[str, ...] | None,
    ignore: bool,
) -> sa.Insert:
    if keys is None:
        return sa.insert(table).inline()
    made = postgresql.insert(table) if dialect.name == "postgresql" else sqlite.insert(table)
    others = {name: made.excluded[name] for name in names if name not in keys}
    if ignore or not others:
        return made.on_conflict_do_nothing(index_elements=keys)
    return made.on_conflict_do_update(index_elements=keys, set_=others)


@lru_cache(maxsize=128)
def _prepared(
    dialect: Dialect,
    table: sa.Table,
    names: tuple[str, ...],
    keys: tuple[str, ...] | None,
    ignore: bool,
) -> tuple[str, list[tuple[str, Callable[[Any], Any] | None]], bool] | None:
    """A statement's text, its columns in order with what turns their values into the driver's
    (None: they are so), and whether the driver takes them by name; None where a left out column has
    a default of ours."""
    if any(column.default is not None and column.key not in names for column in table.columns):
        return None
    statement = _statement(dialect, table, names, keys, ignore)
    compiled = statement.compile(dialect=dialect, column_keys=names)
    order = compiled.positiontup if compiled.positional else names
    convert: list[tuple[str, Callable[[Any], Any] | None]] = [
        (name, table.c[name].type.dialect_impl(dialect).bind_processor(dialect))
        for name in order or ()
    ]
    return str(compiled), convert, not compiled.positional


def chunks(values: Sequence[Any], size: int = _CHUNK) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]

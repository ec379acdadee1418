"""One PostgreSQL database that tests use one after the other, emptied in between.

A fresh copy of the template costs up to half a second a test, what is written here a hundredth.
"""

from __future__ import annotations

from collections.abc import Iterable

import psycopg
from psycopg import sql

# What a test may have changed of the tables themselves.
_SCHEMA = """
    SELECT md5(string_agg(
        concat_ws(' ', c.relname, c.relkind, a.attname, a.atttypid, a.attnotnull), ',' ORDER BY
        c.relname, a.attnum))
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
    WHERE c.relnamespace = 'public'::regnamespace"""
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
_SEQUENCES = """
    SELECT sequencename FROM pg_sequences
    WHERE schemaname = 'public' AND last_value IS NOT NULL"""
_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()"""


class SharedDatabase:
    """`url`: a fresh database with our tables, in which nobody has worked yet."""

    def __init__(self, url: str) -> None:
        self.url = url
        with self._connect() as connection:
            self._schema = _one(connection, _SCHEMA)
            self._filled = self._rows_of(connection, self._with_rows(connection))

    def empty(self) -> bool:
        """Make it as it was; return whether that was possible: a test may have changed a table,
        or rows of one that the migrations fill."""
        with self._connect() as connection:
            connection.execute(_OTHERS)
            if _one(connection, _SCHEMA) != self._schema:
                return False
            filled = self._with_rows(connection)
            if self._rows_of(connection, self._filled) != self._filled:
                return False
            if used := filled - self._filled.keys():
                names = sql.SQL(", ").join(map(sql.Identifier, sorted(used)))
                connection.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY CASCADE").format(names))
            for (name,) in connection.execute(_SEQUENCES).fetchall():
                connection.execute("SELECT setval(%s::regclass, 1, false)", [f'public."{name}"'])
        return True

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self.url, autocommit=True)

    def _rows_of(
        self, connection: psycopg.Connection[tuple[object, ...]], tables: Iterable[str]
    ) -> dict[str, object]:
        asked = sql.SQL("SELECT array_agg(t::text ORDER BY t::text) FROM {} t")
        return {
            name: connection.execute(asked.format(sql.Identifier(name))).fetchone()
            for name in tables
        }

    def _with_rows(self, connection: psycopg.Connection[tuple[object, ...]]) -> set[str]:
        tables = [str(name) for (name,) in connection.execute(_TABLES)]
        asked = sql.SQL(" UNION ALL ").join(
            sql.SQL("SELECT {}::text WHERE EXISTS (SELECT FROM {})").format(
                sql.Literal(name), sql.Identifier(name)
            )
            for name in tables
        )
        return {str(name) for (name,) in connection.execute(asked)}


def _one(connection: psycopg.Connection[tuple[object, ...]], query: str) -> object:
    row = connection.execute(query.encode()).fetchone()
    return row[0] if row else None

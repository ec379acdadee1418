"""Look for a mark in the text of a JSON column, such as `:"invalid"` in a contact's statuses.

orjson writes without spaces, and with a backslash before each quotation mark that belongs to a name
or a value, so such a mark stands where, and only where, it is meant. Partial indexes hold the rows
with a mark (migrations 0011 and 0012). A database uses one only where a query spells the mark as
the index does, so `has_indexed_mark` and the tables take the spelling from here. The migrations
have a copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


def status_mark(status: str) -> str:
    """Return what stands in `contacts.statuses` of a contact with a field of this status: names
    are followed by a colon, and values by none."""
    return f':"{status}"'


def flag_mark(flag: str) -> str:
    """Return what stands in `contacts.last_seen_flags` of a contact on which a flag is set."""
    return f'"{flag}":true'


class _Position(FunctionElement[int]):
    """Where a mark stands in a column; 0: nowhere."""

    name = "mark_position"
    type = sa.Integer()
    inherit_cache = True


class _Indexed(FunctionElement[Any]):
    """That one of some marks stands in a column, spelled as the partial indexes are. It has no
    type: of a boolean SQLAlchemy writes `= 1` on SQLite, and the index would not be found."""

    name = "indexed_marks"
    inherit_cache = True


@compiles(_Position)
def _instr(element: _Position, compiler: SQLCompiler, **kw: Any) -> str:
    column, mark = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"instr({column}, {mark})"


@compiles(_Position, "postgresql")
def _strpos(element: _Position, compiler: SQLCompiler, **kw: Any) -> str:
    column, mark = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"strpos({column}::text, {mark})"


@compiles(_Indexed)
def _by_instr(element: _Indexed, compiler: SQLCompiler, **kw: Any) -> str:
    column, *marks = (compiler.process(clause, **kw) for clause in element.clauses)
    return _one_stands(column, marks)


@compiles(_Indexed, "postgresql")
def _by_like(element: _Indexed, compiler: SQLCompiler, **kw: Any) -> str:
    column, *marks = (compiler.process(clause, **kw) for clause in element.clauses)
    quoted = [_quoted_pattern(mark.strip("'")) for mark in marks]
    patterns: list[Any] = [sa.literal_column(pattern) for pattern in quoted]
    return f"({_one_fits(column, [compiler.process(pattern) for pattern in patterns])})"


def _one_stands(column: str, quoted_marks: Sequence[str]) -> str:
    """A sum, for SQLite takes the index of several marks for the one mark that implies them, even
    where that has an index of its own."""
    return f"({' + '.join(f'instr({column}, {mark})' for mark in quoted_marks)} > 0)"


def _one_fits(column: str, quoted_patterns: Sequence[str]) -> str:
    return " OR ".join(f"({column}::text LIKE {pattern})" for pattern in quoted_patterns)


def _quoted_pattern(mark: str) -> str:
    escaped = mark.replace("_", "\\_")
    return f"'%{escaped}%'"


def has_mark(column: sa.ColumnElement[Any], mark: str) -> sa.ColumnElement[bool]:
    """Return the condition that a JSON column holds a mark, which must be a constant of ours."""
    return _Position(column, sa.literal_column(f"'{mark}'")) > sa.literal_column("0")


def has_indexed_mark(column: sa.ColumnElement[Any], *marks: str) -> Any:
    """Return the condition that a JSON column holds one of these marks, as the partial index of
    just these spells it. PostgreSQL takes LIKE for so rare that it looks for an index, and the
    spelling of `has_mark` for so common that it looks at rows in another order."""
    return _Indexed(column, *(sa.literal_column(f"'{mark}'") for mark in marks))


def index_condition(column: str, *marks: str) -> dict[str, Any]:
    """Return the conditions of a partial index of the rows with one of these marks, by dialect."""
    escaped = [mark.replace(":", "\\:") for mark in marks]  # else `:true` is a parameter
    return {
        "sqlite_where": sa.text(_one_stands(column, [f"'{mark}'" for mark in escaped])),
        "postgresql_where": sa.text(_one_fits(column, [_quoted_pattern(mark) for mark in escaped])),
    }

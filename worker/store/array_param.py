"""Compare a column with a list of any length, passed to the database as one value.

SQLAlchemy makes a parameter of each member of `IN (...)`, and works each one out anew: of what a
page costs that was more than the queries themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


def any_of(column: sa.ColumnElement[Any], values: Iterable[Any]) -> sa.ColumnElement[bool]:
    """Return the condition that a column (of texts or whole numbers) is one of these values."""
    return AnyOf(column, sa.bindparam(None, list(values), ArrayParam(column.type), unique=True))


class ArrayParam(sa.TypeDecorator[list[Any]]):
    """A list as a PostgreSQL array, or as JSON for SQLite, which has no arrays."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, of: sa.types.TypeEngine[Any]) -> None:
        super().__init__()
        self.of = of

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        server = dialect.name == "postgresql"
        return dialect.type_descriptor(postgresql.ARRAY(self.of) if server else sa.Text())

    def process_bind_param(self, value: list[Any] | None, dialect: Dialect) -> Any:
        return value if dialect.name == "postgresql" else orjson.dumps(value).decode()


class AnyOf(FunctionElement[bool]):
    name = "any_of"
    type = sa.Boolean()
    inherit_cache = True

    def self_group(self, against: Any = None) -> Any:
        """Return the condition itself. SQLAlchemy would compare it with 1, which no
        index serves."""
        return self


@compiles(AnyOf, "postgresql")
def _on_postgresql(element: AnyOf, compiler: SQLCompiler, **kwargs: Any) -> str:
    column, values = (compiler.process(clause, **kwargs) for clause in element.clauses)
    return f"{column} = ANY ({values})"


@compiles(AnyOf, "sqlite")
def _on_sqlite(element: AnyOf, compiler: SQLCompiler, **kwargs: Any) -> str:
    column, values = (compiler.process(clause, **kwargs) for clause in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"

"""SQL that was compiled for the database of one test serves the tests after it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache

_MOST = 3000  # statements


def share_compiled() -> None:
    """Give all engines of this process one cache of compiled statements. SQLAlchemy has one an
    engine, and each test an engine of its own: half the time of a short sync went into compiling
    the same statements. Dialects of a kind count as the same, since they are part of the key."""

    def kind(dialect: DefaultDialect) -> tuple[Any, ...]:
        return type(dialect), dialect._json_serializer is None, dialect.paramstyle

    create_engine, compiled = sa.create_engine, LRUCache(_MOST)

    def created(url: Any, **options: Any) -> sa.Engine:
        engine = create_engine(url, **options)
        engine.update_execution_options(compiled_cache=compiled)
        return engine

    sa.create_engine = created
    DefaultDialect.__hash__ = lambda self: hash(kind(self))  # type: ignore[method-assign]
    DefaultDialect.__eq__ = (  # type: ignore[method-assign]
        lambda self, other: isinstance(other, DefaultDialect) and kind(self) == kind(other)
    )

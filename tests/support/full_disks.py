"""A disk that is full, for the database of a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from worker.store import Store


@contextmanager
def full_disk(store: Store, room: int = 0) -> Iterator[None]:
    """Let an SQLite database grow by `room` pages and no further: SQLite then says what it says of
    a full disk (https://www.sqlite.org/pragma.html#pragma_max_page_count)."""
    with store.read() as connection:
        pages = int(connection.scalar(sa.text("PRAGMA page_count")) or 0)

    def limit(dbapi: Any, *_: object) -> None:
        dbapi.execute(f"PRAGMA max_page_count = {pages + room}")

    sa.event.listen(store.engine, "checkout", limit)
    try:
        yield
    finally:
        sa.event.remove(store.engine, "checkout", limit)
        sa.event.listen(store.engine, "checkout", _unlimited)


def _unlimited(dbapi: Any, *_: object) -> None:
    dbapi.execute("PRAGMA max_page_count = 1073741823")

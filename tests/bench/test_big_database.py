"""A big database of a few contacts: every table is filled as today's tables demand."""

from __future__ import annotations

import sqlalchemy as sa

from bench.big_database import fill, is_filled
from worker.store import open_store
from worker.store.tables import contacts, endpoints, events, pages, reviews, runs, writes


def test_it_is_filled_once(either_database_url: str) -> None:
    assert not is_filled(either_database_url)
    fill(either_database_url, contacts=1_000, years=0.02)
    assert is_filled(either_database_url)
    store = open_store(either_database_url)
    with store.read() as connection:
        for table in (runs, pages, writes, reviews, events, endpoints):
            assert connection.scalar(sa.select(sa.func.count()).select_from(table)), table.name
        assert connection.scalar(sa.select(sa.func.count()).select_from(contacts)) == 1_000
    store.close()

"""Named locks in a real PostgreSQL: the same one excludes, two different ones don't."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.store import Store, locks
from worker.store.engine import open_store
from worker.store.locks import Lock

NAMED = (Lock.BOOKING_LOOKUPS, Lock.APPLYING_REPORTS, Lock.COUNTING_SEGMENTS)
OLD = sa.text("SELECT pg_advisory_xact_lock(7226454)")  # as the versions before named locks do


@pytest.fixture
def server(postgres_database_url: str) -> Iterator[Store]:
    opened = open_store(postgres_database_url)
    yield opened
    opened.close()


@contextmanager
def transaction(store: Store) -> Iterator[Connection]:
    """A transaction that gives up quickly where it would have to wait for a lock."""
    with store.engine.connect() as connection, connection.begin():
        connection.execute(sa.text("SET LOCAL lock_timeout = '300ms'"))
        yield connection


class TestNamedLocks:
    @pytest.mark.parametrize("lock", Lock)
    def test_one_lock_has_one_holder_until_its_transaction_ends(
        self, server: Store, lock: Lock
    ) -> None:
        with transaction(server) as holder:
            locks.acquire(holder, lock)
            with pytest.raises(sa.exc.OperationalError), transaction(server) as other:
                locks.acquire(other, lock)
        with transaction(server) as other:
            locks.acquire(other, lock)

    @pytest.mark.parametrize("lock", Lock)
    def test_different_locks_do_not_wait_for_each_other(self, server: Store, lock: Lock) -> None:
        with transaction(server) as holder:
            locks.acquire(holder, lock)
            for another in set(Lock) - {lock}:
                with transaction(server) as other:
                    locks.acquire(other, another)

    def test_sqlite_needs_none(self, database_url: str) -> None:
        store = open_store(database_url)
        with store.write() as connection:
            locks.acquire(connection, Lock.BOOKING_LOOKUPS)
        store.close()


class TestBesideTheVersionBefore:
    @pytest.mark.parametrize("lock", NAMED)
    def test_a_worker_of_the_version_before_excludes_each(self, server: Store, lock: Lock) -> None:
        with transaction(server) as old:
            old.execute(OLD)
            with pytest.raises(sa.exc.OperationalError), transaction(server) as new:
                locks.acquire(new, lock)

    @pytest.mark.parametrize("lock", NAMED)
    def test_each_excludes_a_worker_of_the_version_before(self, server: Store, lock: Lock) -> None:
        with transaction(server) as new:
            locks.acquire(new, lock)
            with pytest.raises(sa.exc.OperationalError), transaction(server) as old:
                old.execute(OLD)

"""Open the database, upgrade its tables, and provide short transactions."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from worker.store import locks
from worker.store.errors import StoreError
from worker.store.locks import Lock
from worker.store.machine_faults import trouble
from worker.store.private_files import make_database

PING_AFTER = 1.0  # seconds for which a connection to PostgreSQL may idle and is used untried
MIGRATIONS = Path(__file__).with_name("migrations")


class Store:
    """The database: connections for queries (`read()`), and inside a transaction for queries that
    belong together (`snapshot()`) and for changes (`write()`)."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._file = engine.dialect.name == "sqlite"
        self._writer = threading.Lock()
        self._writing = threading.local()
        if self._file:
            # Not by a listener of SQLAlchemy: an engine that has one takes a tenth longer for each
            # statement.
            engine.dialect.do_begin = self._begin  # type: ignore[assignment]

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection for queries. Each sees what is committed when it begins.

        On PostgreSQL each query is a transaction by itself, so that beginning and ending one costs
        no round trips. A query whose rows are streamed (`yield_per`) needs `snapshot()`: PostgreSQL
        has cursors within transactions only
        (https://www.postgresql.org/docs/current/sql-declare.html).
        """
        with self.engine.connect() as connection:
            if not self._file:
                connection = connection.execution_options(isolation_level="AUTOCOMMIT")
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Begin a transaction whose queries all see the database as it is at the first of them
        (https://www.postgresql.org/docs/current/transaction-iso.html#XACT-REPEATABLE-READ).
        """
        with self.engine.connect() as connection:
            if not self._file:
                connection = connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Begin a writing transaction. On SQLite it takes the write lock at once, so that two
        writers wait for each other instead of failing half-way."""
        if getattr(self._writing, "now", False):
            raise RuntimeError("a writing transaction was begun inside another one")
        # Threads of one process wait for SQLite's one writer here: SQLite itself would look for
        # it only every so often.
        with self._writer if self._file else nullcontext(), self.engine.connect() as connection:
            self._writing.now = self._writing.begins = True
            try:
                with connection.begin():
                    self._writing.begins = False
                    yield connection
            finally:
                self._writing.now = self._writing.begins = False

    def _begin(self, connection: PoolProxiedConnection) -> None:
        """Begin a transaction of SQLite, as the driver does not."""
        immediate = getattr(self._writing, "begins", False)
        connection.cursor().execute("BEGIN IMMEDIATE" if immediate else "BEGIN")

    def close(self) -> None:
        self.engine.dispose()


def open_store(url: str) -> Store:
    """Open the database of a DATABASE_URL; raises `StoreError`."""
    url = url.replace("postgres://", "postgresql://", 1)
    if url.startswith("postgresql://"):
        url = url.replace("postgresql://", "postgresql+psycopg://", 1)
    options: dict[str, Any] = {
        "json_serializer": lambda value: orjson.dumps(value).decode(),
        "json_deserializer": orjson.loads,
        # A thread takes a connection for each transaction. `hygiene sync` has some ten threads for
        # each CRM; what is over the five that stay open is closed after use.
        "max_overflow": 30,
    }
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise StoreError(f"DATABASE_URL: not a database address: {error}") from error
    if parsed.drivername == "sqlite" and parsed.database:
        make_database(Path(parsed.database))
        options["connect_args"] = {"timeout": 60}
    engine = sa.create_engine(url, **options)
    if engine.dialect.name == "sqlite":
        _tune_sqlite(engine)
    else:
        _ping_after_idling(engine)
    return Store(engine)


def _ping_after_idling(engine: Engine) -> None:
    """Replace connections that the server, or something on the way, has closed meanwhile.

    A connection is tried with a round trip before it is used, but for one that was in use a moment
    ago. SQLAlchemy's own `pool_pre_ping` tries each, which is as much as most reads take.
    """

    @sa.event.listens_for(engine, "checkin")
    def on_checkin(_connection: Any, record: ConnectionPoolEntry) -> None:
        record.info["used_at"] = time.monotonic()

    @sa.event.listens_for(engine, "checkout")
    def on_checkout(connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
        used_at = record.info.get("used_at")  # None: it was opened just now
        if used_at is None or time.monotonic() - used_at < PING_AFTER:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            # All connections are replaced, and this one at once: they were closed together.
            raise sa.exc.InvalidatePoolError from error


def _tune_sqlite(engine: Engine) -> None:
    @sa.event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # BEGIN is ours (`Store._begin`), not the driver's
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        # Rows of a page lie all over the indexes by number: what is written is carried over to the
        # file less often, each of its pages once (32 MB of log; SQLite's own choice is 4).
        cursor.execute("PRAGMA wal_autocheckpoint=8000")
        cursor.close()


def upgrade(url: str) -> None:
    """Upgrade the tables. It is safe to repeat this, and to run it from two places at once."""
    from alembic import command  # 15 MB, which a worker never needs
    from alembic.config import Config

    store = open_store(url)
    try:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        with store.write() as connection:
            locks.acquire(connection, Lock.MIGRATING)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except (sa.exc.SQLAlchemyError, OSError) as error:
        raise StoreError(_cannot_open(error)) from error
    finally:
        store.close()


def _cannot_open(error: Exception) -> str:
    known = trouble(error)
    return f"DATABASE_URL: it cannot be opened: {known.line if known else _first_line(error)}"


def is_current(url: str) -> bool:
    """Return whether the tables have the form that this version works with. Raises `StoreError`."""
    newest = max(path.name[:4] for path in MIGRATIONS.glob("versions/[0-9]*.py"))
    version = sa.table("alembic_version", sa.column("version_num"))
    store = open_store(url)
    try:
        with store.read() as connection:
            if not sa.inspect(connection).has_table(version.name):
                return False
            return connection.scalar(sa.select(version.c.version_num)) == newest
    except (sa.exc.SQLAlchemyError, OSError) as error:
        raise StoreError(_cannot_open(error)) from error
    finally:
        store.close()


def ensure_schema(url: str) -> None:
    """Make sure that the tables are there: an SQLite file is brought up to date by itself, a
    server's database only by `hygiene db upgrade`. Raises `StoreError`."""
    if is_current(url):
        return
    if not url.startswith("sqlite"):
        raise StoreError("DATABASE_URL: its tables are out of date; run: hygiene db upgrade")
    upgrade(url)


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]

"""Opening the database and speaking to it: short transactions, bulk statements, two dialects."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Dialect, Engine

from worker.store.machine_faults import trouble
from worker.store.private_files import make_database

MIGRATIONS = Path(__file__).with_name("migrations")
_CHUNK = 500  # values in one IN (...): under SQLite's limit
_AT_ONCE = 100  # rows in one INSERT


class StoreError(Exception):
    """The database cannot be used; the text says what to do."""


class Store:
    """The database. `read()` and `write()` give a connection inside a transaction."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._file = engine.dialect.name == "sqlite"
        self._writer = threading.Lock()
        self._writing = threading.local()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that may write; on SQLite it takes the write lock at once, so that two
        writers wait for each other instead of failing half-way."""
        if getattr(self._writing, "now", False):
            raise RuntimeError("a transaction that writes was begun inside another one")
        # Threads of one process wait for SQLite's one writer here: SQLite itself would look for
        # it only every so often.
        with self._writer if self._file else nullcontext(), self.engine.connect() as connection:
            if self._file:
                connection = connection.execution_options(immediate=True)
            self._writing.now = True
            try:
                with connection.begin():
                    yield connection
            finally:
                self._writing.now = False

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
        "pool_pre_ping": not url.startswith("sqlite"),  # a file does not hang up
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
    return Store(engine)


def _tune_sqlite(engine: Engine) -> None:
    @sa.event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # BEGIN is ours (below), not the driver's
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        # Rows of a page lie all over the indexes by number: what is written is carried over to the
        # file less often, each of its pages once (32 MB of log; SQLite's own choice is 4).
        cursor.execute("PRAGMA wal_autocheckpoint=8000")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get("immediate")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def upgrade(url: str) -> None:
    """Bring the tables to the newest form; safe to repeat and to run from two places at once."""
    from alembic import command  # 15 MB, which a worker never needs
    from alembic.config import Config

    store = open_store(url)
    try:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        with store.write() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(7226453)"))
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
    """Whether the tables have the form that this version works with; raises `StoreError`."""
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


def ready(url: str) -> None:
    """Make sure that the tables are there: an SQLite file is brought up to date by itself, a
    server's database only by `hygiene db upgrade`. Raises `StoreError`."""
    if is_current(url):
        return
    if not url.startswith("sqlite"):
        raise StoreError("DATABASE_URL: its tables are not up to date; run: hygiene db upgrade")
    upgrade(url)


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]


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
        keys = tuple(key or (column.name for column in table.primary_key))
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
    if any(column.default is not None and column.name not in names for column in table.columns):
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

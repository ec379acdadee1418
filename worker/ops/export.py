"""Export all our data into one file with `hygiene export`, and load it into an empty database.

A zip of one file a table (JSON, a row a line), and a manifest. For whoever leaves, for audits, and
for the way from the embedded database to a PostgreSQL. Rows are read and written a few at a time:
memory stays the same however much there is. What lets somebody in (passwords, sessions, tokens, our
own key) goes along only on demand.
"""

from __future__ import annotations

import base64
import os
import zipfile
from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config.errors import HygieneError
from config.version import PACKAGE, product_version
from worker.store import Store, pseudonyms
from worker.store.bulk import insert
from worker.store.errors import StoreError
from worker.store.tables import UtcDateTime, metadata

FORMAT = 1
_ROWS = 2000
# Of no use elsewhere: who is logged in, what is being asked at this moment.
_PASSING = frozenset({"sessions", "throttles", "claims"})
_SECRET = frozenset({"users", "api_tokens"})
# The version of the tables is the target's own.
_MANIFEST = "manifest.json"


class ExportError(HygieneError):
    """The file cannot be written or read. The text says what to do."""

    exit_code = 2


def write_private(path: Path, document: Any) -> None:
    """Write a document as JSON, for people to read, to a new file that only its owner can read.
    Raises `ExportError`."""
    partial = path.with_name(path.name + ".part")
    try:
        with os.fdopen(
            os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb"
        ) as file:
            file.write(
                orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
            )
        partial.replace(path)
    except OSError as error:
        raise ExportError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)


def export(store: Store, path: Path, now: datetime, with_secrets: bool = False) -> dict[str, int]:
    """Write all tables to a new file that only its owner can read; rows by table."""
    counts: dict[str, int] = {}
    partial = path.with_name(path.name + ".part")
    try:
        with (
            os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out,
            zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive,
            store.snapshot() as connection,  # all tables as of one moment
        ):
            for table in metadata.sorted_tables:
                name = str(table.name)
                if name in _PASSING or (name in _SECRET and not with_secrets):
                    continue
                counts[name] = 0
                with archive.open(f"{name}.jsonl", "w", force_zip64=True) as file:
                    for row in _rows(connection, table):
                        if _is_key(table, row) and not with_secrets:
                            continue
                        file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
                        counts[name] += 1
            manifest = {
                "format": FORMAT, "product": PACKAGE, "version": product_version(),
                "schema": _schema(connection), "at": now.isoformat(), "with_secrets": with_secrets,
                "rows": counts,
            }  # fmt: skip
            archive.writestr(_MANIFEST, orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
        partial.replace(path)
    except OSError as error:
        raise ExportError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)
    return counts


def _rows(connection: Connection, table: sa.Table) -> Iterator[dict[str, Any]]:
    query = sa.select(table).order_by(*table.primary_key.columns)
    names = [str(column.name) for column in table.columns]
    with connection.execution_options(yield_per=_ROWS).execute(query) as result:
        for row in result:
            yield {name: _plain(value) for name, value in zip(names, row, strict=True)}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, (bytes, memoryview)):
        return base64.b64encode(bytes(value)).decode()
    return value


def _is_key(table: sa.Table, row: dict[str, Any]) -> bool:
    return table.name == "installation" and row["name"] == pseudonyms.OWN_KEY


def _schema(connection: Connection) -> str:
    return str(connection.scalar(sa.text("SELECT version_num FROM alembic_version")))


def load(store: Store, path: Path) -> dict[str, int]:
    """Put an export into an empty database of the same version; rows by table. All or nothing."""
    counts: dict[str, int] = {}
    try:
        with zipfile.ZipFile(path) as archive, store.write() as connection:
            manifest = orjson.loads(archive.read(_MANIFEST))
            if manifest.get("format") != FORMAT or manifest.get("product") != PACKAGE:
                raise ExportError(
                    f"{path} is not an export of Phone Hygiene that this version can read"
                )
            if manifest["schema"] != (here := _schema(connection)):
                raise ExportError(
                    f"{path} has schema {manifest['schema']}, this database of {here}: export "
                    "and load with the same version of Phone Hygiene"
                )
            _must_be_empty(connection)
            for table in metadata.sorted_tables:
                if f"{table.name}.jsonl" not in archive.namelist():
                    continue
                with archive.open(f"{table.name}.jsonl") as file:
                    counts[table.name] = _fill(connection, table, file)
            _count_on(connection)
    except (OSError, zipfile.BadZipFile, KeyError, orjson.JSONDecodeError) as error:
        raise ExportError(f"{path} cannot be read: {error}") from error
    return counts


def _must_be_empty(connection: Connection) -> None:
    for name in ("contacts", "feedback", "runs"):
        if connection.execute(sa.select(metadata.tables[name]).limit(1)).first() is not None:
            raise StoreError("DATABASE_URL: the database is not empty: nothing was loaded")
    # What opening it once has left there; it comes with the export.
    connection.execute(sa.delete(metadata.tables["installation"]))


def _fill(connection: Connection, table: sa.Table, lines: Iterable[bytes]) -> int:
    rows: list[dict[str, Any]] = []
    count = 0
    columns = {
        column.name: column for column in table.columns
    }  # an export has the database's names
    for line in lines:
        row = orjson.loads(line)
        rows.append(
            {columns[name].key: _typed(columns[name], value) for name, value in row.items()}
        )
        if len(rows) == _ROWS:
            insert(connection, table, rows)
            count += len(rows)
            rows = []
    insert(connection, table, rows)
    return count + len(rows)


def _typed(column: sa.Column[Any], value: Any) -> Any:
    if value is None:
        return None
    if isinstance(column.type, UtcDateTime):
        return datetime.fromisoformat(value)
    if isinstance(column.type, sa.Numeric) and isinstance(value, str):
        return Decimal(value)
    if isinstance(column.type, sa.LargeBinary):
        return base64.b64decode(value)
    return value


def _count_on(connection: Connection) -> None:
    """Let new rows be numbered after those that were loaded."""
    if connection.dialect.name != "postgresql":
        return
    for table in metadata.sorted_tables:
        for column in table.primary_key.columns:
            if column.autoincrement is True:
                connection.execute(
                    sa.text(
                        f"SELECT setval(pg_get_serial_sequence('{table.name}', '{column.name}'), "
                        f"greatest((SELECT max({column.name}) FROM {table.name}), 1))"
                    )
                )

"""The latest runs, to complete their ids in a shell. Reads one table, and loads little for it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

_LATEST = 30
_QUERY = (
    "SELECT id, connector, state FROM runs WHERE kind <> 'reports' "
    f"ORDER BY opened_at DESC LIMIT {_LATEST}"
)
_WAIT = 0.3  # seconds for a database that is busy: nobody waits for a completion


def recent_runs() -> list[tuple[str, str]]:
    """Return id and description of the latest runs, newest first; none if they cannot be read.

    An embedded database is read as a file: loading what else speaks to databases would take longer
    than a person waits after a Tab.
    """
    address = os.environ.get("DATABASE_URL", "")
    if address and not address.startswith("sqlite:"):
        rows = _on_server()
    else:
        home = Path(os.environ.get("HYGIENE_HOME") or ".hygiene")
        rows = _in_file(Path(address.partition("///")[2]) if address else home / "hygiene.db")
    return [(run_id, f"{connector}, {state}") for run_id, connector, state in rows]


def _in_file(file: Path) -> list[tuple[str, str, str]]:
    with (
        suppress(sqlite3.Error),
        closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", _WAIT, uri=True)) as store,
    ):
        return store.execute(_QUERY).fetchall()
    return []


def _on_server() -> list[tuple[str, str, str]]:
    with suppress(Exception):  # a shell shows no error of a completion
        import sqlalchemy as sa

        from config.settings import load
        from worker.store.engine import open_store

        store = open_store(load().database_url)
        try:
            with store.read() as connection:
                return [(row[0], row[1], row[2]) for row in connection.execute(sa.text(_QUERY))]
        finally:
            store.close()
    return []

"""Remember background work that keeps failing, until it succeeds once.

Nobody reads a log line alone. After `TOLD_AFTER` failures in a row an alert goes to the operator
(`worker.alerts`); `hygiene doctor` shows each failure from the first on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.store.bulk import upsert
from worker.store.engine import Store
from worker.store.fit_key import fit_row_name
from worker.store.tables import app_state

TOLD_AFTER: Final = 3  # times in a row: fewer may pass by themselves
_PREFIX = "setback:"


@dataclass(frozen=True, slots=True)
class Setback:
    """`what` was to be done, in the words of a line: "read the calls". `error`: of the last try."""

    connector: str
    what: str
    since: datetime
    times: int
    error: str

    @property
    def text(self) -> str:
        return (
            f"{self.connector}: could not {self.what}, {self.times} times in a row since "
            f"{self.since:%Y-%m-%d %H:%M} UTC: {self.error}"
        )


def note(store: Store, connector: str, what: str, error: Exception, now: datetime) -> None:
    """Record a failure."""
    key = _key(connector, what)
    with store.write() as connection:
        stored = connection.scalar(sa.select(app_state.c.value).where(app_state.c.name == key))
        before = msgspec.json.decode(stored, type=Setback) if stored else None
        since, times = (before.since, before.times) if before else (now, 0)
        setback = Setback(connector, what, since, times + 1, str(error)[:500])
        row = {"name": key, "value": msgspec.json.encode(setback).decode()}
        upsert(connection, app_state, [row])


def clear(store: Store, connector: str, what: str) -> None:
    """Record a success: forget the failures before it."""
    c = app_state.c
    # A release before cut the name off.
    names = {_key(connector, what), f"{_PREFIX}{connector}:{what}"[:80]}
    with store.read() as connection:
        stored = connection.scalars(sa.select(c.name).where(c.name.in_(names))).all()
    if stored:  # most of the time there is nothing to write
        with store.write() as connection:
            connection.execute(sa.delete(app_state).where(c.name.in_(stored)))


def forget(connection: Connection, connector: str) -> None:
    """Forget all failures of a connection."""
    c = app_state.c
    of_connector = c.name.startswith(f"{_PREFIX}{connector}:", autoescape=True)
    connection.execute(sa.delete(app_state).where(of_connector))


def load(connection: Connection) -> Iterator[Setback]:
    query = sa.select(app_state.c.value).where(
        app_state.c.name.startswith(_PREFIX, autoescape=True)
    )
    for value in connection.scalars(query.order_by(app_state.c.name)):
        yield msgspec.json.decode(value, type=Setback)


def _key(connector: str, what: str) -> str:
    return fit_row_name(f"{_PREFIX}{connector}:{what}")

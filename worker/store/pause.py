"""The switch that pauses everything that writes or sends, for this whole installation.

While it is on, nothing is written to a CRM, no lookup is paid for, no event, no digest and no
question to a customer is sent, and no run begins; runs under way stop at their next page, and go on
when it is off. Reports are received and stored all the same, and applied to our own suppressions:
nobody who says no is lost.

Whatever writes or sends asks here right before it does (`check`, `is_on`). What has been sent to a
CRM or provider just before is completed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config.errors import HygieneError
from config.logging_setup import redact
from worker.store.bulk import upsert
from worker.store.engine import Store
from worker.store.tables import app_state

_NAME = "pause"  # of `app_state`
STORED = sa.select(app_state.c.value).where(app_state.c.name == _NAME)


@dataclass(frozen=True, slots=True)
class Pause:
    """Since when everything is paused, who paused it, and why ("": they gave no reason)."""

    since: datetime
    by: str
    reason: str

    @property
    def text(self) -> str:
        why = f": {self.reason}" if self.reason else ""
        return f"Everything is paused since {self.since:%Y-%m-%d %H:%M} UTC by {self.by}{why}"

    def as_json(self) -> dict[str, Any]:
        return {"since": self.since.isoformat(), "by": self.by, "reason": self.reason}


class PausedError(HygieneError):
    """It would write or send, and everything is paused."""

    http_status = 409

    def __init__(self, pause: Pause) -> None:
        self.pause = pause
        super().__init__(f"{pause.text}. Nothing was done; to resume: hygiene resume")


def load(connection: Connection) -> Pause | None:
    """Return the pause that is in force; None if nothing is paused."""
    return _decode(connection.scalar(STORED))


def _decode(stored: str | None) -> Pause | None:
    return None if stored is None else msgspec.json.decode(stored, type=Pause)


def find(store: Store) -> Pause | None:
    """Return the pause that is in force; None if nothing is paused."""
    with store.read() as connection:
        return load(connection)


def is_on(store: Store) -> bool:
    return find(store) is not None


def check(store: Store) -> None:
    """Raise `PausedError` while everything is paused."""
    if (pause := find(store)) is not None:
        raise PausedError(pause)


def require_none(stored: str | None) -> None:
    """As `check`, of what a statement has selected by `STORED` beside something else."""
    if (pause := _decode(stored)) is not None:
        raise PausedError(pause)


def begin(store: Store, now: datetime, by: str, reason: str) -> tuple[Pause, bool]:
    """Pause everything. Return the pause, and whether it is new: one in force stays as it is."""
    pause = Pause(now, by[:120], redact(reason)[:255])
    row = {"name": _NAME, "value": msgspec.json.encode(pause).decode()}
    with store.write() as connection:
        if (earlier := load(connection)) is not None:
            return earlier, False
        upsert(connection, app_state, [row], ignore=True)
        stored = load(connection)
    return stored or pause, stored == pause


def end(store: Store) -> Pause | None:
    """End the pause, and return it; None if nothing was paused."""
    with store.write() as connection:
        pause = load(connection)
        deleted = connection.execute(sa.delete(app_state).where(app_state.c.name == _NAME))
    return pause if deleted.rowcount else None

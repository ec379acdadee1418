"""Count what was answered, by day and key, without a write for each answer.

Counts are kept in this process for some seconds, then added to the table in one go: a form must not
wait for whoever writes to the database.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from worker.context import Context
from worker.store.machine_faults import trouble
from worker.store.tables import capture_counts, capture_keys
from worker.verification import budget

log = logging.getLogger(__name__)

Outcome = Literal["valid", "invalid", "unknown", "rate_limited", "wrong_origin"]
_EVERY = 5.0  # seconds


class Counts:
    """The counts of this process that are not in the table yet."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._lock = threading.Lock()
        self._new: Counter[tuple[str, int, str]] = Counter()
        self._timer: threading.Timer | None = None

    def add(self, key_id: int, outcome: Outcome) -> None:
        with self._lock:
            self._new[budget.day_of(self._ctx.now()), key_id, outcome] += 1
            if self._timer is None:
                self._timer = threading.Timer(_EVERY, self.flush)
                self._timer.daemon = True
                self._timer.start()

    def flush(self) -> None:
        """Write the counts to the table. What cannot be written now is kept for the next time."""
        with self._lock:
            new, self._new = self._new, Counter()
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        if not new:
            return
        try:
            with self._ctx.store.write() as connection:
                for (day, key_id, outcome), count in sorted(new.items()):
                    self._write(connection, day, key_id, outcome, count)
        except (sa.exc.SQLAlchemyError, OSError) as error:
            with self._lock:
                self._new.update(new)
            known_fault = trouble(error)
            log.warning("counts of captures wait: %s", known_fault.line if known_fault else error)

    def _write(
        self, connection: Connection, day: str, key_id: int, outcome: str, count: int
    ) -> None:
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        row = dialect.insert(capture_counts).values(
            day=day, key_id=key_id, outcome=outcome, answers=count, at=self._ctx.now()
        )
        c = capture_counts.c
        connection.execute(
            row.on_conflict_do_update(
                index_elements=["day", "key_id", "outcome"],
                set_={"answers": c.answers + row.excluded.answers, "at": row.excluded.at},
            )
        )

    def close(self) -> None:
        self.flush()
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()


def of_today(connection: Connection, ctx: Context) -> Iterator[tuple[str, str, int]]:
    """Yield (name of the key, "" for tokens of the API; outcome; count) of today, in UTC."""
    c, k = capture_counts.c, capture_keys.c
    query = (
        sa.select(sa.func.coalesce(k.name, ""), c.outcome, c.answers)
        .select_from(capture_counts.outerjoin(capture_keys, k.id == c.key_id))
        .where(c.day == budget.day_of(ctx.now()))
        .order_by(k.name, c.outcome)
    )
    for row in connection.execute(query):
        yield row[0], row[1], row[2]


def purge(connection: Connection, ctx: Context, age: timedelta) -> int:
    """Delete counts of days before this age."""
    day = budget.day_of(ctx.now() - age)
    return connection.execute(sa.delete(capture_counts).where(capture_counts.c.day < day)).rowcount

"""Records of a CRM that could not be worked on, with why, for later runs and for people."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.store.bulk import upsert
from worker.store.tables import failures
from worker.sync.runs.model import Run

_MAX_MESSAGE = 2000  # characters


class Failure(NamedTuple):
    """Why one record could not be worked on. `retry`: a later run tries it again by itself."""

    record_id: str
    kind: str
    message: str
    retry: bool


def record(
    connection: Connection,
    run: Run,
    object_name: str,
    new_failures: Iterable[Failure],
    now: datetime,
) -> None:
    """Store failures of one object's records; one that failed before has one attempt more."""
    f = failures.c
    for failure in new_failures:
        same = sa.and_(
            f.connector == run.connector, f.object == object_name, f.record_id == failure.record_id
        )
        attempts = connection.scalar(sa.select(f.attempts).where(same)) or 0
        row = {
            "connector": run.connector,
            "object": object_name,
            "record_id": failure.record_id,
            "kind": failure.kind,
            "message": failure.message[:_MAX_MESSAGE],
            "retry": failure.retry,
            "attempts": attempts + 1,
            "run_id": run.id,
            "at": now,
        }
        upsert(connection, failures, [row])

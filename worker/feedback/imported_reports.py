"""Keep which reports came with which import, so that an import can be undone as one.

A report that another import, or somebody else, has sent as well counts once, but it is not this
import's alone: its undo must leave it. So each further sender of a report is kept beside the first.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.store.array_param import any_of
from worker.store.bulk import chunks, upsert
from worker.store.tables import imported_reports


def record(connection: Connection, batch: str, new: Sequence[int], known: Sequence[int]) -> None:
    """Record who sent these reports: an import, or somebody else (`batch` = "").

    `new` and `known`: ids of reports that were stored just now, and before. A known report that no
    import brought is nobody's to undo, and stays so.
    """
    rows = [
        {"report": report, "batch": batch}
        for report in (*(new if batch else ()), *of_imports(connection, known))
    ]
    upsert(connection, imported_reports, rows, ignore=True)


def next_reports(connection: Connection, batch: str, after: int, limit: int) -> list[int]:
    """Return ids of reports that came with an import, in order, after an id."""
    c = imported_reports.c
    query = sa.select(c.report).where(c.batch == batch, c.report > after)
    return list(connection.scalars(query.order_by(c.report).limit(limit)))


def release(connection: Connection, batch: str, reports: Sequence[int]) -> set[int]:
    """Take these reports from an import; return those that nobody else has sent."""
    c, kept = imported_reports.c, set[int]()
    for chunk in chunks(list(reports)):
        connection.execute(sa.delete(imported_reports).where(c.batch == batch, c.report.in_(chunk)))
        kept.update(connection.scalars(sa.select(c.report).where(c.report.in_(chunk))))
    return set(reports) - kept


def of_imports(connection: Connection, reports: Sequence[int]) -> list[int]:
    """Return those of these reports that an import has brought."""
    if not reports:
        return []
    c = imported_reports.c
    query = sa.select(c.report).where(any_of(c.report, reports)).distinct()
    return list(connection.scalars(query))

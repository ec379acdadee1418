"""Imports as batches: each has an id, is listed, and can be undone as one.

- Opt-outs that a CRM held (`crm_opt_outs`): an undo lifts them by the rules of `undo_action`, for
  30 days. Where somebody else's word stands as well, it lifts nothing.
- A list (`imported_lists`): an undo lifts the entries that this import added, and nothing that
  anybody has said. Imported again, the list counts again.
- A file of reports (`worker.cli.feedback`): an undo takes its reports back (`undo_reports`), but
  for those that somebody else has sent as well. Imported again, they count again.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec
import sqlalchemy as sa
from msgspec.structs import replace

from config.errors import HygieneError
from worker.access import audit
from worker.context import Context
from worker.events import suppression_changes
from worker.feedback.models import SuppressionReason
from worker.feedback.receivers import crms_to_notify
from worker.store import locks, outbox
from worker.store.array_param import any_of
from worker.store.bulk import upsert
from worker.store.invalidation import invalidate
from worker.store.locks import Lock
from worker.store.outbox import OutboxItem
from worker.store.tables import app_state, suppressions
from worker.suppression import undo_action, undo_reports

_NAME = "import: "  # of `app_state`, with the batch's id
_AT_ONCE = 500  # entries that are lifted in one transaction
Kind = Literal["list", "crm_opt_outs", "reports"]


class NoSuchImportError(HygieneError):
    """There is no import with this id."""

    exit_code = 2
    http_status = 404

    def __init__(self, batch: str) -> None:
        super().__init__(f"there is no import {batch}; list them: hygiene suppressions imports")


class ImportBatch(msgspec.Struct, frozen=True):
    """`name`: of the list, the CRM or the file. `stored`: entries, opt-outs or reports that it
    added. Of an undo: how many were `lifted` or taken back; and people who stay suppressed, or
    reports that stay, since somebody else says so too (`kept`)."""

    id: str
    kind: Kind
    name: str
    at: datetime
    by: str
    stored: int = 0
    undone_at: datetime | None = None
    undone_by: str = ""
    lifted: int = 0
    kept: int = 0

    def as_json(self) -> dict[str, Any]:
        return dict(msgspec.to_builtins(self))


def begin(ctx: Context, batch: str, kind: Kind, name: str, by: str) -> ImportBatch:
    """Record an import before it stores anything."""
    begun = ImportBatch(batch, kind, name[:80], ctx.now(), by[:120])
    _store(ctx, begun)
    return begun


def count(ctx: Context, batch: str, stored: int) -> None:
    """Record how much an import has stored so far."""
    _store(ctx, replace(load(ctx, batch), stored=stored))


def load(ctx: Context, batch: str) -> ImportBatch:
    """Return an import; raises `NoSuchImportError`."""
    query = sa.select(app_state.c.value).where(app_state.c.name == f"{_NAME}{batch}"[:80])
    with ctx.store.read() as connection:
        stored = connection.scalar(query)
    if stored is None:
        raise NoSuchImportError(batch)
    return msgspec.json.decode(stored, type=ImportBatch)


def list_imports(ctx: Context) -> list[ImportBatch]:
    """Return all imports, the latest first."""
    query = sa.select(app_state.c.value).where(app_state.c.name.startswith(_NAME, autoescape=True))
    with ctx.store.read() as connection:
        found = [
            msgspec.json.decode(value, type=ImportBatch) for value in connection.scalars(query)
        ]
    return sorted(found, key=lambda batch: batch.at, reverse=True)


def undo(ctx: Context, batch: str, by: str, why: str) -> ImportBatch:
    """Lift what an import added, once. Raises `NoSuchImportError`, `NothingToUndoError`."""
    imported = load(ctx, batch)
    if imported.undone_at is not None:
        raise undo_action.NothingToUndoError
    if imported.kind == "list":
        lifted, kept = _lift_entries(ctx, imported, by, why), 0
    elif imported.kind == "reports":
        lifted, kept = undo_reports.undo(ctx, batch, by, why)
    else:
        undone = undo_action.undo(ctx, batch, by[:40], why)
        lifted, kept = undone.lifted, undone.kept
    done = replace(imported, undone_at=ctx.now(), undone_by=by[:120], lifted=lifted, kept=kept)
    _store(ctx, done)
    audit.note(ctx.store, ctx.now(), by, "import.undo", f"{batch} {imported.name}", why)
    return done


def _store(ctx: Context, batch: ImportBatch) -> None:
    row = {"name": f"{_NAME}{batch.id}"[:80], "value": msgspec.json.encode(batch).decode()}
    with ctx.store.write() as connection:
        upsert(connection, app_state, [row])


def _lift_entries(ctx: Context, imported: ImportBatch, by: str, why: str) -> int:
    """Lift the entries that an import of a list added: those that stand since its moment. They give
    up their key, so that the same list imported again counts again."""
    s = suppressions.c
    query = (
        sa.select(s.id, s.number)
        .where(
            s.source == imported.name, s.since == imported.at, s.lifted_at.is_(None),
            s.reason == SuppressionReason.LIST,
        )
        .order_by(s.id).limit(_AT_ONCE)
    )  # fmt: skip
    lifted = 0
    while True:
        now = ctx.now()
        with ctx.store.write() as connection:
            locks.acquire(connection, Lock.APPLYING_REPORTS)
            rows = connection.execute(query).all()
            if not rows:
                return lifted
            connection.execute(
                sa.update(suppressions)
                .where(any_of(s.id, [row.id for row in rows]))
                .values(
                    key=sa.literal("undone:") + sa.cast(s.id, sa.String(20)),
                    lifted_at=now, lifted_by=by[:120], lifted_why=why[:255],
                )
            )  # fmt: skip
            numbers = [row.number for row in rows]
            invalidate(connection, numbers)
            crms, held = crms_to_notify(ctx), set(outbox.held_by_anybody(connection, numbers))
            items = [OutboxItem(f"lift:{row.id}", row.number, crms, now)
                     for row in rows if row.number in held]  # fmt: skip
            outbox.enqueue(connection, items, now)
            suppression_changes.announce(connection, ctx.keys, now)
        lifted += len(rows)

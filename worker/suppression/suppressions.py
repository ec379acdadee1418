"""The suppression list: looking at it, adding and lifting by hand, and exporting it.

`from_reports` works out what follows from reports, `imported_lists` takes lists in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config.errors import HygieneError
from connectors.csv_list.formula_guard import csv_line
from worker.context import Context
from worker.events import suppression_changes
from worker.feedback import report_log
from worker.feedback.consent_state import ACTION_KEY_PREFIX, LIFT_KEY_PREFIX, rules_from_settings
from worker.feedback.models import ContactIdentity, Feedback, FeedbackKind, SuppressionReason
from worker.feedback.receivers import crms_to_notify
from worker.store import locks, outbox
from worker.store.array_param import any_of
from worker.store.invalidation import invalidate
from worker.store.locks import Lock
from worker.store.outbox import OutboxItem
from worker.store.pseudonyms import ERASED_PREFIX, Keys, number_aliases
from worker.store.tables import contact_numbers, feedback, suppressions
from worker.suppression import from_reports
from worker.suppression.imported_lists import list_key


class NoSuchSuppressionError(HygieneError):
    exit_code = 2
    http_status = 404

    def __init__(self, number: int) -> None:
        super().__init__(f"there is no suppression {number}; list them: hygiene suppressions list")


@dataclass(frozen=True, slots=True)
class Suppression:
    """A row of the list. `number`: E.164, or the hash of an erased one."""

    id: int
    number: str
    contact: str
    channels: str
    reason: str
    source: str
    evidence: str
    since: datetime
    lifted_at: datetime | None
    lifted_by: str
    lifted_why: str

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "number": None if self.number.startswith(ERASED_PREFIX) else self.number or None,
            "contact": None if self.contact.startswith(ERASED_PREFIX) else self.contact or None,
            "channels": self.channels.split(),
            "reason": self.reason,
            "source": self.source,
            "evidence": self.evidence,
            "since": self.since.isoformat(),
            "active": self.lifted_at is None,
            "lifted_at": self.lifted_at.isoformat() if self.lifted_at else None,
            "lifted_by": self.lifted_by or None,
            "lifted_why": self.lifted_why or None,
        }


# -- by hand -------------------------------------------------------------------------------


def add(
    ctx: Context,
    number: str,
    reason: SuppressionReason,
    channels: str,
    evidence: str,
    by: str,
    who: ContactIdentity | None = None,
) -> Suppression:
    """Suppress a number for everybody who holds it, or for one person alone.

    The queue tells the CRMs. A suppression in force for the same reason and channels is not
    added twice, unless something has lifted it since, if only for one person: then the new one
    holds for that person too.

    `reason`: any but `list`, which is not given by hand.
    """
    now, keys, kind = ctx.now(), ctx.keys, FeedbackKind(reason)
    closed = channels or "call text"
    contact = who.key if who else ""
    same = [
        suppression
        for suppression in list_suppressions(ctx, number, reason=reason)
        if suppression.contact == contact
        and set(closed.split()) <= set(suppression.channels.split())
    ]
    same = _without_actions(ctx, same)
    if same:
        with ctx.store.read() as connection:
            lifted_last = report_log.last_lift(connection, kind, number, who, ctx.keys)
        for suppression in same:
            if lifted_last is None or lifted_last <= suppression.since:
                return suppression
    report = Feedback(
        key=f"by hand:{number}:{reason}:{closed}:{contact}:{now.isoformat()}",
        kind=kind,
        number=number,
        source=by,
        at=now,
        channels=channels,
        contact=contact,
        scope="person" if who else "number",
        person=who.person if who else "",
        evidence=evidence,
        received_at=now,
    )
    with ctx.store.write() as connection:
        report_log.store(connection, [report], now, keys)
        from_reports.recompute(connection, [report], rules_from_settings(ctx.settings), keys)
        suppression_changes.announce(connection, keys, now)
        place = connection.scalar(sa.select(feedback.c.id).where(feedback.c.key == report.key))
        row = connection.execute(
            sa.select(suppressions).where(suppressions.c.key == f"feedback:{place}")
        ).one()
    return _suppression_from_row(row)


def _without_actions(ctx: Context, candidates: list[Suppression]) -> list[Suppression]:
    """Leave out what an action on many contacts said: it may be undone, and must not take the word
    of who says the same by hand with it."""
    if not candidates:
        return candidates
    f, s = feedback.c, suppressions.c
    keys = sa.select(s.id, s.key).where(
        any_of(s.id, [suppression.id for suppression in candidates])
    )
    with ctx.store.read() as connection:
        reports = {
            int(row.key.removeprefix("feedback:")): row.id
            for row in connection.execute(keys)
            if row.key.startswith("feedback:")
        }
        query = sa.select(f.id).where(
            any_of(f.id, list(reports)), f.key.startswith(ACTION_KEY_PREFIX)
        )
        of_actions = {reports[report_id] for report_id in connection.scalars(query)}
    return [suppression for suppression in candidates if suppression.id not in of_actions]


def lift(ctx: Context, suppression_id: int, by: str, why: str) -> Suppression:
    """Lift a suppression by an admin's decision, which is stored as a report of its own.

    An entry of a list is lifted without a report: the list was wrong about the number, and nobody
    has said that they want to be contacted. Their own opt-out stands. The same list imported again
    does not bring the entry back.
    """
    now, keys = ctx.now(), ctx.keys
    query = sa.select(suppressions).where(suppressions.c.id == suppression_id)
    with ctx.store.snapshot() as connection:
        suppression = connection.execute(query).one_or_none()
        if suppression is None:
            raise NoSuchSuppressionError(suppression_id)
        number = _find_held_number(ctx, connection, suppression.number)
    with ctx.store.write() as connection:
        row = connection.execute(query).one()
        if row.lifted_at is None and row.reason == SuppressionReason.LIST:
            _lift_list_entry(ctx, connection, row, number, by, why)
        elif row.lifted_at is None:
            report = Feedback(
                key=f"{LIFT_KEY_PREFIX}{row.key}:{now.isoformat()}",
                kind=FeedbackKind.CONFIRMED
                if row.reason == SuppressionReason.WRONG_NUMBER
                else FeedbackKind.OPT_IN,
                number=number,
                source=by,
                at=now,
                contact=row.contact,
                scope="person" if row.contact else "number",
                person=row.person,
                evidence=why,
                received_at=now,
            )
            locks.acquire(connection, Lock.DATING_REPORTS)
            report_log.store(connection, [report], now, keys)
            from_reports.recompute(connection, [report], rules_from_settings(ctx.settings), keys)
        suppression_changes.announce(connection, keys, now)
        row = connection.execute(query).one()
    return _suppression_from_row(row)


def _lift_list_entry(
    ctx: Context, connection: Connection, row: Any, number: str, by: str, why: str
) -> None:
    """Lift an entry of a list, and no other suppression of the number."""
    now = ctx.now()
    connection.execute(
        sa.update(suppressions)
        .where(suppressions.c.id == row.id)
        .values(lifted_at=now, lifted_by=by[:120], lifted_why=why[:255])
    )
    invalidate(connection, [number])
    outbox.enqueue(
        connection, [OutboxItem(f"lift:{row.id}", number, crms_to_notify(ctx), now)], now
    )


def _find_held_number(ctx: Context, connection: Connection, kept_as: str) -> str:
    """Return the number of an erased one that some contact holds again: its record must be told.
    Only trying all numbers finds it."""
    if not kept_as.startswith(ERASED_PREFIX):
        return kept_as
    query = sa.select(contact_numbers.c.number).distinct()
    indexed = connection.execution_options(yield_per=10_000).scalars(query)
    return next((n for n in indexed if kept_as in number_aliases(ctx.keys, [n], True)), kept_as)


def list_suppressions(
    ctx: Context,
    number: str | None = None,
    active: bool | None = True,
    reason: str | None = None,
    after: int = 0,
    limit: int = 100,
) -> list[Suppression]:
    """Return a part of the list, in the order of ids."""
    c = suppressions.c
    query = sa.select(suppressions).where(c.id > after).order_by(c.id).limit(limit)
    if active is not None:
        query = query.where(c.lifted_at.is_(None) if active else c.lifted_at.is_not(None))
    if reason:
        query = query.where(c.reason == reason)
    with ctx.store.read() as connection:
        if number is not None:
            names = number_aliases(ctx.keys, [number], report_log.has_erasures(connection))
            query = query.where(c.number.in_(list(names)))
        return [_suppression_from_row(row) for row in connection.execute(query)]


def _suppression_from_row(row: Any) -> Suppression:
    return Suppression(
        row.id, row.number, row.contact, row.channels, row.reason, row.source, row.evidence,
        row.since, row.lifted_at, row.lifted_by, row.lifted_why,
    )  # fmt: skip


def export_csv(ctx: Context, channel: str | None = None) -> Iterator[str]:
    """Yield CSV lines of all suppressions in force, for dialers and other tools. Erased numbers are
    left out: only their hashes are known."""
    yield csv_line(["number", "channels", "reason", "contact", "source", "since"])
    after = 0
    while part := list_suppressions(ctx, active=True, after=after, limit=2000):
        after = part[-1].id
        for suppression in part:
            if (
                not suppression.number
                or suppression.number.startswith(ERASED_PREFIX)
                or (channel and channel not in suppression.channels.split())
            ):
                continue
            yield csv_line(
                [suppression.number, suppression.channels, suppression.reason, suppression.contact,
                 suppression.source, suppression.since.isoformat()]
            )  # fmt: skip


def erase_number(connection: Connection, number: str, keys: Keys) -> None:
    """Keep the suppressions of a number, but no longer the number itself."""
    erased = keys.erased_number(number)
    rows = connection.execute(sa.select(suppressions).where(suppressions.c.number == number)).all()
    for row in rows:
        values = {"number": erased, "contact": "", "evidence": "erased on request"}
        if row.key.startswith("list:"):  # it names the number; that of an undone import does not
            values["key"] = list_key(row.source, erased)
        connection.execute(
            sa.update(suppressions).where(suppressions.c.id == row.id).values(**values)
        )
    report_log.record_erasure(connection, keys)

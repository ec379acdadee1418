"""Find flags that a write of ours may have set late.

A request that got no answer (a time-out, a cut connection) may still be in progress: the CRM can
carry it out after we have sent it again or read the record again, and after a person has changed
it. What it sets then looks like that person's doing. So a flag of such a write is
attributed to nobody: one that it sets stays set, since in doubt nobody is contacted, and one that
it clears is set again. That holds

1. for ten minutes (`worker.store.unanswered_writes`) after we have noted what became of the write;
   equally long if two pages wrote a flag of the record at the same time, one to set and one to
   clear it (`mark_crossed`);
2. after that too, while the record holds the write's marks, which no person writes;
3. for a contact that our index does not hold, however long ago it was: none of our results says
   since then what its flags are. The same holds there for a write that the CRM refused, since it
   may have taken the flags alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from connectors.records import Contact, Value
from worker.feedback import crm_flags
from worker.store.array_param import any_of
from worker.store.states import WriteState
from worker.store.tables import writes
from worker.store.unanswered_writes import CROSSED, LATEST, ORPHANED, SENT_AGAIN, UNANSWERED
from worker.sync.write.crm_writes import Outcome

MARKS = ("run", "checked_at")  # a run's mark, and when it checked: only we write these
_LONGEST = 1900  # characters of a CRM's message that are kept

LateFlags = Mapping[
    str, frozenset[tuple[str, bool]]
]  # record id -> flags and values of such writes
WritesOfRecords = Mapping[str, Sequence[Any]]  # record id -> rows of `writes`, in order


def settled_as(outcome: Outcome, before: Mapping[str, Value], now: datetime) -> dict[str, Any]:
    """Return the columns of a write whose outcome is known; `before`: as they were stored.

    Of a refused write whose fields went through in part, these alone are kept, as of a write like
    any other, which can be undone. One that was refused as a whole keeps what it was to write, and
    nothing before: there is nothing to undo. If an earlier try got no answer, the CRM may have
    carried that out, and the values before are kept.
    """
    columns: dict[str, Any] = {
        "state": WriteState.DONE if outcome.ok else WriteState.FAILED,
        "kind": outcome.kind,
        "message": message_of(outcome),
        "settled_at": now,
    }
    if outcome.ok or (outcome.sent_again and not outcome.written):
        return columns
    columns["before"] = {key: before.get(key) for key in outcome.written}
    if outcome.written:
        columns["after"] = dict(outcome.written)
    return columns


def message_of(outcome: Outcome) -> str | None:
    """Return the message to keep with a write, by which `find` finds one that was sent again."""
    text = outcome.message[:_LONGEST]
    if outcome.sent_again:
        return f"{text}; {SENT_AGAIN}" if text else SENT_AGAIN
    return text or None


def holds_marks(current: Mapping[str, Value], after: Mapping[str, Value]) -> bool:
    """Tell whether a record holds the marks of a write; false for a write without both."""
    return all(after.get(mark) and current.get(mark) == after[mark] for mark in MARKS)


def load_writes(
    connection: Connection, connector: str, object_name: str, record_ids: Sequence[str]
) -> WritesOfRecords:
    """Return all that we wrote to these records, or may have written."""
    w = writes.c
    query = (
        sa.select(w.record_id, w.state, w.message, w.after, w.at, w.settled_at)
        .where(
            w.connector == connector,
            w.object == object_name,
            any_of(w.record_id, record_ids),
            w.state != WriteState.FORECAST,
        )
        .order_by(w.id)
    )
    by_record: dict[str, list[Any]] = {}
    for row in connection.execute(query):
        by_record.setdefault(row.record_id, []).append(row)
    return by_record


def find(
    written: WritesOfRecords, contacts: Iterable[Contact], indexed: Collection[str], now: datetime
) -> LateFlags:
    """Return the flags that late writes may have set, by record; mostly none.

    `contacts`: those whose flags differ from what we know. `indexed`: ids in our index.
    """
    by_record: dict[str, frozenset[tuple[str, bool]]] = {}
    for contact in contacts:
        rows = written.get(contact.id, ())
        # Two tries within a second leave the same marks: then it was the last one.
        marked = next((r for r in reversed(rows) if holds_marks(contact.current, r.after)), None)
        carried = frozenset(
            flag
            for row in rows
            if _may_be_late(row, contact.id in indexed, row is marked, now)
            for flag in _flags_brought(row)
        )
        if carried:
            by_record[contact.id] = carried
    return by_record


def _may_be_late(row: Any, is_indexed: bool, is_marked: bool, now: datetime) -> bool:
    if is_unanswered(row) and (row.settled_at or row.at) >= now - LATEST:
        return True
    if row.state == WriteState.DONE:
        return False
    return not is_indexed or (is_marked and is_unanswered(row))


def _flags_brought(row: Any) -> Iterator[tuple[str, bool]]:
    for flag, value in crm_flags.flags_of(row.after).items():
        yield flag, value
        if row.message == CROSSED:
            yield flag, not value


def is_unanswered(row: Any) -> bool:
    """Whether nobody knows what the CRM made of a write. `row`: of `writes`."""
    message = row.message or ""
    return message in (UNANSWERED, ORPHANED, CROSSED) or message.endswith(SENT_AGAIN)


def mark_crossed(
    connection: Connection, page_id: int, record_ids: Sequence[str], since: datetime
) -> list[str]:
    """Mark a page's writes of flags that another page has written otherwise meanwhile.

    `record_ids`: records that another page has recorded since this one loaded them. `since`: when
    that was. Returns the ids of the records whose flags are in doubt now.
    """
    w, other = writes.c, writes.alias()
    settled_at = sa.func.coalesce(other.c.settled_at, other.c.at)
    query = (
        sa.select(w.id, w.record_id, w.after, other.c.after.label("by_other"))
        .join(
            other,
            sa.and_(
                other.c.connector == w.connector,
                other.c.object == w.object,
                other.c.record_id == w.record_id,
                sa.or_(other.c.page_id.is_(None), other.c.page_id != page_id),
                other.c.state == WriteState.DONE,
                settled_at >= since,
            ),
        )
        .where(w.page_id == page_id, any_of(w.record_id, record_ids), w.state == WriteState.DONE)
    )
    crossed: dict[int, str] = {}
    for row in connection.execute(query):
        ours, others = crm_flags.flags_of(row.after), crm_flags.flags_of(row.by_other)
        if any(others.get(flag, value) != value for flag, value in ours.items()):
            crossed[row.id] = row.record_id
    if crossed:
        connection.execute(
            sa.update(writes).where(w.id.in_(sorted(crossed))).values(message=CROSSED)
        )
    return sorted(set(crossed.values()))

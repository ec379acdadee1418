"""The guard on removals: a full read that would drop many contacts from our index asks first.

A full read is in order of ids. A contact of our index that lies within what was read and was not
returned may be deleted. But the CRM also leaves out what our user may no longer see, and a read may
be cut short. So its id is kept with the run (`absent_records`, in the transaction that stores the
page), and once the object is read to its end the run decides, in these steps:

1. The CRM is asked for these records by their ids, some hundred at a time. Those that it reports as
   deleted or merged are removed at once and count in nothing; those that it returns after all go
   through the run like any other contact.
2. As soon as the others are more than the limit (`sync.max_removals`, `sync.max_removals_floor`),
   the removals are held: nothing more is removed, the run says why, and `removal_holds` keeps it
   for a person. A read that brought nothing at all is held whatever the number.
3. Otherwise they are removed, some hundred at a time.

Each step is a transaction that also stores how far the run has come, so a run that was killed goes
on with the next one. A contact that was recorded since the read began is not removed.

An operator who has looked at it opens a full read that accepts removals. Where something is held,
it accepts no more than what was held and the ordinary limit, and only of those objects: that is
what the operator was shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from connectors.protocol import Connector
from connectors.records import Contact
from worker.context import Context
from worker.store.array_param import any_of
from worker.store.bulk import upsert
from worker.store.tables import absent_records, contacts, failures, removal_holds, runs
from worker.sync import contact_index
from worker.sync.pages import merges
from worker.sync.read.change_detection import IdRange, Unchanged

_BATCH = 500  # records that are checked, or removed, in one step
_EXAMPLES = 5
Entry = dict[str, Any]  # what a run keeps of an object that it reads: see the table `runs`


class State(StrEnum):
    """What became of the removals of an object."""

    CHECKING = "checking"
    REMOVED = "removed"
    HELD = "held"
    WOULD_REMOVE = "would_remove"  # of a dry run
    WOULD_HOLD = "would_hold"

    @property
    def decided(self) -> bool:
        return self is not State.CHECKING


@dataclass(frozen=True, slots=True)
class Hold:
    """Removals that wait for a person: see the table."""

    connector: str
    object: str
    run_id: str
    records: int
    indexed: int
    max_removals: int
    reason: str
    examples: Sequence[str]
    since: datetime
    at: datetime

    def as_json(self) -> dict[str, Any]:
        return {
            "connector": self.connector, "object": self.object, "run": self.run_id,
            "records": self.records, "indexed": self.indexed, "limit": self.max_removals,
            "reason": self.reason, "examples": list(self.examples),
            "since": self.since.isoformat(), "at": self.at.isoformat(),
        }  # fmt: skip


def holds(connection: Connection, connector: str | None = None) -> list[Hold]:
    """What is held now, of one CRM or of all."""
    c = removal_holds.c
    query = sa.select(removal_holds).order_by(c.connector, c.object)
    if connector:
        query = query.where(c.connector == connector)
    return [Hold(**row._mapping) for row in connection.execute(query)]


def of_run(reading: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What a run says of the removals of each object that had any; `records`: how many."""
    return [
        {
            "object": entry["object"],
            "state": found["state"],
            "records": found["records"],
            "indexed": found["indexed"],
            "limit": found["limit"],
            "accepted": is_accepted(entry),
            "reason": found.get("reason", ""),
        }
        for entry in reading
        if (found := entry.get("removals"))
    ]


# -- accepting -----------------------------------------------------------------------------


def accept(connection: Connection, connector: str, reading: Sequence[Entry]) -> None:
    """Note in a run that is being opened which removals it accepts."""
    held = {hold.object: hold.records for hold in holds(connection, connector)}
    for entry in reading:
        if held and entry["object"] not in held:
            continue  # the operator was shown something else
        entry["accept_removals"] = {"up_to": held.get(entry["object"])}


def is_accepted(entry: Mapping[str, Any]) -> bool:
    return "accept_removals" in entry


# -- collecting ----------------------------------------------------------------------------


def collect(connection: Connection, run_id: str, object_name: str, ids: Sequence[str]) -> None:
    """Keep records that a page of a full read should have brought."""
    rows = [
        {"run_id": run_id, "object": object_name, "record_id": record_id, "checked": False}
        for record_id in ids
    ]
    upsert(connection, absent_records, rows, ignore=True)


def collect_span(
    connection: Connection,
    run_id: str,
    connector: str,
    object_name: str,
    span: IdRange | None,
    present: Sequence[str],
) -> None:
    """The same for any number of them, without bringing them into memory: all contacts of the index
    in `span` (None: all of the object) but those that are `present`."""
    c = contacts.c
    there = [c.connector == connector, c.object == object_name]
    if span is not None:
        there.append(span.covers(c.record_id))
    if present:
        there.append(sa.not_(any_of(c.record_id, present)))
    query = sa.select(sa.literal(run_id), c.object, c.record_id, sa.false()).where(*there)
    names = ["run_id", "object", "record_id", "checked"]
    connection.execute(sa.insert(absent_records).from_select(names, query))


def remove(connection: Connection, connector: str, object_name: str, ids: Sequence[str]) -> int:
    """Drop contacts from the index, with what was noted of them; how many were there."""
    contact_index.delete(connection, failures, connector, object_name, ids)
    return contact_index.forget(connection, connector, object_name, ids)


# -- deciding ------------------------------------------------------------------------------


class Reader(Protocol):
    """The reader of the run, whose lease must hold at each step."""

    def save(self, connection: Connection) -> None:
        """Store the run's place; raises where somebody else reads the run by now."""

    def count_calls(self, connector: Connector, before: Mapping[Any, int]) -> None:
        """Add the API calls made since `before` to the run's."""

    def add_counts(self, connection: Connection, object_name: str, counts: Unchanged) -> None: ...

    def store_page(self, connection: Connection, found: Sequence[Contact]) -> int:
        """Keep contacts as a page of the run; its id."""

    def dispatch(self, page_id: int, found: Sequence[Contact]) -> None:
        """Have a stored page done."""


class Decision:
    """Decides about the absent records of one object of a run that has been read to its end."""

    def __init__(
        self, ctx: Context, run_id: str, connector: str, dry_run: bool, entry: Entry, reader: Reader
    ) -> None:
        self._ctx = ctx
        self._run_id = run_id
        self._connector = connector
        self._dry_run = dry_run
        self._entry = entry
        self._reader = reader
        self._object: str = entry["object"]
        self._checked: int | None = None  # as counted; None: not yet
        self._after = ""  # ids up to here have been checked

    def run(self, should_continue: Callable[[], bool]) -> bool:
        """Go on from where it stands; whether it is decided."""
        found = self._entry.get("removals")
        if found is None:
            found = self._begin()
            if found is None:
                return True
        if State(found["state"]).decided:
            return True
        while (checked := self._check_some()) is None:
            if not should_continue():
                return False
        if not checked:
            self._hold()
            return True
        if not self._dry_run:
            while self._remove_some():
                if not should_continue():
                    return False
        self._finish()
        return True

    def _begin(self) -> dict[str, Any] | None:
        """Note what there is to decide; None where that is nothing."""
        settings = self._ctx.settings.sync
        empty = not self._entry.get("last")  # the read brought nothing at all
        c = contacts.c
        indexed_query = sa.select(sa.func.count()).where(
            c.connector == self._connector, c.object == self._object
        )
        with self._ctx.store.read() as connection:
            absent = self._count(connection)
            indexed = (connection.scalar(indexed_query) or 0) if absent or empty else 0
            is_held = any(
                hold.object == self._object for hold in holds(connection, self._connector)
            )
        if empty:
            absent = indexed
        if not absent:
            if is_held and not self._dry_run:
                with self._step() as connection:
                    self._clear_hold(connection)
            return None
        limit = max(int(settings.max_removals * indexed), settings.max_removals_floor)
        found = {
            "state": State.CHECKING, "records": absent, "indexed": indexed, "limit": limit,
            "empty": empty, "removed": 0,
        }  # fmt: skip
        with self._step() as connection:
            self._entry["removals"] = found
            if empty and is_accepted(self._entry):
                collect_span(connection, self._run_id, self._connector, self._object, None, ())
        return found

    @property
    def _allowed(self) -> int | None:
        """How many may be removed; None: any number."""
        found = self._entry["removals"]
        accepted = self._entry.get("accept_removals")
        if accepted is None:
            return -1 if found["empty"] else int(found["limit"])
        return None if accepted["up_to"] is None else accepted["up_to"] + int(found["limit"])

    def _check_some(self) -> bool | None:
        """Ask the CRM for some of the absent records; whether they are few enough once that is
        known, else None."""
        a, allowed = absent_records.c, self._allowed
        with self._ctx.store.read() as connection:
            if self._checked is None:
                self._checked = self._count(connection, a.checked)
            if allowed is not None and self._checked > allowed:
                return False
            ids = self._some(connection, sa.not_(a.checked), a.record_id > self._after)
        if not ids:
            return True
        asked_at = self._ctx.now()
        connector = self._ctx.connector(self._connector)
        before = dict(connector.calls)
        deleted = connector.deleted(self._object, ids)
        rest = [record_id for record_id in ids if record_id not in deleted]
        asked = set(rest)
        there = (
            [one for one in connector.fetch(self._object, rest) if one.id in asked] if rest else []
        )
        returned = {contact.id for contact in there}
        unknown = [record_id for record_id in rest if record_id not in returned]
        page_id = None
        with self._step() as connection:
            self._reader.count_calls(connector, before)
            if there:
                page_id = self._reader.store_page(connection, there)
            if not self._dry_run:
                merged = [(self._object, merge) for merge in deleted.values() if merge]
                removed = merges.note(connection, self._connector, merged, asked_at, present=())
                if removed:
                    self._reader.add_counts(connection, self._object, Unchanged(gone=removed))
                self._remove(connection, sorted(deleted), asked_at)
            connection.execute(
                sa.delete(absent_records).where(
                    self._mine(), any_of(a.record_id, [*deleted, *returned])
                )
            )
            connection.execute(
                sa.update(absent_records)
                .where(self._mine(), any_of(a.record_id, unknown))
                .values(checked=True)
            )
        self._checked += len(unknown)
        self._after = ids[-1]
        if page_id is not None:
            self._reader.dispatch(page_id, there)
        return None

    def _remove_some(self) -> bool:
        """Remove some of the checked records; whether there were any."""
        with self._step() as connection:
            ids = self._some(connection, absent_records.c.checked)
            if not ids:
                return False
            began = self._entry.get("started")
            self._entry["removals"]["removed"] += self._remove(
                connection, ids, datetime.fromisoformat(began) if began else self._ctx.now()
            )
            connection.execute(
                sa.delete(absent_records).where(
                    self._mine(), any_of(absent_records.c.record_id, ids)
                )
            )
        return True

    def _remove(self, connection: Connection, ids: Sequence[str], unless_since: datetime) -> int:
        """Remove contacts that nobody has recorded since that moment, and count them as gone."""
        c = contacts.c
        old = (
            sa.select(c.record_id)
            .where(
                c.connector == self._connector,
                c.object == self._object,
                any_of(c.record_id, ids),
                c.checked_at <= unless_since,
            )
            .order_by(c.record_id)
            .with_for_update()
        )
        removed = remove(connection, self._connector, self._object, list(connection.scalars(old)))
        if removed:
            self._reader.add_counts(connection, self._object, Unchanged(gone=removed))
        return removed

    def _finish(self) -> None:
        found = self._entry["removals"]
        with self._step() as connection:
            if self._dry_run:
                records = self._count(connection)
                state = State.WOULD_REMOVE
            else:
                records = found["removed"]
                state = State.REMOVED
                self._clear_hold(connection)
            self._entry["removals"] = {**found, "state": state, "records": records}
            connection.execute(sa.delete(absent_records).where(self._mine()))

    def _hold(self) -> None:
        """Remove nothing, and say why."""
        ctx, found = self._ctx, self._entry["removals"]
        c = contacts.c
        with self._step() as connection:
            if found["empty"]:
                records = found["records"]
                query = sa.select(c.record_id).where(
                    c.connector == self._connector, c.object == self._object
                )
                examples = list(connection.scalars(query.limit(_EXAMPLES)))
            else:
                records = self._count(connection)
                examples = self._some(connection, absent_records.c.checked, limit=_EXAMPLES)
            reason = self._reason(records)
            state = State.WOULD_HOLD if self._dry_run else State.HELD
            self._entry["removals"] = {
                **found, "state": state, "records": records, "reason": reason,
            }  # fmt: skip
            connection.execute(sa.delete(absent_records).where(self._mine()))
            notes = connection.scalar(sa.select(runs.c.notes).where(runs.c.id == self._run_id))
            connection.execute(
                sa.update(runs)
                .where(runs.c.id == self._run_id)
                .values(notes=[*(notes or []), reason])
            )
            if self._dry_run:
                return
            at = ctx.now()
            since = connection.scalar(
                sa.select(removal_holds.c.since).where(
                    removal_holds.c.connector == self._connector,
                    removal_holds.c.object == self._object,
                )
            )
            row = {
                "connector": self._connector, "object": self._object, "run_id": self._run_id,
                "records": records, "indexed": found["indexed"], "max_removals": found["limit"],
                "reason": reason, "examples": examples, "since": since or at, "at": at,
            }  # fmt: skip
            upsert(connection, removal_holds, [row])

    def _reason(self, records: int) -> str:
        """One line for an operator: what was held, why, and what to do."""
        found, settings, name = self._entry["removals"], self._ctx.settings.sync, self._connector
        if found["empty"]:
            what = f"the full read brought no records, while our index has {records:,} contacts"
        else:
            what = (
                f"the full read did not bring {records:,} of the {found['indexed']:,} contacts in "
                "our index, and the CRM does not report them as deleted; the limit is "
                f"{found['limit']:,} ({settings.max_removals * 100:g}% of them, at least "
                f"{settings.max_removals_floor})"
            )
            accepted = self._entry.get("accept_removals")
            if accepted is not None:
                what += f", and {accepted['up_to']:,} were accepted"
        would = "none would be" if self._dry_run else "none was"
        return (
            f"{self._object}: {what}. So {would} removed from the index. Has our user lost access "
            f"to them? See: hygiene crm check {name}. If they are really gone: "
            f"hygiene sync {name} --accept-removals"
        )

    # -- pieces --------------------------------------------------------------------------

    @contextmanager
    def _step(self) -> Iterator[Connection]:
        """A transaction that also stores the run's place; where it fails, that is as before."""
        before = {**self._entry}
        if "removals" in before:
            before["removals"] = {**before["removals"]}
        try:
            with self._ctx.store.write() as connection:
                yield connection
                self._reader.save(connection)
        except BaseException:
            self._entry.clear()
            self._entry.update(before)
            raise

    def _mine(self) -> sa.ColumnElement[bool]:
        a = absent_records.c
        return sa.and_(a.run_id == self._run_id, a.object == self._object)

    def _count(self, connection: Connection, *tests: sa.ColumnElement[bool]) -> int:
        query = sa.select(sa.func.count()).select_from(absent_records)
        return connection.scalar(query.where(self._mine(), *tests)) or 0

    def _some(
        self, connection: Connection, *tests: sa.ColumnElement[bool], limit: int = _BATCH
    ) -> list[str]:
        a = absent_records.c
        query = (
            sa.select(a.record_id).where(self._mine(), *tests).order_by(a.record_id).limit(limit)
        )
        return list(connection.scalars(query))

    def _clear_hold(self, connection: Connection) -> None:
        c = removal_holds.c
        connection.execute(
            sa.delete(removal_holds).where(c.connector == self._connector, c.object == self._object)
        )

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
from datetime import datetime
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from connectors.protocol import Connector
from connectors.records import Contact
from worker.context import Context
from worker.store.array_param import any_of
from worker.store.bulk import upsert
from worker.store.tables import absent_records, contacts, failures, removal_holds, runs
from worker.sync import contact_index, merge_log
from worker.sync.read.change_detection import IdRange
from worker.sync.runs.removal_holds import ReadingEntry, RemovalState, is_accepted
from worker.sync.runs.removal_holds import load as load_holds
from worker.sync.runs.unchanged import Unchanged

_BATCH = 500  # records that are checked, or removed, in one step
_EXAMPLES = 5


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

    def store_page(self, connection: Connection, on_page: Sequence[Contact]) -> int:
        """Keep contacts as a page of the run; its id."""

    def dispatch(self, page_id: int, on_page: Sequence[Contact]) -> None:
        """Have a stored page done."""


class Decision:
    """Decides about the absent records of one object of a run that has been read to its end."""

    def __init__(
        self,
        ctx: Context,
        run_id: str,
        connector: str,
        dry_run: bool,
        entry: ReadingEntry,
        reader: Reader,
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
        removals = self._entry.get("removals")
        if removals is None:
            removals = self._begin()
            if removals is None:
                return True
        if RemovalState(removals["state"]).decided:
            return True
        while (allowed := self._check_batch()) is None:
            if not should_continue():
                return False
        if not allowed:
            self._hold()
            return True
        if not self._dry_run:
            while self._remove_batch():
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
                hold.object == self._object for hold in load_holds(connection, self._connector)
            )
        if empty:
            absent = indexed
        if not absent:
            if is_held and not self._dry_run:
                with self._step() as connection:
                    self._clear_hold(connection)
            return None
        limit = max(int(settings.max_removals * indexed), settings.max_removals_floor)
        removals: dict[str, Any] = {
            "state": RemovalState.CHECKING, "records": absent, "indexed": indexed, "limit": limit,
            "empty": empty, "removed": 0,
        }  # fmt: skip
        with self._step() as connection:
            self._entry["removals"] = removals
            if empty and is_accepted(self._entry):
                collect_span(connection, self._run_id, self._connector, self._object, None, ())
        return removals

    @property
    def _allowed(self) -> int | None:
        """How many may be removed; None: any number."""
        removals = self._entry["removals"]
        accepted = self._entry.get("accept_removals")
        if accepted is None:
            return -1 if removals["empty"] else int(removals["limit"])
        return None if accepted["up_to"] is None else accepted["up_to"] + int(removals["limit"])

    def _check_batch(self) -> bool | None:
        """Ask the CRM for some of the absent records; whether they are few enough once that is
        known, else None."""
        a, allowed = absent_records.c, self._allowed
        with self._ctx.store.read() as connection:
            if self._checked is None:
                self._checked = self._count(connection, a.checked)
            if allowed is not None and self._checked > allowed:
                return False
            ids = self._select_ids(connection, sa.not_(a.checked), a.record_id > self._after)
        if not ids:
            return True
        asked_at = self._ctx.now()
        connector = self._ctx.connector(self._connector)
        before = dict(connector.calls)
        deleted = connector.deleted(self._object, ids)
        rest = [record_id for record_id in ids if record_id not in deleted]
        asked = set(rest)
        present = (
            [contact for contact in connector.fetch(self._object, rest) if contact.id in asked]
            if rest
            else []
        )
        returned = {contact.id for contact in present}
        unknown = [record_id for record_id in rest if record_id not in returned]
        page_id = None
        with self._step() as connection:
            self._reader.count_calls(connector, before)
            if present:
                page_id = self._reader.store_page(connection, present)
            if not self._dry_run:
                merged = [(self._object, merge) for merge in deleted.values() if merge]
                removed = merge_log.record(
                    connection, self._connector, merged, asked_at, present=()
                )
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
            self._reader.dispatch(page_id, present)
        return None

    def _remove_batch(self) -> bool:
        """Remove some of the checked records; whether there were any."""
        with self._step() as connection:
            ids = self._select_ids(connection, absent_records.c.checked)
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
        removals = self._entry["removals"]
        with self._step() as connection:
            if self._dry_run:
                records = self._count(connection)
                state = RemovalState.WOULD_REMOVE
            else:
                records = removals["removed"]
                state = RemovalState.REMOVED
                self._clear_hold(connection)
            self._entry["removals"] = {**removals, "state": state, "records": records}
            connection.execute(sa.delete(absent_records).where(self._mine()))

    def _hold(self) -> None:
        """Remove nothing, and say why."""
        ctx, removals = self._ctx, self._entry["removals"]
        c = contacts.c
        with self._step() as connection:
            if removals["empty"]:
                records = removals["records"]
                query = sa.select(c.record_id).where(
                    c.connector == self._connector, c.object == self._object
                )
                examples = list(connection.scalars(query.limit(_EXAMPLES)))
            else:
                records = self._count(connection)
                examples = self._select_ids(connection, absent_records.c.checked, limit=_EXAMPLES)
            reason = self._reason(records)
            state = RemovalState.WOULD_HOLD if self._dry_run else RemovalState.HELD
            self._entry["removals"] = {
                **removals, "state": state, "records": records, "reason": reason,
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
                "connector": self._connector,
                "object": self._object,
                "run_id": self._run_id,
                "records": records,
                "indexed": removals["indexed"],
                "max_removals": removals["limit"],
                "reason": reason,
                "examples": examples,
                "since": since or at,
                "at": at,
            }
            upsert(connection, removal_holds, [row])

    def _reason(self, records: int) -> str:
        """One line for an operator: what was held, why, and what to do."""
        removals, settings, name = self._entry["removals"], self._ctx.settings.sync, self._connector
        if removals["empty"]:
            what = f"the full read brought no records, while our index has {records:,} contacts"
        else:
            what = (
                f"the full read did not bring {records:,} of the {removals['indexed']:,} contacts "
                "in our index, and the CRM does not report them as deleted; the limit is "
                f"{removals['limit']:,} ({settings.max_removals * 100:g}% of them, at least "
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

    def _select_ids(
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

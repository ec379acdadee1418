"""Events about what a page has written: statuses of numbers, and flags of contacts.

Only where an endpoint subscribes to them: a first sync writes a status for every number there is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy.engine import Connection

from connectors.records import Value
from worker.context import Context
from worker.decisions.model import BAD_STATUSES
from worker.events import log, outgoing
from worker.events.model import Event, EventType
from worker.feedback.models import contact_key
from worker.sync.contact_index import IndexEntry

_FLAGS = ("wrong_number", "do_not_contact", "do_not_call", "do_not_text")
_STATUS = "status/"


def append(
    connection: Connection, ctx: Context, connector: str, object_name: str,
    entries: Sequence[IndexEntry],
) -> None:  # fmt: skip
    """Append the events of a page's contacts, as far as its CRM has taken what was written."""
    if not any(entry.written for entry in entries):
        return
    wanted = outgoing.subscribed_types(connection)
    news: list[Event] = []
    for entry in entries:
        name = contact_key(connector, object_name, entry.contact.id)
        if EventType.STATUS_CHANGED in wanted:
            news += _statuses(entry, name)
        if EventType.CONTACT_FLAGGED in wanted:
            news += _flags(entry, name)
    if news:
        log.append(connection, news, ctx.keys, ctx.now())


def _statuses(entry: IndexEntry, name: str) -> Iterator[Event]:
    """Yield an event for each number in a field whose status is another one than before.

    That a field is valid the first time is no change.
    """
    for key, value in entry.written.items():
        if not key.startswith(_STATUS):
            continue
        before = entry.contact.current.get(key)
        if value == before or not (before or value in BAD_STATUSES):
            continue
        field = key.removeprefix(_STATUS)
        reading = entry.readings.get(field)
        for number in reading.numbers if reading is not None else ():
            yield Event(
                EventType.STATUS_CHANGED, number.e164, name,
                detail={"field": field, "from": before or None, "to": value or None},
            )  # fmt: skip


def _flags(entry: IndexEntry, name: str) -> Iterator[Event]:
    changed: dict[str, Value] = {
        flag: entry.written[flag]
        for flag in _FLAGS
        if flag in entry.written
        and bool(entry.written[flag]) != bool(entry.contact.current.get(flag))
    }
    if changed:
        yield Event(EventType.CONTACT_FLAGGED, "", name, detail={"flags": changed})

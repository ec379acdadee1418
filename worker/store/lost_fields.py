"""Notice fields of a CRM that are no longer there: hidden from our user, renamed, archived, or of
another type.

A CRM hardly reports this. Salesforce omits a field that field-level security hides from its
describe, and refuses queries that name it; HubSpot silently omits an archived property from its
answers. To a sync such a field would look empty: it would clear the status and forget the numbers,
and a STOP for one of them would find nobody. So we keep the names of the fields that could be used
once. When one of them is lost:

1. every run without it says so, and counts as done with failures; there is an alert;
2. the numbers in our index stay, and count: a report still finds the contact;
3. what we wrote about it stays in the CRM, unless somebody must not be contacted;
4. once it is back, its object is read as a whole, because changes in the meantime were not seen.

A field that we took out ourselves (`hygiene crm remove`) is not lost.

A field that an operator removes from the settings is not lost.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config import connections
from connectors.records import Role, Schema, SchemaProblem
from worker.store import Store
from worker.store.array_param import any_of
from worker.store.bulk import upsert
from worker.store.tables import app_state, contact_numbers, contacts

_STATE_NAME = "fields: "
_OBJECT = ""  # stands for the object itself among its fields
# What is read beside a number tells its country: without it, local numbers read otherwise.
CONTEXT_ROLES: frozenset[Role] = frozenset(("country", "context", "email"))
_READ_ROLES: frozenset[Role] = CONTEXT_ROLES | {"phone"}

Roles = Mapping[str, Mapping[str, Role]]  # object -> field -> what it is for us
Numbers = Mapping[str, Mapping[str, str]]  # record id -> phone field -> its numbers, as a text


@dataclass(frozen=True, slots=True)
class LostField:
    """A field that could be used once. `field`: "" for the whole object. `until`: when it was back;
    None while it is lost."""

    object: str
    field: str
    role: Role
    since: datetime
    until: datetime | None = None
    problem: str = ""

    def text(self, connector: str) -> str:
        """Return one line for an operator."""
        name = f"{self.object}.{self.field}" if self.field else self.object
        kept = {
            "phone": "the numbers that we know from it still count, but new ones are not seen",
            "object": "its records are left alone, and get no flags",
            "own": "it is not written",
        }.get(self.role, "contacts are read without it")
        where = f"connectors.{connector}.objects" if self.role != "own" else "the settings"
        if connections.is_file(connector):
            where = f"connectors.{connector}.phone_columns"
        return (
            f"{name} was readable until {self.since:%Y-%m-%d %H:%M} UTC, and no longer is "
            f"({self.problem}); {kept}. Give our user access again, or change {where}; see: "
            f"hygiene crm check {connector}"
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "object": self.object, "field": self.field, "role": self.role,
            "since": self.since.isoformat(), "problem": self.problem,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class History:
    """The fields of a connector that could be used at some time. `phones`: the phone fields among
    them, by object. `lost`: those that are lost now."""

    phones: Mapping[str, frozenset[str]]
    lost: tuple[LostField, ...] = ()

    def lacks(self, object_name: str, roles: Iterable[Role]) -> bool:
        """Return whether a field of such a role is lost."""
        wanted = {*roles}
        return any(lost.object == object_name and lost.role in wanted for lost in self.lost)

    @property
    def lost_objects(self) -> frozenset[str]:
        """Return objects that are lost as a whole."""
        return frozenset(lost.object for lost in self.lost if lost.role == "object")


NO_HISTORY = History({})


# -- what is there, and what was --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SchemaReading:
    """What a CRM has just told of its fields.

    `roles`: the fields that the settings name. `schema`: the fields that the CRM has. `problems`:
    what is wrong with those that the settings name. `guessed_from`: no setting names the phone
    fields, so that one that was recognised there once, and is not any more, is lost.
    """

    roles: Roles
    schema: Schema
    problems: Sequence[SchemaProblem]
    guessed_from: str = ""


def record_schema(
    connection: Connection, connector: str, reading: SchemaReading, before: Schema, now: datetime
) -> History:
    """Record which fields a CRM has, and which of those that could be used once are lost.

    `before`: what the CRM told the last time. It counts where nothing is recorded yet (an earlier
    release did not).
    """
    stored = _load_stored(connection, connector)
    if stored.get("guessed_from", "") != reading.guessed_from:
        stored, before = {}, {}  # another list
    fields_before: dict[str, dict[str, Any]] = stored.get("fields", {})
    if not stored:
        fields_before = {
            name: {_OBJECT: {}, **{field: {} for field in of_object}}
            for name, of_object in before.items()
            if of_object
        }
    reread: dict[str, str] = stored.get("reread", {})
    fields: dict[str, dict[str, Any]] = {}
    for name in reading.roles:
        entries_before = fields_before.get(name, {})
        counts_new = bool(stored) and name in fields_before
        fields[name], is_back = _compare_fields(name, reading, entries_before, counts_new, now)
        if is_back:
            reread[name] = now.isoformat()
    value = {
        "fields": fields,
        "reread": {name: at for name, at in reread.items() if name in reading.roles},
        "guessed_from": reading.guessed_from,
    }
    row = {"name": f"{_STATE_NAME}{connector}", "value": orjson.dumps(value).decode()}
    upsert(connection, app_state, [row])
    return _history(value)


def _compare_fields(
    name: str, reading: SchemaReading, before: Mapping[str, Any], counts_new: bool, now: datetime
) -> tuple[dict[str, Any], bool]:
    """Return the entries of an object's fields as they are now, and whether the object is to be
    read as a whole, because something that is read is back or, where `counts_new`, a phone field is
    new.
    """
    object_schema = reading.schema.get(name, {})
    problems = {
        problem.field: problem.problem
        for problem in reading.problems
        if problem.cause and problem.object == name
    }
    guessed = [field for field, entry in before.items() if entry.get("role") == "phone"]
    roles: dict[str, Role] = {
        **dict.fromkeys(guessed if reading.guessed_from else (), "phone"),
        _OBJECT: "object",
        **reading.roles[name],
    }
    entries: dict[str, Any] = {}
    is_back = False
    for field, role in roles.items():
        entry = before.get(field)
        if field and not object_schema and entry is not None:
            entries[field] = entry  # the object as a whole is lost: only that is reported
            continue
        problem = problems.get(field, "" if object_schema else "our user does not see it")
        is_usable = not problem and (field == _OBJECT or field in object_schema)
        was_lost = entry is not None and entry.get("since") and not entry.get("until")
        if is_usable:
            is_new = entry is None and counts_new and role == "phone"
            is_back |= bool(is_new or (was_lost and role in _READ_ROLES | {"object"}))
            entry = {**(entry or {}), **({"until": now.isoformat()} if was_lost else {})}
        elif entry is not None and not was_lost:
            entry = {"since": now.isoformat(), "problem": problem or "it is missing"}
        if entry is not None:
            entries[field] = {**entry, "role": role}
    return entries, is_back


def load_history(store: Store, connector: str) -> History:
    with store.read() as connection:
        return _history(_load_stored(connection, connector))


def lost_during(store: Store, connector: str, start: datetime, end: datetime) -> list[LostField]:
    """Return fields that a run between these times lacked, for at least a part of it."""
    with store.read() as connection:
        kept = _load_stored(connection, connector)
    return [
        episode
        for episode in _episodes(kept)
        if episode.since <= end and (episode.until is None or episode.until > start)
    ]


def record_own(
    connection: Connection,
    connector: str,
    removed: Collection[tuple[str, str]],
    to_reread: Iterable[str],
    now: datetime,
) -> None:
    """Record that we took fields of ours (object, field) out of the CRM ourselves: they are not
    lost, and a run without them stops. Objects of which such fields went or came are read as a
    whole by the next run that can."""
    kept = _load_stored(connection, connector)
    if not kept:
        return  # nothing was read yet
    fields = {
        name: {field: entry for field, entry in of.items() if (name, field) not in removed}
        for name, of in kept.get("fields", {}).items()
    }
    reread = {**kept.get("reread", {}), **dict.fromkeys(to_reread, now.isoformat())}
    value = orjson.dumps({**kept, "fields": fields, "reread": reread}).decode()
    upsert(connection, app_state, [{"name": f"{_STATE_NAME}{connector}", "value": value}])


def find_objects_to_reread(connection: Connection, connector: str) -> set[str]:
    """Return objects to read as a whole, because one of their fields is back."""
    return {*_load_stored(connection, connector).get("reread", {})}


def record_reread(
    connection: Connection, connector: str, objects: Iterable[str], opened_at: datetime
) -> None:
    """Record that a run opened at that time has read these objects as a whole."""
    kept = _load_stored(connection, connector)
    reread = kept.get("reread", {})
    over = [
        name
        for name in objects
        if name in reread and datetime.fromisoformat(reread[name]) <= opened_at
    ]
    if over:
        remaining = {name: at for name, at in reread.items() if name not in over}
        value = orjson.dumps({**kept, "reread": remaining}).decode()
        upsert(connection, app_state, [{"name": f"{_STATE_NAME}{connector}", "value": value}])


def forget(connection: Connection, connector: str) -> None:
    """Forget which fields a CRM had: another account has others."""
    row = app_state.c.name == f"{_STATE_NAME}{connector}"
    connection.execute(sa.delete(app_state).where(row))


def _load_stored(connection: Connection, connector: str) -> dict[str, Any]:
    query = sa.select(app_state.c.value).where(app_state.c.name == f"{_STATE_NAME}{connector}")
    value = connection.scalar(query)
    return dict(orjson.loads(value)) if value else {}


def _history(kept: Mapping[str, Any]) -> History:
    phones = {
        name: frozenset(field for field, entry in of.items() if entry.get("role") == "phone")
        for name, of in kept.get("fields", {}).items()
    }
    return History(phones, tuple(episode for episode in _episodes(kept) if episode.until is None))


def _episodes(kept: Mapping[str, Any]) -> list[LostField]:
    return [
        LostField(
            name,
            field,
            entry["role"],
            datetime.fromisoformat(entry["since"]),
            datetime.fromisoformat(entry["until"]) if entry.get("until") else None,
            entry.get("problem", ""),
        )
        for name, of in kept.get("fields", {}).items()
        for field, entry in of.items()
        if entry.get("since")
    ]


# -- what our index still knows ---------------------------------------------------------------


def indexed_numbers(store: Store, connector: str, object_name: str, ids: Sequence[str]) -> Numbers:
    """Return the numbers of these contacts from our index, each field's as one text."""
    c = contact_numbers.c
    query = (
        sa.select(c.record_id, c.field, c.number, c.extension)
        .where(c.connector == connector, c.object == object_name, any_of(c.record_id, ids))
        .order_by(c.record_id, c.field, c.place)
    )
    numbers: dict[str, dict[str, str]] = {}
    with store.read() as connection:
        for record_id, field, number, extension in connection.execute(query):
            text = f"{number} ext. {extension}" if extension else number
            of_record = numbers.setdefault(record_id, {})
            of_record[field] = f"{of_record[field]}; {text}" if field in of_record else text
    return numbers


def indexed_persons(
    store: Store, connector: str, object_name: str, ids: Sequence[str]
) -> Mapping[str, str]:
    """Return who these contacts are, from our index (a hash of the address)."""
    c = contacts.c
    query = sa.select(c.record_id, c.person).where(
        c.connector == connector, c.object == object_name, any_of(c.record_id, ids)
    )
    with store.read() as connection:
        return {row.record_id: row.person for row in connection.execute(query)}

"""Make change events of what happens to records, and keep them for 72 hours.

A replay id is eight bytes of a number that only rises, with gaps, and two zeros, as in
https://github.com/pozil/pub-sub-api-java-client/issues/6. Which fields changed is told by bitmaps
("Event Deserialization Considerations"). Events of equal changes are not merged here.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import threading
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import fastavro

from sandbox.salesforce.org import Org
from sandbox.salesforce.schema import NUMBERS
from sandbox.table import Record

RETENTION = timedelta(hours=72)
BY_LIGHTNING = "com/salesforce/api/soap/62.0;client=SfdcInternalAPI/"
ALL_CHANGES = "/data/ChangeEvents"
# Compound fields of an object: name in its events -> component -> field of the record.
_COMPOUND: dict[str, dict[str, dict[str, str]]] = {
    "Contact": {
        "Name": {"FirstName": "FirstName", "LastName": "LastName"},
        "MailingAddress": {"City": "MailingCity", "State": "MailingState",
                           "Country": "MailingCountry"},
        "OtherAddress": {"Country": "OtherCountry"},
    },
    "Lead": {
        "Name": {"FirstName": "FirstName", "LastName": "LastName"},
        "Address": {"City": "City", "State": "State", "Country": "Country"},
    },
}  # fmt: skip
_LEFT_OUT = frozenset(("Id", "IsDeleted", "SystemModstamp"))  # of a record, in its events
_HEADER = {
    "type": "record", "name": "ChangeEventHeader", "namespace": "com.sforce.eventbus",
    "fields": [
        {"name": "entityName", "type": "string"},
        {"name": "recordIds", "type": {"type": "array", "items": "string"}},
        {"name": "changeType", "type": {"type": "enum", "name": "ChangeType", "symbols": [
            "CREATE", "UPDATE", "DELETE", "UNDELETE", "GAP_CREATE", "GAP_UPDATE", "GAP_DELETE",
            "GAP_UNDELETE", "GAP_OVERFLOW", "SNAPSHOT"]}},
        {"name": "changeOrigin", "type": "string"},
        {"name": "transactionKey", "type": "string"},
        {"name": "sequenceNumber", "type": "int"},
        {"name": "commitTimestamp", "type": "long"},
        {"name": "commitNumber", "type": "long"},
        {"name": "commitUser", "type": "string"},
        *({"name": name, "type": {"type": "array", "items": "string"}}
          for name in ("nulledFields", "diffFields", "changedFields")),
    ],
}  # fmt: skip


@dataclass(frozen=True)
class StoredEvent:
    number: int
    entity: str
    at: datetime
    id: str
    schema_id: str
    payload: bytes

    @property
    def replay_id(self) -> bytes:
        return replay_id_of(self.number)


def replay_id_of(number: int) -> bytes:
    return number.to_bytes(8, "big") + b"\0\0"


def number_of(replay_id: bytes) -> int | None:
    if len(replay_id) != 10 or replay_id[8:] != b"\0\0":
        return None
    return int.from_bytes(replay_id[:8], "big")


def topic_of(entity: str) -> str:
    """The channel of one object's events.

    >>> topic_of("Contact"), topic_of("Tool__c")
    ('/data/ContactChangeEvent', '/data/Tool__ChangeEvent')
    """
    return f"/data/{entity.removesuffix('__c') + '__' if entity.endswith('__c') else entity}" + (
        "ChangeEvent"
    )


class EventBus:
    """`selected`: the objects that are selected in Setup > Change Data Capture; a change of any
    other makes no event. `on_event`: notified after each event."""

    def __init__(self, org: Org, selected: Iterable[str] = ("Contact", "Lead")) -> None:
        self.selected = set(selected)
        self.retention = RETENTION
        self.events: list[StoredEvent] = []
        self.schemas: dict[str, dict[str, Any]] = {}
        self.on_event = threading.Condition()
        self.silent = False  # changes make no events: what a gap event is for
        self.tip = 1_000_000  # the number of the last event
        self.purged = 1_000_000  # numbers up to this one are unknown
        self.org = org
        for entity in ("Contact", "Lead", "Account"):
            org.tables[entity].on_put = self._watching(entity)

    def _watching(self, entity: str) -> Any:
        def put(_key: Any, old: Record | None, new: Record) -> None:
            if entity in self.selected and not self.silent:
                self._changed(entity, old, new)

        return put

    def _changed(self, entity: str, old: Record | None, new: Record) -> None:
        if old is None:
            kind = "CREATE"
        elif new["IsDeleted"] != old["IsDeleted"]:
            kind = "DELETE" if new["IsDeleted"] else "UNDELETE"
        else:
            kind = "UPDATE"
        before = old or {}
        names = {*new, *before} - _LEFT_OUT
        changed = {
            name for name in names
            if not name.startswith("_") and new.get(name) != before.get(name)
        }  # fmt: skip
        if kind == "UPDATE" and not changed - {"LastModifiedDate", "LastModifiedById"}:
            return  # nothing that a person would call a change
        stamp, client = self.org.clients.get(new["Id"], (None, None))
        origin = BY_LIGHTNING
        if stamp == new["SystemModstamp"] and client is not None:
            origin = "com/salesforce/api/rest/62.0" + (f";client={client}" if client else "")
        values = {name: new.get(name) for name in changed} if kind in ("CREATE", "UPDATE") else {}
        self.publish(
            entity, kind, [new["Id"]], values, origin, str(new.get("LastModifiedById") or "")
        )

    def publish(
        self,
        entity: str,
        kind: str,
        ids: Sequence[str] = (),
        values: Record | None = None,
        origin: str = "",
        user: str = "",
        payload: bytes | None = None,
    ) -> StoredEvent:
        """Put an event on the bus. `kind`: also a gap or overflow. `payload`: instead of the true
        one."""
        now = self.org.clock.now()
        schema = self._schema(entity)
        schema_id = _fingerprint(schema)
        self.schemas[schema_id] = schema
        with self.on_event:
            self.tip += 1 + self.tip % 3
            header = {
                "entityName": entity,
                "recordIds": list(ids),
                "changeType": kind,
                "changeOrigin": origin,
                "transactionKey": str(uuid.uuid4()),
                "sequenceNumber": 1,
                "commitTimestamp": int(now.timestamp() * 1000),
                "commitNumber": self.tip,
                "commitUser": user,
                "nulledFields": [],
                "diffFields": [],
                "changedFields": bitmaps(schema, values or {}) if kind == "UPDATE" else [],
            }
            body = _nested(entity, values or {})
            if payload is None:
                buffer = io.BytesIO()
                fastavro.schemaless_writer(
                    buffer, fastavro.parse_schema(schema), {"ChangeEventHeader": header, **body}
                )
                payload = buffer.getvalue()
            event = StoredEvent(self.tip, entity, now, str(uuid.uuid4()), schema_id, payload)
            self.events.append(event)
            self._purge(now)
            self.on_event.notify_all()
        return event

    def gap(self, entity: str, kind: str = "GAP_UPDATE", ids: Sequence[str] = ()) -> StoredEvent:
        """Tell that records were changed, without what; without ids: any of the object."""
        prefix = self.org.schema[entity][0]
        return self.publish(entity, kind, ids or [f"{prefix}000000000000AAA"])

    def overflow(self, entity: str) -> StoredEvent:
        """A transaction had more than 100,000 changes: the rest of them makes one event."""
        prefix = self.org.schema[entity][0]
        return self.publish(entity, "GAP_OVERFLOW", [f"{prefix}000000000000AAA"])

    def forget(self) -> None:
        """Purge all events, as after the retention; replay ids up to now are unknown then."""
        with self.on_event:
            self.events.clear()
            self.purged = self.tip

    def after(self, number: int, entities: Iterable[str]) -> list[StoredEvent]:
        wanted = set(entities)
        return [event for event in self.events if event.number > number and event.entity in wanted]

    def _purge(self, now: datetime) -> None:
        while self.events and now - self.events[0].at > self.retention:
            self.purged = self.events.pop(0).number

    def _schema(self, entity: str) -> dict[str, Any]:
        """The Avro schema of an object's events: the header, then a field each, compound ones as a
        record within."""
        compound = _COMPOUND.get(entity, {})
        inside = {field for parts in compound.values() for field in parts.values()}
        fields: list[dict[str, Any]] = [{"name": "ChangeEventHeader", "type": _HEADER}]
        own = self.org.schema[entity][1]
        for name, parts in compound.items():
            record = {
                "type": "record", "name": f"{entity}_{name}",
                "fields": [{"name": part, "type": ["null", "string"]} for part in parts],
            }  # fmt: skip
            fields.append({"name": name, "type": ["null", record]})
        fields += (
            {"name": name, "type": ["null", _avro(info.type)]}
            for name, info in own.items()
            if name not in inside and name not in compound and name not in _LEFT_OUT
        )
        return {"type": "record", "name": f"{entity}ChangeEvent", "namespace": "com.sforce",
                "fields": fields}  # fmt: skip


def bitmaps(schema: dict[str, Any], values: Record) -> list[str]:
    """Which fields of a schema are among the values, as a change event's header has it."""
    entity = schema["name"].removesuffix("ChangeEvent")
    top, nested = 0, []
    for position, field in enumerate(schema["fields"]):
        parts = _COMPOUND.get(entity, {}).get(field["name"])
        if parts is None:
            top |= (field["name"] in values) << position
        elif inner := sum((name in values) << at for at, name in enumerate(parts.values())):
            nested.append(f"{position}-0x{inner:02X}")
    text = f"{top:X}"
    return [f"0x{text.zfill(len(text) + len(text) % 2)}", *nested]


def _nested(entity: str, values: Record) -> dict[str, Any]:
    """Values as an event has them: of compound fields within them, dates as milliseconds."""
    compound = _COMPOUND.get(entity, {})
    inside = {field for parts in compound.values() for field in parts.values()}
    body: dict[str, Any] = {
        name: _plain(value)
        for name, value in values.items()
        if name not in inside and name not in compound
    }
    for name, parts in compound.items():
        if any(field in values for field in parts.values()):
            body[name] = {part: _plain(values.get(field)) for part, field in parts.items()}
    return body


def _plain(value: Any) -> Any:
    return int(value.timestamp() * 1000) if isinstance(value, datetime) else value


def _avro(kind: str) -> str:
    if kind == "datetime":
        return "long"
    if kind == "boolean":
        return "boolean"
    return "double" if kind in NUMBERS else "string"


def _fingerprint(schema: dict[str, Any]) -> str:
    digest = hashlib.md5(json.dumps(schema, sort_keys=True).encode(), usedforsecurity=False)
    return base64.urlsafe_b64encode(digest.digest()).decode().rstrip("=")

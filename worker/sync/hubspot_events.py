"""Take in HubSpot's webhook events: records that were changed, merged or erased.

What has changed is then read from HubSpot itself, so neither order nor repetition of the events
matters, and our own writes that come back are told from a person's as in any sync. For a merge, the
event is the only thing that says at once which ids are gone, and in which one they live on.

Sources: HubSpot's guide "Webhooks"; its changelog, "New subscription types for webhooks"
(`primaryObjectId`, `mergedObjectIds`, `newObjectId`). Subscriptions come in two forms: of some
objects (`contact.merge`, `company.merge`), and of any object (`object.merge` with `objectTypeId`
0-1). Of leads and of an account's own objects there is the second form alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from config.connectors import ConnectorSettings
from connectors.hubspot.object_types import object_type
from connectors.records import Merge
from worker.context import Context
from worker.decisions.diff import FLAGS
from worker.feedback import merged_records
from worker.feedback.models import contact_key
from worker.store import changed_records
from worker.suppression.erasure import erase_contact
from worker.sync import merge_log

_MAX_ID_LENGTH = 20  # digits of a record's id in HubSpot


def receive(ctx: Context, events: Sequence[Mapping[str, Any]], connector: str = "hubspot") -> int:
    """Store what events of a connection's account say, so that the records are read soon; return
    how many there are."""
    by_object: dict[str, list[Mapping[str, Any]]] = {}
    for event in events:
        if name := _object_of(_settings(ctx, connector), event):
            by_object.setdefault(name, []).append(event)
    return sum(_receive(ctx, connector, name, events) for name, events in by_object.items())


def _settings(ctx: Context, connector: str) -> ConnectorSettings:
    settings = ctx.settings.section(connector)
    assert isinstance(settings, ConnectorSettings)
    return settings


def _object_of(settings: ConnectorSettings, event: Mapping[str, Any]) -> str:
    """Return the object of an event by its name in the settings, "" for one that is not read."""
    kind, type_id = str(event.get("subscriptionType", "")).partition(".")[0], ""
    if kind == "object":
        type_id = str(event.get("objectTypeId") or "")
    for name in settings.objects:
        of_type = object_type(name)
        if (type_id and type_id == of_type.id) or (kind == of_type.event and kind != "object"):
            return name
    return ""


def _receive(
    ctx: Context, connector: str, object_name: str, events: Sequence[Mapping[str, Any]]
) -> int:
    """Store what events say of one object's records."""
    watched = _watched_properties(_settings(ctx, connector), object_name)
    changed: set[str] = set()
    erased: list[str] = []
    merged: list[Merge] = []
    for event in events:
        what = str(event.get("subscriptionType", "")).partition(".")[2]
        if what == "merge":
            merged += _merges(event, object_name)
            changed.update(_ids(event, "newObjectId", "primaryObjectId", "objectId"))
        elif what == "privacyDeletion":
            erased += _ids(event, "objectId")
        elif what != "propertyChange" or str(event.get("propertyName")) in watched:
            changed.update(_ids(event, "objectId"))
    now = ctx.now()
    with ctx.store.write() as connection:
        merge_log.record(connection, connector, [(object_name, merge) for merge in merged], now)
        into = {contact_key(connector, object_name, merge.into_id) for merge in merged}
        erased += [key.rpartition("/")[2] for key in merged_records.erased_keys(connection, into)]
        living = {
            merged_records.surviving_record(connection, connector, object_name, record_id)[1]
            for record_id in changed
        }
        changed_records.record(connection, connector, object_name, sorted(living), now)
        erased = [
            merged_records.surviving_record(connection, connector, object_name, record_id)[1]
            for record_id in erased
        ]
    for record_id in dict.fromkeys(erased):
        done = erase_contact(ctx, connector, object_name, record_id, "erased in HubSpot")
        if not done.contacts:
            with ctx.store.write() as connection:
                merged_records.record_erased(
                    connection, contact_key(connector, object_name, record_id), now
                )
    return len(living) + len(erased)


def _watched_properties(settings: ConnectorSettings, object_name: str) -> set[str]:
    """Return the properties whose change matters: phones, our flags, the recheck."""
    ours = settings.fields.model_dump()
    phones = settings.objects[object_name].phones
    return {*phones, *filter(None, (ours[name] for name in (*FLAGS, "recheck")))}


def _merges(event: Mapping[str, Any], object_name: str) -> Iterator[Merge]:
    """Return a merge for every id that is gone, into the new record or the primary one."""
    into = next(iter(_ids(event, "newObjectId", "primaryObjectId")), None)
    if into is not None:
        for gone in dict.fromkeys(_ids(event, "primaryObjectId", "mergedObjectIds")):
            if gone != into:
                yield Merge(gone, object_name, into)


def _ids(event: Mapping[str, Any], *keys: str) -> list[str]:
    """Return the record ids under these keys: numbers or texts, single or in lists."""
    ids = []
    for key in keys:
        value = event.get(key)
        for entry in value if isinstance(value, list) else [value]:
            text = (
                str(entry) if isinstance(entry, (int, str)) and not isinstance(entry, bool) else ""
            )
            if text.isascii() and text.isdigit() and len(text) <= _MAX_ID_LENGTH:
                ids.append(text)
    return ids

"""Records that were merged into another one, or deleted.

HubSpot answers for the id of a merged contact with the surviving one, which lists the ids of all
that live on in it. Source: HubSpot's guide to merging records, and docs/hubspot-facts.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.errors import NotFoundError
from connectors.hubspot.batches import BATCH, MERGED_IDS, batch_read
from connectors.hubspot.client import Client
from connectors.hubspot.search import moment_of
from connectors.records import Merge

_WITH_HISTORY = 50  # contacts of a batch read that asks for the history of properties
_LONGEST_ID = 20  # digits of a record's id


def merges_in(answer: Any, object_name: str) -> dict[str, Merge]:
    """Return the merges that an answer of an object's API tells of, by the id that went.

    Of archived contacts HubSpot tells only by a list of all of them; a full read notices those.
    """
    return {
        merged_id: Merge(merged_id, object_name, str(entry["id"]))
        for entry in answer["results"]
        if (listed := entry["properties"].get(MERGED_IDS))
        for merged_id in _listed_ids(listed)
        if merged_id != str(entry["id"])
    }


def merged_into(client: Client, object_name: str, ids: Sequence[str]) -> list[Merge]:
    """Return the merges of which these contacts tell."""
    merges: dict[str, Merge] = {}
    for start in range(0, len(ids), BATCH):
        answer = batch_read(client, object_name, ids[start : start + BATCH], [MERGED_IDS])
        merges |= merges_in(answer, object_name)
    return list(merges.values())


def deleted(client: Client, object_name: str, ids: Sequence[str]) -> dict[str, Merge | None]:
    """Return which of these contacts are in the recycle bin (None), or live on in another one.

    A contact that is in neither was never there, or was deleted for good (GDPR delete, or after 90
    days): HubSpot answers both as it would answer a mistake, so it is not among them.
    """
    gone: dict[str, Merge | None] = {}
    for start in range(0, len(ids), BATCH):
        batch = ids[start : start + BATCH]
        answer = batch_read(client, object_name, batch, [MERGED_IDS])
        merges = merges_in(answer, object_name)
        gone |= {record_id: merges[record_id] for record_id in batch if record_id in merges}
        present = {str(entry["id"]) for entry in answer["results"]}
        missing = [
            record_id for record_id in batch if record_id not in gone and record_id not in present
        ]
        if present - {*batch} - {merge.into_id for merge in gone.values() if merge}:
            # One leads to a contact that does not name it: each of them is asked for alone.
            gone |= {
                record_id: merge
                for record_id in missing
                if (merge := _survivor_of(client, object_name, record_id))
            }
            missing = [record_id for record_id in missing if record_id not in gone]
        if missing:
            gone |= dict.fromkeys(_in_recycle_bin(client, object_name, missing))
    return gone


def _in_recycle_bin(client: Client, object_name: str, ids: Sequence[str]) -> list[str]:
    answer = batch_read(client, object_name, ids, [MERGED_IDS], archived=True)
    archived = {str(entry["id"]) for entry in answer["results"] if entry.get("archived") is True}
    return [record_id for record_id in ids if record_id in archived]


def _survivor_of(client: Client, object_name: str, record_id: str) -> Merge | None:
    try:
        answer = client.get("read", client.paths.objects(object_name, record_id))
    except NotFoundError:
        return None
    into = str(answer["id"])
    return Merge(record_id, object_name, into) if into != record_id else None


def flags_before_merge(
    client: Client, object_name: str, names: Mapping[str, str], since: Mapping[str, datetime]
) -> dict[str, dict[str, list[datetime]]]:
    """Return when flags were ticked in contacts, or in those that live on in them.

    `names`: property -> canonical flag. `since`: record id -> from when on. The answer: record id
    -> flag -> moments. The history of a property holds the values of all contacts that were merged.
    """
    moments: dict[str, dict[str, list[datetime]]] = {}
    ids = list(since) if names else []
    for start in range(0, len(ids), _WITH_HISTORY):
        batch = ids[start : start + _WITH_HISTORY]
        answer = batch_read(client, object_name, batch, [MERGED_IDS], list(names))
        for entry in answer["results"]:
            record_id = str(entry["id"])
            if record_id not in since:
                continue
            for name, versions in (entry.get("propertiesWithHistory") or {}).items():
                ticked = [
                    at
                    for version in versions
                    if version["value"] == "true"
                    and (at := moment_of(version["timestamp"])) > since[record_id]
                ]
                if ticked and name in names:
                    moments.setdefault(record_id, {})[names[name]] = ticked
    return moments


def _listed_ids(value: Any) -> Iterator[str]:
    """Yield the record ids in a value that should be a text of them. What is no id is left out, so
    that it holds up no read."""
    for entry in value if isinstance(value, list) else [value]:
        for part in str(entry).split(";"):
            text = part.strip()
            if text.isascii() and text.isdigit() and len(text) <= _LONGEST_ID:
                yield text

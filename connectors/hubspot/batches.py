"""HubSpot's batch read: up to 100 records of an object by their ids in one call.

Source: HubSpot's guide to the contacts API. Asked for the id of a merged contact, it answers with
the one that this one lives on in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectors.http import consistency
from connectors.hubspot.client import Client

BATCH = 100  # records in a call
MERGED_IDS = "hs_merged_object_ids"  # the property that lists which contacts live on in one


def batch_read(
    client: Client,
    object_name: str,
    ids: Sequence[str],
    properties: Sequence[str],
    history: Sequence[str] = (),
    archived: bool = False,
) -> Any:
    """Return HubSpot's answer for these ids. `properties` must hold `MERGED_IDS`.

    `history`: properties whose former values are wanted too. `archived`: read the recycle bin, and
    nothing else.
    """
    body = {
        "properties": list(properties),
        "propertiesWithHistory": list(history),
        "inputs": [{"id": record_id} for record_id in ids],
    }
    # Of the recycle bin, only those that may be in it are asked for.
    check = None if archived else consistency.batch_read(ids, MERGED_IDS)
    path = client.paths.objects(object_name, "batch/read")
    return client.post("read", path, body, {"archived": archived}, check)

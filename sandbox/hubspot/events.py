"""What HubSpot tells an app by webhook: one record for each event, as it is delivered.

Sources: HubSpot's guide "Webhooks" and the changelog entry "New subscription types for webhooks":
of a merge, `primaryObjectId`, `mergedObjectIds`, `newObjectId` and `numberOfPropertiesMoved`. For
each contact that was merged away a `contact.deletion` comes as well, and none of the properties
that the merge changed is told of (amp-labs/connectors, pull request 3487).
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

PORTAL_ID = 62515
APP_ID = 1160452
_KEPT = 10_000


class Events:
    """The latest events of the account, the oldest first."""

    def __init__(
        self, portal_id: int = PORTAL_ID, kind: str = "contact", type_id: str = "0-1"
    ) -> None:
        self._portal_id = portal_id
        self.kind = kind
        self.type_id = type_id
        self._kept: deque[dict[str, Any]] = deque(maxlen=_KEPT)
        self._ids = itertools.count(1)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)

    def clear(self) -> None:
        self._kept.clear()

    def changed(self, record_id: str, names: Iterable[str], values: Any, at: datetime) -> None:
        for name in names:
            value = values.get(name)
            details = {"propertyName": name, "propertyValue": "" if value is None else str(value)}
            self._add("propertyChange", record_id, at, **details)

    def created(self, record_id: str, at: datetime) -> None:
        self._add("creation", record_id, at, changeFlag="NEW")

    def deleted(self, record_id: str, at: datetime) -> None:
        self._add("deletion", record_id, at, changeFlag="DELETED")

    def privacy_deleted(self, record_id: str, at: datetime) -> None:
        self._add("privacyDeletion", record_id, at)
        self.deleted(record_id, at)

    def merged(self, primary: str, others: list[str], new: str, moved: int, at: datetime) -> None:
        details = {
            "primaryObjectId": int(primary),
            "mergedObjectIds": [int(record_id) for record_id in others],
            "newObjectId": int(new),
            "numberOfPropertiesMoved": moved,
        }
        self._add("merge", primary, at, **details)
        for record_id in others:
            self.deleted(record_id, at)

    def _add(self, kind: str, record_id: str, at: datetime, **details: Any) -> None:
        self._kept.append(
            {
                "eventId": next(self._ids),
                "subscriptionId": 25,
                "portalId": self._portal_id,
                "appId": APP_ID,
                "occurredAt": int(at.timestamp() * 1000),
                "subscriptionType": f"{self.kind}.{kind}",
                "attemptNumber": 0,
                "objectId": int(record_id),
                **({"objectTypeId": self.type_id} if self.kind == "object" else {}),
                "changeSource": "CRM",
                **details,
            }
        )

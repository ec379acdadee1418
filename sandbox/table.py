"""Records of one object, kept by id and by time of change, as a CRM's indexes do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sortedcontainers import SortedDict, SortedSet

Record = dict[str, Any]


class Clock:
    """Time of the stand-in: real, but it never gives the same millisecond twice in a row back.

    `skew`: by how much it goes wrong, as a CRM's clock may against ours.
    """

    def __init__(self, skew: timedelta = timedelta(0)) -> None:
        self.skew = skew
        self._last = datetime.min.replace(tzinfo=UTC)
        self._lock = threading.Lock()

    def now(self) -> datetime:
        with self._lock:
            now = datetime.now(UTC) + self.skew
            now = now.replace(microsecond=now.microsecond // 1000 * 1000)
            self._last = max(self._last, now)
            return self._last


class Table:
    """`key` orders ids as the CRM does (text for Salesforce, numbers for HubSpot).

    `on_put`: called with the key, what stood there before (None: nothing) and what stands there.
    """

    def __init__(self, stamp_field: str, key: Any = str) -> None:
        self.stamp_field = stamp_field
        self.key = key
        self.on_put: Callable[[Any, Record | None, Record], None] | None = None
        self.by_id: SortedDict = SortedDict()
        self._by_time: SortedSet = SortedSet()

    def put(self, record_id: str, record: Record, stamp: datetime) -> None:
        key = self.key(record_id)
        old = self.by_id.get(key)
        if old is not None:
            self._by_time.discard((old["_stamp"], key))
        record["_stamp"] = stamp
        self.by_id[key] = record
        self._by_time.add((stamp, key))
        if self.on_put is not None:
            self.on_put(key, old, record)

    def take(self, record_id: str) -> Record:
        """Take a record out without a trace."""
        record: Record = self.by_id.pop(self.key(record_id))
        self._by_time.discard((record["_stamp"], self.key(record_id)))
        return record

    def get(self, record_id: str) -> Record | None:
        try:
            record: Record | None = self.by_id.get(self.key(record_id))
        except ValueError:
            return None
        return record

    def __len__(self) -> int:
        return len(self.by_id)

    def after_id(self, record_id: str | None) -> Iterator[Record]:
        """All records in order of id, those after `record_id` if given."""
        low = None if record_id is None else self.key(record_id)
        for key in self.by_id.irange(low, inclusive=(False, True)):
            yield self.by_id[key]

    def since(self, moment: datetime) -> list[Record]:
        """Records whose stamp is at or after `moment`, in order of id."""
        keys = sorted(key for _, key in self._by_time.irange((moment,)))
        return [self.by_id[key] for key in keys]

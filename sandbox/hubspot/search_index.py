"""The index that searches look into, which learns of a change some time after it was made.

Reads by id and lists see a change at once. HubSpot's guide "Search the CRM" says that new and
changed records take a moment to appear in searches; others wait for up to an hour.
"""

from __future__ import annotations

import heapq
import threading
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sandbox.table import Clock, Record, Table


class SearchIndex:
    """`lag`: seconds, by the account's clock, until a change can be searched for; 0 = none."""

    def __init__(self, table: Table, clock: Clock) -> None:
        self.lag = 0.0
        self._clock = clock
        self._lock = threading.Lock()
        self._changes = 0
        self._shown: dict[Any, tuple[int, Record | None]] = {}  # with the number of its change
        self._waiting: list[tuple[datetime, int, Any, Record]] = []  # a heap
        self._left: Counter[Any] = Counter()
        table.on_put = self._changed

    def _changed(self, key: Any, old: Record | None, new: Record) -> None:
        with self._lock:
            if not self.lag and not self._waiting:
                return
            self._changes += 1
            self._shown.setdefault(key, (0, old))
            due = self._clock.now() + timedelta(seconds=self.lag)
            heapq.heappush(self._waiting, (due, self._changes, key, new))
            self._left[key] += 1

    def behind(self) -> Mapping[Any, Record | None]:
        """What searches still see of records that were changed since; None: nothing yet."""
        with self._lock:
            now = self._clock.now()
            while self._waiting and (self._waiting[0][0] <= now or not self.lag):
                _, number, key, record = heapq.heappop(self._waiting)
                self._shown[key] = max(
                    self._shown[key], (number, record), key=lambda entry: entry[0]
                )
                self._left[key] -= 1
                if not self._left[key]:
                    del self._left[key], self._shown[key]
            return {key: record for key, (_, record) in self._shown.items()}

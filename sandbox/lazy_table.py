"""Records that follow from their number, for a CRM of a size that memory cannot hold.

A record is made when it is asked for, and stays only as long as it is among the last that were:
what is written to it is answered as a CRM answers it, and forgotten later. So such a CRM serves a
first sync, which reads each record once and writes it once, and no test that reads it again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from sandbox.table import Record, Table

_KEPT = 20_000  # records: more than a sync has in flight


class _Ids:
    """What a sorted dictionary of all records would answer. Ids are `first`, `first + step`, ..."""

    def __init__(self, first: int, step: int, count: int, make: Callable[[int], Record]) -> None:
        self._keys = range(first, first + step * count, step)
        self._make = make
        self._kept: OrderedDict[int, Record] = OrderedDict()

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def __getitem__(self, key: int) -> Record:
        if key not in self._keys:
            raise KeyError(key)
        if key in self._kept:
            return self._kept[key]
        self[key] = record = self._make(self._keys.index(key))
        return record

    def __setitem__(self, key: int, record: Record) -> None:
        self._kept[key] = record
        self._kept.move_to_end(key)
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)

    def get(self, key: int) -> Record | None:
        return self[key] if key in self._keys else None

    def bisect_left(self, key: int) -> int:
        """How many ids are below `key`."""
        keys = self._keys
        return min(len(keys), max(0, -(-(key - keys.start) // keys.step)))

    def bisect_right(self, key: int) -> int:
        return self.bisect_left(key + 1)

    def irange(
        self,
        low: int | None = None,
        high: int | None = None,
        inclusive: tuple[bool, bool] = (True, True),
        reverse: bool = False,
    ) -> Iterator[int]:
        start, end = 0, len(self._keys)
        if low is not None:
            start = self.bisect_left(low) if inclusive[0] else self.bisect_right(low)
        if high is not None:
            end = self.bisect_right(high) if inclusive[1] else self.bisect_left(high)
        keys = self._keys[start:end]
        return iter(keys[::-1] if reverse else keys)


class LazyTable(Table):
    """`make`: gives the record of a number, from 0 up to `count`."""

    def __init__(
        self, stamp_field: str, first: int, step: int, count: int, make: Callable[[int], Record]
    ) -> None:
        super().__init__(stamp_field, key=int)
        self.by_id: Any = _Ids(first, step, count, make)

    def put(self, record_id: str, record: Record, stamp: datetime) -> None:
        key = self.key(record_id)
        if key not in self.by_id:
            raise NotImplementedError(
                "a lazy table holds what follows from a number, no new record"
            )
        record["_stamp"] = stamp
        self.by_id[key] = record

    def take(self, record_id: str) -> Record:
        raise NotImplementedError("nothing can be deleted from a lazy table")

    def since(self, moment: datetime) -> list[Record]:
        raise NotImplementedError("a lazy table has no order of time")

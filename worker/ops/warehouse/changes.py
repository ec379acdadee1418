"""Compare the rows of a view with those that were exported: two streams in the order of their keys.

Memory does not grow with either.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

Key = tuple[Any, ...]


class ExportedRow(NamedTuple):
    """A row in a file. `age`: 0 for the newest file; of two rows with one key the younger counts.
    `position`: its place in the file, from 0."""

    key: Key
    age: int
    position: int
    row_key: str
    row_hash: int


class Difference(NamedTuple):
    """A key, with its row of the view (None: it is gone) and its rows in files, newest first."""

    key: Key
    row: Sequence[Any] | None
    exported: list[ExportedRow]


class OrderError(Exception):
    """Rows did not come in the order of their keys: a comparison would take them for deleted."""


def differences(
    rows: Iterable[tuple[Key, Sequence[Any]]], files: Iterable[Iterable[ExportedRow]]
) -> Iterator[Difference]:
    """Yield every key that is in the view or in a file, once. Raises `OrderError`.

    >>> old = ExportedRow(("a",), 0, 0, "k", 1)
    >>> [(d.key, d.row, len(d.exported)) for d in differences([(("b",), ("b",))], [[old]])]
    [(('a',), None, 1), (('b',), ('b',), 0)]
    """
    exported = _grouped(heapq.merge(*files))
    group = next(exported, None)
    for key, row in _ascending(rows):
        while group is not None and group[0].key < key:
            yield Difference(group[0].key, None, group)
            group = next(exported, None)
        if group is not None and group[0].key == key:
            yield Difference(key, row, group)
            group = next(exported, None)
        else:
            yield Difference(key, row, [])
    while group is not None:
        yield Difference(group[0].key, None, group)
        group = next(exported, None)


def _ascending(rows: Iterable[tuple[Key, Sequence[Any]]]) -> Iterator[tuple[Key, Sequence[Any]]]:
    before: Key | None = None
    for key, row in rows:
        if before is not None and key <= before:
            raise OrderError
        yield key, row
        before = key


def _grouped(rows: Iterable[ExportedRow]) -> Iterator[list[ExportedRow]]:
    """Yield the rows of each key. `itertools.groupby` would call a function for each row."""
    group: list[ExportedRow] = []
    for row in rows:
        if group and row.key != group[0].key:
            if row.key < group[0].key:
                raise OrderError
            yield group
            group = []
        group.append(row)
    if group:
        yield group

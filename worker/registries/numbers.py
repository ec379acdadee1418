"""The numbers of registries in the database: stage an import beside the list in force, and read it.

A row says since which import a number is on its list, and which import took it off. A number is on
the list if its row began with an import up to the one in force, and did not end by then:

    since <= generation < until    (until null: not ended)

An import is staged under the next generation, which nobody sees, a batch in a transaction. One
small transaction then puts it in force by counting the list's generation up. So a reader sees the
list before or after an import, never between, and an import that is killed leaves the list as it
was; `discard` takes away what it had staged.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.store import Store
from worker.store.array_param import any_of
from worker.store.bulk import chunks
from worker.store.tables import registry_numbers

BATCH = 50_000  # numbers that are staged in one transaction
_DELETE_BATCH = 20_000
_n = registry_numbers.c


def as_integer(number: str) -> int | None:
    """Return an E.164 number as it is stored; None for a text that is none.

    >>> as_integer("+14155552671"), as_integer("#0a1b")
    (14155552671, None)
    """
    digits = number[1:]
    if number[:1] == "+" and digits.isascii() and digits.isdecimal() and len(digits) <= 15:
        return int(digits)
    return None


def in_force(generation: sa.ColumnElement[int] | int) -> sa.ColumnElement[bool]:
    """Return the condition that a number is on its list as of a generation."""
    return sa.and_(_n.since <= generation, sa.or_(_n.until.is_(None), _n.until > generation))


def read_sorted(store: Store, registry: int, generation: int) -> Iterator[int]:
    """Yield the list as of a generation, ascending, a slice in a transaction of its own."""
    last = -1
    while True:
        query = (
            sa.select(_n.number)
            .where(_n.number > last, _n.registry == registry, in_force(generation))
            .order_by(_n.number)
            .limit(BATCH)
        )
        with store.read() as connection:
            numbers = list(connection.scalars(query))
        yield from numbers
        if len(numbers) < BATCH:
            return
        last = numbers[-1]


def insert_new(
    connection: Connection, registry: int, numbers: Collection[int], generation: int
) -> None:
    """Stage numbers that have no row yet."""
    if not numbers:
        return
    values: list[int] | str = list(numbers)
    source = "unnest(CAST(:numbers AS bigint[])) AS value"
    if connection.dialect.name != "postgresql":
        source, values = "json_each(:numbers)", orjson.dumps(values).decode()
    connection.execute(
        sa.text(
            "INSERT INTO registry_numbers (number, registry, since) "
            f"SELECT value, :registry, :since FROM {source}"
        ),
        {"numbers": values, "registry": registry, "since": generation},
    )


class Staged:
    """Counts what an import adds and takes off, while its batches are staged."""

    def __init__(self, registry: int, generation: int) -> None:
        self._registry, self._generation = registry, generation
        self.added = self.removed = 0

    def stage(self, connection: Connection, additions: dict[int, bool]) -> None:
        """Stage one batch: numbers, and whether each is added or taken off.

        A later batch of the same import counts over an earlier one.
        """
        generation = self._generation
        mine = _n.registry == self._registry
        query = sa.select(_n.number, _n.since, _n.until).where(any_of(_n.number, additions), mine)
        rows = {row.number: row for row in connection.execute(query)}
        new = [number for number, added in additions.items() if added and number not in rows]
        revived = [n for n, row in rows.items() if additions[n] and row.until == generation]
        ended = [n for n, row in rows.items() if not additions[n] and row.until is None]
        never = [n for n in ended if rows[n].since == generation]
        ended = [n for n in ended if rows[n].since != generation]
        insert_new(connection, self._registry, new, generation)
        table = registry_numbers
        if revived:
            connection.execute(
                sa.update(table).where(any_of(_n.number, revived), mine).values(until=None)
            )
        if ended:
            connection.execute(
                sa.update(table).where(any_of(_n.number, ended), mine).values(until=generation)
            )
        if never:
            connection.execute(sa.delete(table).where(any_of(_n.number, never), mine))
        self.added += len(new) - len(never)
        self.removed += len(ended) - len(revived)


def discard(store: Store, registry: int, generation: int) -> None:
    """Take away what imports behind a generation have staged and never put in force."""
    mine = _n.registry == registry
    staged = sa.select(_n.number).where(mine, _n.since > generation).order_by(_n.number)
    for numbers in _batches(store, staged):
        with store.write() as connection:
            connection.execute(sa.delete(registry_numbers).where(any_of(_n.number, numbers), mine))
    ended = sa.select(_n.number).where(mine, _n.until.is_not(None), _n.until > generation)
    for numbers in _batches(store, ended.order_by(_n.number)):
        with store.write() as connection:
            connection.execute(
                sa.update(registry_numbers)
                .where(any_of(_n.number, numbers), mine)
                .values(until=None)
            )


def collect(store: Store, registry: int, generation: int) -> None:
    """Delete the rows of numbers that are off the list as of a generation."""
    mine = _n.registry == registry
    gone = sa.select(_n.number).where(mine, _n.until.is_not(None), _n.until <= generation)
    for numbers in _batches(store, gone.order_by(_n.number)):
        with store.write() as connection:
            connection.execute(
                sa.delete(registry_numbers).where(
                    any_of(_n.number, numbers), mine, _n.until <= generation
                )
            )


def _batches(store: Store, query: sa.Select[Any]) -> Iterator[Sequence[int]]:
    """Yield the numbers of a query in batches, each of which its reader takes out of it."""
    last = -1
    while True:
        with store.read() as connection:
            part: list[int] = list(
                connection.scalars(query.where(_n.number > last).limit(_DELETE_BATCH))
            )
        if part:
            yield part
            last = part[-1]
        if len(part) < _DELETE_BATCH:
            return


def changed_by(
    connection: Connection, registry: int, generation: int, numbers: Iterable[int]
) -> set[int]:
    """Return those of these numbers that an import put on its list, or took off it."""
    changed: set[int] = set()
    for chunk in chunks(sorted(set(numbers)), BATCH):
        query = sa.select(_n.number).where(
            any_of(_n.number, chunk),
            _n.registry == registry,
            sa.or_(_n.since == generation, _n.until == generation),
        )
        changed.update(connection.scalars(query))
    return changed

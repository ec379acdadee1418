"""Find out which numbers are on a registry."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Connection

from worker.registries.numbers import as_integer
from worker.store.array_param import any_of
from worker.store.tables import registries, registry_imports, registry_numbers

_IN_FORCE = registries.c.generation > 0
ANY_IN_FORCE = sa.exists().where(_IN_FORCE)


class Listing(Struct, frozen=True):
    """A number that a registry holds. `since`: when the import that brought it was made."""

    number: str
    registry: str
    authority: str
    channels: str
    since: datetime


def find(connection: Connection, numbers: Iterable[str]) -> list[Listing]:
    """Return the listings of these numbers (E.164; the caller gives all equal forms).

    What is no number, such as the hash of an erased one, is on no registry. Where the connection
    has no snapshot, an import that is put in force at this moment may be seen in part; whoever
    decides by it looks again (`worker.feedback.report_log.find_unseen`).
    """
    lists = {row.id: row for row in connection.execute(sa.select(registries).where(_IN_FORCE))}
    if not lists:
        return []
    by_value: dict[int, str] = {}
    for number in numbers:
        if (value := as_integer(number)) is not None:
            by_value[value] = number
    n = registry_numbers.c
    query = sa.select(n.number, n.registry, n.since, n.until).where(any_of(n.number, by_value))
    hits = [
        (number, registry, since)
        for number, registry, since, until in connection.execute(query)
        if registry in lists
        and since <= lists[registry].generation
        and (until is None or until > lists[registry].generation)
    ]
    if not hits:
        return []
    began = _began(connection, {registry for _, registry, _ in hits})
    return [
        Listing(
            by_value[number],
            lists[registry].name,
            lists[registry].authority,
            lists[registry].channels,
            began[registry, since],
        )
        for number, registry, since in sorted(hits)
    ]


def _began(connection: Connection, ids: Iterable[int]) -> dict[tuple[int, int], datetime]:
    """Return when each import of these registries was made."""
    i = registry_imports.c
    query = sa.select(i.registry, i.generation, i.at).where(i.registry.in_(sorted(ids)))
    return {(row.registry, row.generation): row.at for row in connection.execute(query)}

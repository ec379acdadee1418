"""The memory of past verifications in the database: what is known is not asked again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa

from worker.phones import Kind
from worker.store import Store
from worker.store.db import chunks, upsert
from worker.store.tables import verifications
from worker.verification.base import Verdict, Verification


class StoredMemory:
    def __init__(self, store: Store) -> None:
        self._store = store

    def recall(self, numbers: Sequence[str], now: datetime) -> Iterator[Verification]:
        with self._store.read() as connection:
            for some in chunks(numbers):
                query = sa.select(verifications).where(
                    verifications.c.number.in_(some), verifications.c.until > now
                )
                for row in connection.execute(query):
                    yield _made(row)

    def keep(self, made: Sequence[Verification]) -> None:
        rows = [
            {
                "number": v.number,
                "provider": v.provider,
                "package": v.package,
                "verdict": v.verdict,
                "line_type": v.line_type,
                "country": v.country,
                "carrier": v.carrier,
                "reassigned": v.reassigned,
                "cost": v.cost,
                "detail": v.detail[:255],
                "words": v.words,
                "at": v.at,
                "until": v.until,
            }
            for v in made
        ]
        with self._store.write() as connection:
            rows.sort(key=lambda row: str(row["number"]))  # one order for all: no deadlock
            upsert(connection, verifications, rows)


class ForecastMemory:
    """A dry run's memory: knows what is stored and stores nothing itself. What was said during
    the run is remembered in this process, so that each number is counted once. (A dry run is
    done by one process from start to end.)"""

    def __init__(self, store: Store) -> None:
        self._stored = StoredMemory(store)
        self._made: dict[str, dict[str, Verification]] = {}

    def recall(self, numbers: Sequence[str], now: datetime) -> Iterator[Verification]:
        known = set()
        for verification in self._stored.recall(numbers, now):
            known.add((verification.number, verification.provider))
            yield verification
        for number in numbers:
            for provider, verification in self._made.get(number, {}).items():
                if (number, provider) not in known:
                    yield verification

    def keep(self, made: Sequence[Verification]) -> None:
        for verification in made:
            self._made.setdefault(verification.number, {})[verification.provider] = verification


def history(store: Store, number: str) -> list[Verification]:
    """Everything that providers said of a number, newest first."""
    query = (
        sa.select(verifications)
        .where(verifications.c.number == number)
        .order_by(verifications.c.at.desc())
    )
    with store.read() as connection:
        return [_made(row) for row in connection.execute(query)]


def _made(row: Any) -> Verification:
    return Verification(
        number=row.number,
        provider=row.provider,
        package=row.package,
        verdict=cast(Verdict, row.verdict),
        line_type=cast(Kind, row.line_type),
        at=row.at,
        until=row.until,
        country=row.country,
        carrier=row.carrier,
        reassigned=row.reassigned,
        cost=row.cost,
        detail=row.detail,
        words=row.words,
    )

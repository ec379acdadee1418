"""Asks the providers in order, and only for what is not already known and still counts."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from config.settings import Settings
from worker.verification.base import Provider, ProviderError, Verification
from worker.verification.offline import OfflineProvider

log = logging.getLogger(__name__)


def providers(settings: Settings) -> tuple[Provider, ...]:
    """The chain's steps in the order in which they are asked."""
    verification = settings.verification
    return (OfflineProvider(verification.offline_valid_for, verification.offline_invalid_for),)


class Memory(Protocol):
    """Past verifications. `recall` gives those that still count at `now`."""

    def recall(self, numbers: Sequence[str], now: datetime) -> Iterable[Verification]: ...

    def keep(self, made: Sequence[Verification]) -> None: ...


@dataclass
class Lookups:
    """Counters by provider: numbers asked, answers reused, numbers that got no answer, money."""

    asked: Counter[str] = field(default_factory=Counter)
    reused: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    cost: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    def as_dict(self, names: Iterable[str]) -> dict[str, dict[str, object]]:
        return {
            name: {
                "asked": self.asked[name],
                "reused": self.reused[name],
                "failed": self.failed[name],
                "cost": str(self.cost.get(name, Decimal(0))),
            }
            for name in names
        }


@dataclass
class Chain:
    steps: tuple[Provider, ...]
    memory: Memory

    def verify(
        self, numbers: Sequence[str], now: datetime, force: bool = False, dry_run: bool = False
    ) -> tuple[Mapping[str, tuple[Verification, ...]], Lookups]:
        """Verifications of each number, remembered or new, and what that took.

        `force` asks again although an answer still counts. In a dry run paid steps are counted
        with their price and not asked.
        """
        said: dict[str, list[Verification]] = {number: [] for number in numbers}
        lookups = Lookups()
        known: dict[tuple[str, str], set[str]] = {}
        if not force:
            for old in self.memory.recall(numbers, now):
                said[old.number].append(old)
                known.setdefault((old.provider, old.package), set()).add(old.number)
        for step in self.steps:
            have = known.get((step.name, step.package), set())
            lookups.reused[step.name] += len(have)
            open_numbers = [number for number in numbers if number not in have]
            if not open_numbers:
                continue
            lookups.asked[step.name] += len(open_numbers)
            lookups.cost[step.name] += step.price * len(open_numbers)
            if dry_run and step.price:
                continue
            for verification in self._ask(step, open_numbers, now, lookups):
                said[verification.number].append(verification)
        return {number: tuple(found) for number, found in said.items()}, lookups

    def _ask(
        self, step: Provider, numbers: Sequence[str], now: datetime, lookups: Lookups
    ) -> Sequence[Verification]:
        try:
            made = step.verify(numbers, now)
        except ProviderError as error:
            log.warning("provider %s gave no answer: %s", step.name, error)
            lookups.failed[step.name] += len(numbers)
            return ()
        lookups.failed[step.name] += len(numbers) - len(made)
        self.memory.keep(made)
        return made

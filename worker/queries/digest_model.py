"""What a weekly digest says, as records: counts alone, and masked names of segments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import msgspec


@dataclass(frozen=True, slots=True)
class Checked:
    """Contacts of a connector that runs of the week read; a contact counts as often as it was
    read."""

    connector: str
    read: int
    changed: int
    written: int
    failed: int


@dataclass(frozen=True, slots=True)
class Statuses:
    """Phone fields of a connector by status, on the last day of the week that was counted.

    `before`: the same on `since`: the last day before the week that was counted; where there is
    none, the first one in it; None where `day` is the first day that was counted at all.
    """

    connector: str
    day: date
    contacts: int
    now: Mapping[str, int]
    since: date | None
    before: Mapping[str, int] | None


@dataclass(frozen=True, slots=True)
class NewlyBad:
    """Phone fields of a source that were not bad when the week began and are at its end, by their
    new status, as they were written to the CRM."""

    connector: str
    source: str
    statuses: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.statuses.values())


@dataclass(frozen=True, slots=True)
class Isolated:
    connector: str
    segment: str
    since: datetime
    why: str


@dataclass(frozen=True, slots=True)
class BadSource:
    """A source as it stands now. `rate`: share of its phone fields that are bad."""

    connector: str
    source: str
    numbers: int
    bad: int
    rate: float


@dataclass(frozen=True, slots=True)
class Delivered:
    """How the week's reports reached a CRM. Those whose number no record of it holds are not
    counted. `late`: after the tenth business day, or not yet although it has passed."""

    connector: str
    confirmed: int
    waiting: int
    late: int
    median_seconds: float | None
    slowest_seconds: float | None


@dataclass(frozen=True, slots=True)
class Reviews:
    """Replies that wait for a person now. `honour_by`: the last day on which a revocation in the
    oldest of them is honoured in time."""

    count: int
    oldest: datetime | None
    honour_by: date | None


@dataclass(frozen=True, slots=True)
class Failing:
    """Records that a CRM refuses now."""

    connector: str
    kind: str
    records: int


@dataclass(frozen=True, slots=True)
class PausedAsk:
    """A campaign that has paused itself, and why."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Cost:
    provider: str
    lookups: int
    lost: int
    cost: float


@dataclass(frozen=True, slots=True)
class Cap:
    """A budget as it stands now. `cap` None: lookups alone are limited."""

    name: str
    used: float
    cap: float | None
    used_lookups: int
    cap_lookups: int | None


@dataclass(frozen=True, slots=True)
class Digest:
    week: str
    begin: datetime
    end: datetime
    over: bool  # the week; else all is so far
    checked: tuple[Checked, ...]
    statuses: tuple[Statuses, ...]
    newly_bad: tuple[NewlyBad, ...]  # the most first
    isolated: tuple[Isolated, ...]  # in the week
    released: int
    isolated_now: int
    worst_sources: tuple[BadSource, ...]  # now
    reports: Mapping[str, int]  # kind -> how many came in
    delivered: tuple[Delivered, ...]
    reviews: Reviews
    failing: tuple[Failing, ...]
    alerts: Mapping[str, int]  # kind -> how many are open now
    unconnected: tuple[str, ...]  # connectors of the settings without credentials
    left_out: tuple[str, ...]  # steps of the chain that nobody is asked in, and why
    currency: str
    costs: tuple[Cost, ...]
    caps: tuple[Cap, ...]
    paused_asks: tuple[PausedAsk, ...] = ()  # ask campaigns that have paused themselves

    @property
    def needs_a_person(self) -> bool:
        return bool(
            self.reviews.count
            or self.failing
            or self.alerts
            or self.unconnected
            or self.left_out
            or self.paused_asks
        )

    @property
    def quiet(self) -> bool:
        """Return whether nothing happened, and nothing waits for a person."""
        happened = (
            any(row.read for row in self.checked), self.newly_bad, self.isolated, self.released,
            self.reports, self.costs,
        )  # fmt: skip
        return not any(happened) and not self.needs_a_person

    def as_json(self) -> dict[str, Any]:
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain

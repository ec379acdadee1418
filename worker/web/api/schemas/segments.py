"""Answers of the API about segments."""

from __future__ import annotations

from typing import (
    Any,
    NotRequired,  # pydantic needs these before Python 3.12
)

from typing_extensions import TypedDict


class Interval(TypedDict):
    """A share and the bounds of its confidence interval."""

    rate: float
    low: float
    high: float


class CampaignTotals(TypedDict):
    sent: int
    delivered: int
    undelivered: int
    replies: int


class Segment(TypedDict):
    """A source, campaign, list, country or month. `numbers`: phone fields that hold something;
    `isolated`: since when, `isolation`: the id of that isolation; `outcomes`: of campaigns only."""

    by: str
    value: str
    connector: str
    contacts: int
    numbers: int
    bad: int
    rate: float
    low: float
    high: float
    statuses: dict[str, int]
    reports: dict[str, int]
    rates: dict[str, Interval]
    isolated: str | None
    isolation: int | None
    outcomes: NotRequired[CampaignTotals | None]


class DayCounts(TypedDict):
    """All phone fields of a day, by status. `went_bad`: how often one went bad on it; null where
    that was not counted."""

    day: str
    contacts: int
    statuses: dict[str, int]
    went_bad: int | None


class SharedNumber(TypedDict):
    """A number that many contacts hold. `persons`: different people among them."""

    number: str
    holders: int
    persons: int


class Isolation(TypedDict):
    """A segment that is or was isolated. `before` and `after`: its counts when it was isolated and
    after its audit; `run`: the audit."""

    id: int
    connector: str
    by: str
    value: str
    since: str
    isolated_by: str | None
    why: str
    before: dict[str, Any]
    after: dict[str, Any] | None
    run: str | None
    audited_at: str | None
    released_at: str | None
    released_by: str | None
    released_why: str | None


class Segments(TypedDict):
    segments: list[Segment]


class SharedNumbers(TypedDict):
    numbers: list[SharedNumber]


class Isolations(TypedDict):
    isolations: list[Isolation]


class Kept(TypedDict):
    """How many days of campaigns were kept."""

    kept: int

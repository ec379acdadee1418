"""Answers of the API about numbers and contacts."""

from __future__ import annotations

from typing import (
    Any,
    NotRequired,  # pydantic needs these before Python 3.12
)

from typing_extensions import TypedDict

from worker.web.api.schemas.events import EndpointDelivery
from worker.web.api.schemas.runs import RecordWrite
from worker.web.api.schemas.suppressions import Hold, ListEntry, ReportEvidence, Suppression


class Answer(TypedDict):
    """A provider's answer. `words`: as the provider gave it; `counts`: whether it still counts."""

    provider: str
    label: str
    package: str
    depth: str
    verdict: str
    line_type: str
    carrier: str
    country: str
    live: str
    reassigned: bool | None
    since: str
    cost: float
    detail: str
    words: str
    at: str
    until: str
    counts: bool


class PaidLookup(TypedDict):
    provider: str
    package: str
    since: str
    state: str
    verdict: str
    detail: str
    cost: float
    run: str
    at: str


class UnansweredLookup(TypedDict):
    provider: str
    package: str
    reason: str
    at: str
    again_at: str


class ReportSummary(TypedDict):
    kind: str
    source: str
    contact: str
    channels: str
    evidence: str
    at: str


class Holder(TypedDict):
    """A phone field of a contact that holds the number."""

    connector: str
    object: str
    id: str
    field: str
    extension: str
    status: str | None
    reason: str | None
    checked_at: str


class ContactWrite(RecordWrite):
    run: str
    connector: str
    message: str | None
    at: str


class CallingWindow(TypedDict):
    """When the number may be called, in UTC. `zone`: the only time zone that it may be in, if there
    is one; `opens_at`: None while it may be called; `rule`: which rules hold; `text`: all of it in
    words."""

    text: str
    zone: str | None
    open_now: bool
    opens_at: str | None
    closes_at: str | None
    rule: str


class NumberDetails(TypedDict):
    """All that is known of a number."""

    number: str
    region: str | None
    time_zones: list[str]
    kind: str
    possible: bool
    valid: bool
    verifications: list[Answer]
    lookups: list[PaidLookup]
    window: CallingWindow
    waiting: list[UnansweredLookup]
    currency: str
    feedback: list[ReportSummary]
    holds: list[Hold]
    contacts: list[Holder]
    writes: list[ContactWrite]


class TimelineEvent(TypedDict):
    """`record` (connector, object, id), `before` and `after`: of writes; `run`: also of lookups."""

    at: str
    kind: str
    title: str
    text: str
    run: NotRequired[str]
    record: NotRequired[list[str]]
    before: NotRequired[dict[str, Any]]
    after: NotRequired[dict[str, Any]]


class NumberHead(TypedDict):
    """What holds for whoever has the number. `channels`: those closed for everybody; `since`: None
    where only the numbering plan speaks; `exceptions`: reports about single people or records."""

    status: str
    reason: str
    channels: list[str]
    since: str | None
    exceptions: int


class NumberTimeline(NumberDetails):
    """All that is known of a number, with what happened to it, the newest first."""

    head: NumberHead
    suppressions: list[Suppression]
    reports: list[ReportEvidence]
    lists: list[ListEntry]
    events: list[EndpointDelivery]
    timeline: list[TimelineEvent]


class ContactNumber(TypedDict):
    field: str
    number: str
    extension: str


class RecordFailure(TypedDict):
    kind: str
    message: str
    attempts: int
    at: str


class RecordTimeline(TypedDict):
    """A record as our index has it, and what was written to it. `there`: whether it is indexed."""

    connector: str
    object: str
    id: str
    there: bool
    statuses: dict[str, str | None]
    flags: dict[str, Any]
    reason: str | None
    source: str
    campaign: str
    country: str
    month: str
    checked_at: str | None
    numbers: list[ContactNumber]
    failure: RecordFailure | None
    timeline: list[TimelineEvent]

"""Answers of the API about suppressions, their evidence, and reports."""

from __future__ import annotations

from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from worker.web.api.schemas.events import EndpointDelivery


class Suppression(TypedDict):
    """An entry of the list. `number` and `contact` are null for everybody, or once erased."""

    id: int
    number: str | None
    contact: str | None
    channels: list[str]
    reason: str
    source: str
    evidence: str
    since: str
    active: bool
    lifted_at: str | None
    lifted_by: str | None
    lifted_why: str | None


class Delivery(TypedDict):
    """When a CRM confirmed a report. `seconds`: how long that took; `in_time`: whether it was
    within ten business days."""

    connector: str
    state: str
    records: int
    confirmed_at: str | None
    seconds: float | None
    in_time: bool
    error: str | None
    run: str | None


class ReportEvidence(TypedDict):
    """A report about a number. `deadline`: the end of the tenth business day after its receipt."""

    kind: str
    source: str
    evidence: str
    channels: list[str]
    contact: str | None
    at: str
    received_at: str
    applied_at: str | None
    deadline: str
    delivered: list[Delivery]


class ListEntry(Suppression):
    """An entry of an imported list, and when each CRM confirmed it."""

    delivered: list[Delivery]


class Hold(TypedDict):
    """Why a number is not texted for now: the reply of this review waits for a person. `number`:
    that it came from; another one where a field was read as that one before."""

    review: int
    number: str
    reason: str
    channels: list[str]
    since: str


class HoldEvidence(Hold):
    delivered: list[Delivery]


class Evidence(TypedDict):
    """What was reported of a number, which lists hold it, and what stands against it. `holds`:
    because of what it is not texted for now. `events`: what endpoints were sent of it."""

    number: str
    reports: list[ReportEvidence]
    lists: list[ListEntry]
    suppressions: list[Suppression]
    holds: list[HoldEvidence]
    events: list[EndpointDelivery]


class Suppressions(TypedDict):
    """`after`: give it as `after` to read on; null at the end. `cursor`: the place in the feed of
    changes to go on from after the first page."""

    suppressions: list[Suppression]
    after: int | None
    cursor: str


class Review(TypedDict):
    """A reply that waits for a person. `likelihood`: in percent, that it is a request.

    `honour_by`: the last day on which a revocation is honoured in time. `note_in`: the CRM in whose
    phone field the words stand; "" for a reply.
    """

    id: int
    number: str
    text: str
    suggestion: str | None
    evidence: str
    at: str
    likelihood: int
    note_in: str
    honour_by: str


class ReviewIds(TypedDict):
    """The replies that were changed; others were not open, or not decided."""

    ids: list[int]


class Reviews(TypedDict):
    reviews: list[Review]


class Decided(TypedDict):
    decision: str

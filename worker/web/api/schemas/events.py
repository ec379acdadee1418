"""Answers of the API about changes of suppressions, and about the endpoints of events."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12


class Change(TypedDict):
    """A change of a suppression. `type`: number.suppressed, number.wrong or number.lifted.

    `number`: null once erased, or where a contact alone is known. `channels`: those that this
    change closed or opened. `sequence`: counts the events of a number. `suppression`: its id.
    """

    cursor: str
    at: str
    type: str
    number: str | None
    contact: str | None
    channels: list[str]
    reason: str
    sequence: int
    evidence: str
    suppression: int | None
    since: str | None


class Changes(TypedDict):
    """`next`: give it as `since` to read on; an answer without changes gives the same one."""

    changes: list[Change]
    next: str


class Endpoint(TypedDict):
    """A system that events are sent to. `kind`: webhook, or a system such as klaviyo, which has no
    `url`. `state`: active, paused, or off after it answered 410.

    `failures`: attempts that failed in a row, since `failing_since`; `retry_at`: the next one.
    """

    id: int
    name: str
    kind: str
    url: str
    events: list[str]
    state: str
    from_settings: bool
    hash_numbers: bool
    created_at: str
    created_by: str
    failures: int
    failing_since: str | None
    retry_at: str | None
    error: str | None
    delivered_at: str | None
    former_secret_until: str | None


class EndpointWithCounts(Endpoint):
    """`pending`: events that wait; `parked`: those that were given up after three days."""

    pending: int
    parked: int


class NewEndpoint(Endpoint):
    """`secret` and `number_key` are shown this once. `secret`: null for a system. `number_key`:
    with which numbers are hashed; null: they are not."""

    secret: str | None
    number_key: str | None


class Endpoints(TypedDict):
    endpoints: list[EndpointWithCounts]


class NewSecret(TypedDict):
    """`former_secret_until`: until when events are signed with the former one as well."""

    secret: str
    former_secret_until: str


class EndpointDelivery(TypedDict):
    """An event that was sent to an endpoint, or waits. `status`: of the last answer. `note`: what a
    person should know of one that was delivered."""

    id: int
    endpoint: str
    event: str
    type: str
    number: str | None
    contact: str | None
    sequence: int
    happened_at: str
    state: str
    failed_attempts: int
    at: str | None
    retry_at: str | None
    status: int | None
    error: str | None
    note: str | None


class EndpointDeliveries(TypedDict):
    """`before`: give it as `before` to read on; null at the end."""

    deliveries: list[EndpointDelivery]
    before: int | None


class Backfill(TypedDict):
    """The list of suppressions on its way to a system. `queued`: those that were enqueued so
    far."""

    state: Literal["running", "done"]
    suppressions: int
    queued: int
    started_at: str
    started_by: str
    finished_at: str | None


class Replayed(TypedDict):
    """How many events are sent again."""

    events: int

"""Answers of the API about runs.

Keys that are there only sometimes are `NotRequired`. Times are ISO 8601 in UTC.
"""

from __future__ import annotations

from typing import (
    Any,
    NotRequired,  # pydantic needs these before Python 3.12
)

from typing_extensions import TypedDict


class RunCounts(TypedDict):
    """Contacts of a run in a list of runs."""

    read: int
    changed: int
    written: int
    failed: int
    gone: int


class RunSummary(TypedDict):
    """A run in a list. `purpose`: why it was opened; `opened_by`: empty for the schedule."""

    run: str
    connector: str
    kind: str
    scope: str
    state: str
    outcome: str
    dry_run: bool
    opened_at: str
    opened_by: str
    purpose: str
    error: str | None
    contacts: RunCounts
    seconds: float


class ContactCounts(RunCounts):
    unchanged: int


class LookupCounts(TypedDict):
    """`reused`: answers that were known already; `failed`: lookups without an answer."""

    asked: int
    reused: int
    failed: int
    cost: float


class ApiCalls(TypedDict):
    read: int
    write: int
    other: int


class PageCounts(TypedDict):
    stored: int
    contacts: int
    done: int
    parked: int
    retries: int


class RunRemovals(TypedDict):
    """What became of contacts of an object that a full read no longer brought."""

    object: str
    state: str
    records: int
    indexed: int
    limit: int
    accepted: bool
    reason: str


class HiddenField(TypedDict):
    """A field that could be used once and no longer can. `field`: empty for the whole object."""

    object: str
    field: str
    role: str
    since: str
    problem: str


class WouldWrite(TypedDict):
    """Records that a real run would write: without `policy.quiet_first_sync`, and with it."""

    loud: int
    quiet: int


class CostForecast(TypedDict):
    """What a dry run's lookups would cost. `short`: which of them the budget would not allow."""

    lookups: int
    cost: float
    currency: str
    short: list[str]


class ReadingCounts(TypedDict):
    """Phone fields that are read differently than before though nobody changed their text, their
    contacts, and how many numbers came or went. `waiting`: contacts that are rewritten on a later
    day (`sync.reading_changes_per_day`)."""

    contacts: int
    fields: int
    numbers: int
    waiting: int


class RunResult(TypedDict):
    """What a run has done so far. `would_write` and `forecast`: of dry runs only. `owner_tasks`:
    tasks for the owners of records, by what became of them: created, open (there was one already),
    no_owner, refused, over_limit, waiting, deleted and kept (by an undo); of a dry run, asked.
    `consent_writes`: consent records, likewise: written, waiting, refused, and no_party (the record
    names no person); of a dry run, asked."""

    run: str
    connector: str
    state: str
    outcome: str
    dry_run: bool
    kind: str
    scope: str
    contacts: ContactCounts
    not_visible: int
    owner_tasks: dict[str, int]
    consent_writes: dict[str, int]
    removals: list[RunRemovals]
    fields: dict[str, int]
    lookups: dict[str, LookupCounts]
    api_calls: ApiCalls
    readings: ReadingCounts
    would_write: NotRequired[WouldWrite]
    forecast: NotRequired[CostForecast]
    sources: dict[str, dict[str, int]]
    pages: PageCounts
    hidden_fields: list[HiddenField]
    notes: list[str]
    error: str | None
    seconds: float


class RecordWrite(TypedDict):
    object: str
    id: str
    state: str
    before: dict[str, Any]
    after: dict[str, Any]


class RemovalHold(TypedDict):
    """What a full read would have removed from our index, had it not been too much.

    `run`: the latest full read that held the removals; `records`: how many it would have removed;
    `indexed`: contacts of the object in our index; `limit`: how many it might have removed;
    `reason`: why, and what to check; `examples`: the ids of a few of the records.
    """

    connector: str
    object: str
    run: str
    records: int
    indexed: int
    limit: int
    reason: str
    examples: list[str]
    since: str
    at: str


class RunList(TypedDict):
    runs: list[RunSummary]


class RunWrite(RecordWrite):
    """`message`: what the CRM said of a write that failed."""

    message: str | None


class RunWrites(TypedDict):
    """`after`: give it as `after` to read on; null at the end."""

    writes: list[RunWrite]
    after: int | None

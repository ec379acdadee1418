"""Answers of the API about the whole: overview, spend, settings, alerts, audit log, tokens."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from worker.web.api.schemas.runs import RemovalHold, RunSummary
from worker.web.api.schemas.segments import DayCounts, Isolation


class SpendDay(TypedDict):
    """`lost`: lookups whose answer did not reach us, and that may have been charged."""

    day: str
    provider: str
    lookups: int
    lost: int
    cost: float
    reserved: float


class SpendTotal(TypedDict):
    lookups: int
    lost: int
    cost: float


class SpendCap(TypedDict):
    """A cap in money, in lookups, or both; null: none."""

    name: str
    cap: float | None
    cap_lookups: int | None
    used: float
    used_lookups: int


class ProviderState(TypedDict):
    """`breaker`: closed while the provider is asked; `again_at`: when it is tried again."""

    name: str
    label: str
    breaker: str
    reason: str
    again_at: str | None
    credits: int | None


class Spend(TypedDict):
    """What lookups cost by day and provider. `being_asked`: lookups under way; `waiting`: lookups
    without an answer, which are made again."""

    currency: str
    days: list[SpendDay]
    total: SpendTotal
    caps: list[SpendCap]
    providers: list[ProviderState]
    being_asked: int | None
    waiting: int | None


class ConnectorState(TypedDict):
    """`watermark`: up to when changes were read; `quota`: the day's API calls, as the CRM said."""

    name: str
    state: str
    run: str | None
    run_state: str | None
    run_at: str | None
    error: str | None
    watermark: str | None
    contacts: int | None
    statuses: dict[str, int]
    calls_today: int
    quota: dict[str, Any] | None


class StatusToday(TypedDict):
    """`change`: since the day before; null where there is none."""

    status: str
    fields: int
    change: int | None


class FailureCount(TypedDict):
    connector: str
    kind: str
    records: int
    remedy: str


class PendingDeliveries(TypedDict):
    """Reports that a CRM has not confirmed yet, and since when the oldest waits."""

    connector: str
    reports: int
    since: str


class MissingBackfill(TypedDict):
    """A system that was never given the suppressions that stood when it was added. `suppressions`:
    how many, up to 100,000."""

    endpoint: str
    kind: str
    suppressions: int


class Alert(TypedDict):
    """`sent`: the channels by which it was sent; `error`: why it was not."""

    kind: str
    text: str
    path: str
    at: str
    sent: list[str]
    error: str


class FormerConnection(TypedDict):
    """A connection that is not connected, and whose records or isolated segments we keep."""

    connector: str


class Needs(TypedDict):
    """What needs a person."""

    reviews: int
    failures: list[FailureCount]
    untold: list[PendingDeliveries]
    backfills: list[MissingBackfill]
    removals: list[RemovalHold]
    former: list[FormerConnection]
    isolated: list[Isolation]
    alerts: list[Alert]


class Pause(TypedDict):
    """Since when everything that writes or sends is paused, by whom, and why."""

    since: str
    by: str
    reason: str


class PauseState(TypedDict):
    """`paused`: null while nothing is paused."""

    paused: Pause | None


class Overview(TypedDict):
    """How the CRMs, the numbers and the money are, and what needs a person. `paused`: null while
    nothing is paused."""

    paused: Pause | None

    connectors: list[ConnectorState]
    trend: list[DayCounts]
    today: list[StatusToday]
    spend: Spend
    needs: Needs
    runs: list[RunSummary]


class Alerts(TypedDict):
    alerts: list[Alert]


class Setting(TypedDict):
    """A setting in force. `origin`: default, file or environment; secrets are masked."""

    name: str
    value: str
    origin: str


class Settings(TypedDict):
    settings: list[Setting]


class AuditEntry(TypedDict):
    id: int
    at: str
    who: str
    action: str
    target: str
    why: str


class AuditLog(TypedDict):
    entries: list[AuditEntry]


class Token(TypedDict):
    id: int
    name: str
    scopes: list[str]
    created_by: str
    created_at: str | None
    used_at: str | None
    revoked_at: str | None


class Tokens(TypedDict):
    tokens: list[Token]


class NewToken(Token):
    """`token`: the secret, which is shown this once."""

    token: str


class Revoked(TypedDict):
    revoked: bool

"""Keep a circuit breaker for each provider, shared by all workers and shown to operators.

A provider whose calls fail several times in a row is not asked for a while (its cooldown); then one
call tries whether it is back. A provider that refuses our key, or whose credit is used up, is
stopped at once and for longer, since only an operator can change that. A new key is tried at once.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config.verification import Verification as Settings
from worker.store.bulk import upsert
from worker.store.tables import provider_states
from worker.verification.errors import CredentialsRejectedError, CreditExhaustedError, ProviderError

log = logging.getLogger(__name__)

REJECTED_COOLDOWN = timedelta(minutes=15)
EXHAUSTED_COOLDOWN = timedelta(hours=1)
_MIN_COOLDOWN, _MAX_COOLDOWN = timedelta(seconds=30), timedelta(minutes=10)
_NEEDS_OPERATOR = (CredentialsRejectedError, CreditExhaustedError)


@dataclass(frozen=True, slots=True)
class State:
    """A row of the table `provider_states`."""

    name: str
    breaker: str = "closed"
    kind: str = ""
    reason: str = ""
    failures: int = 0
    since: datetime | None = None
    retry_at: datetime | None = None
    cooldown: int = 0
    credits: int | None = None
    checked_at: datetime | None = None
    credentials_hash: str = ""

    @property
    def is_open(self) -> bool:
        return self.breaker == "open"


@dataclass(frozen=True, slots=True)
class Permit:
    """Whether a provider may be asked now. `trial`: with one call only, to see whether
    it is back."""

    allowed: bool
    trial: bool = False
    reason: str = ""


def short_hash(key: str) -> str:
    """Return a hash that tells one key from another, and says nothing else about it."""
    return hashlib.blake2b(key.encode(), digest_size=8, person=b"hygiene-key").hexdigest()


# Labelled as the fields of `State`: in the database some columns have older names.
_COLUMNS = [column.label(column.key) for column in provider_states.c]


def load(connection: Connection, name: str) -> State:
    query = sa.select(*_COLUMNS).where(provider_states.c.name == name)
    row = connection.execute(query).one_or_none()
    return State(**row._mapping) if row is not None else State(name)


def permit(connection: Connection, name: str, now: datetime) -> Permit:
    """Return whether a provider may be asked. After its cooldown the first to ask gets one trial
    call; the others wait for what comes of it.

    Called with the booking lock, so that there is one trial call at a time.
    """
    state = load(connection, name)
    if not state.is_open:
        return Permit(True)
    cooling_down = state.retry_at is not None and state.retry_at > now
    # A clock that was set back must not keep a provider closed off for years.
    sane = state.since is None or state.since <= now + timedelta(minutes=5)
    if cooling_down and sane:
        return Permit(False, reason=state.reason)
    cooldown = max(timedelta(seconds=state.cooldown), _MIN_COOLDOWN)
    connection.execute(
        sa.update(provider_states)
        .where(provider_states.c.name == name)
        .values(retry_at=now + cooldown)
    )
    return Permit(True, trial=True)


def record_success(connection: Connection, name: str) -> None:
    """Close the breaker: an answer came."""
    c = provider_states.c
    done = connection.execute(
        sa.update(provider_states)
        .where(c.name == name, sa.or_(c.failures > 0, c.breaker != "closed"))
        .values(
            breaker="closed", kind="", reason="", failures=0, since=None, retry_at=None, cooldown=0
        )
    )
    if done.rowcount:
        log.info("%s answers again", name)


def record_failures(
    connection: Connection,
    name: str,
    errors: Sequence[ProviderError],
    now: datetime,
    settings: Settings,
    log_it: bool = True,
) -> None:
    """Count calls that failed in a row, and open the breaker: after several of them, at once if our
    key is refused or our credit used up."""
    if not errors:
        return
    state = load(connection, name)
    error = next((e for e in errors if isinstance(e, _NEEDS_OPERATOR)), errors[-1])
    failures = state.failures + len(errors)
    values: dict[str, Any] = {"name": name, "failures": failures}
    cooldown = _cooldown(state, error, failures, settings, now)
    if cooldown is not None:
        reason = error.reason[:255]
        values.update(
            breaker="open",
            kind=_kind(error),
            reason=reason,
            since=state.since if state.is_open and state.since else now,
            retry_at=now + cooldown,
            cooldown=int(cooldown.total_seconds()),
        )
        if isinstance(error, CreditExhaustedError):
            values["credits"] = 0
        if log_it and (not state.is_open or state.reason != reason):
            until = f"{now + cooldown:%H:%M} UTC"
            log.warning("provider %s %s; it is left alone until %s", name, error, until)
    upsert(connection, provider_states, [values])


def _kind(error: ProviderError) -> str:
    if isinstance(error, CredentialsRejectedError):
        return "refused"
    return "no_credit" if isinstance(error, CreditExhaustedError) else "failing"


def _cooldown(
    state: State, error: ProviderError, failures: int, settings: Settings, now: datetime
) -> timedelta | None:
    """Return for how long the breaker opens; None = it stays as it is."""
    if isinstance(error, CredentialsRejectedError):
        return REJECTED_COOLDOWN
    if isinstance(error, CreditExhaustedError):
        return EXHAUSTED_COOLDOWN
    if state.is_open:
        length = timedelta(seconds=state.cooldown)
        if state.since is not None and state.since <= now < state.since + length:
            return None  # that call began before the breaker opened: it was no trial
        return min(_MAX_COOLDOWN, timedelta(seconds=max(state.cooldown, 1) * 2))
    return settings.breaker_cooldown if failures >= settings.breaker_failures else None


def record_check(
    connection: Connection, name: str, key: str, credits_left: int | None, now: datetime
) -> None:
    """Store that its account was checked and is in order."""
    row = {"name": name, "credits": credits_left, "checked_at": now, "credentials_hash": key}
    upsert(connection, provider_states, [row])


def record_credits(connection: Connection, name: str, credits_left: int) -> None:
    upsert(connection, provider_states, [{"name": name, "credits": credits_left}])


def reset_on_new_key(connection: Connection, name: str, key: str) -> bool:
    """Reset the state of a provider if its key has changed. Return whether it has."""
    state = load(connection, name)
    if state.credentials_hash == key:
        return False
    fresh = State(name, credentials_hash=key)
    values = {column.key: getattr(fresh, column.key) for column in provider_states.c}
    upsert(connection, provider_states, [values])
    return True


def all_states(connection: Connection) -> list[State]:
    rows = connection.execute(sa.select(*_COLUMNS).order_by(provider_states.c.name))
    return [State(**row._mapping) for row in rows]

"""How each provider does: a circuit breaker shared by all workers, kept where operators see it.

A provider whose calls fail several times in a row is left alone for a while; then one call tries
whether it is back. One that refuses our key, or whose credit is used up, is left alone at once and
for longer: until somebody acted, asking again is in vain. A new key is tried at once.
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
from worker.verification.errors import NoCreditError, ProviderError, RefusedError

log = logging.getLogger(__name__)

REFUSED_REST = timedelta(minutes=15)
NO_CREDIT_REST = timedelta(hours=1)
_LONGEST_REST = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class State:
    """A row: see the table."""

    name: str
    breaker: str = "closed"
    kind: str = ""
    reason: str = ""
    failures: int = 0
    since: datetime | None = None
    again_at: datetime | None = None
    rest: int = 0
    credits: int | None = None
    checked_at: datetime | None = None
    key_print: str = ""

    @property
    def is_open(self) -> bool:
        return self.breaker == "open"


@dataclass(frozen=True, slots=True)
class Permit:
    """Whether a provider may be asked now. `trial`: with one call, to see whether it is back."""

    allowed: bool
    trial: bool = False
    reason: str = ""


def print_of(key: str) -> str:
    """Tells one key from another, and nothing else about it."""
    return hashlib.blake2b(key.encode(), digest_size=8, person=b"hygiene-key").hexdigest()


def load(connection: Connection, name: str) -> State:
    row = connection.execute(
        sa.select(provider_states).where(provider_states.c.name == name)
    ).one_or_none()
    return State(**row._mapping) if row is not None else State(name)


def permit(connection: Connection, name: str, now: datetime) -> Permit:
    """May it be asked? The first to ask after its rest gets the trial call; the others wait.

    Callers take turns: it is called where lookups are booked, one at a time.
    """
    state = load(connection, name)
    if not state.is_open:
        return Permit(True)
    waits = state.again_at is not None and state.again_at > now
    # A clock that was set back must not leave a provider alone for years.
    sane = state.since is None or state.since <= now + timedelta(minutes=5)
    if waits and sane:
        return Permit(False, reason=state.reason)
    rest = max(timedelta(seconds=state.rest), timedelta(seconds=30))
    connection.execute(
        sa.update(provider_states).where(provider_states.c.name == name).values(again_at=now + rest)
    )
    return Permit(True, trial=True)


def note_success(connection: Connection, name: str) -> None:
    """An answer came: the breaker closes."""
    c = provider_states.c
    done = connection.execute(
        sa.update(provider_states)
        .where(c.name == name, sa.or_(c.failures > 0, c.breaker != "closed"))
        .values(breaker="closed", kind="", reason="", failures=0, since=None, again_at=None, rest=0)
    )
    if done.rowcount:
        log.info("%s answers again", name)


def note_failures(
    connection: Connection,
    name: str,
    errors: Sequence[ProviderError],
    now: datetime,
    settings: Settings,
    say: bool = True,
) -> None:
    """Calls failed in a row: open the breaker when it is enough, or at once when it must be."""
    if not errors:
        return
    state = load(connection, name)
    error = next((e for e in errors if isinstance(e, (RefusedError, NoCreditError))), errors[-1])
    failures = state.failures + len(errors)
    values: dict[str, Any] = {"name": name, "failures": failures}
    rest = _rest(state, error, failures, settings)
    if rest is not None:
        values.update(
            breaker="open",
            kind=_kind(error),
            reason=error.reason[:255],
            since=state.since if state.is_open and state.since else now,
            again_at=now + rest,
            rest=int(rest.total_seconds()),
        )
        if isinstance(error, NoCreditError):
            values["credits"] = 0
        if say and (not state.is_open or state.reason != error.reason[:255]):
            log.warning(
                "provider %s %s; it is left alone until %s", name, error, f"{now + rest:%H:%M} UTC"
            )
    upsert(connection, provider_states, [values])


def _kind(error: ProviderError) -> str:
    if isinstance(error, RefusedError):
        return "refused"
    return "no_credit" if isinstance(error, NoCreditError) else "failing"


def _rest(
    state: State, error: ProviderError, failures: int, settings: Settings
) -> timedelta | None:
    if isinstance(error, RefusedError):
        return REFUSED_REST
    if isinstance(error, NoCreditError):
        return NO_CREDIT_REST
    if state.is_open:
        return min(_LONGEST_REST, timedelta(seconds=max(state.rest, 1) * 2))
    return settings.breaker_rest if failures >= settings.breaker_failures else None


def note_check(
    connection: Connection, name: str, key: str, credits_left: int | None, now: datetime
) -> None:
    """Its account was looked at and is in order."""
    row = {"name": name, "credits": credits_left, "checked_at": now, "key_print": key}
    upsert(connection, provider_states, [row])


def note_credits(connection: Connection, name: str, credits_left: int) -> None:
    upsert(connection, provider_states, [{"name": name, "credits": credits_left}])


def new_key(connection: Connection, name: str, key: str) -> bool:
    """Whether the key is another than the last one; then what was known of the old is dropped."""
    state = load(connection, name)
    if state.key_print == key:
        return False
    fresh = State(name, key_print=key)
    values = {column.name: getattr(fresh, column.name) for column in provider_states.c}
    upsert(connection, provider_states, [values])
    return True


def all_states(connection: Connection) -> list[State]:
    rows = connection.execute(sa.select(provider_states).order_by(provider_states.c.name))
    return [State(**row._mapping) for row in rows]

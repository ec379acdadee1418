"""Check each provider: is there a key, does the provider accept it, is there credit left.

This is done when a run begins (now and then, at no cost) and by `hygiene doctor`. Each problem is
reported once, with what to do. The chain continues with the other steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from config.settings import Settings
from worker.store import Store
from worker.verification import circuit_breaker
from worker.verification.circuit_breaker import State
from worker.verification.errors import CreditExhaustedError, ProviderError
from worker.verification.protocol import Provider
from worker.verification.registry import KEYS, ChainPlan, credentials_hash

_FRESH = timedelta(minutes=10)  # an account is not checked again sooner
_LOW_CREDIT = 100  # lookups left at which an operator is warned


@dataclass(frozen=True, slots=True)
class ProviderStatus:
    """`healthy`: it can be asked. `text`: one line, what is wrong and what to do."""

    name: str
    healthy: bool
    text: str
    credits: int | None = None


def warnings(plan: ChainPlan, settings: Settings, store: Store, now: datetime) -> list[str]:
    """Return what a run reports about its providers: only problems."""
    return [
        *plan.left_out,
        *(
            f"{status.name}: {status.text}"
            for status in examine(plan, settings, store, now, _FRESH)
            if not status.healthy or (status.credits is not None and status.credits < _LOW_CREDIT)
        ),
    ]


def examine(
    plan: ChainPlan, settings: Settings, store: Store, now: datetime,
    fresh: timedelta = timedelta(0),
) -> Iterator[ProviderStatus]:  # fmt: skip
    """Yield the status of each provider that is a service. A check within `fresh` counts."""
    for provider in plan.providers:
        if provider.local:
            continue
        key = credentials_hash(settings, provider.name)
        with store.write() as connection:
            circuit_breaker.reset_on_new_key(connection, provider.name, key)
            state = circuit_breaker.load(connection, provider.name)
        if not (fresh and _needs_no_check(state, now, fresh)):
            state = _check(provider, key, state, settings, store, now)
        yield _status(provider, state)


def _needs_no_check(state: State, now: datetime, fresh: timedelta) -> bool:
    """Return whether its account was checked just now, or its breaker is open."""
    just_checked = state.checked_at is not None and now - fresh <= state.checked_at <= now
    cooling_down = state.is_open and state.retry_at is not None and state.retry_at > now
    return just_checked or cooling_down


def _check(
    provider: Provider, key: str, before: State, settings: Settings, store: Store, now: datetime
) -> State:
    """Check a provider's account, store the result, and return the provider's state then."""
    problem: ProviderError | None = None
    credit: int | None = None
    try:
        credit = provider.check().credits
        if credit == 0:
            problem = CreditExhaustedError("has no credit of ours left")
    except ProviderError as error:
        problem = error
    with store.write() as connection:
        if problem is None:
            _store_success(connection, before, key, credit, now)
        else:
            circuit_breaker.record_failures(
                connection, provider.name, [problem], now, settings.verification, log_it=False
            )
        state = circuit_breaker.load(connection, provider.name)
    if problem is not None and not state.is_open:
        return State(provider.name, "trying", reason=problem.reason)
    return state


def _store_success(
    connection: Connection, before: State, key: str, credit: int | None, now: datetime
) -> None:
    """Store that a provider accepts our key. That alone doesn't close a breaker that is open for
    want of credit: for this the provider must also say that there is credit."""
    circuit_breaker.record_check(connection, before.name, key, credit, now)
    if before.kind != "no_credit" or credit is not None:
        circuit_breaker.record_success(connection, before.name)


def _status(provider: Provider, state: State) -> ProviderStatus:
    if not state.reason:
        credit = "" if state.credits is None else f"; credit for {state.credits:,} lookups"
        return ProviderStatus(provider.name, True, f"accepts our key{credit}", state.credits)
    until = f" (left alone until {state.retry_at:%H:%M} UTC)" if state.retry_at else ""
    text = f"{provider.label} {state.reason}{until}; {_remedy(provider.name, state.kind)}"
    return ProviderStatus(provider.name, False, text, state.credits)


def _remedy(name: str, kind: str) -> str:
    if kind == "refused":
        return f"look at {KEYS.get(name, 'its credentials')}"
    return "buy more of it" if kind == "no_credit" else "we ask it again automatically"

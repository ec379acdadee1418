"""How we stand with each provider: is there a key, does it accept it, is there credit left.

Looked at when a run begins (now and then, at no cost) and by `hygiene doctor`; said once, in words
that tell what to do. The chain goes on with the other steps meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from config.settings import Settings
from worker.store import Store
from worker.verification import circuit_breaker
from worker.verification.circuit_breaker import State
from worker.verification.errors import NoCreditError, ProviderError
from worker.verification.protocol import Provider
from worker.verification.registry import KEYS, Line, key_print

_FRESH = timedelta(minutes=10)  # an account is not looked at again sooner
_LITTLE = 100  # lookups left of which an operator is told


@dataclass(frozen=True, slots=True)
class Standing:
    """`well`: it can be asked. `text`: one line, what and what to do."""

    name: str
    well: bool
    text: str
    credits: int | None = None


def notes(line: Line, settings: Settings, store: Store, now: datetime) -> list[str]:
    """What a run has to say of the providers: only what is not as it should be."""
    found = list(line.left_out)
    found += [
        f"{one.name}: {one.text}"
        for one in examine(line, settings, store, now, _FRESH)
        if not one.well or (one.credits is not None and one.credits < _LITTLE)
    ]
    return found


def examine(
    line: Line, settings: Settings, store: Store, now: datetime, fresh: timedelta = timedelta(0)
) -> Iterator[Standing]:
    """Each provider of the chain that is not at hand; what was looked at within `fresh` counts."""
    for provider in line.providers:
        if provider.local:
            continue
        state = _checked(provider, key_print(settings, provider.name), settings, store, now, fresh)
        yield _standing(provider, state)


def _checked(
    provider: Provider, key: str, settings: Settings, store: Store, now: datetime, fresh: timedelta
) -> State:
    with store.write() as connection:
        circuit_breaker.new_key(connection, provider.name, key)
        state = circuit_breaker.load(connection, provider.name)
    looked = state.checked_at is not None and now - fresh <= state.checked_at <= now
    waits = state.is_open and state.again_at is not None and state.again_at > now
    if fresh and (looked or waits):
        return state
    problem: ProviderError | None = None
    credit: int | None = None
    try:
        credit = provider.check().credits
        if credit == 0:
            problem = NoCreditError("has no credit of ours left")
    except ProviderError as error:
        problem = error
    with store.write() as connection:
        if problem is None:
            circuit_breaker.note_check(connection, provider.name, key, credit, now)
            # That a key is accepted says nothing of credit, where none is told.
            if state.kind != "no_credit" or credit is not None:
                circuit_breaker.note_success(connection, provider.name)
        else:
            circuit_breaker.note_failures(
                connection, provider.name, [problem], now, settings.verification, say=False
            )
            if not circuit_breaker.load(connection, provider.name).is_open:
                return State(provider.name, "trying", reason=problem.reason)
        return circuit_breaker.load(connection, provider.name)


def _standing(provider: Provider, state: State) -> Standing:
    left = "" if state.credits is None else f"; credit for {state.credits:,} lookups"
    if not state.reason:
        return Standing(provider.name, True, f"accepts our key{left}", state.credits)
    what = f"{provider.label} {state.reason}"
    keys = KEYS.get(provider.name, "its credentials")
    remedy = {"refused": f"look at {keys}", "no_credit": "buy more of it"}.get(
        state.kind, "it is asked again by itself"
    )
    until = f" (left alone until {state.again_at:%H:%M} UTC)" if state.again_at else ""
    return Standing(provider.name, False, f"{what}{until}; {remedy}", state.credits)

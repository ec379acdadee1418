"""Deliver what is due to all endpoints, each in a thread of its own.

A slow or dead endpoint holds up nobody else: an endpoint has one worker at a time, by a lease, and
one that fails is tried with a single event, at growing intervals, until it answers.
"""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import timedelta
from threading import Thread
from typing import Any

import sqlalchemy as sa

from config import stopping
from config.event_names import WEBHOOK
from config.section import SettingsError
from worker.context import Context
from worker.events import backfill, erased, log, outgoing, payload, suppression_changes
from worker.events import endpoints as directory
from worker.events.endpoints import Signing
from worker.events.model import EndpointState, StoredEvent
from worker.events.outgoing import Attempt, DueDelivery
from worker.events.sending import GONE, Sender
from worker.events.systems import number_state, registry
from worker.events.systems.base import NumberState, System
from worker.feedback.consent_state import rules_from_settings
from worker.leases import is_alive
from worker.store import pause
from worker.store.machine_faults import describe
from worker.store.tables import endpoints

logger = logging.getLogger(__name__)

_SLICE = 20.0  # seconds for which one task goes on delivering
_POLL = 0.05  # seconds until it looks again for endpoints with something due
_BATCH = 64  # events of one endpoint that are loaded at once
_MAX_ENDPOINTS = 32  # served at the same time by one task
_LEASE = timedelta(seconds=120)
_LONGEST_BATCH = 30.0  # seconds; with the last answers far less than a lease
_BACKOFF_INITIAL, _BACKOFF_MAX = timedelta(seconds=5), timedelta(minutes=15)
_UNREADABLE = (
    "its secret cannot be decrypted: set the former SECRET_KEY as SECRET_KEY_PREVIOUS, or give it "
    "a new secret (hygiene endpoints rotate)"
)


def has_due(ctx: Context) -> bool:
    """Tell whether any endpoint has something to be sent now; nothing has while everything is
    paused."""
    if pause.is_on(ctx.store):
        return False
    with ctx.store.read() as connection:
        return bool(outgoing.endpoints_with_due(connection, ctx.now()))


def announce(ctx: Context) -> int:
    """Append what has changed and nobody announced: by a worker of an earlier version, say."""
    keys = ctx.keys
    with ctx.store.write() as connection:
        return suppression_changes.announce(connection, keys, ctx.now())


def deliver(ctx: Context, seconds: float = _SLICE) -> int:
    """Send what is due, for so long; return how many events were confirmed. Nothing is sent while
    everything is paused."""
    end = time.monotonic() + seconds
    confirmed = 0
    serving: dict[int, Future[int]] = {}
    with ThreadPoolExecutor(_MAX_ENDPOINTS, thread_name_prefix="endpoint") as pool:
        while True:
            stopping.check()
            for endpoint_id in [key for key, future in serving.items() if future.done()]:
                confirmed += serving.pop(endpoint_id).result()
            if time.monotonic() < end and not pause.is_on(ctx.store):
                with ctx.store.read() as connection:
                    waiting = outgoing.endpoints_with_due(connection, ctx.now())
                for endpoint_id in waiting:
                    if endpoint_id not in serving and _lease(ctx, endpoint_id):
                        serving[endpoint_id] = pool.submit(_serve, ctx, endpoint_id, end)
            if not serving:
                return confirmed
            wait(serving.values(), timeout=_POLL, return_when=FIRST_COMPLETED)


def begin(ctx: Context) -> None:
    """Begin to send what is due, in threads that go on after this returns: a dead endpoint must not
    keep a worker from its other tasks. A process that ends meanwhile leaves the rest to others."""
    if pause.is_on(ctx.store):
        return
    with ctx.store.read() as connection:
        waiting = outgoing.endpoints_with_due(connection, ctx.now())
    for endpoint_id in waiting:
        if _lease(ctx, endpoint_id):
            name = f"endpoint-{endpoint_id}"
            Thread(target=_serve_on, args=(ctx, endpoint_id), name=name, daemon=True).start()


def _serve_on(ctx: Context, endpoint_id: int) -> None:
    """Serve an endpoint, and again where something came while it was being given back."""
    try:
        while True:
            _serve(ctx, endpoint_id, math.inf)
            with ctx.store.read() as connection:
                waiting = outgoing.endpoints_with_due(connection, ctx.now())
            if (
                endpoint_id not in waiting
                or stopping.requested()
                or pause.is_on(ctx.store)
                or not _lease(ctx, endpoint_id)
            ):
                return
    except Exception as error:  # of the database, say: what is due is found again by the next task
        logger.warning("events of endpoint %d wait: %s", endpoint_id, describe(error))


def _lease(ctx: Context, endpoint_id: int) -> bool:
    """Take an endpoint, unless somebody is at work on it."""
    e, now = endpoints.c, ctx.now()
    with ctx.store.read() as connection:
        row = connection.execute(
            sa.select(e.owner, e.lease_expires_at).where(e.id == endpoint_id)
        ).one_or_none()
    if row is None:
        return False
    if row.owner and is_alive(row.owner) and row.lease_expires_at > now:
        return False
    mine = sa.update(endpoints).where(
        e.id == endpoint_id, e.owner.is_(None) if row.owner is None else e.owner == row.owner
    )
    with ctx.store.write() as connection:
        taken = connection.execute(mine.values(owner=ctx.owner, lease_expires_at=now + _LEASE))
        return bool(taken.rowcount)


def _release(ctx: Context, endpoint_id: int) -> None:
    e = endpoints.c
    mine = sa.and_(e.id == endpoint_id, e.owner == ctx.owner)
    with ctx.store.write() as connection:
        connection.execute(
            sa.update(endpoints).where(mine).values(owner=None, lease_expires_at=None)
        )


def _serve(ctx: Context, endpoint_id: int, end: float) -> int:
    """Send to one endpoint until nothing is due, or it fails; return how many were confirmed."""
    confirmed = 0
    out = _WayOut(ctx)
    try:
        while True:
            sent = _send_batch(ctx, endpoint_id, out)
            confirmed += sum(attempt.delivered for _delivery, attempt in sent)
            if not sent and backfill.feed_endpoint(ctx, endpoint_id):
                continue
            if not sent or _is_away(sent) or time.monotonic() >= end or stopping.requested():
                return confirmed
    finally:
        out.close()
        _release(ctx, endpoint_id)


class _WayOut:
    """What the events of one endpoint are sent through, opened when it is needed."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._sender: Sender | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._system: System | None = None

    @property
    def sender(self) -> Sender:
        self._sender = self._sender or Sender(self._ctx.settings.events, self._ctx.now)
        return self._sender

    @property
    def pool(self) -> ThreadPoolExecutor:
        self._pool = self._pool or ThreadPoolExecutor(self.connections)
        return self._pool

    def system(self, kind: str) -> System:
        """Raises `SettingsError` if the system is not there, or not set up."""
        self._system = self._system or registry.build(kind, self._ctx.settings, self._ctx.now)
        return self._system

    @property
    def connections(self) -> int:
        return self._ctx.settings.events.connections

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()
        if self._sender is not None:
            self._sender.close()
        if self._system is not None:
            self._system.shut()


def _is_away(outcomes: Sequence[tuple[DueDelivery, Attempt]]) -> bool:
    """Tell whether an endpoint took nothing, and judged nothing either."""
    return not any(attempt.delivered or attempt.final for _delivery, attempt in outcomes)


def _asks_to_wait(outcomes: Sequence[tuple[DueDelivery, Attempt]]) -> bool:
    return any(attempt.retry_after for _delivery, attempt in outcomes)


def _send_batch(ctx: Context, endpoint_id: int, out: _WayOut) -> list[tuple[DueDelivery, Attempt]]:
    """Send what is due next: load, send, record. Returns what came of each."""
    now, keys = ctx.now(), ctx.keys
    with ctx.store.write() as connection:
        if pause.load(connection) is not None:
            return []
        e = endpoints.c
        row = connection.execute(
            sa.select(endpoints).where(
                e.id == endpoint_id, e.state == EndpointState.ACTIVE, e.owner == ctx.owner
            )
        ).one_or_none()
        if row is None:
            return []  # paused or removed meanwhile, or another worker has it
        connection.execute(
            sa.update(endpoints).where(e.id == endpoint_id)
            .values(lease_expires_at=now + _LEASE)
        )  # fmt: skip
        outgoing.park_old(connection, endpoint_id, now)
        batch = outgoing.due(connection, endpoint_id, now, 1 if row.failures else _BATCH)
        stored = log.load(connection, [delivery.event_id for delivery in batch])
        states = payload.load_states(connection, keys, list(stored.values()))
        events = list(stored.values())
        if row.kind == WEBHOOK:
            signs = directory.signing(connection, keys, endpoint_id, now)
        else:
            rules = rules_from_settings(ctx.settings)
            numbers = number_state.load(connection, keys, rules, endpoint_id, events, states)
    if not batch:
        return []
    if row.kind != WEBHOOK:
        outcomes = _carry(out, row.kind, batch, stored, numbers)
    elif signs is None:
        outcomes = [(delivery, Attempt(None, _UNREADABLE)) for delivery in batch]
    else:
        outcomes = _post(out, row.url, batch, stored, states, signs)
    _record(ctx, endpoint_id, row, outcomes)
    return outcomes


def _post(
    out: _WayOut,
    url: str,
    batch: Sequence[DueDelivery],
    stored: Mapping[int, StoredEvent],
    states: dict[str, dict[str, Any]],
    signs: Signing,
) -> list[tuple[DueDelivery, Attempt]]:
    """Send events as webhooks, some at the same time."""
    outcomes: list[tuple[DueDelivery, Attempt]] = []
    begun = time.monotonic()
    for group in _groups(batch, out.connections):
        futures = [
            out.pool.submit(_send, out.sender, url, stored.get(delivery.event_id), states, signs)
            for delivery in group
        ]
        sent = [
            (delivery, future.result()) for delivery, future in zip(group, futures, strict=True)
        ]
        outcomes += sent
        if _ends_here(sent, begun):
            break
    return outcomes


def _send(
    sender: Sender,
    url: str,
    stored: StoredEvent | None,
    states: dict[str, dict[str, Any]],
    signs: Signing,
) -> Attempt:
    if stored is None:
        return Attempt(None)  # deleted by its age just now, with what it said
    state = states[stored.subject]
    return sender.send(
        url, stored.uid, payload.body(stored, state, signs.number_key), signs.secrets
    )


def _carry(
    out: _WayOut,
    kind: str,
    batch: Sequence[DueDelivery],
    stored: Mapping[int, StoredEvent],
    numbers: Mapping[int, NumberState],
) -> list[tuple[DueDelivery, Attempt]]:
    """Carry events to a system, one call after the other."""
    gone = [delivery for delivery in batch if delivery.event_id not in stored]
    outcomes = [(delivery, Attempt(None)) for delivery in gone]  # deleted by their age just now
    here = [delivery for delivery in batch if delivery.event_id in stored]
    try:
        system = out.system(kind)
    except SettingsError as error:
        return [*outcomes, *((delivery, Attempt(None, str(error))) for delivery in here)]
    begun = time.monotonic()
    for group in _groups(here, system.batch):
        items = [(stored[each.event_id], numbers[each.event_id]) for each in group]
        sent = list(zip(group, system.send(items), strict=True))
        outcomes += sent
        if _ends_here(sent, begun):
            break
    return outcomes


def _groups(batch: Sequence[DueDelivery], size: int) -> Iterator[Sequence[DueDelivery]]:
    for start in range(0, len(batch), size):
        yield batch[start : start + size]


def _ends_here(sent: Sequence[tuple[DueDelivery, Attempt]], begun: float) -> bool:
    """Tell whether the rest of a batch has to wait: the endpoint is away or asks us to slow down,
    or it is so slow that the rest is loaded anew, under a fresh lease."""
    slow = time.monotonic() - begun > _LONGEST_BATCH
    return slow or _is_away(sent) or _asks_to_wait(sent)


def _record(
    ctx: Context, endpoint_id: int, row: Any, outcomes: Sequence[tuple[DueDelivery, Attempt]]
) -> None:
    """Record what came of the attempts, and how the endpoint is doing."""
    now, keys = ctx.now(), ctx.keys
    failed = [attempt for _delivery, attempt in outcomes if not attempt.delivered]
    away = _is_away(outcomes)
    asked = max((attempt.retry_after or timedelta(0) for attempt in failed), default=timedelta(0))
    values: dict[str, Any] = {"error": failed[-1].error[:255] if failed else ""}
    if row.kind == WEBHOOK and any(attempt.status == GONE for attempt in failed):
        values |= {"state": EndpointState.OFF, "failing_since": row.failing_since or now}
        logger.warning("endpoint %s: it answered 410 and is off", row.name)
    elif away:
        wait_for = min(_BACKOFF_INITIAL * 2 ** min(row.failures, 12), _BACKOFF_MAX)
        jitter = random.uniform(0.8, 1.2)
        values |= {
            "failures": row.failures + 1, "failing_since": row.failing_since or now,
            "retry_at": now + max(wait_for * jitter, asked),
        }  # fmt: skip
    else:
        values |= {"failures": 0, "failing_since": None, "retry_at": now + asked if asked else None}
        if len(failed) < len(outcomes):
            values["delivered_at"] = now
    with ctx.store.write() as connection:
        outgoing.record(connection, outcomes, now)
        connection.execute(
            sa.update(endpoints).where(endpoints.c.id == endpoint_id).values(**values)
        )
        if row.failures and not away:
            outgoing.wake(connection, endpoint_id, now)
        delivered = [delivery.event_id for delivery, attempt in outcomes if attempt.delivered]
        erased.erase_delivered(connection, keys, delivered)

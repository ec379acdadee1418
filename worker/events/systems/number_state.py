"""What a system has to know of a number before it opens it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.decisions.model import CALL_AND_TEXT
from worker.events.model import DeliveryState, EventType, StoredEvent
from worker.events.systems.base import NumberState
from worker.feedback.consent_state import (
    ACTION_KEY_PREFIX,
    LIFT_KEY_PREFIX,
    MERGED_KEY_PREFIX,
    READING_KEY_PREFIX,
    Rules,
    channels_opened_by,
    is_by_text,
)
from worker.feedback.models import PAGE_KEY_PREFIX, FeedbackKind
from worker.feedback.report_log import has_erasures
from worker.feedback.report_rows import report_from_row
from worker.phones.plan_changes import equal_forms
from worker.store.array_param import any_of
from worker.store.pseudonyms import Keys, number_aliases
from worker.store.tables import event_deliveries, events, feedback

# What admins, users and our own readings said, and what was said of another record.
_NOT_THEIR_OWN = (
    ACTION_KEY_PREFIX, LIFT_KEY_PREFIX, MERGED_KEY_PREFIX, READING_KEY_PREFIX, PAGE_KEY_PREFIX,
)  # fmt: skip
_STOPS = (EventType.SUPPRESSED, EventType.WRONG, EventType.STANDING)


def load(
    connection: Connection,
    keys: Keys,
    rules: Rules,
    endpoint_id: int,
    stored: Sequence[StoredEvent],
    states: Mapping[str, Mapping[str, Any]],
) -> dict[int, NumberState]:
    """Return how the numbers of events stand: id of the event -> state. `states`: as
    `payload.load_states`."""
    found = {}
    for event in stored:
        closed = frozenset(states[event.subject]["channels"])
        if event.event.type != EventType.LIFTED or not event.event.number.startswith("+"):
            found[event.id] = NumberState(closed)
            continue
        found[event.id] = NumberState(
            closed,
            _opted_in(connection, keys, rules, event),
            _closed_by_us(connection, endpoint_id, event),
        )
    return found


def _opted_in(
    connection: Connection, keys: Keys, rules: Rules, lifted: StoredEvent
) -> frozenset[str]:
    """Return the channels that the person opened by a text of theirs, after the suppression."""
    detail = lifted.event.detail
    if not detail.get("since"):
        return frozenset()
    since = datetime.fromisoformat(detail["since"])
    stopped_by_text = str(detail.get("source", "")).endswith("sms")
    names = number_aliases(keys, [lifted.event.number], has_erasures(connection))
    f = feedback.c
    query = sa.select(feedback).where(
        any_of(f.number, list(names)), f.kind == FeedbackKind.OPT_IN, f.reach == "number",
        f.at >= since,
    )  # fmt: skip
    opened: set[str] = set()
    for row in connection.execute(query):
        report = report_from_row(row)
        if is_by_text(report) and not report.key.startswith(_NOT_THEIR_OWN):
            opened |= channels_opened_by(report, stopped_by_text, rules)
    return frozenset(opened & CALL_AND_TEXT)


def _closed_by_us(connection: Connection, endpoint_id: int, lifted: StoredEvent) -> frozenset[str]:
    """Return the channels of a number that this endpoint closed, and did not open since. A
    delivery has a status if the vendor was called for it."""
    d, e = event_deliveries.c, events.c
    query = (
        sa.select(e.type, e.channels)
        .join(event_deliveries, d.event_id == e.id)
        .where(
            e.number.in_(equal_forms(lifted.event.number)), e.id < lifted.id,
            d.endpoint_id == endpoint_id,
            d.state == DeliveryState.DELIVERED, d.status.is_not(None),
        )
        .order_by(e.id)
    )  # fmt: skip
    closed: set[str] = set()
    for row in connection.execute(query):
        if row.type in _STOPS:
            closed |= set(row.channels.split())
        elif row.type == EventType.LIFTED:
            closed -= set(row.channels.split())
    return frozenset(closed)

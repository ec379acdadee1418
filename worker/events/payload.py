"""What an endpoint is sent: what happened, and how the number stands now.

The state is read when the event is sent. So one that comes late, twice or as a replay says what
counts now, and harms nobody.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.events.model import StoredEvent
from worker.feedback.report_log import has_erasures
from worker.phones.plan_changes import equal_forms
from worker.store.array_param import any_of
from worker.store.pseudonyms import ERASED_PREFIX, Keys, number_aliases
from worker.store.tables import suppressions


def load_states(
    connection: Connection, keys: Keys, stored: Sequence[StoredEvent]
) -> dict[str, dict[str, Any]]:
    """Return how the subjects of events stand now: subject -> state, as JSON.

    `suppressed`: somebody with the number must not be contacted; `channels`: those that are closed,
    to whomever. `suppressions`: each that stands, with its scope: the number, or one contact.
    """
    subjects = {entry.subject for entry in stored}
    numbers = [subject for subject in subjects if subject.startswith("+")]
    names = number_aliases(keys, numbers, has_erasures(connection))
    names |= {subject: (subject,) for subject in subjects if subject.startswith(ERASED_PREFIX)}
    contacts = [name for name in subjects if "/" in name]
    c = suppressions.c
    standing: dict[str, list[Any]] = {subject: [] for subject in subjects}
    about = sa.or_(
        any_of(c.number, list(names)), sa.and_(c.number == "", any_of(c.contact, contacts))
    )
    query = sa.select(suppressions).where(about, c.lifted_at.is_(None)).order_by(c.id)
    for row in connection.execute(query):
        for subject in names.get(row.number, (row.contact,)):
            standing.setdefault(subject, []).append(row)
    return {subject: _state(rows) for subject, rows in standing.items()}


def _state(rows: Sequence[Any]) -> dict[str, Any]:
    closed = {channel for row in rows for channel in row.channels.split()}
    return {
        "suppressed": bool(rows),
        "channels": sorted(closed),
        "wrong_number": any(row.reason == "wrong_number" for row in rows),
        "suppressions": [
            {
                "id": row.id,
                "reason": row.reason,
                "channels": row.channels.split(),
                "scope": "contact" if row.contact else "number",
                "since": row.since.isoformat(),
            }
            for row in rows
        ],
    }


def body(stored: StoredEvent, state: dict[str, Any], number_key: str) -> bytes:
    """Return the body of a message, as the Standard Webhooks specification lays it out: `type`,
    `timestamp`, `data`. With a `number_key` it holds neither number nor contact, only a hash."""
    event = stored.event
    known = event.number if event.number.startswith("+") else ""
    data: dict[str, Any] = {
        "sequence": stored.sequence,
        "number": known or None,
        "contact": None if event.contact.startswith(ERASED_PREFIX) else event.contact or None,
        "channels": list(event.channels),
        "reason": event.reason or None,
        "evidence": event.evidence or None,
        **event.detail,
        "state": state,
    }
    if len(forms := equal_forms(known) if known else ()) > 1:
        data["equal_numbers"] = [form for form in forms if form != known]
    if number_key:
        _hash_numbers(data, number_key)
    message = {"type": event.type, "timestamp": stored.at.isoformat(), "data": data}
    return orjson.dumps(message)


def _hash_numbers(data: dict[str, Any], number_key: str) -> None:
    number = data.pop("number")
    del data["contact"]
    data["number_hash"] = hash_number(number_key, number) if number else None
    if others := data.pop("equal_numbers", None):
        data["equal_number_hashes"] = [hash_number(number_key, other) for other in others]


def hash_number(number_key: str, number: str) -> str:
    """Return the hash that stands for a number (E.164): HMAC-SHA256 under the endpoint's key."""
    return hmac.new(bytes.fromhex(number_key), number.encode(), hashlib.sha256).hexdigest()

"""Addresses under which an answer that comes late is asked for: opaque, signed, and short-lived.

The id holds when it expires and a signature that binds it to whoever was given it, so an id that
was made up is refused without a look at the database. The answer is stored under a hash of the id,
without the number.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from worker.capture.model import Answer, Hint
from worker.context import Context
from worker.store.bulk import upsert
from worker.store.pseudonyms import Keys
from worker.store.tables import capture_answers

VALID_FOR = timedelta(minutes=10)
RETRY_AFTER = 2  # seconds until it is worth asking again
_RANDOM, _TIME, _MAC = 12, 5, 16  # bytes
_LONGEST = 100  # characters
KEPT = ("status", "valid", "line_type", "country", "checked", "hint")  # of an answer


def make(keys: Keys, asker: int, now: datetime) -> str:
    """Return a new id for an asker: the id of a key, or 0 for the API's tokens."""
    expires = int((now + VALID_FOR).timestamp()).to_bytes(_TIME, "big")
    body = secrets.token_bytes(_RANDOM) + expires
    return base64.urlsafe_b64encode(body + _macs(keys, asker, body)[0]).decode().rstrip("=")


def is_valid(keys: Keys, asker: int, poll_id: str, now: datetime) -> bool:
    """Return whether we gave this id to this asker, and it has not expired."""
    if len(poll_id) > _LONGEST or not poll_id.isascii():
        return False
    try:
        raw = base64.urlsafe_b64decode(poll_id + "=" * (-len(poll_id) % 4))
    except ValueError:
        return False
    body, mac = raw[: _RANDOM + _TIME], raw[_RANDOM + _TIME :]
    if len(body) < _RANDOM + _TIME:
        return False
    if not any(hmac.compare_digest(mac, known) for known in _macs(keys, asker, body)):
        return False
    expires = int.from_bytes(body[_RANDOM:], "big")
    return datetime.fromtimestamp(expires, UTC) > now


def _macs(keys: Keys, asker: int, body: bytes) -> list[bytes]:
    digests = []
    for mac in keys.digests("capture poll"):
        mac.update(f"{asker}:".encode() + body)
        digests.append(mac.digest()[:_MAC])
    return digests


def store(ctx: Context, poll_id: str, answer: Answer) -> None:
    """Keep an answer for whoever asks again, without the number, which they have."""
    hint = Hint(answer.hint.code) if answer.hint else None  # a suggestion would be the number
    known = replace(answer, hint=hint).as_json()
    row = {
        "id": _hash(poll_id), "answer": {name: known[name] for name in KEPT},
        "expires_at": ctx.now() + VALID_FOR,
    }  # fmt: skip
    with ctx.store.write() as connection:
        upsert(connection, capture_answers, [row])


def load(ctx: Context, poll_id: str) -> dict[str, Any] | None:
    """Return the answer; None if it has not come yet."""
    c = capture_answers.c
    with ctx.store.read() as connection:
        found: dict[str, Any] | None = connection.scalar(
            sa.select(c.answer).where(c.id == _hash(poll_id))
        )
    return found


def _hash(poll_id: str) -> str:
    return hashlib.sha256(poll_id.encode()).hexdigest()

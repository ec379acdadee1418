"""Make one-time login links, for people with a terminal on this machine where no password is set.

A link is stored as a hash, in a row of `sessions` that no cookie can match, because the secret of a
session is hashed differently. Using a link deletes its row and begins the session in one
transaction, so that only one of two requests with the same link gets in, whatever processes serve
them.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

import sqlalchemy as sa

from worker.access import sessions
from worker.access.model import Person
from worker.store import Store
from worker.store.tables import sessions as table

LIFETIME = timedelta(minutes=10)
PERSON = Person("local", "admin")  # who comes by a link, as the log of what was done has it
_NOBODY = "(login link)"  # whom the row of an unused link belongs to
LONGEST = 200  # characters of a token that is looked at


def make(store: Store, now: datetime) -> str:
    """Return the token of a new link; the token itself is not stored."""
    token = secrets.token_urlsafe(32)
    with store.write() as connection:
        row = {"id": _id(token), "user": _NOBODY, "role": "none", "expires_at": now + LIFETIME}
        connection.execute(sa.insert(table).values(**row))
    return token


def use(store: Store, token: str, now: datetime, old: str = "") -> str | None:
    """Return the secret of a new session, for the cookie; None if the link was used, is too old or
    is not ours. `old`: a session that ends with it."""
    c = table.c
    # A clock that was set back must not keep a link good for longer than a link is.
    fresh = sa.and_(c.expires_at > now, c.expires_at <= now + LIFETIME)
    with store.write() as connection:
        used = connection.execute(sa.delete(table).where(c.id == _id(token[:LONGEST]), fresh))
        return sessions.begin_in(connection, PERSON, now, old) if used.rowcount else None


def address(base_url: str, token: str) -> str:
    """Return the link. The log masks `token=`, should an address ever get there."""
    return f"{base_url}/login/link?token={token}"


def _id(token: str) -> str:
    text = token.encode("utf-8", "replace")
    return hashlib.blake2b(text, digest_size=32, person=b"login link").hexdigest()

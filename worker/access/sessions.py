"""Sessions of users who have logged in. The cookie holds a secret, the table only its hash."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from worker.access.model import ROLES, Person
from worker.store import Store
from worker.store.tables import sessions

LIFETIME = timedelta(hours=12)


def begin(store: Store, person: Person, now: datetime, old: str = "") -> str:
    """Begin a session and return its cookie. The session `old` ends, so that nobody can
    plant one."""
    with store.write() as connection:
        return begin_in(connection, person, now, old)


def begin_in(connection: Connection, person: Person, now: datetime, old: str = "") -> str:
    """Begin a session in a transaction that is under way."""
    secret = secrets.token_urlsafe(32)
    gone = sa.or_(sessions.c.id == _hash(old), sessions.c.expires_at <= now)
    connection.execute(sa.delete(sessions).where(gone))
    connection.execute(
        sa.insert(sessions).values(
            id=_hash(secret), user=person.name, role=person.role, expires_at=now + LIFETIME
        )
    )
    return secret


def of(store: Store, secret: str, now: datetime) -> Person | None:
    """Return the user of a cookie; None if it is invalid or its session has ended."""
    query = sa.select(sessions.c.user, sessions.c.role).where(
        sessions.c.id == _hash(secret), sessions.c.expires_at > now, sessions.c.role.in_(ROLES)
    )
    with store.read() as connection:
        row = connection.execute(query).one_or_none()
    return Person(row.user, row.role, csrf_of(secret)) if row is not None else None


def end(store: Store, secret: str) -> None:
    with store.write() as connection:
        connection.execute(sa.delete(sessions).where(sessions.c.id == _hash(secret)))


def csrf_of(secret: str) -> str:
    """Return the CSRF token of a session's forms: it is derived from the cookie, and reveals
    nothing about it."""
    return hmac.digest(secret.encode(), b"csrf", "sha256").hex()[:40]


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()

"""Tokens of the HTTP API: each has a name and scopes, is shown once, and can be revoked."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from worker.access.model import SCOPES, AccessError
from worker.store import Store
from worker.store.tables import api_tokens

_MARK = "hyg_"  # by which a secret scanner knows one
_USED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Token:
    id: int
    name: str
    scopes: tuple[str, ...]
    created_by: str
    created_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None

    def allows(self, scope: str) -> bool:
        return scope in self.scopes or "admin" in self.scopes

    def as_json(self) -> dict[str, Any]:
        def moment(at: datetime | None) -> str | None:
            return at.isoformat() if at else None

        return {
            "id": self.id, "name": self.name, "scopes": list(self.scopes),
            "created_by": self.created_by, "created_at": moment(self.created_at),
            "used_at": moment(self.used_at), "revoked_at": moment(self.revoked_at),
        }  # fmt: skip


def make(
    store: Store, name: str, scopes: Iterable[str], by: str, now: datetime
) -> tuple[str, Token]:
    """Create a token. Return the secret, which is not stored, and the token. Raises
    `AccessError`."""
    wanted = [scope for scope in SCOPES if scope in set(scopes)]
    unknown = set(scopes) - set(SCOPES)
    if unknown or not wanted:
        raise AccessError(f"scopes: choose at least one of {', '.join(SCOPES)}")
    if not name.strip() or len(name) > 120 or not name.isprintable():
        raise AccessError("name: say what the token is for")
    secret = _MARK + secrets.token_urlsafe(32)
    row = {
        "name": name.strip(), "hash": _hash(secret), "scopes": " ".join(wanted), "created_by": by,
        "created_at": now,
    }  # fmt: skip
    with store.write() as connection:
        inserted = connection.execute(sa.insert(api_tokens).values(**row))
        assert inserted.inserted_primary_key is not None
        token_id = inserted.inserted_primary_key[0]
    return secret, Token(token_id, name.strip(), tuple(wanted), by, now, None, None)


def of(store: Store, secret: str, now: datetime) -> Token | None:
    """Return the token that a caller shows; None if it is invalid or was revoked."""
    if not secret.startswith(_MARK):
        return None
    c = api_tokens.c
    query = sa.select(api_tokens).where(c.hash == _hash(secret), c.revoked_at.is_(None))
    with store.read() as connection:
        row = connection.execute(query).one_or_none()
    if row is None:
        return None
    if row.used_at is None or now - row.used_at > _USED_EVERY:
        with store.write() as connection:
            connection.execute(sa.update(api_tokens).where(c.id == row.id).values(used_at=now))
    return _made(row)


def list_tokens(store: Store) -> list[Token]:
    with store.read() as connection:
        query = sa.select(api_tokens).order_by(api_tokens.c.id.desc())
        return [_made(row) for row in connection.execute(query)]


def revoke(store: Store, token_id: int, now: datetime) -> bool:
    """Revoke a token. Return whether there was such an active token."""
    c = api_tokens.c
    with store.write() as connection:
        done = connection.execute(
            sa.update(api_tokens)
            .where(c.id == token_id, c.revoked_at.is_(None))
            .values(revoked_at=now)
        )
    return bool(done.rowcount)


def _hash(secret: str) -> str:
    # Of 256 random bits nothing can be guessed: a quick hash does.
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _made(row: Any) -> Token:
    return Token(
        row.id, row.name, tuple(row.scopes.split()), row.created_by, row.created_at, row.used_at,
        row.revoked_at,
    )  # fmt: skip

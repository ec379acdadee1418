"""Users and their passwords. Guessing is slowed down, by name and by address.

The user of ADMIN_PASSWORD has no row: whoever knows it is "admin". Others are created with `hygiene
users add`.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from worker.access.model import AccessError, Person, Role
from worker.store import Store
from worker.store.bulk import upsert
from worker.store.tables import sessions, throttles, users

ADMIN = "admin"
SHORTEST = 10  # characters of a password
_FREE = {"name": 5, "address": 20}  # wrong ones in a row, until there is a wait
_LONGEST = timedelta(minutes=15)
_FORGOTTEN_AFTER = timedelta(hours=1)
PASSWORD_HASHER = PasswordHasher()
# What a password is held against where there is no such person, so that the time it takes tells
# nobody whose names are known. It costs as much to check as those of PASSWORD_HASHER; to hash it
# here would cost each process a login when it starts.
DECOY_HASH = (
    "$argon2id$v=19$m=65536,t=3,p=4"
    "$fQtrpyV5kOni9bE/FiiLkw$y2kX1U+2cORx4JzXgqhX2sfLtaYld+Nzci0z7TTMSA0"
)


class ThrottledError(Exception):
    """Too many wrong passwords. `seconds`: until the next one is checked."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Too many wrong passwords. Try again in {seconds} s.")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class User:
    name: str
    role: Role
    created_at: datetime


def log_in(
    store: Store,
    admin_password: str,
    name: str,
    password: str,
    address: str,
    now: datetime,
    device: str = "",
) -> Person | None:
    """Return the user with this name and password, or None. Raises `ThrottledError`. `device`: the
    id of a browser that this user knows (`worker.access.devices`); failures then count for that
    browser alone."""
    keys = {f"name:{name.casefold()[:120]}": "name", f"address:{address[:60]}": "address"}
    if device:
        keys = {f"device:{device}": "name"}
    guessed = _throttle(store, list(keys), now)
    person = _known(store, admin_password, name, password)
    if person is not None and not guessed:
        return person
    with store.write() as connection:
        if person is not None:
            connection.execute(sa.delete(throttles).where(throttles.c.key.in_(keys)))
            return person
        attempts = {
            row.key: row
            for row in connection.execute(sa.select(throttles).where(throttles.c.key.in_(keys)))
        }
        rows: list[dict[str, Any]] = []
        for key, kind in keys.items():
            before = attempts.get(key)
            recent = before is not None and now - before.at < _FORGOTTEN_AFTER
            failures = 1 + (before.failures if before is not None and recent else 0)
            over = failures - _FREE[kind]
            wait = min(_LONGEST, timedelta(seconds=2 ** min(over, 12) if over >= 0 else 0))
            rows.append({"key": key, "failures": failures, "expires_at": now + wait, "at": now})
        upsert(connection, throttles, rows)
    return None


def _throttle(store: Store, keys: Sequence[str], now: datetime) -> bool:
    """Return whether there were wrong passwords before. Raises `ThrottledError`."""
    query = sa.select(throttles.c.expires_at).where(throttles.c.key.in_(keys))
    with store.read() as connection:
        locked_until = list(connection.scalars(query))
    until = max(locked_until, default=None)
    # A clock that was set back must not lock anybody out for longer than the longest wait.
    if until is not None and now < until <= now + _LONGEST:
        raise ThrottledError(max(1, int((until - now).total_seconds() + 0.999)))
    return bool(locked_until)


def _known(store: Store, admin_password: str, name: str, password: str) -> Person | None:
    if admin_password and name == ADMIN:
        right = hmac.compare_digest(password.encode(), admin_password.encode())
        return Person(ADMIN, "admin") if right else None
    with store.read() as connection:
        row = connection.execute(sa.select(users).where(users.c.name == name)).one_or_none()
    try:
        PASSWORD_HASHER.verify(row.password if row is not None else DECOY_HASH, password)
    except (VerificationError, InvalidHashError):
        return None
    return Person(row.name, row.role) if row is not None else None


def credential(store: Store, admin_password: str, name: str) -> str:
    """Return a value that changes with a user's password; "" if there is no such user."""
    if name == ADMIN:
        return admin_password
    with store.read() as connection:
        return connection.scalar(sa.select(users.c.password).where(users.c.name == name)) or ""


def upsert_user(store: Store, name: str, password: str, role: Role, now: datetime) -> None:
    """Make a person, or give them a new password or role; raises `AccessError`. Their sessions
    end."""
    if not name or len(name) > 120 or not name.isprintable() or name == ADMIN:
        raise AccessError(f"{name!r} cannot be used as a name (admin logs in with ADMIN_PASSWORD)")
    if len(password) < SHORTEST:
        raise AccessError(f"a password needs at least {SHORTEST} characters")
    row = {
        "name": name, "password": PASSWORD_HASHER.hash(password), "role": role, "created_at": now,
    }  # fmt: skip
    with store.write() as connection:
        upsert(connection, users, [row])
        connection.execute(sa.delete(sessions).where(sessions.c.user == name))


def remove(store: Store, name: str) -> bool:
    """Take a person and their sessions away; whether there was such a person."""
    with store.write() as connection:
        connection.execute(sa.delete(sessions).where(sessions.c.user == name))
        return bool(connection.execute(sa.delete(users).where(users.c.name == name)).rowcount)


def list_users(store: Store) -> list[User]:
    query = sa.select(users.c.name, users.c.role, users.c.created_at).order_by(users.c.name)
    with store.read() as connection:
        return [User(*row) for row in connection.execute(query)]


def has_users(store: Store) -> bool:
    """Return whether there are users who log in by name."""
    with store.read() as connection:
        return connection.execute(sa.select(users.c.name).limit(1)).first() is not None

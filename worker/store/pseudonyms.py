"""Keyed hashes of what must be recognised but not stored: erased numbers, and persons.

The key is SECRET_KEY. Without one it is a key of our own: in a file beside the embedded database,
or, where several machines share a database server, in that database (where it protects less). A
database remembers a print of the key it was used with: with another key, erased numbers would not
match any more. A key of our own goes on to count once SECRET_KEY is set.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config.settings import Settings
from worker.phones.plan_changes import equal_forms
from worker.store import Store
from worker.store.bulk import upsert
from worker.store.errors import StoreError
from worker.store.tables import app_state

ERASED_KEY_PREFIX = "erased:"  # begins the key of an erased report
_ERASED_CONTACT = "erased contact:"
_FINGERPRINT = "secret-key-print:"
_ERASED_UNDER = "erased under it"  # value of a print
OWN_KEY = "secret key"


@dataclass(frozen=True)
class Keys:
    """`secrets`: the key in use first, then earlier ones."""

    secrets: tuple[bytes, ...]

    def person(self, email: str) -> str:
        """Return a hash that tells whether two records are about the same person; "" without an
        email."""
        return next(iter(self._persons(email, self.secrets[:1])), "")

    def person_aliases(self, email: str) -> tuple[str, ...]:
        """Return all hashes that may stand for a person: under the key in use first, then under
        earlier ones; () without an email."""
        return self._persons(email, self.secrets)

    def _persons(self, email: str, keys: tuple[bytes, ...]) -> tuple[str, ...]:
        text = email.strip().casefold()
        return tuple(self._hash(key, "person", text) for key in keys) if text else ()

    def erased_number(self, number: str) -> str:
        """Return what is kept of an erased number."""
        return (
            number
            if number.startswith(ERASED_PREFIX)
            else ERASED_PREFIX + self._hash(self.secrets[0], "n", number)
        )

    def aliases(self, number: str) -> tuple[str, ...]:
        """Return all that may stand for a number: itself, or its hashes under our keys."""
        return (number, *(ERASED_PREFIX + self._hash(key, "n", number) for key in self.secrets))

    def erased_key(self, key: str) -> str:
        """Return what is kept of the idempotency key of an erased report, which may name a number,
        or be the sender's own words. A repetition is still recognised by it."""
        if key.startswith(ERASED_KEY_PREFIX):
            return key
        return ERASED_KEY_PREFIX + self._hash(self.secrets[0], "key", key)

    def erased_keys(self, key: str) -> tuple[str, ...]:
        """Return all that may stand for an idempotency key whose report was erased."""
        return tuple(ERASED_KEY_PREFIX + self._hash(secret, "key", key) for secret in self.secrets)

    def erased_contact(self, key: str) -> str:
        """Return what is kept of the key of an erased contact."""
        return _ERASED_CONTACT + self._hash(self.secrets[0], "contact", key)

    def erased_contacts(self, key: str) -> tuple[str, ...]:
        """Return all that may stand for the key of an erased contact."""
        return tuple(
            _ERASED_CONTACT + self._hash(secret, "contact", key) for secret in self.secrets
        )

    def short_hash(self, number: str) -> str:
        """Return a short hash, which tells the numbers of one contact apart."""
        return self._hash(self.secrets[0], "link number", number)[:12]

    def signing_keys(self) -> list[str]:
        """Return keys for signing links, oldest first, as itsdangerous wants them."""
        return [self._hash(key, "link", "") for key in reversed(self.secrets)]

    def digests(self, purpose: str) -> tuple[hmac.HMAC, ...]:
        """Return keyed SHA-256 digests to be fed: under the key in use first, then under earlier
        ones. Nobody without the key can try out what was fed."""
        macs = tuple(_keyed(key).copy() for key in self.secrets)
        for mac in macs:
            mac.update(f"{purpose}:".encode())
        return macs

    @staticmethod
    def _hash(key: bytes, purpose: str, text: str) -> str:
        # Not hmac.digest(): it lets go of the interpreter's lock each time, which costs threads
        # that hash thousands of short texts more than the hash itself.
        mac = _keyed(key).copy()
        mac.update(f"{purpose}:{text}".encode())
        return mac.hexdigest()[:32]


@lru_cache(maxsize=16)
def _keyed(key: bytes) -> hmac.HMAC:
    return hmac.new(key, digestmod="sha256")


def open_keys(settings: Settings, store: Store) -> Keys:
    """Return the keys of this installation. Raises `StoreError` if the database knows
    another one."""
    given = [text for text in (settings.secret_key, settings.secret_key_previous) if text]
    own = _own_key(settings, store, make=not settings.secret_key)
    if own:
        given.append(own) if settings.secret_key else given.insert(0, own)
    keys = [text.encode() for text in given]
    prints = [_fingerprint(key) for key in keys]
    with store.read() as connection:
        rows = connection.execute(
            sa.select(app_state).where(app_state.c.name.startswith(_FINGERPRINT))
        )
        known = {row.name: row.value for row in rows}
    needed = {name for name, value in known.items() if value == _ERASED_UNDER}
    if (known and not known.keys() & set(prints)) or needed - set(prints):
        raise StoreError(
            "SECRET_KEY: this database was used with another one, and what was erased could not "
            "be recognised with this; set the former one, under which it was erased, as "
            "SECRET_KEY_PREVIOUS; if there are two such keys, stay with them"
        )
    if prints[0] not in known:
        with store.write() as connection:
            upsert(connection, app_state, [{"name": prints[0], "value": ""}], ignore=True)
    return Keys(tuple(keys))


def record_erasure(connection: Connection, keys: Keys) -> None:
    """Record that something was erased under the key in use, which is needed from now on."""
    row = {"name": _fingerprint(keys.secrets[0]), "value": _ERASED_UNDER}
    upsert(connection, app_state, [row])


def _fingerprint(key: bytes) -> str:
    return _FINGERPRINT + hashlib.blake2b(key, digest_size=8, person=b"hygiene").hexdigest()


def _own_key(settings: Settings, store: Store, make: bool) -> str:
    """Return the key that we generated; "" if there is none and none is to be made."""
    if settings.database_url.startswith("sqlite"):
        return _key_in_file(settings.home / "secret-key", make)
    query = sa.select(app_state.c.value).where(app_state.c.name == OWN_KEY)
    with store.read() as connection:
        stored = connection.scalar(query)
    if stored is None and make:
        row = {"name": OWN_KEY, "value": secrets.token_hex(32)}
        with store.write() as connection:
            upsert(connection, app_state, [row], ignore=True)
            stored = connection.scalar(query)  # another process may have been quicker
    return stored or ""


def _key_in_file(path: Path, make: bool) -> str:
    """Return the key in a file, which is generated once, and readable for this user only."""
    if make and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Written whole beside it, then linked into place: nobody reads half a key, and of two
        # processes the first one wins.
        part = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_hex(32))
        try:
            path.hardlink_to(part)
        except FileExistsError:
            pass
        finally:
            part.unlink()
    if not path.exists():
        return ""
    text = path.read_text("ascii").strip()
    if not text:
        raise StoreError(f"{path}: it is empty; restore it, or set SECRET_KEY")
    return text


def number_aliases(
    keys: Keys, numbers: Iterable[str], has_erasures: bool
) -> dict[str, tuple[str, ...]]:
    """Return what may stand in our tables for these numbers -> which of them are meant.

    That is the number itself, all forms that a change of its numbering plan makes equal to it, and
    what is kept of these once they are erased.
    """
    aliases: dict[str, tuple[str, ...]] = {}
    for number in numbers:
        for form in equal_forms(number):
            for name in keys.aliases(form) if has_erasures else (form,):
                aliases[name] = (*aliases[name], number) if name in aliases else (number,)
    return aliases


# What stands in place of an erased number, or contact, begins with it.
ERASED_PREFIX = "#"

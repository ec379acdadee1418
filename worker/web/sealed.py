"""Numbers in addresses of pages: sealed, so that no log and no history holds one (promise 13)."""

from __future__ import annotations

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from worker.store.pseudonyms import Keys


def seal(keys: Keys, number: str) -> str:
    """What stands for a number in an address."""
    return _box(keys).encrypt(number.encode()).decode().rstrip("=")


def unseal(keys: Keys, text: str) -> str | None:
    """The number; None where the text was not sealed by us."""
    try:
        return _box(keys).decrypt(text + "=" * (-len(text) % 4)).decode()
    except (InvalidToken, UnicodeError, ValueError, TypeError):
        return None


def _box(keys: Keys) -> MultiFernet:
    def one(secret: str) -> Fernet:
        digest = hashlib.blake2b(secret.encode(), digest_size=32, person=b"page address")
        return Fernet(base64.urlsafe_b64encode(digest.digest()))

    return MultiFernet([one(secret) for secret in reversed(keys.signing_keys())])

"""Encrypt short texts that are stored or shown, under keys derived from SECRET_KEY."""

from __future__ import annotations

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from worker.store.pseudonyms import Keys


def encrypt(keys: Keys, purpose: str, text: str) -> str:
    """Return the text, encrypted under the key in use.

    `purpose`: at most 16 characters; what was encrypted for one purpose cannot be read for another.
    """
    return _fernet(keys, purpose).encrypt(text.encode()).decode().rstrip("=")


def decrypt(keys: Keys, purpose: str, text: str) -> str | None:
    """Return the text, also under earlier keys; None if none of our keys opens it."""
    try:
        return _fernet(keys, purpose).decrypt(text + "=" * (-len(text) % 4)).decode()
    except (InvalidToken, UnicodeError, ValueError, TypeError):
        return None


def _fernet(keys: Keys, purpose: str) -> MultiFernet:
    def with_key(secret: str) -> Fernet:
        digest = hashlib.blake2b(secret.encode(), digest_size=32, person=purpose.encode())
        return Fernet(base64.urlsafe_b64encode(digest.digest()))

    return MultiFernet([with_key(secret) for secret in reversed(keys.signing_keys())])

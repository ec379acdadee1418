"""Encrypt numbers in addresses of pages: no log or browser history holds one (promise 13)."""

from __future__ import annotations

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from worker.store.pseudonyms import Keys


def encrypt_number(keys: Keys, number: str) -> str:
    """Return the text that stands for a number in an address."""
    return _fernet(keys).encrypt(number.encode()).decode().rstrip("=")


def decrypt_number(keys: Keys, text: str) -> str | None:
    """Return the number; None if the text was not encrypted with one of our keys."""
    try:
        return _fernet(keys).decrypt(text + "=" * (-len(text) % 4)).decode()
    except (InvalidToken, UnicodeError, ValueError, TypeError):
        return None


def _fernet(keys: Keys) -> MultiFernet:
    def with_key(secret: str) -> Fernet:
        digest = hashlib.blake2b(secret.encode(), digest_size=32, person=b"page address")
        return Fernet(base64.urlsafe_b64encode(digest.digest()))

    return MultiFernet([with_key(secret) for secret in reversed(keys.signing_keys())])

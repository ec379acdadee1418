"""Encrypt numbers in addresses of pages: no log or browser history holds one (promise 13)."""

from __future__ import annotations

from worker.store.encryption import decrypt, encrypt
from worker.store.pseudonyms import Keys

_PURPOSE = "page address"


def encrypt_number(keys: Keys, number: str) -> str:
    """Return the text that stands for a number in an address."""
    return encrypt(keys, _PURPOSE, number)


def decrypt_number(keys: Keys, text: str) -> str | None:
    """Return the number; None if the text was not encrypted with one of our keys."""
    return decrypt(keys, _PURPOSE, text)

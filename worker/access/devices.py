"""Remember browsers in which a user has logged in, so that guessing elsewhere locks nobody out.

Such a browser holds a signed cookie of its user. The cookie lets nobody in. It only makes wrong
passwords count for that browser, and not for the name and the address, whose attempts a stranger
can use up. It becomes void when the user gets another password or is removed.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime, timedelta

from itsdangerous import BadData, URLSafeSerializer

from worker.store.pseudonyms import Keys

LIFETIME = timedelta(days=180)
_SALT = "known device"
_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
_LONGEST = 300  # characters of a cookie that is looked at


def cookie_name(user: str) -> str:
    """Return the name of a user's cookie: one for each user of a browser, without their name."""
    return f"hygiene_device_{hashlib.sha256(user.encode('utf-8', 'replace')).hexdigest()[:8]}"


def make(keys: Keys, user: str, credential: str, now: datetime) -> str:
    """Return what the cookie holds. `credential`: a value that changes with the password."""
    days = (now + LIFETIME - _EPOCH) // timedelta(days=1)
    return _signer(keys).dumps([_print(keys, user, credential), secrets.token_hex(8), days])


def known(keys: Keys, cookie: str, user: str, credential: str, now: datetime) -> str:
    """Return the id of a device that this user knows; "" for any other."""
    if not cookie or not credential or len(cookie) > _LONGEST:
        return ""
    try:
        print_, device, days = _signer(keys).loads(cookie)
        remaining = _EPOCH + timedelta(days=days) - now
    except (BadData, ValueError, TypeError, OverflowError):
        return ""
    fits = print_ == _print(keys, user, credential) and timedelta(0) < remaining <= LIFETIME
    return str(device) if fits else ""


def _print(keys: Keys, user: str, credential: str) -> str:
    return keys.short_hash(f"device:{user}\0{credential}")


def _signer(keys: Keys) -> URLSafeSerializer:
    return URLSafeSerializer(keys.signing_keys(), salt=_SALT)

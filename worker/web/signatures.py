"""Proves who sent a webhook, by what only the sender and we know.

Both sign the address that they called: PUBLIC_URL, since behind a proxy ours is another one.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence
from urllib.parse import urlsplit, urlunsplit

from hubspot.exceptions import InvalidSignatureTimestampError
from hubspot.utils.signature import Signature


def twilio_signature(token: str, url: str, form: Sequence[tuple[str, str]]) -> str:
    """What Twilio signs a form with (https://www.twilio.com/docs/usage/security).

    >>> twilio_signature("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", [
    ...     ("CallSid", "CA1234567890ABCDE"), ("Caller", "+12349013030"), ("Digits", "1234"),
    ...     ("From", "+12349013030"), ("To", "+18005551212")])
    '0/KCTR6DLpKmkAf8muzZqo1nDgQ='
    """
    signed = url + "".join(name + value for name, value in sorted(set(form)))
    return base64.b64encode(hmac.digest(token.encode(), signed.encode(), "sha1")).decode()


def is_twilio(token: str, url: str, form: Sequence[tuple[str, str]], given: str) -> bool:
    """Whether Twilio signed this; it may or may not have written out the usual port."""
    return any(
        hmac.compare_digest(twilio_signature(token, one, form).encode(), given.encode())
        for one in _with_and_without_port(url)
    )


def is_hubspot(secret: str, url: str, body: bytes, given: str, timestamp: str) -> bool:
    """Whether HubSpot signed this (version 3) within the last five minutes."""
    try:
        text = body.decode("utf-8")
        return bool(
            Signature.is_valid(
                given, secret, text, url, "POST", signature_version="v3", timestamp=timestamp
            )
        )
    except (InvalidSignatureTimestampError, UnicodeDecodeError, TypeError):
        return False


def _with_and_without_port(url: str) -> tuple[str, ...]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    usual = 443 if parts.scheme == "https" else 80
    if parts.port not in (None, usual):
        return (url,)
    bare, ported = host, f"{host}:{usual}"
    return tuple(urlunsplit(parts._replace(netloc=netloc)) for netloc in (bare, ported))

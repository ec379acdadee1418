"""Proves that HubSpot sent a request, by what only it and we know.

It signs the address that it called: PUBLIC_URL, since behind a proxy ours is another one. Vendors
of messages and calls are checked in `worker.feedback.sources`, each in its own file.
"""

from __future__ import annotations

import re
import time

from hubspot.exceptions import InvalidSignatureTimestampError
from hubspot.utils.signature import Signature

MAX_CLOCK_DIFFERENCE = 300.0  # seconds between the date of a signed request and our clock
_MILLISECONDS = re.compile("[0-9]{1,15}")


def is_hubspot(
    secret: str, url: str, body: bytes, given: str, timestamp: str, method: str = "POST"
) -> bool:
    """Whether HubSpot signed this (version 3) less than five minutes ago, or ahead of our clock.

    HubSpot wants requests refused that are older than five minutes, and its package checks that
    alone: one that is dated a day ahead could be sent again all day.
    HubSpot writes the address out before it signs it: `userEmail=kim@example.com`, where `%40` was
    called. Its own development server signs what it calls.
    https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation
    """
    return _is_recent(timestamp) and any(
        _is_hubspot(secret, address, body, given, method, "v3", timestamp)
        for address in dict.fromkeys((_written_out(url), url))
    )


def _is_recent(timestamp: str) -> bool:
    """Whether this is a time in milliseconds, less than five minutes from now either way."""
    if not _MILLISECONDS.fullmatch(timestamp):
        return False
    return abs(time.time() - int(timestamp) / 1000) < MAX_CLOCK_DIFFERENCE


def is_hubspot_v2(secret: str, url: str, body: bytes, given: str, method: str = "POST") -> bool:
    """Whether HubSpot signed this (version 2). It holds no time: what comes so must count once
    however often it is sent. Steps of workflows are documented as signed in this way alone.
    https://developers.hubspot.com/docs/api-reference/automation-actions-v4-v4/custom-action-guide
    """
    return _is_hubspot(secret, url, body, given, method, "v2", None)


def _is_hubspot(
    secret: str, url: str, body: bytes, given: str, method: str, version: str, timestamp: str | None
) -> bool:
    try:
        text = body.decode("utf-8")
        return bool(
            Signature.is_valid(
                given, secret, text, url, method, signature_version=version, timestamp=timestamp
            )
        )
    except (InvalidSignatureTimestampError, UnicodeDecodeError, TypeError):
        return False


# The characters that HubSpot decodes in an address before it signs it.
_WRITTEN_OUT = {f"%{ord(char):02X}": char for char in ":/?@!$'()*,;"}
_ESCAPE = re.compile("|".join(_WRITTEN_OUT), re.IGNORECASE)


def _written_out(url: str) -> str:
    """An address as HubSpot signs it.

    >>> _written_out("https://example.com/card?userEmail=kim%40example.com&x=%20%2f")
    'https://example.com/card?userEmail=kim@example.com&x=%20/'
    """
    return _ESCAPE.sub(lambda match: _WRITTEN_OUT[match.group().upper()], url)

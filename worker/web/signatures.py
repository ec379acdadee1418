"""Proves who sent a webhook, by what only the sender and we know.

Both sign the address that they called: PUBLIC_URL, since behind a proxy ours is another one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time
from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit, urlunsplit

from hubspot.exceptions import InvalidSignatureTimestampError
from hubspot.utils.signature import Signature

MAX_CLOCK_DIFFERENCE = 300.0  # seconds between the date of a signed request and our clock
_MILLISECONDS = re.compile("[0-9]{1,15}")
_DIGESTS = {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}


def twilio_signature(
    token: str, url: str, form: Sequence[tuple[str, str]], digest: str = "sha1"
) -> str:
    """What Twilio signs a form with (https://www.twilio.com/docs/usage/security).

    >>> twilio_signature("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", [
    ...     ("CallSid", "CA1234567890ABCDE"), ("Caller", "+12349013030"), ("Digits", "1234"),
    ...     ("From", "+12349013030"), ("To", "+18005551212")])
    '0/KCTR6DLpKmkAf8muzZqo1nDgQ='
    """
    signed = url + "".join(name + value for name, value in sorted(set(form)))
    return base64.b64encode(hmac.digest(token.encode(), signed.encode(), digest)).decode()


def is_twilio(
    token: str, url: str, form: Sequence[tuple[str, str]], given: str, digest: str = "sha1"
) -> bool:
    """Whether Twilio signed this; it may or may not have written out the port."""
    return any(
        hmac.compare_digest(twilio_signature(token, address, form, digest).encode(), given.encode())
        for address in _with_and_without_port(url)
    )


def twilio_digest(settings: str) -> str:
    """The hash that `X-Twilio-Webhooks-Signature-Settings` names; "" for one that we do not know.

    Twilio sends that header where a Webhook Rule of the account has a request signed with a shared
    key. Only key and hash differ: the signature stands in `X-Twilio-Signature`, over the same text.
    https://www.twilio.com/docs/usage/webhooks/webhook-shared-keys (a public beta); form of the
    header: twilio-node, examples/WebhookSignatureValidation.md.

    >>> twilio_digest("key=CR123,algorithm=HMAC_SHA256"), twilio_digest("key=CR123")
    ('sha256', '')
    """
    pairs = (part.strip().partition("=") for part in settings.split(","))
    named = {name.strip().lower(): value.strip().upper() for name, _, value in pairs}
    return _DIGESTS.get(named.get("algorithm", ""), "")


def is_body_of(url: str, body: bytes) -> bool:
    """Whether `bodySHA256` in a signed address is the hash of this body.

    Twilio's signature of a request with JSON covers the address alone, which therefore holds the
    body's hash in hex (https://www.twilio.com/docs/usage/webhooks/webhooks-security).
    """
    given = parse_qs(urlsplit(url).query).get("bodySHA256", [])
    actual = hashlib.sha256(body).hexdigest()
    return len(given) == 1 and hmac.compare_digest(given[0].lower().encode(), actual.encode())


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


def _with_and_without_port(url: str) -> tuple[str, ...]:
    """An address as Twilio may have written it: its servers differ in whether they keep the port,
    so its own libraries try both (twilio-python, `RequestValidator`)."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # an odd Host header
        return (url,)
    bare = parts.netloc.removesuffix(f":{port}") if port is not None else parts.netloc.rstrip(":")
    usual = 443 if parts.scheme == "https" else 80
    ported = f"{bare}:{port or usual}"
    return tuple(urlunsplit(parts._replace(netloc=netloc)) for netloc in (bare, ported))

"""Keep the secrets in use out of whatever is logged, stored or shown.

A CRM or a provider may quote in an error what it was sent. So what comes from outside goes through
`redact_secrets` before it becomes an error, a log line or a row of a table.
"""

from __future__ import annotations

from collections.abc import Iterable

_secrets: set[str] = set()
_SHORTEST = 8  # a shorter one would mask words


def register_secrets(secrets: Iterable[str]) -> None:
    """Let `redact_secrets` take these out from now on."""
    _secrets.update(secret for secret in secrets if len(secret) >= _SHORTEST)


def redact_secrets(text: str) -> str:
    """Take our own secrets out of a text.

    >>> register_secrets(["pat-na1-0123456789"])
    >>> redact_secrets("the token pat-na1-0123456789 has expired")
    'the token <secret> has expired'
    """
    for secret in _secrets:
        if secret in text:
            text = text.replace(secret, "<secret>")
    return text

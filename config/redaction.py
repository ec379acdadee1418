"""Secrets that are in force, and how they are kept out of whatever is said.

A CRM or a provider may quote in an error what it was sent. What comes from outside goes through
`mask` before it becomes an error of ours, a log line or a row of a table.
"""

from __future__ import annotations

from collections.abc import Iterable

_hidden: set[str] = set()
_SHORTEST = 8  # a shorter one would mask words


def hide(secrets: Iterable[str]) -> None:
    """From now on `mask` takes these out."""
    _hidden.update(secret for secret in secrets if len(secret) >= _SHORTEST)


def mask(text: str) -> str:
    """A text without our own secrets.

    >>> hide(["pat-na1-0123456789"])
    >>> mask("the token pat-na1-0123456789 has expired")
    'the token <secret> has expired'
    """
    for secret in _hidden:
        if secret in text:
            text = text.replace(secret, "<secret>")
    return text

"""Keys and names that fit into their columns, and stay apart where they differ behind the end.

SQLite takes a text of any length, and PostgreSQL refuses one that is too long; cut off, two that
differ would be one.
"""

from __future__ import annotations

import hashlib

_SEGMENT_VALUE = 255  # characters of a source, campaign or other value of a segment
_LIST_NAME = 80
_NAME = 80  # of rows of `app_state` and `poll_cursors`


def fit_key(key: str, length: int = 255) -> str:
    """Return a key that fits into its column. Cut off, different keys could be one, and what the
    second one says would be lost: a digest of the whole stands for the rest.

    >>> fit_key("call:42"), len(fit_key("call:" + "x" * 300))
    ('call:42', 255)
    """
    if len(key) <= length:
        return key
    digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return f"{key[: length - 33]}~{digest}"


def fit_segment_value(value: str) -> str:
    """Return what a source or campaign of a CRM is called in our tables."""
    return fit_key(value, _SEGMENT_VALUE)


def fit_list_name(name: str) -> str:
    """Return what a list of a CRM is called in our tables."""
    return fit_key(name, _LIST_NAME)


def fit_row_name(name: str) -> str:
    """Return the name of a row of `app_state` or `poll_cursors`."""
    return fit_key(name, _NAME)

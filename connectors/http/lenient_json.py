"""Decode JSON from outside, even if one text in it is damaged.

A person's field may hold half of an emoji (`"\\ud83d"` alone), a NUL, or bytes that are not UTF-8.
RFC 8259 (8.2, 8.1) does not define the first case, and PostgreSQL stores neither that nor a NUL.
Such characters become U+FFFD, the replacement character, and the rest is read as it is. Repaired
text is never written back to where it came from.

orjson decodes the document. We repair it only if orjson refuses it, or if it holds a NUL.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

import orjson

REPLACEMENT: Final = "\ufffd"
_NUL: Final = b"\\u0000"
# One escape at a time, so that an escaped backslash before a "u" is not taken for one.
_ESCAPES = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|(?P<spoilt>u(?:[dD][89a-fA-F][0-9a-fA-F]{2}|0000))|.)",
    re.DOTALL,
)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_LONGEST_INT = 300  # digits; a longer one is no number that anybody means


def decode(raw: bytes | str) -> Any:
    """Decode a JSON text. Raises `orjson.JSONDecodeError` (a `ValueError`) if it is not JSON.

    NaN and infinities, which some programs write and JSON does not have, become None.

    >>> decode(b'{"name": "Ada \\\\ud83d", "id": "1"}')
    {'name': 'Ada \ufffd', 'id': '1'}
    >>> decode(b'["\\\\ud83d\\\\ude00", NaN]') == ["\U0001f600", None]
    True
    """
    nul = _NUL in raw if isinstance(raw, bytes) else "\\u0000" in raw
    if not nul:
        try:
            return orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            refused = error
    text = raw.decode("utf-8-sig", "replace") if isinstance(raw, bytes) else raw
    text = _UNSTORABLE.sub(REPLACEMENT, _ESCAPES.sub(_repaired, text))
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        refused = error
    try:
        return json.loads(
            text, strict=False, parse_constant=_none, parse_int=_int, parse_float=_float
        )
    except (ValueError, RecursionError):
        raise refused from None


def clean(text: str) -> str:
    """Return a text that can be stored and encoded.

    >>> clean("a\\x00b")
    'a\ufffdb'
    """
    return _UNSTORABLE.sub(REPLACEMENT, text) if _UNSTORABLE.search(text) else text


def _repaired(match: re.Match[str]) -> str:
    return "\\ufffd" if match["spoilt"] else match[0]


def _none(_constant: str) -> None:
    return None


def _int(text: str) -> int | float | None:
    """Parse an integer as orjson does: beyond 64 bits as a float."""
    if len(text) > _LONGEST_INT:
        return None
    number = int(text)
    return number if -(2**63) <= number < 2**64 else float(text)


def _float(text: str) -> float | None:
    number = float(text)
    return number if abs(number) != float("inf") else None

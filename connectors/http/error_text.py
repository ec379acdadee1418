"""Extract the message of an error whose body is not JSON: a text, or a web page."""

from __future__ import annotations

import html
import re
from typing import Any

from connectors.http.lenient_json import clean

LONGEST = 300  # characters that are passed on
# What is not closed reaches to the end, and no tag holds another: so each reads a body once only,
# whatever stands in it.
_TITLE = re.compile(r"<title[^<>]*>(.*?)(?:</title>|\Z)", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<(script|style)\b.*?(?:</\1\s*>|\Z)|<[^<>]*>", re.IGNORECASE | re.DOTALL)


def plain(body: Any) -> str:
    """Return one line of plain text.

    >>> plain(b"Bad_OAuth_Token"), plain(None)
    ('Bad_OAuth_Token', '')
    >>> plain("<html><head><title>Down for&nbsp;maintenance</title></head></html>")
    'Down for maintenance'
    """
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body or "")
    if "<" in text:
        title = _TITLE.search(text)
        text = html.unescape(title.group(1) if title else _TAG.sub(" ", text))
    return one_line(text)


def title_of(body: bytes) -> str:
    """Return the title of a web page; "" if it has none."""
    match = _TITLE.search(body[:65536].decode("utf-8", "replace"))
    return one_line(html.unescape(match.group(1)))[:120] if match else ""


def one_line(text: object) -> str:
    return clean(" ".join(str(text).split())[:LONGEST])

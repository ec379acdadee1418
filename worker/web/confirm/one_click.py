"""Whether a request is what a mail reader posts to unsubscribe (RFC 8058, section 3.2). Pure.

The one field should come as multipart/form-data, and may come as
application/x-www-form-urlencoded.
"""

from __future__ import annotations

from io import BytesIO
from urllib.parse import parse_qsl

from python_multipart import parse_form
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File

_FIELD = (b"List-Unsubscribe", b"One-Click")
_URLENCODED = ("", "application/x-www-form-urlencoded", "text/plain")
_LARGEST = 4096  # bytes: such a form has a hundred or two


def is_one_click(content_type: str, body: bytes) -> bool:
    """Return whether a form says List-Unsubscribe=One-Click."""
    if len(body) > _LARGEST:
        return False
    kind = content_type.partition(";")[0].strip().lower()
    if kind in _URLENCODED:
        return _FIELD in parse_qsl(body.strip())
    return kind == "multipart/form-data" and _FIELD in _parts(content_type, body)


def _parts(content_type: str, body: bytes) -> list[tuple[bytes, bytes]]:
    found: list[tuple[bytes, bytes]] = []

    def on_field(field: Field) -> None:
        found.append((field.field_name or b"", (field.value or b"").strip()))

    def on_file(_file: File) -> None:
        """A file is no answer."""

    headers = {"Content-Type": content_type.encode(), "Content-Length": str(len(body)).encode()}
    try:
        parse_form(headers, BytesIO(body), on_field, on_file)
    except (FormParserError, ValueError):
        return []
    return found

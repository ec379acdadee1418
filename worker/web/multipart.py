"""Read a form with one file, as a browser sends it (RFC 7578), and write the file to disk.

The file comes last in our forms. What stands before it is checked before a byte of it is kept, and
no more of it than a few parts is ever in memory.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path
from typing import IO

from fastapi import HTTPException, Request
from starlette.concurrency import run_in_threadpool

_MOST_FIELD, _MOST_HEAD = 4096, 4096  # bytes of a field, and of what stands before a part
_MOST_FIELDS = 20
_AT_ONCE = 1 << 20  # bytes that are written at once

Form = dict[str, str]


async def receive_file(
    request: Request, path_for: Callable[[Form, str], Path], largest: int
) -> tuple[Form, Path]:
    """Return the fields of a form, and where its file was written.

    `path_for`: is handed the fields and the file's name, and returns where it goes; what it raises
    ends the request. `largest`: bytes of the file. Raises 400 for what is no such form, 413 for a
    file that is too large, and 422 for none.
    """
    body = _Body(request)
    form: Form = {}
    await body.until(body.delimiter, _MOST_HEAD)
    while len(form) < _MOST_FIELDS:
        if (await body.until(b"\r\n", _MOST_HEAD)).startswith(b"--"):
            raise HTTPException(422, "Choose a file.")
        head = await body.until(b"\r\n\r\n", _MOST_HEAD)
        part = HeaderParser().parsestr(head.decode("utf-8", "replace"))
        name, file_name = _names(part)
        if file_name is None:
            value = await body.until(body.delimiter, _MOST_FIELD)
            form[name] = value.decode("utf-8", "replace")
            continue
        if not file_name:  # the browser's way to say that none was chosen
            raise HTTPException(422, "Choose a file.")
        path = await run_in_threadpool(path_for, form, file_name)
        await _store(body, path, largest)
        return form, path
    raise HTTPException(400, "The form has too many fields.")


async def _store(body: _Body, path: Path, largest: int) -> None:
    size = 0
    # Only this user may read it: it holds numbers.
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        async for part in body.parts_until_delimiter():
            size += len(part)
            if size > largest:
                raise HTTPException(413, f"The file is larger than {largest >> 20} MB.")
            await run_in_threadpool(_write, file, part)
    if not size:
        raise HTTPException(422, "The file is empty.")


def _write(file: IO[bytes], part: bytes) -> None:
    file.write(part)


def _names(part: Message) -> tuple[str, str | None]:
    """Return the name of a part, and that of its file; None for a field."""
    name = part.get_param("name", header="content-disposition")
    if not isinstance(name, str):
        raise HTTPException(400, "The body is not a form.")
    file_name = part.get_filename()
    if file_name is None and part.get_param("filename", header="content-disposition") is not None:
        file_name = ""
    return name, file_name


class _Body:
    """The body of a request, of which as much is read as is asked for."""

    def __init__(self, request: Request) -> None:
        about = Message()
        about["content-type"] = request.headers.get("content-type", "")
        boundary = about.get_param("boundary")
        if about.get_content_type() != "multipart/form-data" or not isinstance(boundary, str):
            raise HTTPException(400, "The body is not a form with a file.")
        self.delimiter = b"\r\n--" + boundary.encode("latin-1", "replace")
        self._buffer = bytearray(b"\r\n")  # the first delimiter has no line before it
        self._stream = request.stream()

    async def _more(self) -> None:
        """Wait for more of the body; raises 400 where it broke off."""
        async for part in self._stream:
            if part:
                self._buffer += part
                return
        raise HTTPException(400, "The request broke off.")

    async def until(self, mark: bytes, most: int) -> bytes:
        """Return what stands before a mark, and go on behind it; raises 400 for more than `most`
        bytes."""
        searched = 0
        while (at := self._buffer.find(mark, searched)) < 0:
            if len(self._buffer) > most + len(mark):
                raise HTTPException(400, "The body is not a form with a file.")
            searched = max(0, len(self._buffer) - len(mark) + 1)
            await self._more()
        found = bytes(self._buffer[:at])
        del self._buffer[: at + len(mark)]
        return found

    async def parts_until_delimiter(self) -> AsyncIterator[bytes]:
        """Yield what stands before the next delimiter, part by part."""
        kept = len(self.delimiter) - 1  # it may have begun in them
        while (at := self._buffer.find(self.delimiter)) < 0:
            if len(self._buffer) > _AT_ONCE + kept:
                yield bytes(self._buffer[:-kept])
                del self._buffer[:-kept]
            await self._more()
        yield bytes(self._buffer[:at])

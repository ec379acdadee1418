"""No request is larger, or longer on its way, than anything that is meant.

Stands before the whole application: whoever sends without end, or a byte a minute, is told so and
holds nothing up. Addresses and headers are bounded by the server itself.
"""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST = 4 * 1024 * 1024  # bytes: a thousand reports, or ten thousand numbers, are a quarter of it
LONGEST = 30.0  # seconds until all of a request is here
# A file of a registry, which an admin uploads (`worker.web.pages.registries`). Nothing of it is
# read before we know who sends it.
LARGEST_UPLOAD, LONGEST_UPLOAD = 1024 * 1024 * 1024, 3600.0
_UPLOAD = re.compile(r"/registries/[^/]+/upload")


class StopReadingError(Exception):
    """What reads the request is to stop."""


class Limits:
    def __init__(self, app: ASGIApp, largest: int = LARGEST, longest: float = LONGEST) -> None:
        self._app = app
        self._largest = largest
        self._longest = longest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        largest, longest = self._largest, self._longest
        if scope["method"] == "POST" and _UPLOAD.fullmatch(scope["path"]):
            largest, longest = LARGEST_UPLOAD + LARGEST, LONGEST_UPLOAD
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > largest:
            await self._refuse(scope, receive, send, 413)
            return
        until = time.monotonic() + longest
        size, arrived, begun, refused = 0, False, False, 0

        async def bounded() -> Message:
            nonlocal size, arrived, refused
            if arrived:  # then only a client that goes is still to be heard of
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), max(0.0, until - time.monotonic()))
            except TimeoutError:
                refused = 408
                raise StopReadingError from None
            size += len(message.get("body", b""))
            arrived = not message.get("more_body", False)
            if size > largest:
                refused = 413
                raise StopReadingError
            return message

        async def forward(message: Message) -> None:
            nonlocal begun
            # Whatever the application makes of a body that broke off, the reason is ours.
            if not refused or begun:
                begun = True
                await send(message)

        try:
            await self._app(scope, bounded, forward)
        except Exception:  # ours, perhaps in a group of others
            if not refused:
                raise
        if refused and not begun:
            await self._refuse(scope, receive, send, refused)

    @staticmethod
    async def _refuse(scope: Scope, receive: Receive, send: Send, status: int) -> None:
        text = {413: "The request is too large.", 408: "The request took too long."}[status]
        headers: dict[str, Any] = {"Connection": "close"}
        await JSONResponse({"error": text}, status, headers)(scope, receive, send)

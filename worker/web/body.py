"""Reads what comes in from outside, and no more of it than is sensible."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, HTTPException, Request

from worker.context import Context

LARGEST = 512 * 1024  # bytes: HubSpot sends up to 100 events, Twilio a message


async def raw_body(request: Request) -> bytes:
    """The body as it came; raises 413 for one that is too large."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > LARGEST:
            raise HTTPException(413, "The body is too large.")
        parts.append(part)
    return b"".join(parts)


RawBody = Annotated[bytes, Depends(raw_body)]


def url_of(ctx: Context, request: Request) -> str:
    """Return the address of a request as its sender knows it."""
    base = ctx.settings.public_url or str(request.base_url).rstrip("/")
    query = f"?{request.url.query}" if request.url.query else ""
    return base + request.url.path + query


def form_of(body: bytes) -> list[tuple[str, str]]:
    """The parameters of a form, in order; raises 400 for what is none."""
    try:
        return parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=200)
    except (UnicodeDecodeError, ValueError):
        raise HTTPException(400, "The body is not a form.") from None

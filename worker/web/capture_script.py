"""The script that forms of other sites include: `/capture.js`.

Two addresses: one that always has the newest script and is kept for an hour, and one of exactly
this text, which never changes, for a page that names a hash of it (`integrity`).
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

from worker.capture.snippet import SCRIPT

_FILE = Path(__file__).parent / "static" / "capture.js"
_NEWEST = "public, max-age=3600, stale-while-revalidate=86400"
_FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Script:
    """`version`: tells this text from any other; in its own address. `integrity`: as a page names
    it (https://www.w3.org/TR/SRI/)."""

    body: bytes
    version: str
    integrity: str

    @property
    def path(self) -> str:
        return f"/capture.{self.version}.js"


@cache
def script() -> Script:
    body = _FILE.read_bytes()
    integrity = base64.b64encode(hashlib.sha384(body).digest()).decode()
    return Script(body, hashlib.sha256(body).hexdigest()[:12], f"sha384-{integrity}")


def router() -> APIRouter:
    """Return the routes of the script."""
    routes = APIRouter(include_in_schema=False)

    @routes.get(SCRIPT)
    def newest(request: Request) -> Response:
        return _answer(request, _NEWEST)

    @routes.get("/capture.{version}.js")
    def exactly(request: Request, version: str) -> Response:
        if version != script().version:
            raise HTTPException(404, "This version of the script is no longer served.")
        return _answer(request, _FOR_EVER)

    return routes


def _answer(request: Request, cached: str) -> Response:
    current = script()
    headers = {
        "Cache-Control": cached,
        "ETag": f'"{current.version}"',
        # It is the same for everybody, and holds nothing; `integrity` needs the first of these.
        "Access-Control-Allow-Origin": "*",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(current.body, media_type="text/javascript; charset=utf-8", headers=headers)

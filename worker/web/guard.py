"""Who may see the admin pages: whoever knows ADMIN_PASSWORD; without one, this machine alone."""

from __future__ import annotations

import hmac
from typing import Annotated

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPBasic, HTTPBasicCredentials

_basic = HTTPBasic(realm="Phone Hygiene", auto_error=False)
_HERE = ("127.0.0.1", "::1")
_HERE_NAMES = ("127.0.0.1", "localhost", "[::1]")


def admin_only(
    request: Request, given: Annotated[HTTPBasicCredentials | None, Depends(_basic)]
) -> None:
    """Let an admin pass; raises 401 or 403 otherwise."""
    password: str = request.app.state.settings.admin_password
    if password:
        right = given is not None and hmac.compare_digest(
            given.password.encode(), password.encode()
        )
        if not right:
            raise HTTPException(
                401, "The password is wrong.", {"WWW-Authenticate": 'Basic realm="Phone Hygiene"'}
            )
        return
    # A proxy on this machine would make everybody look local, and so would a page elsewhere
    # whose name leads here (DNS rebinding).
    local = request.client is not None and request.client.host in _HERE
    proxied = any(name in request.headers for name in ("x-forwarded-for", "forwarded", "via"))
    host = request.headers.get("host", "").rsplit(":", 1)[0]
    if not local or proxied or host not in _HERE_NAMES:
        raise HTTPException(403, "Set ADMIN_PASSWORD to see the pages from elsewhere.")

"""Answer only to known host names: that of PUBLIC_URL, and this machine's own.

Otherwise a foreign page whose name resolves to this machine (DNS rebinding) could talk to our pages
as if it were one of them. Requests that prove who sent them, and pages that are for everybody, are
answered under any name: platforms check the health of a process by its address, and no report of a
recipient may be lost because a proxy writes another name.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
_ANY_NAME = ("/healthz", "/readyz", "/metrics")
_ANY_NAME_UNDER = ("/webhooks/", "/api/", "/confirm/", "/static/", "/capture.")
REFUSED = (
    "This is not the host of PUBLIC_URL. If there is a proxy, let it pass on the Host header, as "
    "nginx does with: proxy_set_header Host $host;"
)


def host_of(headers: Headers) -> str:
    """The host that a request names, without its port; "" for none, two, or one that is odd.

    >>> [host_of(Headers({"host": text})) for text in ("A.Example:80", "[::1]:80", "a@b", "")]
    ['a.example', '::1', '', '']
    """
    given = headers.getlist("host")
    if len(given) != 1 or "@" in given[0] or "/" in given[0]:
        return ""
    try:
        return (urlsplit(f"//{given[0].strip()}").hostname or "").removesuffix(".")
    except ValueError:
        return ""


def known_hosts(public_url: str) -> frozenset[str]:
    """Return every host under which the pages may be called."""
    public = urlsplit(public_url).hostname
    return LOOPBACK_HOSTS | {public} if public else LOOPBACK_HOSTS


class KnownHosts:
    """Refuses pages to requests that name another host than these."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._answers(scope):
            await PlainTextResponse(REFUSED, 400)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _answers(self, scope: Scope) -> bool:
        path: str = scope["path"]
        return (
            path in _ANY_NAME
            or path.startswith(_ANY_NAME_UNDER)
            or host_of(Headers(scope=scope)) in self._hosts
        )

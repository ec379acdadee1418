"""Keep redirects on our own pages, whatever an address or a form asks for.

Browsers read addresses more freely than Python's `urllib` does: they drop tabs and line ends, treat
a backslash as a slash, and take whatever follows two slashes for a host
(https://url.spec.whatwg.org/#url-parsing). So we interpret nothing: the target is a path of plain
characters, or else the first page.
"""

from __future__ import annotations

import unicodedata
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.routing import Match

FIRST_PAGE = "/"
_LONGEST = 500  # characters
_KEPT = "/?%-._~!$&'()*+,;=:@"  # what stands in a path or a query for itself (RFC 3986)


def safe_path(wanted: str) -> str:
    """Return the page of ours to go to; the first page for everything else.

    >>> [safe_path(to) for to in ("/runs?x=1", "//evil.example", "https://evil.example",
    ...     "/\\\\evil", "///evil.example", "/%2f%2fevil.example",
    ...     "/\\t/evil.example", "/runs/../..//x")]
    ['/runs?x=1', '/', '/', '/', '/', '/', '/', '/']
    """
    if not wanted.startswith("/") or len(wanted) > _LONGEST or not wanted.isprintable():
        return FIRST_PAGE
    path = wanted.partition("?")[0]
    for _ in range(4):  # a proxy may decode what we did not
        if not _is_plain(path):
            return FIRST_PAGE
        path = unicodedata.normalize("NFKC", unquote(path))
    return quote(wanted, safe=_KEPT)


def _is_plain(path: str) -> bool:
    parts = path.split("/")[1:]
    return (
        path.isprintable()
        and "\\" not in path
        and "" not in parts[:-1]  # two slashes
        and not {".", ".."} & set(parts)
    )


def without_slash(request: Request) -> str | None:
    """The page that an address with a slash too many means; None where there is no such page.

    Starlette would redirect there by itself, but to the host that the request names, which a
    stranger may have written.
    """
    path: str = request.scope["path"]
    target = safe_path(path.rstrip("/")) if path.endswith("/") and path != "/" else FIRST_PAGE
    if target == FIRST_PAGE:
        return None
    scope = {**request.scope, "path": unquote(target)}
    if all(route.matches(scope)[0] is Match.NONE for route in request.app.routes):
        return None
    query = request.scope["query_string"].decode("latin-1")
    return safe_path(f"{target}?{query}") if query else target

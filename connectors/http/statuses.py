"""List the HTTP statuses that are temporary, and recognise answers from something in between.

Whatever is in front of a service (its edge, a proxy, a firewall) answers with its own statuses and
with web pages. Neither says anything about our key, our rights or a record.

Sources: RFC 9110 (406, 408, 421), RFC 8470 (425), RFC 6585 (429); HubSpot's guide "Error handling"
(423, 477, 502, 503, 504, 521 to 524); Cloudflare's "Cloudflare 5xx errors" (520 to 530); nginx
(499). 406 with an empty body comes from Salesforce's edge (`server: sfdcedge`) and is gone with the
next try: restforce issue 883, salto pull request 5675, airbyte pull request 36885.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from connectors.http.error_text import title_of

# Status -> why another try may pass. All of 500 and above do too.
PASSING: Final[Mapping[int, str]] = {
    406: "Salesforce's edge, at times",
    408: "the request did not arrive in time",
    420: "Salesforce's edge has no route to the org yet",
    421: "the edge took the connection for another host's: a new one is made",
    423: "HubSpot holds what is asked for",
    425: "it came before a handshake was done",
    429: "too many calls",
    477: "HubSpot moves the account",
    499: "an edge gave up waiting for what is behind it",
}
# Of those that pass, the ones that say that the service itself was not reached, or did nothing:
# what costs something may be sent again. 520 says that it answered, and nothing of what.
NOT_CARRIED_OUT: Final = frozenset(
    {406, 408, 420, 421, 425, 429, 500, 502, 503, 504, 521, 522, 523, 524, 525, 526, 527, 530}
)
# Something in between gave up waiting for the service, which may be at work all the same: a gateway
# (502, 504), an edge (499, 520, 524).
GAVE_UP_WAITING: Final = frozenset({499, 502, 504, 520, 524})
MISDIRECTED: Final = 421
PROXY_LOGIN: Final = 407


def is_passing(status: int) -> bool:
    return status in PASSING or status >= 500


def web_page(headers: Mapping[str, Any], body: Any) -> str:
    """Describe an answer that is a web page, by its title and server; return "" for any other.
    Nothing else of the page is shown.

    >>> web_page({"Server": "AkamaiGHost"}, b"<HTML><HEAD><TITLE>Access Denied</TITLE></HEAD>")
    'a web page, "Access Denied" (server: AkamaiGHost)'
    >>> web_page({}, b'{"status": "error"}')
    ''
    """
    raw = body.encode("utf-8", "replace") if isinstance(body, str) else body
    if not isinstance(raw, bytes):
        return ""
    start = raw.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    content_type = str(headers.get("Content-Type") or "").lower()
    if start != b"<" and not ("html" in content_type and start not in (b"{", b"[", b"")):
        return ""
    if b"<html" not in raw[:4096].lower() and "xml" in content_type:
        return ""
    title = title_of(raw)
    server = " ".join(str(headers.get("Server") or "").split())[:60]
    named = f', "{title}"' if title else " without a title"
    return f"a web page{named}" + (f" (server: {server})" if server else "")


def not_from(service: str, status: int, page: str) -> str:
    """Explain to an operator that a web page came instead of an answer. `page`: from `web_page`."""
    return (
        f"HTTP {status} with {page}: not an answer of {service}, but of something in between "
        "(a proxy, a firewall, a login page of the network?)"
    )

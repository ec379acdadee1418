"""Print the one-time login link on a terminal, and nowhere else (promise 13).

Whatever is written to a pipe or a file stays there, so without a terminal there is no link at all.
"""

from __future__ import annotations

import sys

from config.settings import Settings
from worker.access import audit, login_links
from worker.access.ways_in import needs_link
from worker.context import Context


def is_terminal() -> bool:
    """Return whether a person sees the output, and nothing stores it."""
    return sys.stdout is not None and sys.stdout.isatty()


def pages_url(settings: Settings) -> str:
    """Return the address of the pages, as this machine's browser sees it."""
    return settings.public_url or f"http://127.0.0.1:{settings.port}"


def login_link(ctx: Context, by: str) -> str:
    """Return a new link, to be printed at once; "" without a terminal, or if users have
    passwords."""
    if not is_terminal() or not needs_link(ctx.settings, ctx.store):
        return ""
    token = login_links.make(ctx.store, ctx.now())
    audit.note(ctx.store, ctx.now(), by, "login_link.make", "")
    return login_links.address(pages_url(ctx.settings), token)


def print_login_link(ctx: Context, by: str) -> bool:
    """Print a new link, unbroken, if there is a terminal; return whether it was printed."""
    link = login_link(ctx, by)
    if link:
        print(f"Log in to the pages (valid once, for ten minutes):\n  {link}", flush=True)
    return bool(link)

"""Sessions of somebody who used a login link, where no password is set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import requests

from worker.access import login_links, sessions
from worker.context import Context
from worker.web.auth import COOKIE

if TYPE_CHECKING:
    from playwright.sync_api import Page


def by_link(ctx: Context) -> requests.Session:
    """Return a session that is logged in."""
    session = requests.Session()
    secret = sessions.begin(ctx.store, login_links.PERSON, ctx.now())
    session.cookies.set(COOKIE, secret, domain="127.0.0.1")
    return session


def let_in(page: Page, ctx: Context) -> None:
    secret = sessions.begin(ctx.store, login_links.PERSON, ctx.now())
    page.context.add_cookies(
        [{"name": COOKIE, "value": secret, "domain": "127.0.0.1", "path": "/"}]
    )


def lets_in(link: str, **headers: str) -> bool:
    """Whether a new browser gets in by this link."""
    session = requests.Session()
    return session.get(link, headers=headers).status_code == 200 and COOKIE in session.cookies

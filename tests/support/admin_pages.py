"""An admin page in Chromium, with its own rules for scripts in force and a silent console."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from accessibility import inaccessible
from logins import let_in

from worker.context import Context

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SIZES: list[tuple[int, Any]] = [(1440, "light"), (390, "dark")]
NAMES = ["desktop", "phone"]


@contextmanager
def admin_page(chromium: Browser, ctx: Context, width: int, scheme: Any) -> Iterator[Page]:
    """A page of somebody who is logged in; nothing may stand in its console."""
    opened = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    opened.set_default_timeout(10_000)
    let_in(opened, ctx)
    problems: list[str] = []
    opened.on("console", lambda message: problems.append(message.text))
    opened.on("pageerror", lambda error: problems.append(str(error)))
    yield opened
    opened.close()
    assert [text for text in problems if "status of 4" not in text] == []


def text_of(page: Page) -> str:
    page.wait_for_load_state()  # a click waits for the answer, not for all of the page
    return " ".join(page.inner_text("main").split())


def toast_of(page: Page) -> str:
    """What the page says of what was just done."""
    page.wait_for_load_state()
    toast = page.get_by_role("status").filter(has_text=re.compile(r"\w"))
    toast.wait_for()
    return toast.inner_text().strip()


def assert_well_made(page: Page, name: str) -> None:
    """It is accessible and no wider than the screen, on a desktop and on a phone. Under SCREENSHOTS
    it is looked at in the other scheme, too, and kept as a picture in both."""
    own = page.viewport_size
    dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    scheme: Any = "dark" if dark else "light"
    assert own is not None
    # Its own last: so it is left.
    for width, shown in sorted(SIZES, key=lambda size: size[0] == own["width"]):
        page.set_viewport_size({"width": width, "height": own["height"]})
        colours = scheme if width == own["width"] else shown
        page.emulate_media(color_scheme=colours, reduced_motion="reduce")  # they change at once
        _assert_well_made(page, f"{name}, {width} px")
        if os.environ.get("SCREENSHOTS"):
            _keep_pictures(page, name, width)
    page.emulate_media(reduced_motion="no-preference")


def _keep_pictures(page: Page, name: str, width: int) -> None:
    schemes: list[Any] = ["light", "dark"]
    if page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches"):
        schemes.reverse()
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme)
        page.wait_for_timeout(300)  # until charts are drawn again
        path = f"{os.environ['SCREENSHOTS']}/{name}-{width}-{scheme}.png"
        page.screenshot(path=path, full_page=True)
    _assert_well_made(page, f"{name}, {width} px, {schemes[1]}")
    page.emulate_media(color_scheme=schemes[0])


def _assert_well_made(page: Page, name: str) -> None:
    over = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert over <= 0, f"{name} is {over} px wider than the screen"
    # The page's own rules for scripts let axe in only through the debugger.
    session = page.context.new_cdp_session(page)
    session.send("Page.setBypassCSP", {"enabled": True})
    report = inaccessible(page)
    session.send("Page.setBypassCSP", {"enabled": False})
    assert not report, f"{name}: {report}"

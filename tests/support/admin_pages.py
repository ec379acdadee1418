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
    from playwright.sync_api import Browser, Page, Response

SIZES: list[tuple[int, Any]] = [(1440, "light"), (390, "dark")]
NAMES = ["desktop", "phone"]
_NARROW = 700  # px; a phone is below it


@contextmanager
def admin_page(chromium: Browser, ctx: Context, width: int, scheme: Any) -> Iterator[Page]:
    """A page of somebody who is logged in; nothing may stand in its console."""
    opened = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    opened.set_default_timeout(10_000)
    let_in(opened, ctx)
    console = Console(opened)
    yield opened
    opened.close()
    assert console.problems() == []


class Console:
    """What stands in the console of a page and must not.

    Chromium notes each answer of 4xx there. That is right where a form is refused, and for the
    address of a page that is not there. What a page fetches by itself, or a search that finds
    nothing, is no such answer.
    """

    def __init__(self, page: Page) -> None:
        self._lines: list[tuple[str, str]] = []
        self._refused: set[str] = set()
        page.on("console", lambda line: self._lines.append((line.text, line.location["url"])))
        page.on("pageerror", lambda error: self._lines.append((str(error), "")))
        page.on("response", self._look)

    def _look(self, answer: Response) -> None:
        asked = answer.request
        refused = 400 <= answer.status < 500 and (asked.method == "GET" or answer.status != 404)
        if refused and asked.is_navigation_request():
            self._refused.add(answer.url)

    def problems(self) -> list[str]:
        return [
            f"{text} ({url})"
            for text, url in self._lines
            if "status of 4" not in text or url not in self._refused
        ]


def text_of(page: Page) -> str:
    page.wait_for_load_state()  # a click waits for the answer, not for all of the page
    return " ".join(page.inner_text("main").split())


def toast_of(page: Page) -> str:
    """What the page says of what was just done."""
    page.wait_for_load_state()
    toast = page.get_by_role("status").filter(has_text=re.compile(r"\w"))
    toast.wait_for()
    return toast.inner_text().strip()


def assert_well_made(page: Page, name: str, full_page: bool = True) -> None:
    """It is accessible and no wider than the screen as it is shown, and on the other screen in the
    other scheme. Under SCREENSHOTS each is looked at and kept as a picture in both schemes."""
    own = page.viewport_size
    assert own is not None
    (other,) = (width for width, _ in SIZES if (width < _NARROW) != (own["width"] < _NARROW))
    schemes = _schemes(page)
    # Colours change at once. Its own last: so it is left.
    for width, scheme in ((other, schemes[1]), (own["width"], schemes[0])):
        page.set_viewport_size({"width": width, "height": own["height"]})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        _assert_well_made(page, f"{name}, {width} px, {scheme}")
        if os.environ.get("SCREENSHOTS"):
            _keep_pictures(page, name, width, full_page)
    page.emulate_media(reduced_motion="no-preference")


def _schemes(page: Page) -> list[Any]:
    """That in which it is shown, and the other."""
    dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    return ["dark", "light"] if dark else ["light", "dark"]


def _keep_pictures(page: Page, name: str, width: int, full_page: bool) -> None:
    schemes = _schemes(page)
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme)
        page.wait_for_timeout(300)  # until charts are drawn again
        path = f"{os.environ['SCREENSHOTS']}/{name}-{width}-{scheme}.png"
        page.screenshot(path=path, full_page=full_page)
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

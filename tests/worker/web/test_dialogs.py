"""What opens above a page, and what stands where no page is: each dialog, the ways to log in and
the errors are accessible and fit the screen, a phone's too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from admin_pages import NAMES, SIZES, admin_page, assert_well_made
from fixture_types import Serve, Sync
from logins import by_link, let_in

from sandbox.run import Sandbox
from tests.worker.web.test_pages import all_page_urls
from worker.access import tokens, users
from worker.context import Context

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PASSWORD = "correct horse battery staple"


@pytest.mark.parametrize(("width", "scheme"), SIZES, ids=NAMES)
def test_every_dialog_fits_and_is_accessible(
    chromium: Browser, serve: Serve, ctx: Context, sandbox: Sandbox, sync: Sync, width: int,
    scheme: Any,
) -> None:  # fmt: skip
    paths = all_page_urls(ctx, sync, sandbox)
    users.upsert_user(ctx.store, "kim", PASSWORD, "viewer", ctx.now())
    tokens.make(ctx.store, "scripts", ("scrub",), "kim", ctx.now())
    url, seen, session = serve(), set[str](), by_link(ctx)
    # The site's rules for styles are off, for axe; `test_pages` opens dialogs with them in force.
    page = chromium.new_page(
        viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True
    )
    let_in(page, ctx)
    for path in [*paths, "/capture-keys"]:
        if "data-dialog" not in session.get(url + path).text:
            continue
        page.goto(url + path)
        openers = page.locator("[data-dialog]")
        for place in range(openers.count()):
            opener = openers.nth(place)
            name = str(opener.get_attribute("data-dialog")).rstrip("-0123456789")
            kind = f"{path.strip('/').split('/')[0].partition('?')[0]}-{name}"
            if kind in seen or not opener.is_visible():
                continue
            seen.add(kind)
            opener.click()
            dialog = page.locator("dialog[open]")
            box = dialog.bounding_box()
            assert box is not None
            assert box["x"] >= 0, kind
            assert box["x"] + box["width"] <= width, kind
            assert box["height"] <= 900, kind
            assert abs(box["y"] + box["height"] / 2 - 450) < 2, f"{kind} is not in the middle"
            assert_well_made(page, f"dialog-{kind}", full_page=False)
            dialog.get_by_role("button", name="Cancel").click()
    page.close()
    assert len(seen) > 20


@pytest.mark.parametrize(("width", "scheme"), SIZES, ids=NAMES)
class TestWithoutAPage:
    def test_errors_say_what_to_do(
        self, chromium: Browser, serve: Serve, ctx: Context, width: int, scheme: Any
    ) -> None:
        url = serve()
        with admin_page(chromium, ctx, width, scheme) as page:
            for name, path, headline, onward in (
                ("missing", "/nowhere", "Page not found", "/"),
                ("run", "/runs/20200101-000000-000000", "There is no such run", "/runs"),
                ("number", "/numbers/x", "This address is no longer valid", "/numbers"),
                ("contact", "/contacts/hubspot/contacts/1", "There is no such record", "/contacts"),
                ("filter", "/contacts?status=odd", "There is no such filter", "/contacts"),
                ("campaign", "/ask/none", "There is no such campaign", "/ask"),
                ("link", "/login/link?token=x", "This login link no longer works", "/"),
            ):
                page.goto(url + path)
                assert page.inner_text("h1") == headline
                assert page.locator("main .btn-primary").get_attribute("href") == onward
                assert_well_made(page, f"error-{name}")
            page.goto(f"{url}/contacts/hubspot/contacts/1")
            assert "No sync has read contacts 1 of HubSpot." in page.inner_text("main")

    def test_logging_in_can_be_done_by_everybody(
        self, chromium: Browser, serve: Serve, ctx: Context, width: int, scheme: Any
    ) -> None:
        users.upsert_user(ctx.store, "kim", PASSWORD, "admin", ctx.now())
        url = serve()
        page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page.goto(url + "/")
        assert_well_made(page, "login")
        page.get_by_label("Name").fill("kim")
        page.get_by_label("Password").fill("wrong password")
        page.get_by_role("button", name="Log in").click()
        assert_well_made(page, "login-wrong")
        assert page.get_by_label("Name").input_value() == "kim"
        page.keyboard.type("right this time")  # the cursor waits where something is missing
        assert page.get_by_label("Password").input_value() == "right this time"
        page.close()

"""The evidence for a number, as compliance sees it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import requests
from crms import Crm

from worker.feedback import suppress
from worker.feedback.apply import apply_waiting
from worker.sync.context import Context
from worker.sync.spread import spread

if TYPE_CHECKING:
    from playwright.sync_api import Browser

Serve = Callable[..., str]
Sync = Callable[..., dict[str, Any]]
NUMBER = "+14155552671"


@pytest.fixture
def told(ctx: Context, crm: Crm, sync: Sync) -> None:
    crm.edit(crm.ids()[0], {f"phone/{crm.phone}": NUMBER})
    sync(ctx, crm.name)
    suppress.add(ctx, NUMBER, "opt_out", "", "wrote <b>us</b> a letter", "admin")
    apply_waiting(ctx)
    spread(ctx, crm.name)


def test_is_for_admins_alone(serve: Serve) -> None:
    url = serve(ADMIN_PASSWORD="secret")
    assert requests.get(f"{url}/evidence").status_code == 401
    assert requests.post(f"{url}/evidence", data={"number": NUMBER}).status_code == 401


def test_asks_again_for_what_is_no_number(serve: Serve) -> None:
    shown = requests.post(f"{serve()}/evidence", data={"number": "12"})
    assert shown.status_code == 400
    assert "country code" in shown.text


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("width", [390, 1440])
def test_shows_the_report_and_who_confirmed_it(
    chromium: Browser, serve: Serve, crm: Crm, width: int
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = chromium.new_page(viewport={"width": width, "height": 900}, bypass_csp=True)
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.goto(f"{serve()}/evidence")
    page.get_by_label("Number, with its country code").fill("+1 (415) 555-2671")
    page.get_by_role("button", name="Look up").click()
    assert "number" not in page.url
    text = page.inner_text("main")
    assert "wrote <b>us</b> a letter" in text
    assert f"{crm.name}: confirmed" in " ".join(text.split())
    assert "opt out: call and text" in text
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert problems == []
    if shots := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=f"{shots}/evidence-{width}.png")
    page.close()

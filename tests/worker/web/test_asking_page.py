"""Ask campaigns on their pages: planned, started, watched, paused, stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from admin_pages import NAMES, SIZES, admin_page, assert_well_made, text_of
from asking_support import BASIS, TOML, index
from constants import NUMBER, OTHER, PUBLIC_URL
from crms import Crm
from fixture_types import Serve
from reports import store_report

from sandbox.run import Sandbox
from worker.asking import campaigns
from worker.context import Context
from worker.store.tables import audit_log

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ENV = {"PUBLIC_URL": PUBLIC_URL}


@pytest.fixture
def ctx(make_context: Callable[..., Context], sandbox: Sandbox) -> Context:
    ctx = make_context(TOML, **ENV, **sandbox.env("messages"))
    index(ctx, "1", NUMBER, {"phone": "valid"})
    index(ctx, "2", OTHER, {"phone": "valid"})
    store_report(ctx, "opt_out", OTHER)
    return ctx


@pytest.fixture(params=SIZES, ids=NAMES)
def page(request: pytest.FixtureRequest, chromium: Browser, ctx: Context) -> Iterator[Page]:
    with admin_page(chromium, ctx, *request.param) as opened:
        yield opened


def test_a_campaign_from_plan_to_stop(
    page: Page, ctx: Context, serve: Serve, sandbox: Sandbox
) -> None:
    url = serve(TOML, **ENV, **sandbox.env("messages"))
    page.goto(f"{url}/ask")
    assert "No campaigns yet" in text_of(page)
    page.get_by_label("Name").fill("spring")
    page.get_by_label("Legal basis").fill(BASIS)
    page.get_by_label("Budget").fill("much")
    page.get_by_role("button", name="Estimate count and cost").click()
    assert "Budget: write an amount of money" in text_of(page)
    page.get_by_label("Budget").fill("5")
    page.get_by_role("button", name="Estimate count and cost").click()
    shown = text_of(page)
    assert "1 of 2 contacts would be asked, for 0.01 USD at most." in shown
    assert "Left out: opt-out 1" in shown
    assert campaigns.list_campaigns(ctx) == [], "a plan stores nothing"
    assert_well_made(page, "ask-plan")
    page.get_by_role("button", name="Start spring").click()
    page.wait_for_url("**/ask/spring?done=ask-started")
    shown = text_of(page)
    assert BASIS in shown
    assert "Waiting 1" in shown
    assert NUMBER not in page.content()
    assert_well_made(page, "ask-campaign")
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("button", name="Stop").click()
    page.locator("dialog[open]").get_by_role("button", name="Stop").click()
    page.wait_for_url("**/ask/spring?done=ask-stopped")
    assert campaigns.find(ctx, "spring").state == "stopped"
    page.goto(f"{url}/ask")
    assert_well_made(page, "ask")
    with ctx.store.read() as connection:
        done = [row.action for row in connection.execute(audit_log.select()) if "ask" in row.action]
    assert done == ["ask.start", "ask.pause", "ask.resume", "ask.stop"]


def test_an_estimate_says_what_keeps_people_from_being_asked(
    page: Page, ctx: Context, serve: Serve, sandbox: Sandbox
) -> None:
    Crm.all(sandbox)["hubspot"].hide_field("hs_email_optout")
    ctx.connector("hubspot", fresh=True)
    email = 'email_from = "a@acme.example"\npostal_address = "1 Main Street"\n'
    toml = TOML.replace("[connectors", f"{email}[connectors")
    page.goto(f"{serve(toml, **ENV, SMTP_URL='smtp://127.0.0.1:1')}/ask")
    page.get_by_label("Name").fill("spring")
    page.get_by_label("How", exact=True).select_option("email")
    page.get_by_label("Legal basis").fill(BASIS)
    page.get_by_label("Budget").fill("5")
    page.get_by_role("button", name="Estimate count and cost").click()
    assert "contacts.hs_email_optout" in page.locator(".alert-warning").inner_text()
    assert_well_made(page, "ask-plan-email")


def test_what_is_not_set_up_is_said_before_the_form_is_filled_in(page: Page, serve: Serve) -> None:
    page.goto(f"{serve()}/ask")
    shown = text_of(page)
    for missing in ("set PUBLIC_URL", "set feedback.company"):
        assert missing in shown
    assert page.locator(".alert-warning").count() == 1

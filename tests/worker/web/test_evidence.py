"""The evidence for a number, as compliance sees it on its page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from admin_pages import assert_well_made, text_of
from constants import NUMBER
from crms import Crm
from fixture_types import Serve, Sync
from logins import by_link, let_in
from vendor_webhooks import receive_twilio_sms

from connectors.labels import crm_name
from worker.context import Context
from worker.suppression import suppressions
from worker.suppression.apply_reports import apply_pending
from worker.sync.propagate import propagate
from worker.web.encrypted_numbers import encrypt_number

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture
def suppressed_number(ctx: Context, crm: Crm, sync: Sync) -> None:
    crm.edit(crm.ids()[0], {f"phone/{crm.phone}": NUMBER})
    sync(ctx, crm.name)
    suppressions.add(ctx, NUMBER, "opt_out", "", "wrote <b>us</b> a letter", "admin")
    apply_pending(ctx)
    propagate(ctx, crm.name)


def test_says_that_a_number_is_not_texted_while_a_reply_waits(serve: Serve, ctx: Context) -> None:
    form = {"From": NUMBER, "MessageSid": f"SM{1:032d}", "Body": "how do I unsubscribe?"}
    receive_twilio_sms(ctx, form)
    path = f"/numbers/{encrypt_number(ctx.keys, NUMBER)}"
    notice = "No texts for now: a reply that may be an opt-out waits for review"
    session = by_link(ctx)
    url = serve("[feedback]\nhold_open_reviews = true")
    page = session.get(f"{url}{path}").text
    assert notice in page
    assert notice not in session.get(f"{serve()}{path}").text


@pytest.mark.usefixtures("suppressed_number")
@pytest.mark.parametrize("width", [390, 1440])
def test_shows_the_report_and_who_confirmed_it(
    chromium: Browser, serve: Serve, ctx: Context, crm: Crm, width: int
) -> None:
    page = chromium.new_page(viewport={"width": width, "height": 900})
    let_in(page, ctx)
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.goto(f"{serve()}/numbers")
    page.get_by_label("A number, a name or email").fill("+1 (415) 555-2671")
    page.get_by_role("button", name="Find").click()
    assert "4155552671" not in page.url
    text = text_of(page)
    assert "wrote <b>us</b> a letter" in text
    assert f"{crm_name(crm.name)}: confirmed" in text
    assert "Opt-out: no calls or texts" in text
    assert_well_made(page, "evidence")
    assert problems == []
    page.close()

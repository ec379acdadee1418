"""The admin's pages in a real Chromium: what an admin does on a day, at both widths."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import sqlalchemy as sa
from accessibility import inaccessible, too_little_contrast
from admin_pages import Console, text_of, toast_of
from constants import NUMBER
from crms import Crm
from fixture_types import Serve, Sync
from logins import let_in

from sandbox.run import Sandbox
from worker.context import Context
from worker.events import delivery_log, endpoints
from worker.segments import counters, isolation
from worker.store.bulk import insert
from worker.store.tables import contact_numbers, event_deliveries, isolations, reviews, runs
from worker.store.tables import endpoints as endpoint_table
from worker.suppression import suppressions
from worker.sync.runs import audits
from worker.web.encrypted_numbers import encrypt_number

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PARTS = 4  # of the pass over all pages, so that a slow machine has time for each
HOSTILE = "<script>alert(1)</script><b>\u202egnp.exe =1+1"


@pytest.fixture(params=[(1440, "light"), (390, "dark")], ids=["desktop", "phone"])
def page(request: pytest.FixtureRequest, chromium: Browser, ctx: Context) -> Iterator[Page]:
    """A page with the site's own rules for scripts in force; nothing may stand in its console."""
    width, scheme = request.param
    opened = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    let_in(opened, ctx)
    console = Console(opened)
    yield opened
    opened.close()
    assert console.problems() == []


def go_by_menu(page: Page, entry: str) -> None:
    """The menu stands beside the page, or behind a button on a phone."""
    if (button := page.get_by_role("button", name="Menu")).is_visible():
        button.click()
    page.get_by_role("navigation", name="Main").get_by_role("link", name=entry).click()


def give_number(ctx: Context, crm: Crm, sync: Sync, number: str = NUMBER) -> str:
    """A record with this number, synced."""
    record_id = crm.ids()[0]
    crm.edit(record_id, {f"phone/{crm.phone}": number})
    sync(ctx, crm.name)
    return record_id


class TestARun:
    def test_is_forecast_started_watched_and_undone(
        self, page: Page, serve: Serve, crm: Crm
    ) -> None:
        before = crm.snapshot()
        page.goto(f"{serve(working=True)}/")
        page.get_by_role("link", name="Rescan contacts").click()
        page.get_by_label("CRM").select_option(crm.name)
        page.get_by_label("All contacts").check()
        page.get_by_role("button", name="Forecast").click()
        page.get_by_role("button", name="Run it for real").wait_for()  # it shows without a reload
        assert "A real run would change" in text_of(page)
        assert crm.writes == 0
        page.get_by_role("button", name="Run it for real").click()
        page.get_by_role("link", name="Undo…").wait_for()
        assert crm.snapshot() != before
        page.get_by_role("link", name="Undo…").click()
        assert "returns to its previous value" in text_of(page)
        page.get_by_label("Why").fill("it was only a test")
        page.get_by_role("button", name="Undo").click()
        page.locator("h1").get_by_text(crm.name).wait_for()
        page.locator(".pill.done").first.wait_for()
        assert "it was only a test" in text_of(page)
        assert crm.snapshot() == before
        go_by_menu(page, "Access")
        page.get_by_role("link", name="Audit log").click()
        assert "undid run" in text_of(page)

    def test_says_what_it_may_cost_before_it_starts(
        self, page: Page, serve: Serve, ctx: Context, sandbox: Sandbox, sync: Sync
    ) -> None:
        sync(ctx, "hubspot")
        page.goto(f"{serve(**sandbox.env('twilio'))}/runs/new")
        page.get_by_label("CRM").select_option("hubspot")
        page.get_by_label("All contacts").check()
        page.get_by_role("button", name="Start…").click()
        text = text_of(page)
        assert "60 contacts in this scope" in text
        assert "USD" in text
        page.get_by_role("button", name="Start", exact=True).click()
        page.locator("#progress").wait_for()
        page.get_by_role("button", name="Pause").click()  # no worker is there: it waits
        page.locator(".pill.paused").wait_for()
        page.get_by_role("button", name="Resume").click()
        page.locator(".pill.running").wait_for()
        page.get_by_role("button", name="Cancel").click()
        page.locator(".pill.cancelled").wait_for()
        with ctx.store.read() as connection:
            keys = list(connection.scalars(sa.select(runs.c.active_key)))
        assert keys == [None, None]

    def test_that_is_asked_for_wrongly_says_what_to_write(self, page: Page, serve: Serve) -> None:
        page.goto(f"{serve()}/runs/new")
        page.get_by_label("Contacts with certain numbers").check()
        page.get_by_label("Numbers with their country code").fill("call me")
        page.get_by_role("button", name="Start…").click()
        assert "with its country code" in text_of(page)
        assert page.get_by_label("Numbers with their country code").input_value() == "call me"


class TestANumber:
    def test_is_found_by_any_spelling_and_suppressed_in_both_crms(
        self, page: Page, serve: Serve, ctx: Context, sandbox: Sandbox, sync: Sync
    ) -> None:
        crms = Crm.all(sandbox)
        records = {name: give_number(ctx, crm, sync) for name, crm in crms.items()}
        page.goto(f"{serve(working=True)}/numbers")
        page.get_by_label("A number, a name or email").fill("+1 (415) 555-2671")
        page.get_by_role("button", name="Find").click()
        assert "4155552671" not in page.url
        page.get_by_role("button", name="Suppress…").click()
        panel = page.locator("dialog[open]")
        panel.get_by_label("Why").fill("asked us at the fair")
        panel.get_by_role("button", name="Suppress").click()
        assert "Each CRM confirms it below" in toast_of(page)
        assert "done=" not in page.url
        for _ in range(100):
            if all(crm.get(records[name], "do_not_contact") for name, crm in crms.items()):
                break
            page.wait_for_timeout(100)
        assert all(crm.get(records[name], "do_not_contact") for name, crm in crms.items())
        for _ in range(100):  # it is written down a moment after the CRM has it
            page.reload()
            text = text_of(page)
            if "Confirmed by Salesforce" in text and "Confirmed by HubSpot" in text:
                break
            page.wait_for_timeout(100)
        assert "asked us at the fair" in text
        assert "Confirmed by Salesforce" in text
        assert "Confirmed by HubSpot" in text

    def test_is_found_by_the_address_of_its_record(
        self, page: Page, serve: Serve, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        record_id = give_number(ctx, crm, sync)
        page.goto(f"{serve()}/numbers")
        link = ctx.open(crm.name).record_url(crm.object, record_id)
        page.get_by_label("A number, a name or email").fill(link)
        page.get_by_role("button", name="Find").click()
        page.wait_for_load_state()
        assert record_id in page.inner_text("h1")
        page.get_by_role("link", name=NUMBER).click()
        page.wait_for_load_state()
        assert NUMBER in page.inner_text("h1")
        assert "Written to" in text_of(page)


class TestASegment:
    def test_has_its_buttons_in_sight_however_wide_the_table_is(
        self, page: Page, serve: Serve, ctx: Context, sync: Sync
    ) -> None:
        sync(ctx, "hubspot")
        counters.count(ctx)
        page.goto(f"{serve()}/segments?by=campaign")
        for name in ("Rescan", "Isolate…"):
            button = page.locator("tbody .btn").filter(has_text=name).first
            assert button.evaluate(
                """element => {
                    const card = element.closest(".card").getBoundingClientRect();
                    return element.getBoundingClientRect().right <= card.right;
                }"""
            ), name
        tops = (
            page.locator("tbody tr")
            .first.locator(".btn")
            .evaluate_all("found => found.map(one => one.getBoundingClientRect().top)")
        )
        assert len(set(tops)) == 1, "side by side"

    def test_is_set_apart_audited_and_released(
        self, page: Page, serve: Serve, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        sync(ctx, crm.name)
        counters.count(ctx)
        page.goto(f"{serve(working=True)}/segments")
        page.get_by_role("button", name="Isolate…").first.click()
        panel = page.locator("dialog[open]")
        panel.get_by_label("Why it should be isolated").fill("bought from a stranger")
        panel.get_by_role("button", name="Isolate").click()
        assert "bought from a stranger" in text_of(page)
        page.get_by_role("link", name="audit", exact=True).click()
        page.locator(".pill.done").first.wait_for()
        counters.count(ctx)
        audits.next_audits(ctx)
        page.goto(page.url.split("/runs")[0] + "/segments")
        assert "after it" in text_of(page)
        page.get_by_role("button", name="Release…").click()
        panel = page.locator("dialog[open]")
        panel.get_by_label("Why the segment is good again").fill("cleaned by hand")
        panel.get_by_role("button", name="Release").click()
        with ctx.store.read() as connection:
            row = connection.execute(sa.select(isolations)).one()
        assert (row.released_why, row.active_key) == ("cleaned by hand", None)


class TestAReply:
    def test_is_read_by_a_person(self, page: Page, serve: Serve, ctx: Context) -> None:
        row = {"key": "r1", "number": NUMBER, "source": "twilio", "text": HOSTILE, "at": ctx.now(),
               "suggestion": "", "evidence": "", "decision": "", "decided_by": ""}  # fmt: skip
        with ctx.store.write() as connection:
            insert(connection, reviews, [row])
        page.goto(f"{serve()}/reviews")
        assert "<script>alert(1)</script>" in text_of(page)
        page.get_by_role("button", name="Opt-out").click()
        assert "No replies to review" in text_of(page)


def all_page_urls(ctx: Context, sync: Sync, sandbox: Sandbox) -> list[str]:
    """The addresses of all pages, with something to show on each, hostile where it can be."""
    crm = Crm.all(sandbox)["hubspot"]
    record_id = crm.ids()[0]
    values = {f"phone/{crm.phone}": f"{NUMBER} {HOSTILE}"}
    crm.edit(record_id, values)
    fields = {"hs_analytics_source_data_1": HOSTILE, "country": "<i>US", "hygiene_reason": HOSTILE}
    crm.act(record_id, {"set": fields})
    run = sync(ctx, "hubspot")["run"]
    dry = sync(ctx, "hubspot", "everything", dry_run=True, force=True)["run"]
    endpoints.add(ctx, "dialer", f"https://dialer.example/?{HOSTILE}", (), False, HOSTILE)
    suppressions.add(ctx, NUMBER, "opt_out", "", HOSTILE, HOSTILE[:30])
    delivery_log.enqueue_test(ctx, "dialer")
    with ctx.store.write() as connection:
        failing = {"error": HOSTILE, "failures": 1, "failing_since": ctx.now()}
        connection.execute(sa.update(endpoint_table).values(**failing))
        parked = {"state": "parked", "error": HOSTILE, "at": ctx.now(), "attempts": 9}
        connection.execute(sa.update(event_deliveries).values(**parked))
    counters.count(ctx)
    isolation.isolate(ctx, "hubspot", "campaign", HOSTILE, HOSTILE)
    with ctx.store.read() as connection:
        row = connection.execute(sa.select(contact_numbers).limit(1)).one()
    return [
        "/", "/runs", f"/runs/{run}", f"/runs/{dry}", f"/runs/{run}/writes", f"/runs/{run}/undo",
        f"/contacts?by=campaign&value={quote(HOSTILE)}&connector=hubspot",
        "/contacts?flag=wrong_number&status=unreachable", "/contacts/export?status=bad",
        "/runs/new", "/numbers", f"/numbers/{encrypt_number(ctx.keys, NUMBER)}",
        f"/contacts/hubspot/contacts/{row.record_id}", f"/contacts/hubspot/contacts/{record_id}",
        *(f"/segments?by={by}" for by in ("source", "campaign")),
        "/segments/of?connector=hubspot&by=country&value=US",
        "/segments/shared", "/segments/history", "/suppressions", "/endpoints",
        "/duplicates", "/duplicates/export?kind=family",
        "/endpoints/dialer", "/endpoints/dialer?state=parked&watch=1", "/endpoints/dialer?before=1",
        "/reviews", "/ask", "/spend", "/providers", "/settings", "/alerts", "/access", "/audit",
    ]  # fmt: skip


@pytest.mark.parametrize("part", range(PARTS))
def test_every_page_is_accessible_fits_and_runs_no_script_of_others(
    chromium: Browser, serve: Serve, ctx: Context, sandbox: Sandbox, sync: Sync, part: int
) -> None:
    """On a desktop in light and dark, then made as narrow as a phone: in other colours only the
    contrast is another, and no colour depends on the width."""
    paths = all_page_urls(ctx, sync, sandbox)[part::PARTS]
    url = serve()
    page = chromium.new_page(bypass_csp=True, reduced_motion="reduce")
    let_in(page, ctx)
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("dialog", lambda dialog: problems.append(dialog.message))
    for path in paths:
        show(page, 1440, "light")
        answer = page.goto(url + path)
        assert answer is not None
        assert answer.status == 200, path
        assert page.locator("main script, main b > b").count() == 0, path
        assert page.locator("#find").input_value() == "", f"{path}: nobody has searched"
        problems += look(page, path)
        show(page, 1440, "dark")
        if report := too_little_contrast(page):
            problems.append(f"{path}, dark: {report}")
        show(page, 390, "dark")
        problems += look(page, path)
    assert not problems, "\n".join(problems)
    page.close()


def show(page: Page, width: int, scheme: Any) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)


def look(page: Page, path: str) -> Iterator[str]:
    """What is wrong with a page as it is shown."""
    width = page.evaluate("window.innerWidth")
    if report := inaccessible(page):
        yield f"{path}, {width} px: {report}"
    over = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    if over > 0:
        yield f"{path} is {over} px wider than {width} px"
    if shots := os.environ.get("SCREENSHOTS"):
        name = path.partition("?")[0].strip("/").replace("/", "-")[:40] or "overview"
        for shown in ("light", "dark"):
            page.emulate_media(color_scheme=shown)
            page.wait_for_timeout(300)  # until charts are drawn again
            page.screenshot(path=f"{shots}/{name}-{width}-{shown}.png", full_page=True)

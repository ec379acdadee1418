"""Flows without dead ends: each page says what happened, what is meant, and what to do next."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
from admin_pages import NAMES, SIZES, admin_page, assert_well_made, text_of
from constants import NUMBER
from crms import Crm
from fixture_types import Serve, Sync
from logins import by_link
from processes import until

from config import effective
from config.credentials import HubSpotCredentials, SalesforceCredentials
from config.hints import ENVIRONMENT, hint
from sandbox.run import Sandbox
from sandbox.service import Fault
from worker.access import audit, tokens
from worker.access.model import SCOPE_WORDS, SCOPES
from worker.context import Context
from worker.queries import audit_words
from worker.segments import counters
from worker.sync.runs import lifecycle
from worker.web.encrypted_numbers import encrypt_number

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture(params=SIZES, ids=NAMES)
def page(request: pytest.FixtureRequest, chromium: Browser, ctx: Context) -> Iterator[Page]:
    with admin_page(chromium, ctx, *request.param) as opened:
        yield opened


def test_a_scope_that_matches_nothing_says_so_before_it_runs(
    page: Page, serve: Serve, ctx: Context, sync: Sync
) -> None:
    sync(ctx, "salesforce")
    counters.count(ctx)
    page.goto(f"{serve()}/runs/new?connector=salesforce&segment=source%3DPurchased+Lst")
    page.get_by_role("button", name="Forecast").click()
    text = text_of(page)
    assert "Did you mean Purchased List?" in text
    assert page.get_by_role("button", name="Forecast anyway").is_visible()
    assert_well_made(page, "scope-nothing")
    page.get_by_role("link", name="Purchased List").click()
    page.wait_for_load_state()
    assert page.locator("input[name=value]").input_value() == "Purchased List"
    page.get_by_role("button", name="Forecast").click()
    page.wait_for_url(re.compile(r"/runs/\d{8}-"))


def test_one_record_of_last_nights_run_is_undone_in_four_clicks(
    page: Page, serve: Serve, ctx: Context, sync: Sync, sandbox: Sandbox
) -> None:
    run = sync(ctx, "salesforce")["run"]
    crm = Crm.all(sandbox)["salesforce"]
    page.goto(f"{serve(working=True)}/")
    if (menu := page.get_by_role("button", name="Menu")).is_visible():  # on a phone
        menu.click()
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Runs").click()
    page.locator(f"tbody a[href='/runs/{run}']").first.click()
    first = page.get_by_role("link", name="Undo the changes to").first
    target = (first.get_attribute("href") or "").rpartition("id=")[2]
    assert_well_made(page, "run-with-writes")
    first.click()
    assert "Only this record is restored" in text_of(page)
    assert_well_made(page, "undo-one-record")
    page.get_by_label("Why").fill("a wrong number")
    page.get_by_role("button", name="Undo").click()
    page.wait_for_url(re.compile(r"/runs/\d{8}-\d{6}-\w{6}$"))
    assert f"Undo of {run}, only {target}" in text_of(page)
    until(lambda: lifecycle.recent(ctx)[0].state == "done", "the undo")
    table = next(t for t in sandbox.salesforce.org.tables.values() if t.get(target))
    assert not (table.get(target) or {}).get("Phone_Hygiene_Reason__c")
    assert sum(crm.get(record_id, "reason") is not None for record_id in crm.ids()) > 10


def test_a_run_in_which_all_failed_is_red_everywhere(
    page: Page, serve: Serve, ctx: Context, sync: Sync, sandbox: Sandbox
) -> None:
    sandbox.hubspot.faults.append(
        Fault("POST .*batch/update", "status", status=400, times=10_000,
              body={"status": "error", "category": "VALIDATION_ERROR", "message": "no"})
    )  # fmt: skip
    run = sync(ctx, "hubspot")["run"]
    url = serve()
    for path in ("/", "/runs", f"/runs/{run}"):
        page.goto(url + path)
        pill = page.locator(".pill.all_failed, .pill.failed").first
        colour = pill.evaluate("node => getComputedStyle(node).color")
        red, green, blue = map(int, re.findall(r"\d+", colour)[:3])
        assert red > 1.5 * max(green, blue) or (red > 240 and green < 200), path
    text = text_of(page)
    assert "No record of this run could be written" in text
    assert "59 records (validation): a rule of the CRM refuses the write; exempt" in text
    assert "HubSpot refused the request. hubspot: HTTP 400 VALIDATION_ERROR: no" in text
    assert_well_made(page, "run-all-failed")
    page.set_viewport_size({"width": 390, "height": 900})  # names as long as OTHER_CAMPAIGNS fit
    sources = page.get_by_role("region", name="Sources")
    assert sources.evaluate("one => one.scrollWidth <= one.clientWidth")
    page.goto(f"{url}/runs?state=failed")
    assert page.locator(f"tbody a[href='/runs/{run}']").count() == 1
    assert_well_made(page, "runs-failed")
    page.goto(f"{url}/setup")
    step = page.locator(".step").filter(has_text="First sync")
    assert "No record could be written in the last one" in step.inner_text()
    assert step.locator(".pill.failed").count() == 1


def test_each_crms_confirmation_shows_as_it_comes_and_then_nothing_is_asked(
    page: Page, serve: Serve, ctx: Context, sandbox: Sandbox, sync: Sync
) -> None:
    for name, crm in Crm.all(sandbox).items():
        crm.edit(crm.ids()[0], {f"phone/{crm.phone}": NUMBER})
        sync(ctx, name)
    page.goto(f"{serve(working=True)}/numbers/{encrypt_number(ctx.keys, NUMBER)}")
    page.get_by_role("button", name="Suppress…").click()
    panel = page.locator("dialog[open]")
    panel.get_by_label("Why").fill("asked us at the fair")
    panel.get_by_role("button", name="Suppress").click()
    page.get_by_text("Confirmed by HubSpot").wait_for(timeout=30_000)  # without a reload
    page.get_by_text("Confirmed by Salesforce").wait_for(timeout=30_000)
    page.locator("#suppressed").get_by_role("heading", name="Suppressed").wait_for()
    assert page.locator("#evidence").get_attribute("hx-get") is None
    statuses = page.locator("#holders .pill").all_inner_texts()
    assert statuses == ["do not contact"] * 2, "the list of contacts is renewed as well"
    assert_well_made(page, "number-confirmed")


class TestSettings:
    def test_are_filtered_while_one_types_and_changed_ones_come_first(
        self, page: Page, serve: Serve
    ) -> None:
        url = serve('[sync]\nevery = "7m"\n')
        page.goto(f"{url}/settings")
        rows = page.locator("[data-filtered] > tr")
        origins = rows.locator("td:nth-child(3)").all_inner_texts()
        assert origins == sorted(origins, key=lambda text: text == "default")
        page.get_by_label("Filter").fill("pulls what has changed")
        assert rows.filter(visible=True).count() == 1
        assert "sync.every" in rows.filter(visible=True).inner_text()
        page.get_by_label("Filter").fill("no such setting")
        assert page.locator("[data-filter-count]").inner_text() == "Nothing matches"
        page.get_by_label("Filter").fill("pulls what has changed")
        assert_well_made(page, "settings")

    def test_have_a_hint_each_which_is_the_documentations(self) -> None:
        table = (DOCS / "settings.md").read_text()
        plain = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", table).replace("`", "")
        for name, text in ENVIRONMENT.items():
            assert text in plain, name
            assert name in plain
        assert len(set(ENVIRONMENT.values())) == len(ENVIRONMENT), "each says what it alone is for"
        assert hint("policy.normalize").startswith("true: rewrite")

    def test_are_explained_without_an_exception(self, ctx: Context) -> None:
        names = {setting.name for setting in effective.describe(ctx.settings)}
        assert "verification.budget.run_lookups" in names
        assert [name for name in sorted(names) if not hint(name)] == []
        credentials = {
            f"{kind}_{name}".upper()
            for kind, model in (
                ("salesforce", SalesforceCredentials),
                ("hubspot", HubSpotCredentials),
            )
            for name in model.model_fields
        }
        assert "SALESFORCE_PUBSUB_URL" in credentials
        assert credentials <= ENVIRONMENT.keys()

    def test_are_a_plain_list_without_scripts(self, serve: Serve, ctx: Context) -> None:
        text = by_link(ctx).get(f"{serve()}/settings").text
        assert re.search(r"<div class=\"filter\" data-filter-bar hidden>", text)
        assert "sync.<wbr>every" in text


@pytest.mark.parametrize("scope", ["rescan", "suppress"])
def test_a_token_that_lacks_a_scope_is_told_which_in_the_words_of_the_form(
    serve: Serve, ctx: Context, scope: str
) -> None:
    secret, _made = tokens.make(ctx.store, "reader", ["read"], "kim", ctx.now())
    path = {"rescan": "/api/runs/x/pause", "suppress": "/api/suppressions"}[scope]
    url = serve()
    answer = requests.post(
        url + path, headers={"Authorization": f"Bearer {secret}"}, json={"reason": "abc"}
    )
    assert answer.status_code == 403
    assert f"“{SCOPE_WORDS[scope]}” ({scope})" in answer.json()["error"]
    form = by_link(ctx).get(f"{url}/access").text
    assert all(SCOPE_WORDS[name] in form for name in SCOPES)


class TestTheAuditLog:
    def test_is_in_words_with_the_action_on_hover(
        self, page: Page, serve: Serve, ctx: Context, sync: Sync
    ) -> None:
        run = sync(ctx, "salesforce")["run"]
        audit.note(ctx.store, ctx.now(), "Kim", "run.undo", run, "a test")
        audit.note(ctx.store, ctx.now(), "Kim", "run.start", f"{run} salesforce: all contacts")
        audit.note(ctx.store, ctx.now(), "Kim", "number.suppress", audit.masked(NUMBER), "asked")
        page.goto(f"{serve()}/audit")
        text = text_of(page)
        assert f"Kim undid run {run} of Salesforce" in text
        assert f"started run {run} of Salesforce: all contacts" in text
        assert f"suppressed {audit.masked(NUMBER)}" in text
        assert page.locator("[title='run.undo']").count() == 1
        assert_well_made(page, "audit")

    def test_has_words_for_every_action_that_is_noted(self) -> None:
        source = Path(audit.__file__).parents[1]
        pattern = re.compile(r"note\([^)]*?\"((?!api)[a-z_]+\.[a-z_]+)\"", re.DOTALL)
        noted = {
            name for path in source.rglob("*.py") for name in pattern.findall(path.read_text())
        }
        assert len(noted) > 10
        assert {
            name for name in noted if audit_words.words(name).endswith(name[-3:] + ":")
        } == set()

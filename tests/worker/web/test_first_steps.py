"""Getting started: the first steps, their states, and the test of a connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from admin_pages import NAMES, SIZES, admin_page, assert_well_made, text_of
from fixture_types import Serve, Sync
from logins import by_link

from config.settings import Settings
from sandbox.run import Sandbox
from sandbox.service import Fault
from worker.access import users
from worker.context import Context
from worker.ops.connection_check import check_connection
from worker.queries import first_steps

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(params=SIZES, ids=NAMES)
def page(request: pytest.FixtureRequest, chromium: Browser, ctx: Context) -> Iterator[Page]:
    with admin_page(chromium, ctx, *request.param) as opened:
        yield opened


def states(ctx: Context) -> dict[str, str]:
    return {step.name: step.state for step in first_steps.steps(ctx)}


def test_states_come_from_our_tables_and_ask_no_crm(
    ctx: Context, sandbox: Sandbox, sync: Sync
) -> None:
    before = sandbox.salesforce.counters.total(), sandbox.hubspot.counters.total()
    assert states(ctx) == {
        "connect-salesforce": "to_do", "connect-hubspot": "to_do", "fields": "to_do",
        "dry_run": "to_do", "sync": "to_do", "webhooks": "to_do", "users": "to_do",
    }  # fmt: skip
    assert (sandbox.salesforce.counters.total(), sandbox.hubspot.counters.total()) == before
    assert check_connection(ctx, "salesforce").error == ""
    sync(ctx, "hubspot", "everything", dry_run=True)
    assert not first_steps.has_synced(ctx)
    sync(ctx, "hubspot")
    users.upsert_user(ctx.store, "Kim", "a long enough password", "admin", ctx.now())
    assert first_steps.has_synced(ctx)
    by_name = states(ctx)
    assert by_name.pop("webhooks") == "to_do"
    assert set(by_name.values()) == {"done"}


def test_a_crm_that_is_not_used_is_optional_once_another_is_connected(
    make_settings: Callable[..., Settings],
) -> None:
    none = Context.create(make_settings("[connectors.salesforce]\nenabled = false\n"))
    by_name = {step.name: step for step in first_steps.steps(none)}
    assert by_name["connect-salesforce"].state == "optional"
    assert by_name["connect-salesforce"].variables[0] == "SALESFORCE_LOGIN_URL"
    none.close()


def test_a_refused_connection_says_which_variables_to_check(ctx: Context, sandbox: Sandbox) -> None:
    sandbox.hubspot.faults.append(
        Fault(".*", "status", status=401, body={"message": "bad token", "category": "X"})
    )
    assert check_connection(ctx, "hubspot").error
    step = {entry.name: entry for entry in first_steps.steps(ctx)}["connect-hubspot"]
    assert step.state == "failed"
    assert "HUBSPOT_ACCESS_TOKEN" in step.variables
    assert step.text.startswith("HubSpot: HUBSPOT_ACCESS_TOKEN was not accepted")


def test_a_refusal_that_we_have_no_sentence_for_is_said_in_plain_words(
    ctx: Context, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    body = {"message": "odd", "category": "ODD_THING", "status": "error"}
    sandbox.hubspot.faults.append(Fault(".*", "status", status=422, times=99, body=body))
    error = check_connection(ctx, "hubspot").error
    assert error == "HubSpot refused the request. The log of the web process has its answer."
    assert "HTTP 422 ODD_THING" in caplog.text
    sandbox.hubspot.faults.clear()
    check_connection(ctx, "hubspot")
    assert states(ctx)["connect-hubspot"] == "done"


class TestTheChecklist:
    def test_is_the_overview_until_a_sync_is_finished_and_tests_connections_in_place(
        self, page: Page, serve: Serve, ctx: Context, sync: Sync
    ) -> None:
        url = serve()
        page.goto(url)
        assert "Getting started" in text_of(page)
        assert_well_made(page, "first-steps")
        page.get_by_role("button", name="Test the connection").first.click()
        page.get_by_text("Connected.").wait_for()
        assert page.url.rstrip("/") == url
        sync(ctx, "hubspot")
        page.goto(url)
        assert "Getting started: 3 steps left" in text_of(page)
        assert "Latest runs" in text_of(page)
        assert_well_made(page, "first-steps-left")
        page.get_by_role("button", name="Hide").click()
        assert "Getting started" not in text_of(page)
        page.goto(f"{url}/settings")
        page.get_by_role("link", name="Getting started").click()
        page.get_by_role("button", name="Show on the overview again").click()
        assert "Getting started" in text_of(page)

    def test_shows_what_is_wrong_and_what_to_do(
        self, page: Page, serve: Serve, sandbox: Sandbox
    ) -> None:
        sandbox.hubspot.faults.append(
            Fault(".*", "status", status=401, body={"message": "bad token", "category": "X"})
        )
        page.goto(serve())
        page.get_by_role("button", name="Test the connection").last.click()
        page.get_by_text("Check these variables").wait_for()
        code = page.locator("#steps code").all_inner_texts()
        assert {"hygiene crm setup salesforce", "hygiene crm setup hubspot"} <= set(code)
        assert "HUBSPOT_ACCESS_TOKEN" in text_of(page)
        assert_well_made(page, "first-steps-error")


def test_fields_that_are_missing_are_named(
    bare_sandbox: Sandbox, make_settings: Callable[..., Settings]
) -> None:
    bare = Context.create(make_settings("", **bare_sandbox.env()))
    check_connection(bare, "hubspot")
    step = {entry.name: entry for entry in first_steps.steps(bare)}["fields"]
    assert step.problems
    assert "hygiene crm setup" in step.text
    bare.close()


def test_a_connection_is_tested_by_an_admins_own_form_alone(serve: Serve, ctx: Context) -> None:
    answer = by_link(ctx).post(f"{serve()}/setup/check/hubspot", data={"csrf": "x"})
    assert answer.status_code == 403

"""Held removals on the admin's pages, by the API, in the metrics and as an alert."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
import requests
import sqlalchemy as sa
from admin_pages import assert_well_made
from crms import Crm
from fixture_types import Serve, Sync
from logins import let_in

from worker.access import audit
from worker.alerts import notifier, rules
from worker.context import Context
from worker.store.tables import contacts
from worker.sync.runs import lifecycle, removal_holds

if TYPE_CHECKING:
    from playwright.sync_api import Browser

GUARD = "[sync]\nmax_removals_floor = 4\n"


@pytest.fixture
def ctx(make_context: Callable[..., Context]) -> Context:
    return make_context(GUARD)


def held_run(ctx: Context, crm: Crm, sync: Sync, count: int = 20) -> str:
    sync(ctx, crm.name)
    crm.hide(crm.ids()[:count])
    return str(sync(ctx, crm.name, "everything")["run"])


def count_indexed(ctx: Context, crm: Crm) -> int:
    query = sa.select(sa.func.count()).where(contacts.c.object == crm.object)
    with ctx.store.read() as connection:
        return connection.scalar(query) or 0


def wait_for_end(ctx: Context, run_id: str) -> str:
    until = time.monotonic() + 30
    while lifecycle.load(ctx, run_id).active and time.monotonic() < until:
        time.sleep(0.1)
    return lifecycle.load(ctx, run_id).state


class TestTheApi:
    def test_lists_them_and_accepts_them(
        self, serve: Serve, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        run_id = held_run(ctx, crm, sync)
        before = count_indexed(ctx, crm)
        url = serve(GUARD, working=True, ADMIN_TOKEN="secret")
        headers = {"Authorization": "Bearer secret"}
        (entry,) = requests.get(f"{url}/api/removals", headers=headers).json()["removals"]
        assert (entry["connector"], entry["object"], entry["run"]) == (crm.name, crm.object, run_id)
        assert (entry["records"], entry["indexed"], len(entry["examples"])) == (20, before, 5)
        assert requests.get(f"{url}/api/removals").status_code == 401
        asked = {"connector": crm.name, "accept_removals": True, "reason": "they left us"}
        refused = requests.post(f"{url}/api/rescans", json={**asked, "ids": ["1"]}, headers=headers)
        assert refused.status_code == 422
        opened = requests.post(f"{url}/api/rescans", json=asked, headers=headers)
        assert opened.status_code == 202
        assert wait_for_end(ctx, opened.json()["run"]) == "done"
        result = requests.get(f"{url}/api/runs/{opened.json()['run']}", headers=headers).json()
        assert result["removals"][0]["state"] == "removed"
        assert count_indexed(ctx, crm) == before - 20
        assert requests.get(f"{url}/api/removals", headers=headers).json() == {"removals": []}
        noted = audit.entries(ctx.store)[0]
        assert (noted["action"], noted["why"]) == ("removals.accept", "they left us")

    def test_is_described(self, serve: Serve) -> None:
        document = requests.get(f"{serve(ADMIN_TOKEN='secret')}/openapi.json").json()
        assert "/api/removals" in document["paths"]
        wanted = document["components"]["schemas"]["RescanRequest"]["properties"]
        assert "description" in wanted["accept_removals"]


class TestTheMetric:
    def test_says_how_many_wait(self, serve: Serve, ctx: Context, crm: Crm, sync: Sync) -> None:
        url = serve(GUARD)
        assert "hygiene_removals_held{" not in requests.get(f"{url}/metrics").text
        held_run(ctx, crm, sync)
        line = f'hygiene_removals_held{{connector="{crm.name}",object="{crm.object}"}} 20.0'
        assert line in requests.get(f"{url}/metrics").text


class TestTheAlert:
    def test_stands_until_it_is_cleared(self, ctx: Context, crm: Crm, sync: Sync) -> None:
        sync(ctx, crm.name)
        hidden = crm.hide(crm.ids()[:20])
        run_id = sync(ctx, crm.name, "everything")["run"]
        (alert,) = rules.current(ctx)
        assert (alert.kind, alert.path) == ("removals_held", f"/runs/{run_id}")
        assert "--accept-removals" in alert.text
        notifier.evaluate(ctx)
        sync(ctx, crm.name)
        notifier.evaluate(ctx)
        assert [alert["kind"] for alert in notifier.active(ctx)] == ["removals_held"]
        crm.show(hidden)
        sync(ctx, crm.name, "everything")
        notifier.evaluate(ctx)
        assert notifier.active(ctx) == []

    def test_can_be_turned_off(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync
    ) -> None:
        ctx = make_context(GUARD + "[alerts]\nremovals_held = false\n")
        held_run(ctx, crm, sync)
        assert rules.current(ctx) == []


@pytest.mark.parametrize("width", [1440, 390])
def test_the_pages_show_them_with_a_button(
    chromium: Browser, serve: Serve, ctx: Context, crm: Crm, sync: Sync, width: int
) -> None:
    run_id = held_run(ctx, crm, sync)
    before = count_indexed(ctx, crm)
    notifier.evaluate(ctx)
    url = serve(GUARD, working=True)
    page = chromium.new_page(viewport={"width": width, "height": 900})
    let_in(page, ctx)
    page.goto(url)
    assert_well_made(page, "overview-held")
    assert page.locator(".needs li").count() == 1, "the alert says it no second time"
    page.goto(f"{url}/runs/{run_id}")
    assert_well_made(page, "run-held")
    assert page.locator(".alert-warning").count() == 1, "the run's note says it no second time"
    assert "Accept removals" in page.inner_text(".alert-warning")
    page.goto(url)
    page.click("a.btn:has-text('Review')")
    assert_well_made(page, "accept")
    page.fill("input[name=why]", "they left us")
    page.click("button:has-text('Accept removals')")
    opened = page.url.rpartition("/")[2]
    assert wait_for_end(ctx, opened) == "done"
    page.goto(f"{url}/runs/{opened}")
    assert_well_made(page, "run-accepted")
    assert count_indexed(ctx, crm) == before - 20
    with ctx.store.read() as connection:
        assert removal_holds.load(connection) == []
    gone = page.goto(f"{url}/runs/{run_id}/accept-removals")
    assert gone is not None
    assert gone.status == 409
    page.close()

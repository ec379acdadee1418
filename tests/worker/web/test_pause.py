"""The switch that pauses everything, by the API and on the admin's pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests
from admin_pages import text_of
from constants import NUMBER
from fixture_types import Serve
from logins import by_link, let_in

from worker.access import audit
from worker.context import Context
from worker.ops import pausing
from worker.store import pause
from worker.suppression import suppressions
from worker.suppression.apply_reports import apply_pending

if TYPE_CHECKING:
    from playwright.sync_api import Browser


class TestTheApi:
    def test_a_report_by_the_api_is_stored(self, serve: Serve, ctx: Context) -> None:
        pausing.pause_all(ctx, "ann", "a wrong list")
        url = serve(ADMIN_TOKEN="secret")
        answer = requests.post(
            f"{url}/api/feedback", headers={"Authorization": "Bearer secret"}, timeout=10,
            json={"number": NUMBER, "kind": "opt_out", "key": "1"},
        )  # fmt: skip
        assert answer.ok, answer.text
        apply_pending(ctx)
        assert [entry.number for entry in suppressions.list_suppressions(ctx)] == [NUMBER]

    def test_pauses_tells_and_resumes(self, serve: Serve, ctx: Context) -> None:
        url = serve(ADMIN_TOKEN="secret")

        def ask(method: str, path: str, status: int, body: Any = None) -> Any:
            answer = requests.request(
                method, f"{url}/api/{path}", json=body, timeout=10,
                headers={"Authorization": "Bearer secret"},
            )  # fmt: skip
            assert answer.status_code == status, answer.text
            return answer.json()

        assert ask("GET", "overview", 200)["paused"] is None
        ask("POST", "resume", 409)
        ask("POST", "pause", 200, {"reason": "a wrong list"})
        assert ask("GET", "overview", 200)["paused"]["reason"] == "a wrong list"
        refused = ask("POST", "rescans", 409, {"connector": "hubspot", "reason": "why not"})
        assert "Everything is paused" in refused["error"]
        assert ask("POST", "resume", 200) == {"paused": None}
        assert pause.find(ctx.store) is None
        assert requests.post(f"{url}/api/pause", timeout=10).status_code == 401


class TestThePages:
    def test_an_admin_pauses_with_a_reason_and_resumes_from_any_page(
        self, serve: Serve, ctx: Context, chromium: Browser
    ) -> None:
        url = serve()
        page = chromium.new_page()
        let_in(page, ctx)
        page.goto(f"{url}/settings")
        page.get_by_role("button", name="Pause everything").click()
        page.get_by_label("Why everything is paused").fill("a wrong list")
        page.get_by_role("button", name="Pause", exact=True).click()
        assert "a wrong list" in text_of(page)
        stored = pause.find(ctx.store)
        assert stored is not None
        for path in ("/", "/contacts", "/suppressions", "/settings", "/runs/new"):
            page.goto(url + path)
            assert "Everything is paused" in text_of(page), path
        assert not page.get_by_role("button", name="Pause everything").is_visible()
        page.get_by_role("button", name="Resume").click()
        page.get_by_text("Everything has resumed").wait_for()
        assert pause.find(ctx.store) is None
        page.close()

    def test_a_run_is_refused_with_the_reason(self, serve: Serve, ctx: Context) -> None:
        url, session = serve(), by_link(ctx)
        form = {"csrf": _csrf(session, url), "connector": "hubspot", "kind": "changed"}
        pausing.pause_all(ctx, "ann", "a wrong list")
        answer = session.post(f"{url}/runs", data=form, timeout=10)
        assert answer.status_code == 409, answer.text
        assert "Everything is paused" in answer.text

    @pytest.mark.parametrize("path", ["/pause", "/resume"])
    def test_a_form_of_another_site_is_refused(self, serve: Serve, ctx: Context, path: str) -> None:
        url, session = serve(), by_link(ctx)
        answer = session.post(url + path, data={"csrf": "guess", "why": "because"}, timeout=10)
        assert answer.status_code == 403
        assert audit.entries(ctx.store) == []


def _csrf(session: requests.Session, url: str) -> str:
    text = session.get(f"{url}/runs/new", timeout=10).text
    return text.split('name="csrf" value="')[1].split('"')[0]

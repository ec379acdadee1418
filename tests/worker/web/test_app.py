"""The web process over real HTTP: health, readiness, the runs page, and who may see it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from constants import CLOSED_PORT
from crms import Crm
from fixture_types import Serve, Sync
from logins import by_link

from sandbox.run import Sandbox
from worker.context import Context
from worker.store import embedded_redis, heartbeat


class TestHealth:
    def test_the_process_is_alive_whatever_else_is_not(self, serve: Serve) -> None:
        url = serve(DATABASE_URL=f"postgresql://nobody@{CLOSED_PORT}/none")
        assert requests.get(f"{url}/healthz").status_code == 200
        ready = requests.get(f"{url}/readyz")
        assert ready.status_code == 503
        away = "does not answer"
        assert ready.json() == {"database": away, "redis": away, "queue": "not known"}

    def test_it_is_ready_when_database_and_redis_answer(
        self, serve: Serve, tmp_path: Path, ctx: Context
    ) -> None:
        """And says whether the others are at work: webhooks are taken all the same."""
        embedded_redis.ensure(tmp_path / "home")
        try:
            url = serve()
            idle = requests.get(f"{url}/readyz")
            heartbeat.record(ctx.store, ctx.now())
            ready = requests.get(f"{url}/readyz")
        finally:
            embedded_redis.stop(tmp_path / "home")
        assert idle.status_code == 200
        assert "start a worker and beat" in idle.json()["queue"]
        assert ready.json() == {"database": "ok", "redis": "ok", "queue": "ok"}


class TestRunsPage:
    def test_it_lists_runs_and_shows_what_each_did(
        self, serve: Serve, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        target = next(rid for rid in crm.ids() if crm.get(rid, f"phone/{crm.phone}"))
        crm.edit(target, {f"phone/{crm.phone}": "<b>ask Kim</b>"})
        result = sync(ctx, crm.name)
        url = serve()
        session = by_link(ctx)
        listed = session.get(url)  # the first page leads there
        assert listed.status_code == 200
        assert result["run"] in listed.text
        page = session.get(f"{url}/runs/{result['run']}").text
        assert "invalid" in page
        assert target in page
        assert "<b>ask Kim" not in page
        assert not re.search(r"https?://(?!127\.0\.0\.1)[\w.]*\.(com|net|io)/.*\.(js|css)", page)

    def test_an_empty_list_says_how_to_start(self, serve: Serve, ctx: Context) -> None:
        assert "Start a run" in by_link(ctx).get(f"{serve()}/runs").text

    def test_a_run_that_is_not_there_is_a_404(self, serve: Serve, ctx: Context) -> None:
        assert by_link(ctx).get(f"{serve()}/runs/20990101-000000-abcdef").status_code == 404

    def test_pages_allow_no_foreign_script_or_frame(self, serve: Serve) -> None:
        headers = requests.get(f"{serve()}/runs").headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


class TestWhoMaySeeIt:
    def test_with_a_password_only_who_knows_it(self, serve: Serve) -> None:
        url = serve(ADMIN_PASSWORD="fictional")
        assert requests.get(f"{url}/runs").status_code == 401
        assert requests.get(f"{url}/runs", auth=("admin", "wrong")).status_code == 401
        assert requests.get(f"{url}/runs", auth=("admin", "fictional")).status_code == 200
        assert requests.get(f"{url}/healthz").status_code == 200

    @pytest.mark.parametrize(
        "headers",
        [{"X-Forwarded-For": "192.0.2.7"}, {"Forwarded": "for=192.0.2.7"}, {"Host": "x.example"}],
    )
    def test_without_one_nobody_from_elsewhere(self, serve: Serve, headers: dict[str, str]) -> None:
        assert requests.get(f"{serve()}/runs", headers=headers).status_code == 403


class TestSpend:
    def test_it_shows_what_lookups_cost_and_how_the_providers_do(
        self, serve: Serve, make_context: Callable[..., Context], sandbox: Sandbox, sync: Sync
    ) -> None:
        keys = sandbox.env("twilio", "numverify")
        ctx = make_context("[verification.providers.twilio]\nper_second = 5000\n", **keys)
        sandbox.numverify.keys.clear()
        run = sync(ctx, "hubspot")["run"]
        url = serve(**keys)
        session = by_link(ctx)
        page = session.get(f"{url}/spend").text
        for words in (
            "Today",
            "50.00 USD",
            "Twilio",
            "paused",
            "NumVerify",
            "Does not accept our key",
        ):
            assert words in page
        detail = session.get(f"{url}/runs/{run}").text
        assert "Lookups" in detail
        assert f"{0.008 * sandbox.twilio.charges:.2f}" in detail


def test_an_error_page_says_what_happened_and_beneath_it_what_to_do(
    serve: Serve, ctx: Context
) -> None:
    session, url = by_link(ctx), serve()
    for path, headline, detail in (
        ("/nowhere", "Page not found", "The address may be old or mistyped."),
        ("/contacts?status=odd", "There is no such filter", "Status: choose one of bad, "),
        ("/contacts?after=x", "There is no such list", "After: not a place in this list"),
        ("/numbers/x", "This address is no longer valid", "Search again."),
    ):
        text = session.get(url + path).text
        assert re.search(rf"<h1[^>]*>{headline}</h1>", text), path
        assert f'<p class="empty-subtitle soft">{detail}' in text, path

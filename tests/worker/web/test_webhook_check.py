"""The test of webhooks: a signed request to our own PUBLIC_URL, verified and counted as nothing."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
import requests
import sqlalchemy as sa
from admin_pages import NAMES, SIZES, admin_page, assert_well_made, text_of
from fixture_types import Serve

from worker.context import Context
from worker.queries import first_steps
from worker.store.tables import audit_log, changed_records, feedback, last_delivered, reviews
from worker.web import webhook_check
from worker.web.webhook_check import check_webhooks

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SECRETS = {"TWILIO_ACCOUNT_SID": "AC" + "1" * 32, "TWILIO_AUTH_TOKEN": "a token",
           "HUBSPOT_CLIENT_SECRET": "a secret"}  # fmt: skip
SERVICES = ("twilio", "hubspot")


class Front:
    """What stands at PUBLIC_URL: passes requests on to `target`, or answers with `status`."""

    def __init__(self) -> None:
        self.target = ""
        self.status = 0
        self.headers: dict[str, str] = {}
        self.trickles = False
        self.paths: list[str] = []
        front = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                front.paths.append(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if front.trickles:
                    for _ in range(200):
                        try:
                            self.wfile.write(b"H")
                            self.wfile.flush()
                        except OSError:
                            return
                        time.sleep(0.05)
                    return
                status = front.status
                if front.target:
                    sent = {k: v for k, v in self.headers.items() if k.lower() != "host"}
                    url = front.target + self.path
                    status = requests.post(url, data=body, headers=sent).status_code
                self.send_response(status)
                for name, value in front.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@contextmanager
def opened() -> Iterator[Front]:
    front = Front()
    try:
        yield front
    finally:
        front.close()


@pytest.fixture
def front() -> Iterator[Front]:
    with opened() as front:
        yield front


@pytest.fixture
def configured(make_context: Callable[..., Context], front: Front) -> Context:
    return make_context(PUBLIC_URL=front.url, **SECRETS)


def step(ctx: Context) -> first_steps.Step:
    return next(step for step in first_steps.steps(ctx) if step.name == "webhooks")


@pytest.mark.parametrize("service", SERVICES)
class TestATest:
    def test_that_comes_through_is_verified_and_counts_as_nothing(
        self, serve: Serve, configured: Context, front: Front, service: str
    ) -> None:
        front.target = serve(PUBLIC_URL=front.url, **SECRETS)
        assert step(configured).webhooks == SERVICES
        assert check_webhooks(configured, service).error == ""
        assert len(front.paths) == 2  # one with a wrong signature, which was refused
        webhooks_step = step(configured)
        assert webhooks_step.state == "done"
        assert "came through" in webhooks_step.text
        with configured.store.read() as connection:
            for table in (feedback, reviews, last_delivered, changed_records):
                assert not connection.execute(sa.select(table)).all()

    def test_with_another_secret_in_the_web_process_says_so(
        self, serve: Serve, configured: Context, front: Front, service: str
    ) -> None:
        other = dict.fromkeys(("TWILIO_AUTH_TOKEN", "HUBSPOT_CLIENT_SECRET"), "an old one")
        front.target = serve(PUBLIC_URL=front.url, **{**SECRETS, **other})
        assert "signature was refused" in check_webhooks(configured, service).error
        webhooks_step = step(configured)
        assert webhooks_step.state == "failed"
        assert "signature was refused" in webhooks_step.problems[0]

    def test_of_another_address_than_the_web_process_has_says_so(
        self, serve: Serve, configured: Context, front: Front, service: str
    ) -> None:
        front.target = serve(PUBLIC_URL="https://old.example.com", **SECRETS)
        assert "exactly the address" in check_webhooks(configured, service).error

    @pytest.mark.parametrize(
        ("status", "expected"),
        [(200, "Something else answers"), (404, "/webhooks/"), (500, "status 500"),
         (503, "no secret")],
    )  # fmt: skip
    def test_that_is_answered_by_something_else_says_what_to_do(
        self, configured: Context, front: Front, service: str, status: int, expected: str
    ) -> None:
        front.status = status
        assert expected in check_webhooks(configured, service).error

    def test_follows_no_redirect(self, configured: Context, front: Front, service: str) -> None:
        with opened() as elsewhere:
            elsewhere.status = 204
            front.status, front.headers = 301, {"Location": f"{elsewhere.url}/inside"}
            assert "redirects (status 301)" in check_webhooks(configured, service).error
            assert elsewhere.paths == []

    def test_ends_in_time_where_the_answer_never_does(
        self, configured: Context, front: Front, service: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(webhook_check, "_DEADLINE", 0.5)
        front.trickles = True
        begun = time.monotonic()
        assert "PUBLIC_URL" in check_webhooks(configured, service).error
        assert time.monotonic() - begun < 5

    def test_where_nobody_listens_says_so(
        self, make_context: Callable[..., Context], service: str
    ) -> None:
        with socket.socket() as taken:  # bound, and never listening
            taken.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{taken.getsockname()[1]}"
            ctx = make_context(PUBLIC_URL=url, **SECRETS)
            assert "cannot be reached" in check_webhooks(ctx, service).error

    def test_calls_nobody_without_a_secret(
        self, make_context: Callable[..., Context], front: Front, service: str
    ) -> None:
        ctx = make_context(PUBLIC_URL=front.url)
        with pytest.raises(KeyError):
            check_webhooks(ctx, service)
        assert front.paths == []


@pytest.fixture(params=SIZES, ids=NAMES)
def page(request: pytest.FixtureRequest, chromium: Browser, ctx: Context) -> Iterator[Page]:
    with admin_page(chromium, ctx, *request.param) as opened_page:
        yield opened_page


def test_the_checklist_tests_webhooks_in_place(
    page: Page, serve: Serve, ctx: Context, front: Front
) -> None:
    front.status = 404
    url = serve(PUBLIC_URL=front.url, **SECRETS)
    page.goto(f"{url}/setup")
    page.get_by_role("button", name="Test as Twilio").click()
    page.get_by_text("No webhook is there (status 404)").wait_for()
    assert_well_made(page, "webhooks-error")
    front.target = url
    page.get_by_role("button", name="Test as Twilio").click()
    page.get_by_text("came through").wait_for()
    page.get_by_role("button", name="Test as HubSpot").click()
    page.get_by_text("Tests as Twilio and HubSpot").wait_for()
    assert "No webhook is there" not in text_of(page)
    assert_well_made(page, "webhooks-tested")
    with ctx.store.read() as connection:
        query = sa.select(audit_log.c.target).where(audit_log.c.action == "setup.check_webhooks")
        assert list(connection.scalars(query)) == ["twilio", "twilio", "hubspot"]

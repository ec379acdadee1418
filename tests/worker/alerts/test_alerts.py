"""An operator is told of what needs a person: once, with a link, and again where it failed."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import sqlalchemy as sa
from clocks import advance_clock
from crms import Crm
from fixture_types import MakeContext, Sync

from worker.alerts import notifier, rules
from worker.context import Context
from worker.segments import counters, isolation
from worker.store.bulk import insert
from worker.store.tables import provider_states, spend
from worker.sync.runs import lifecycle
from worker.sync.runs.scope import Scope


class Hook:
    """Whoever is told by a webhook."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.status = 200
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.got.append(json.loads(body))
                self.send_response(hook.status)
                self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook?key=secret"


@pytest.fixture
def hook() -> Iterator[Hook]:
    receiver = Hook()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()


class Mail:
    """A mail server that speaks as much SMTP as a client needs."""

    def __init__(self) -> None:
        self.got: list[Any] = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"smtp://127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection, connection.makefile("rwb") as file:
                self._speak(file)

    def _speak(self, file: Any) -> None:
        def say(text: str) -> None:
            file.write(f"{text}\r\n".encode())
            file.flush()

        say("220 here")
        for line in file:
            word = line.split()[0].upper()
            if word == b"DATA":
                say("354 go on")
                text = b""
                for part in file:
                    if part == b".\r\n":
                        break
                    text += part
                self.got.append(message_from_bytes(text))
            say("250 fine")
            if word == b"QUIT":
                return


@pytest.fixture
def mail() -> Iterator[Mail]:
    receiver = Mail()
    yield receiver
    receiver.socket.close()


def a_failed_run(ctx: Context) -> str:
    run_id = lifecycle.open_run(ctx, "hubspot", Scope("changed"))
    lifecycle.fail(ctx, run_id, "hubspot: the token was refused")
    return run_id


class TestWhatIsSent:
    def test_a_run_that_failed(self, ctx: Context) -> None:
        run_id = a_failed_run(ctx)
        (alert,) = rules.current(ctx)
        assert (alert.kind, alert.path) == ("run_failed", f"/runs/{run_id}")
        assert "the token was refused" in alert.text
        advance_clock(ctx, days=2)
        assert rules.current(ctx) == []  # no news any more

    def test_a_run_whose_crm_is_quoted_has_plain_words_first(self, ctx: Context) -> None:
        run_id = lifecycle.open_run(ctx, "hubspot", Scope("changed"))
        lifecycle.fail(ctx, run_id, "hubspot: HTTP 503, after 4 tries")
        (alert,) = rules.current(ctx)
        assert alert.text == (
            f"HubSpot: run {run_id} failed: HubSpot had a fault or was down. "
            "Its answer: hubspot: HTTP 503, after 4 tries"
        )

    def test_a_provider_that_is_left_alone(self, ctx: Context) -> None:
        row = {"name": "twilio", "breaker": "open", "reason": "does not answer", "since": ctx.now(),
               "failures": 5, "kind": "failing", "cooldown": 30,
               "credentials_hash": ""}  # fmt: skip
        with ctx.store.write() as connection:
            connection.execute(sa.insert(provider_states).values(**row))
        (alert,) = rules.current(ctx)
        assert (alert.kind, "does not answer" in alert.text) == ("breaker_open", True)

    def test_a_budget_at_its_share(self, make_context: MakeContext) -> None:
        ctx = make_context("[verification.budget]\nday = 10\nmonth = 1000\n")
        for money, kinds in ((7_900_000, []), (100_000, ["budget"])):
            row = {"day": f"{ctx.now():%Y-%m-%d}", "provider": f"p{money}", "run_id": "r",
                   "money": money, "lookups": 1, "reserved_money": 0, "reserved_lookups": 0,
                   "lost": 0}  # fmt: skip
            with ctx.store.write() as connection:
                insert(connection, spend, [row])
            assert [alert.kind for alert in rules.current(ctx)] == kinds
        assert "80%" in rules.current(ctx)[0].text

    def test_a_segment_that_was_isolated_by_itself(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        sync(ctx, crm.name)
        counters.count(ctx)
        counts = {"contacts": 9, "numbers": 9, "bad": 9, "statuses": {}, "reports": {}}
        isolation.isolate(ctx, crm.name, "source", "Bought", "all bad", counts)
        isolation.isolate(ctx, crm.name, "source", "Web", "by hand", counts, who="kim")
        (alert,) = rules.current(ctx)
        assert "source Bought" in alert.text

    def test_a_watermark_that_is_old(self, ctx: Context, crm: Crm, sync: Sync) -> None:
        sync(ctx, crm.name)
        assert rules.current(ctx) == []
        advance_clock(ctx, hours=7)
        alerts = rules.current(ctx)
        assert {alert.kind for alert in alerts} == {"watermark"}
        assert "7 h ago" in alerts[0].text

    def test_nothing_that_was_turned_off(self, make_context: MakeContext) -> None:
        ctx = make_context("[alerts]\nrun_failed = false\n")
        a_failed_run(ctx)
        assert rules.current(ctx) == []


class TestDelivery:
    def test_is_done_once_with_a_link(self, make_context: MakeContext, hook: Hook) -> None:
        ctx = make_context(ALERT_WEBHOOK_URL=hook.url, PUBLIC_URL="https://hygiene.example")
        run_id = a_failed_run(ctx)
        assert notifier.evaluate(ctx) == 1
        assert notifier.evaluate(ctx) == 0
        (message,) = hook.got
        assert message["link"] == f"https://hygiene.example/runs/{run_id}"
        assert "the token was refused" in message["text"]
        (standing,) = notifier.active(ctx)
        assert standing["sent"] == ["webhook"]

    def test_is_tried_again_where_it_failed_and_not_for_ever(
        self, make_context: MakeContext, hook: Hook
    ) -> None:
        ctx = make_context(ALERT_WEBHOOK_URL=hook.url)
        a_failed_run(ctx)
        hook.status = 503
        now = ctx.now()
        assert notifier.evaluate(ctx) == 0
        assert notifier.evaluate(ctx) == 0
        assert len(hook.got) == 1  # not at once
        for n in range(1, 30):
            ctx.now = lambda n=n: now + timedelta(minutes=30 * n)
            notifier.evaluate(ctx)
        assert len(hook.got) == 10
        assert "503" in notifier.active(ctx)[0]["error"]

    def test_is_done_by_one_worker_of_several(self, make_context: MakeContext, hook: Hook) -> None:
        first = make_context(ALERT_WEBHOOK_URL=hook.url)
        a_failed_run(first)
        others = [make_context(ALERT_WEBHOOK_URL=hook.url) for _ in range(3)]
        threads = [
            threading.Thread(target=notifier.evaluate, args=(ctx,)) for ctx in (first, *others)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(hook.got) == 1

    def test_follows_nobody_elsewhere(self, make_context: MakeContext, hook: Hook) -> None:
        ctx = make_context(ALERT_WEBHOOK_URL=hook.url)
        a_failed_run(ctx)
        hook.status = 307
        assert notifier.evaluate(ctx) == 0
        assert len(hook.got) == 1

    def test_goes_by_email_too_and_one_channel_does_not_wait_for_the_other(
        self, make_context: MakeContext, hook: Hook, mail: Mail
    ) -> None:
        toml = '[alerts]\nemail_to = ["ops@example.com"]\nemail_from = "hygiene@example.com"\n'
        ctx = make_context(toml, SMTP_URL=mail.url, ALERT_WEBHOOK_URL=hook.url)
        a_failed_run(ctx)
        hook.status = 500
        notifier.evaluate(ctx)
        (message,) = mail.got
        assert message["To"] == "ops@example.com"
        assert "failed" in message["Subject"]
        hook.status = 200
        advance_clock(ctx, hours=2)
        assert notifier.evaluate(ctx) == 1
        assert len(mail.got) == 1
        assert len(hook.got) == 2

    def test_what_is_over_is_not_shown_any_more(self, ctx: Context) -> None:
        a_failed_run(ctx)
        notifier.evaluate(ctx)
        advance_clock(ctx, days=2)
        notifier.evaluate(ctx)
        assert notifier.active(ctx) == []

    def test_without_a_channel_keeps_what_there_is(self, ctx: Context) -> None:
        a_failed_run(ctx)
        assert notifier.evaluate(ctx) == 1
        assert len(notifier.active(ctx)) == 1

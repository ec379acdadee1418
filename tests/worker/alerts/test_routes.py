"""Which kind of alert goes to which channels, and that a channel that fails holds up no other."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from channel_services import Mail, Slack, Teams, WebService
from clocks import advance_clock
from fixture_types import MakeContext

from worker.alerts import deliveries, notifier
from worker.context import Context
from worker.store.tables import app_state, provider_states
from worker.sync.runs import lifecycle
from worker.sync.runs.scope import Scope

CHANNELS = """
[alerts.channels.slack-ops]
kind = "slack"
[alerts.channels.teams-it]
kind = "teams"
"""


@pytest.fixture
def slack() -> Iterator[Slack]:
    stand_in = Slack()
    yield stand_in
    stand_in.stop()


@pytest.fixture
def teams() -> Iterator[Teams]:
    stand_in = Teams()
    yield stand_in
    stand_in.stop()


@pytest.fixture
def hook() -> Iterator[WebService]:
    stand_in = WebService()
    yield stand_in
    stand_in.stop()


@pytest.fixture
def mail() -> Iterator[Mail]:
    stand_in = Mail()
    yield stand_in
    stand_in.stop()


@pytest.fixture
def routed(make_context: MakeContext, slack: Slack, teams: Teams, hook: WebService) -> Any:
    """A context with two channels and the plain webhook, and the routes that a test gives."""

    def make(routes: str) -> Context:
        return make_context(
            f"{CHANNELS}[alerts.routes]\n{routes}\n", ALERT_WEBHOOK_URL=hook.url,
            ALERT_CHANNEL_SLACK_OPS_URL=slack.url, ALERT_CHANNEL_TEAMS_IT_URL=teams.url,
        )  # fmt: skip

    return make


def fail_a_run(ctx: Context) -> None:
    lifecycle.fail(ctx, lifecycle.open_run(ctx, "hubspot", Scope("changed")), "token refused")


def open_a_breaker(ctx: Context) -> None:
    row = {"name": "twilio", "breaker": "open", "reason": "does not answer", "since": ctx.now(),
           "failures": 5, "kind": "failing", "cooldown": 30, "credentials_hash": ""}  # fmt: skip
    with ctx.store.write() as connection:
        connection.execute(sa.insert(provider_states).values(**row))


class TestRoutes:
    def test_a_kind_goes_to_its_own_channels_and_the_others_where_they_always_went(
        self, routed: Any, slack: Slack, teams: Teams, hook: WebService
    ) -> None:
        ctx = routed('run_failed = ["slack-ops", "teams-it"]')
        fail_a_run(ctx)
        open_a_breaker(ctx)
        assert notifier.evaluate(ctx) == 2
        assert "token refused" in slack.shown(slack.got[0])
        assert "token refused" in teams.shown(teams.got[0])
        assert [message["kind"] for message in hook.got] == ["breaker_open"]
        sent = {alert["kind"]: alert["sent"] for alert in notifier.active(ctx)}
        assert sent == {"run_failed": ["slack-ops", "teams-it"], "breaker_open": ["webhook"]}

    def test_the_route_default_is_for_all_kinds_without_one(
        self, routed: Any, slack: Slack, teams: Teams, hook: WebService
    ) -> None:
        ctx = routed('default = ["slack-ops"]\nbreaker_open = ["teams-it"]')
        fail_a_run(ctx)
        open_a_breaker(ctx)
        notifier.evaluate(ctx)
        assert (len(slack.got), len(teams.got), len(hook.got)) == (1, 1, 0)

    def test_a_kind_may_go_nowhere_and_is_shown_all_the_same(
        self, routed: Any, slack: Slack, hook: WebService
    ) -> None:
        ctx = routed("run_failed = []")
        fail_a_run(ctx)
        notifier.evaluate(ctx)
        assert hook.calls == slack.calls == 0
        assert [alert["kind"] for alert in notifier.active(ctx)] == ["run_failed"]

    def test_channels_alone_change_nothing(
        self, routed: Any, slack: Slack, hook: WebService
    ) -> None:
        ctx = routed("")
        fail_a_run(ctx)
        notifier.evaluate(ctx)
        assert (slack.calls, len(hook.got)) == (0, 1)


class TestAChannelThatFails:
    def test_holds_up_no_other_and_gets_its_alerts_later(
        self, routed: Any, slack: Slack, teams: Teams
    ) -> None:
        ctx = routed('default = ["slack-ops", "teams-it"]')
        fail_a_run(ctx)
        open_a_breaker(ctx)
        slack.status = 404
        notifier.evaluate(ctx)
        assert (slack.calls, len(teams.got)) == (1, 2)  # the second alert would fare no better
        assert (
            "slack-ops: Slack answered 404"
            in notifier.active(ctx)[0]["error"] + (notifier.active(ctx)[1]["error"])
        )
        slack.status = 0
        advance_clock(ctx, hours=1)
        assert notifier.evaluate(ctx) == 2
        assert (len(slack.got), len(teams.got)) == (2, 2)

    def test_that_hangs_does_not_make_the_others_wait(
        self, routed: Any, slack: Slack, teams: Teams
    ) -> None:
        ctx = routed('default = ["slack-ops", "teams-it"]')
        fail_a_run(ctx)
        slack.seconds = 3.0
        working = threading.Thread(target=notifier.evaluate, args=(ctx,))
        working.start()
        working.join(2.0)
        assert working.is_alive()
        assert len(teams.got) == 1
        working.join()

    def test_is_left_alone_for_as_long_as_it_asks(self, routed: Any, slack: Slack) -> None:
        ctx = routed('default = ["slack-ops"]')
        fail_a_run(ctx)
        slack.status, slack.headers = 429, {"Retry-After": "7200"}
        notifier.evaluate(ctx)
        slack.status, slack.headers = 0, {}
        open_a_breaker(ctx)  # a new alert does not call it either
        advance_clock(ctx, hours=1, minutes=55)
        notifier.evaluate(ctx)
        assert slack.calls == 1
        advance_clock(ctx, minutes=6)
        assert notifier.evaluate(ctx) == 2
        assert len(slack.got) == 2

    def test_takes_the_others_where_it_refuses_one_alert(
        self, routed: Any, slack: Slack, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ctx = routed('default = ["slack-ops"]')
        fail_a_run(ctx)
        open_a_breaker(ctx)
        answer = slack.answer
        monkeypatch.setattr(
            slack, "answer",
            lambda kind, body: (400, "invalid_blocks") if b"token" in body else answer(kind, body),
        )  # fmt: skip
        assert notifier.evaluate(ctx) == 1
        assert "does not answer" in slack.shown(slack.got[0])


class TestADelivery:
    def test_is_made_once_by_one_worker_of_several(
        self, routed: Any, slack: Slack, teams: Teams
    ) -> None:
        workers = [routed('default = ["slack-ops", "teams-it"]') for _ in range(4)]
        fail_a_run(workers[0])
        threads = [threading.Thread(target=notifier.evaluate, args=(ctx,)) for ctx in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for later in (0, 6, 60):
            advance_clock(workers[0], minutes=later)
            notifier.evaluate(workers[0])
        assert (len(slack.got), len(teams.got)) == (1, 1)

    def test_is_made_again_after_a_worker_that_died_while_it_sent(
        self, routed: Any, slack: Slack, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ctx = routed('default = ["slack-ops"]')
        fail_a_run(ctx)

        def die(*_args: object) -> None:
            raise RuntimeError("killed")

        with monkeypatch.context() as patch:
            patch.setattr(deliveries, "send", die)
            with pytest.raises(RuntimeError, match="killed"):
                notifier.evaluate(ctx)
        notifier.evaluate(ctx)
        assert slack.got == []  # it may be sending still
        advance_clock(ctx, minutes=6)
        notifier.evaluate(ctx)
        assert len(slack.got) == 1

    def test_is_not_tried_for_ever(self, routed: Any, slack: Slack) -> None:
        ctx = routed('default = ["slack-ops"]')
        fail_a_run(ctx)
        slack.status = 500
        now = ctx.now()
        for n in range(1, 14):
            ctx.now = lambda n=n: now + timedelta(minutes=61 * n)
            notifier.evaluate(ctx)
        assert slack.calls == deliveries.MOST_ATTEMPTS
        assert "500" in notifier.active(ctx)[0]["error"]

    def test_leaves_no_row_behind_for_ever(self, routed: Any, slack: Slack) -> None:
        ctx = routed('default = ["slack-ops"]')
        fail_a_run(ctx)
        notifier.evaluate(ctx)
        advance_clock(ctx, days=101)
        open_a_breaker(ctx)
        notifier.evaluate(ctx)
        with ctx.store.read() as connection:
            names = [
                name for name in connection.scalars(sa.select(app_state.c.name))
                if name.startswith("sent:")
            ]  # fmt: skip
        assert len(slack.got) == 2
        assert len(names) == 1

    def test_by_many_channels_fits_the_list_of_alerts(
        self, make_context: MakeContext, mail: Mail
    ) -> None:
        names = [f"operations-in-region-{n}" for n in range(6)]
        toml = "".join(
            f'[alerts.channels.{name}]\nkind = "email"\nto = ["{name}@example.com"]\n'
            for name in names
        )
        ctx = make_context(f"{toml}[alerts.routes]\ndefault = {names}\n", SMTP_URL=mail.url)
        fail_a_run(ctx)
        assert notifier.evaluate(ctx) == 1
        assert {message["To"] for message in mail.got} == {f"{name}@example.com" for name in names}
        (active,) = notifier.active(ctx)
        assert active["sent"][-1] == f"+{6 - len(active['sent']) + 1}"
        assert len(" ".join(active["sent"])) <= 40

"""The weekly digest is sent at its day and hour, and once, whatever happens to beat and workers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from channel_services import Mail, Slack, WebService
from fixture_types import MakeContext

from config.alerts import DigestSettings
from worker.alerts import deliveries, digest, weeks
from worker.alerts.channels import digest_route
from worker.alerts.weeks import Week
from worker.context import Context
from worker.queries.digest_message import for_week
from worker.queue.schedule import beat_schedule
from worker.store.tables import failures
from worker.sync.runs import lifecycle
from worker.sync.runs.scope import Scope

MONDAY = datetime(2026, 11, 23, 8, tzinfo=UTC)  # of 2026-W48, when W47 is told
TOML = """
[alerts.channels.slack-ops]
kind = "slack"
[alerts.digest]
channels = ["email", "slack-ops"]
"""
EMAIL = '[alerts]\nemail_to = ["ops@example.com"]\nemail_from = "hygiene@example.com"\n'


@pytest.fixture
def slack() -> Iterator[Slack]:
    stand_in = Slack()
    yield stand_in
    stand_in.stop()


@pytest.fixture
def mail() -> Iterator[Mail]:
    stand_in = Mail()
    yield stand_in
    stand_in.stop()


@pytest.fixture
def installed(make_context: MakeContext, mail: Mail, slack: Slack) -> Any:
    """A context with both channels, at a time, whose first run was weeks ago."""

    def make(now: datetime = MONDAY, toml: str = TOML) -> Context:
        ctx = make_context(
            EMAIL + toml, SMTP_URL=mail.url, ALERT_CHANNEL_SLACK_OPS_URL=slack.url,
            PUBLIC_URL="https://hygiene.example",
        )  # fmt: skip
        ctx.now = lambda: MONDAY - timedelta(days=30)
        run_id = lifecycle.open_run(ctx, "hubspot", Scope("changed"))
        lifecycle.fail(ctx, run_id, "a test")
        ctx.now = lambda: now
        return ctx

    return make


def send_due(ctx: Context) -> Week | None:
    return digest.send_due(ctx, lambda week: for_week(ctx, week))


class TestWeeks:
    @pytest.mark.parametrize(
        ("now", "day", "zone", "week"),
        [
            ("2026-11-23T08:00+00:00", "monday", "UTC", "2026-W47"),
            ("2026-11-23T07:59+00:00", "monday", "UTC", "2026-W46"),
            ("2026-11-29T23:00+00:00", "monday", "UTC", "2026-W47"),
            ("2026-11-27T08:00+00:00", "friday", "UTC", "2026-W47"),
            ("2026-11-27T07:00+00:00", "friday", "UTC", "2026-W46"),
            ("2026-11-23T07:00+00:00", "monday", "Europe/Vienna", "2026-W47"),
            ("2026-11-23T06:59+00:00", "monday", "Europe/Vienna", "2026-W46"),
            ("2026-11-22T19:00+00:00", "monday", "Pacific/Auckland", "2026-W47"),
            ("2027-01-04T08:00+00:00", "monday", "UTC", "2026-W53"),
            # Clocks go forward on 29 March 2026, and back on 25 October.
            ("2026-03-30T06:00+00:00", "monday", "Europe/Vienna", "2026-W13"),
            ("2026-10-26T07:00+00:00", "monday", "Europe/Vienna", "2026-W43"),
        ],
    )
    def test_the_last_whole_one_before_the_day_and_hour_is_told(
        self, now: str, day: Any, zone: str, week: str
    ) -> None:
        settings = DigestSettings(day=day, zone=zone)
        assert str(weeks.to_send(datetime.fromisoformat(now), settings)) == week

    @pytest.mark.parametrize(
        ("now", "zone", "week"),
        [
            ("2026-11-22T23:59+00:00", "UTC", "2026-W46"),
            ("2026-11-23T00:00+00:00", "UTC", "2026-W47"),
            ("2026-11-29T23:59+00:00", "UTC", "2026-W47"),
            ("2026-11-22T23:00+00:00", "Europe/Vienna", "2026-W47"),
            ("2027-01-03T12:00+00:00", "UTC", "2026-W52"),
        ],
    )
    def test_the_last_one_that_is_over_ends_with_its_sunday(
        self, now: str, zone: str, week: str
    ) -> None:
        tz = DigestSettings(zone=zone).tz
        assert str(weeks.last_whole(datetime.fromisoformat(now), tz)) == week

    def test_begin_on_monday_in_their_zone(self) -> None:
        zone = DigestSettings(zone="Europe/Vienna").tz
        begin, end = weeks.parse("2026-W13").bounds(zone)
        assert begin == datetime(2026, 3, 22, 23, tzinfo=UTC)
        assert end - begin == timedelta(days=7) - timedelta(hours=1)

    @pytest.mark.parametrize(
        "text", ["2026-W54", "2026-W00", "2025-W53", "W47", "2026-47", "0000-W01"]
    )
    def test_that_do_not_exist_are_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match="week"):
            weeks.parse(text)


class TestItsTime:
    def test_is_when_day_and_hour_have_come(self, installed: Any, mail: Mail, slack: Slack) -> None:
        ctx = installed(MONDAY - timedelta(minutes=1))
        assert str(send_due(ctx)) == "2026-W46"
        assert send_due(ctx) is None
        ctx.now = lambda: MONDAY
        assert str(send_due(ctx)) == "2026-W47"
        assert send_due(ctx) is None
        assert [message["Subject"][:30] for message in mail.got] == [
            "Phone Hygiene: Week 2026-W46, ", "Phone Hygiene: Week 2026-W47, ",
        ]  # fmt: skip
        assert "16 November 2026 to 22 November 2026" in slack.shown(slack.got[1])

    def test_is_made_up_for_when_nobody_was_at_work(self, installed: Any, mail: Mail) -> None:
        assert str(send_due(installed(MONDAY + timedelta(days=4)))) == "2026-W47"
        assert len(mail.got) == 1

    def test_has_not_come_for_an_installation_that_is_younger_than_the_week(
        self, installed: Any, mail: Mail
    ) -> None:
        ctx = installed(MONDAY - timedelta(days=30))
        assert send_due(ctx) is None
        assert mail.calls == 0


class TestSending:
    def test_is_done_once_by_several_workers(
        self, installed: Any, mail: Mail, slack: Slack
    ) -> None:
        workers = [installed() for _ in range(4)]
        threads = [threading.Thread(target=send_due, args=(ctx,)) for ctx in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for minutes in (1, 10, 700):  # as beat does again and again, also after a restart
            workers[0].now = lambda minutes=minutes: MONDAY + timedelta(minutes=minutes)
            send_due(workers[0])
        assert (len(mail.got), len(slack.got)) == (1, 1)

    def test_stands_in_a_row_before_anything_is_sent(
        self, installed: Any, mail: Mail, slack: Slack, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ctx = installed()

        def die(*_args: object) -> None:
            raise RuntimeError("killed")

        with monkeypatch.context() as patch:
            patch.setattr(deliveries, "send", die)
            with pytest.raises(RuntimeError, match="killed"):
                send_due(ctx)
        assert set(deliveries.states(ctx.store, ["digest:2026-W47:email"])) == {
            "digest:2026-W47:email"
        }
        assert send_due(ctx) is None
        assert mail.got == []
        ctx.now = lambda: MONDAY + timedelta(minutes=6)
        send_due(ctx)
        assert (len(mail.got), len(slack.got)) == (1, 1)

    def test_is_tried_again_where_it_failed_alone(
        self, installed: Any, mail: Mail, slack: Slack
    ) -> None:
        ctx = installed()
        slack.status = 500
        assert send_due(ctx) is None
        slack.status = 0
        ctx.now = lambda: MONDAY + timedelta(minutes=10)
        assert str(send_due(ctx)) == "2026-W47"
        assert (len(mail.got), len(slack.got)) == (1, 1)

    def test_has_links_to_the_pages(self, installed: Any, mail: Mail) -> None:
        ctx = installed()
        row = {"connector": "hubspot", "object": "contacts", "record_id": "1", "kind": "locked",
               "message": "", "retry": True, "attempts": 1, "run_id": "r",
               "at": MONDAY}  # fmt: skip
        with ctx.store.write() as connection:
            connection.execute(sa.insert(failures).values(**row))
        send_due(ctx)
        links = mail.links(mail.got[0])
        assert "https://hygiene.example/spend" in links
        assert all(link.startswith("https://hygiene.example/") for link in links)


class TestChannels:
    @pytest.mark.parametrize(
        ("toml", "names"),
        [
            ("", ["email"]),  # the plain webhook may page somebody
            ('[alerts.digest]\nchannels = ["webhook"]', ["webhook"]),
            ('[alerts.routes]\ndefault = ["slack-ops", "webhook"]', ["slack-ops", "webhook"]),
            ("[alerts.digest]\nenabled = false", []),
            ("[alerts.routes]\ndefault = []", []),
        ],
    )
    def test_are_those_of_the_settings(
        self, make_context: MakeContext, toml: str, names: list[str]
    ) -> None:
        service = WebService()
        service.stop()
        ctx = make_context(
            f'{EMAIL}[alerts.channels.slack-ops]\nkind = "slack"\n{toml}\n',
            SMTP_URL="smtp://127.0.0.1:1", ALERT_WEBHOOK_URL=service.url,
            ALERT_CHANNEL_SLACK_OPS_URL=service.url,
        )  # fmt: skip
        assert digest_route(ctx.settings) == names
        assert ("digest" in beat_schedule(ctx.settings)) == bool(names)

    def test_do_not_exist_without_settings(self, ctx: Context) -> None:
        assert digest_route(ctx.settings) == []
        assert "digest" not in beat_schedule(ctx.settings)
        assert send_due(ctx) is None

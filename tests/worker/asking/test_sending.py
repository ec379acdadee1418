"""Once to a person, whatever dies; never over budget; stopped by a STOP and by the switch."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from asking_support import DAYTIME, TOML, Ask, index, messages, request, state_of
from constants import NUMBER, OTHER, PUBLIC_URL, THIRD
from crms import Crm
from reports import report_kinds, store_report

from sandbox.run import Sandbox
from sandbox.service import Fault
from worker.alerts import rules
from worker.alerts.weeks import week_of
from worker.asking import campaigns, claims, eligibility
from worker.asking.claims import Offer, Step
from worker.asking.model import MICROS, CampaignState
from worker.asking.sending import send_due
from worker.context import Context
from worker.feedback import clearings, report_log
from worker.feedback.consent_state import rules_from_settings
from worker.feedback.models import Feedback, FeedbackKind
from worker.queries.digest_message import for_week
from worker.store import pause
from worker.store.tables import ask_campaigns

People = Callable[..., list[str]]
CENT = MICROS // 100


def campaign(ctx: Context, name: str = "spring") -> campaigns.Campaign:
    return campaigns.find(ctx, name)


class TestAMessage:
    def test_is_sent_once_with_a_link_that_holds_nothing_personal(
        self, asking_ctx: Context, people: People, ask: Ask, sandbox: Sandbox
    ) -> None:
        people(NUMBER, OTHER)
        ask()
        assert [send_due(asking_ctx), send_due(asking_ctx)] == [2, 0]
        first, second = sandbox.messages.sent
        assert (first.to, second.to) == (NUMBER, OTHER)
        assert first.body.startswith("Acme: is this still your number?")
        assert f"{PUBLIC_URL}/confirm/" in first.body
        assert first.body != second.body
        assert first.status_callback == f"{PUBLIC_URL}/webhooks/twilio/status"
        assert "4155552671" not in first.body
        [row, _] = messages(asking_ctx)
        assert (row.state, row.vendor_id, row.price) == ("sent", first.sid, CENT)
        done = campaign(asking_ctx)
        assert (done.state, done.spent) == ("done", 2 * CENT)

    def test_does_not_wait_in_a_queue_past_the_calling_hours(
        self, asking_ctx: Context, people: People, ask: Ask, sandbox: Sandbox
    ) -> None:
        people(NUMBER)
        late = datetime(2026, 11, 25, 4, 50, tzinfo=UTC)  # ten minutes to nine in California
        asking_ctx.now = lambda: late
        ask()
        send_due(asking_ctx)
        assert sandbox.messages.sent[0].validity_period == "570"

    def test_waits_for_the_calling_hours(
        self, asking_ctx: Context, people: People, ask: Ask, sandbox: Sandbox
    ) -> None:
        people(NUMBER)
        night = datetime(2026, 11, 24, 9, tzinfo=UTC)
        asking_ctx.now = lambda: night
        ask()
        assert send_due(asking_ctx) == 0
        [row] = messages(asking_ctx)
        assert (row.state, row.not_before) == ("waiting", datetime(2026, 11, 24, 16, tzinfo=UTC))
        asking_ctx.now = lambda: DAYTIME
        assert send_due(asking_ctx) == 1

    def test_goes_out_at_the_pace_of_its_campaign(
        self, asking_ctx: Context, people: People, ask: Ask
    ) -> None:
        people(NUMBER, OTHER, THIRD)
        ask(per_minute=1)
        assert [send_due(asking_ctx), send_due(asking_ctx)] == [1, 0]
        later = DAYTIME + timedelta(seconds=61)
        asking_ctx.now = lambda: later
        assert [send_due(asking_ctx), send_due(asking_ctx)] == [1, 0]


class TestTheRecordInTheCrm:
    def test_that_has_another_number_by_now_is_not_asked(
        self, asking_ctx: Context, people: People, ask: Ask, sandbox: Sandbox
    ) -> None:
        [record] = people(NUMBER)
        ask()
        Crm.all(sandbox)["hubspot"].act(record, {"set": {"phone": OTHER}})
        assert send_due(asking_ctx) == 0
        assert state_of(asking_ctx) == ("withheld", "number_changed")

    def test_whose_number_is_read_with_low_confidence_is_not_asked(
        self, asking_ctx: Context, people: People, ask: Ask, sandbox: Sandbox
    ) -> None:
        [record] = people("+447400123456", country="FR")
        ask()
        # A number of another country than the contact's, for which only the website speaks.
        values = {
            "phone": "44 7400 123456", "country": "France", "website": "example.co.uk",
            "email": "",
        }  # fmt: skip
        Crm.all(sandbox)["hubspot"].act(record, {"set": values})
        assert send_due(asking_ctx) == 0
        assert state_of(asking_ctx, "+447400123456") == ("withheld", "low_confidence")

    def test_that_is_gone_is_not_asked(
        self, asking_ctx: Context, people: People, ask: Ask, sandbox: Sandbox
    ) -> None:
        [record] = people(NUMBER)
        ask()
        sandbox.call(lambda: sandbox.hubspot.portal.archive(record))
        assert send_due(asking_ctx) == 0
        assert state_of(asking_ctx) == ("withheld", "contact_gone")

    def test_of_a_crm_that_is_away_waits(
        self, asking_ctx: Context, people: People, ask: Ask, sandbox: Sandbox
    ) -> None:
        people(NUMBER)
        ask()
        sandbox.hubspot.faults.append(Fault("batch/read", "status", times=99, status=500))
        assert send_due(asking_ctx) == 0
        assert state_of(asking_ctx) == ("waiting", "")
        assert campaign(asking_ctx).next_at > DAYTIME


class TestAStop:
    def test_that_comes_after_the_start_stops_the_message(
        self, asking_ctx: Context, people: People, ask: Ask, sandbox: Sandbox
    ) -> None:
        people(NUMBER, OTHER)
        ask()
        store_report(asking_ctx, "opt_out", channels="text", source="twilio sms")
        assert send_due(asking_ctx) == 1
        assert [message.to for message in sandbox.messages.sent] == [OTHER]
        assert state_of(asking_ctx) == ("withheld", "opt_out")

    def test_that_comes_between_reading_the_record_and_the_claim(
        self, asking_ctx: Context, people: People, ask: Ask, sandbox: Sandbox,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        people(NUMBER)
        ask()
        claim = claims.claim

        def after_a_stop(ctx: Context, *rest: Any) -> Any:
            store_report(ctx, "opt_out", channels="text", source="twilio sms")
            return claim(ctx, *rest)

        monkeypatch.setattr(claims, "claim", after_a_stop)
        assert send_due(asking_ctx) == 0
        assert sandbox.messages.sent == []

    def test_that_the_vendor_knows_of_becomes_one_of_ours(
        self, asking_ctx: Context, people: People, ask: Ask, sandbox: Sandbox
    ) -> None:
        people(NUMBER)
        ask()
        sandbox.messages.opted_out.add(NUMBER)
        send_due(asking_ctx)
        assert report_kinds(asking_ctx) == ["opt_out"]
        [row] = messages(asking_ctx)
        assert (row.state, row.price) == ("refused", 0)
        assert campaign(asking_ctx).spent == 0

    def test_of_everything_stops_the_campaign(
        self, asking_ctx: Context, people: People, ask: Ask, sandbox: Sandbox
    ) -> None:
        people(NUMBER)
        ask()
        pause.begin(asking_ctx.store, asking_ctx.now(), "an admin", "")
        assert send_due(asking_ctx) == 0
        offer = Offer(messages(asking_ctx)[0].id, "c", CENT)
        claimed = claims.claim(asking_ctx, campaign(asking_ctx).id, offer,
                               eligibility.moment(asking_ctx))  # fmt: skip
        assert claimed.step is Step.HALTED
        pause.end(asking_ctx.store)
        campaigns.pause(asking_ctx, "spring")
        assert send_due(asking_ctx) == 0
        assert sandbox.messages.sent == []


class TestWhateverDies:
    def test_between_claim_and_record_nobody_is_asked_twice(
        self, asking_ctx: Context, people: People, ask: Ask, sandbox: Sandbox,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        people(NUMBER)
        ask()

        def die(*_rest: Any) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(claims, "settle", die)
            with pytest.raises(KeyboardInterrupt):
                send_due(asking_ctx)
        assert state_of(asking_ctx)[0] == "sending"
        later = DAYTIME + timedelta(minutes=11)
        asking_ctx.now = lambda: later
        send_due(asking_ctx)
        send_due(asking_ctx)
        assert state_of(asking_ctx)[0] == "uncertain"
        assert len(sandbox.messages.sent) == 1
        assert campaign(asking_ctx).spent == CENT

    @pytest.mark.parametrize(
        "fault", [{"kind": "drop_after"}, {"kind": "truncate"}, {"kind": "status", "status": 502}]
    )
    def test_an_answer_that_is_lost_counts_as_sent(
        self, asking_ctx: Context, people: People, ask: Ask, sandbox: Sandbox,
        fault: dict[str, Any],
    ) -> None:  # fmt: skip
        people(NUMBER)
        ask()
        sandbox.messages.faults.append(Fault("Messages.json", times=1, **fault))
        send_due(asking_ctx)
        assert state_of(asking_ctx)[0] == "uncertain"
        later = DAYTIME + timedelta(hours=1)
        asking_ctx.now = lambda: later
        send_due(asking_ctx)
        assert len(sandbox.messages.sent) <= 1
        assert campaign(asking_ctx).spent == CENT

    def test_what_was_surely_not_sent_is_tried_again_and_paid_once(
        self, asking_ctx: Context, people: People, ask: Ask, sandbox: Sandbox
    ) -> None:
        people(NUMBER)
        ask()
        sandbox.messages.faults.append(Fault("Messages.json", "status", status=429, body={}))
        send_due(asking_ctx)
        assert state_of(asking_ctx)[0] == "waiting"
        assert campaign(asking_ctx).spent == 0
        later = DAYTIME + timedelta(minutes=2)
        asking_ctx.now = lambda: later
        send_due(asking_ctx)
        assert state_of(asking_ctx)[0] == "sent"

    def test_a_login_that_is_refused_pauses_the_campaign_and_asks_nobody_in_vain(
        self, asking_ctx: Context, people: People, ask: Ask, sandbox: Sandbox
    ) -> None:
        people(NUMBER, OTHER)
        ask()
        sandbox.messages.suspended = True
        send_due(asking_ctx)
        now = campaign(asking_ctx)
        assert (now.state, now.spent) == (CampaignState.PAUSED, 0)
        assert "credentials" in now.error
        assert {row.state for row in messages(asking_ctx)} == {"waiting"}

    def test_a_vendor_that_loses_answers_pauses_the_campaign(
        self, asking_ctx: Context, people: People, ask: Ask, sandbox: Sandbox
    ) -> None:
        people(*[f"+1415555268{n}" for n in range(8)])
        ask()
        sandbox.messages.faults.append(Fault("Messages.json", "status", times=99, status=500))
        for hour in range(8):
            later = DAYTIME + timedelta(minutes=20 * hour)
            asking_ctx.now = lambda later=later: later  # type: ignore[misc]
            send_due(asking_ctx)
        assert campaign(asking_ctx).state == "paused"
        assert sum(row.state == "uncertain" for row in messages(asking_ctx)) == 5


class TestTheBudget:
    def test_is_never_exceeded(
        self, asking_ctx: Context, people: People, ask: Ask, sandbox: Sandbox
    ) -> None:
        people(NUMBER, OTHER, THIRD)
        ask(budget=2 * CENT + CENT // 2)
        send_due(asking_ctx)
        now = campaign(asking_ctx)
        assert (now.state, now.error) == ("paused", "its budget is used up")
        assert now.spent == 2 * CENT
        assert len(sandbox.messages.sent) == 2
        # An operator hears of it, until the campaign goes on or is stopped.
        assert paused_asks(asking_ctx) == ["Ask campaign spring paused itself: its budget is "
                                           "used up. Fix that, then resume it: "
                                           "hygiene ask resume spring"]  # fmt: skip
        message = str(for_week(asking_ctx, week_of(DAYTIME.date())))
        assert "The ask campaign spring paused itself: its budget is used up." in message
        campaigns.stop(asking_ctx, "spring")
        assert paused_asks(asking_ctx) == []

    def test_that_a_person_pauses_is_no_alert(
        self, asking_ctx: Context, people: People, ask: Ask
    ) -> None:
        people(NUMBER)
        ask()
        campaigns.pause(asking_ctx, "spring")
        assert paused_asks(asking_ctx) == []


def paused_asks(ctx: Context) -> list[str]:
    return [alert.text for alert in rules.current(ctx) if alert.kind == "ask_paused"]


@pytest.fixture
def several(
    make_context: Callable[..., Context], sandbox: Sandbox, either_database_url: str
) -> list[Context]:
    return [
        make_context(
            TOML, PUBLIC_URL=PUBLIC_URL, DATABASE_URL=either_database_url,
            **sandbox.env("messages"),
        )
        for _ in range(4)
    ]  # fmt: skip


def at_daytime(several: list[Context]) -> list[datetime]:
    """Let the contexts go by one clock, which can be set."""
    clock = [DAYTIME]
    for ctx in several:
        ctx.now = lambda: clock[0]  # type: ignore[method-assign]
    return clock


def test_workers_that_claim_at_the_same_time_ask_each_once_within_the_budget(
    several: list[Context], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two campaigns, four workers, one budget: whoever is in both is asked by one of them."""
    first, clock = several[0], at_daytime(several)
    for place in range(6):
        index(first, str(9000 + place), f"+1415555269{place}", {"phone": "valid"})
    started = [
        campaigns.start(first, request(name=name, budget=4 * CENT, per_minute=3000), "an admin")
        for name in ("spring", "summer")
    ]
    clock[0] += timedelta(seconds=30)  # the pace is not what is looked at
    rows = messages(first)
    claimed: list[int] = []
    judge = eligibility.judge

    def slowly(*args: Any) -> Any:
        verdict = judge(*args)
        time.sleep(0.05)  # between what is known and what follows from it
        return verdict

    monkeypatch.setattr(eligibility, "judge", slowly)

    def work(ctx: Context, order: list[Any]) -> None:
        at = eligibility.moment(ctx)
        for row in order:
            offer = Offer(row.id, f"{ctx.owner}:{row.id}", CENT)
            if claims.claim(ctx, row.campaign_id, offer, at).step is Step.CLAIMED:
                claimed.append(row.id)

    half = rows[len(rows) // 2 :] + rows[: len(rows) // 2]  # the other campaign first
    threads = [
        threading.Thread(target=work, args=(ctx, order))
        for ctx, order in zip(several, (rows, half, rows, half), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sending_now = [row for row in messages(first) if row.state == "sending"]
    assert len(claimed) == len(set(claimed)) == len(sending_now) > 0
    assert len({row.number for row in sending_now}) == len(sending_now)
    with first.store.read() as connection:
        for of_campaign in started:
            spent = connection.scalar(
                sa.select(ask_campaigns.c.spent).where(ask_campaigns.c.id == of_campaign.id)
            )
            own = [row for row in sending_now if row.campaign_id == of_campaign.id]
            assert spent == len(own) * CENT <= 4 * CENT


def test_a_claim_waits_for_a_stop_that_is_being_stored(several: list[Context]) -> None:
    first, second = several[:2]
    clock = at_daytime(several)
    index(first, "9000", NUMBER, {"phone": "valid"})
    started = campaigns.start(first, request(), "an admin")
    clock[0] += timedelta(seconds=30)
    offer = Offer(messages(first)[0].id, "code", CENT)
    steps: list[Step] = []

    def claim() -> None:
        claimed = claims.claim(second, started.id, offer, eligibility.moment(second))
        steps.append(claimed.step)

    stop = Feedback("k", FeedbackKind.OPT_OUT, NUMBER, "twilio sms", DAYTIME, "text")
    keys, rules = first.keys, rules_from_settings(first.settings)
    thread = threading.Thread(target=claim)
    with first.store.write() as connection:
        dated = clearings.date_late_stops(connection, [stop], rules, keys)
        thread.start()
        time.sleep(0.3)
        report_log.store(connection, dated, first.now(), keys)
    thread.join()
    assert steps == [Step.PASSED]
    assert state_of(first) == ("withheld", "opt_out")

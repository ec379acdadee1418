"""While a reply that may be an opt-out waits for review, its number is not texted (a setting)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from constants import NUMBER
from crms import Crm
from fixture_types import Sync
from reports import deliver_reports, report_kinds, store_report

from worker.context import Context
from worker.feedback import intake, report_log, review_queue
from worker.feedback.consent_state import Rules
from worker.feedback.models import ContactIdentity, ReviewDecision
from worker.store.tables import deliveries, reviews, suppressions
from worker.suppression.erasure import erase_number
from worker.sync.undo.undo import undo

HOLD = "[feedback]\nhold_open_reviews = true"
UNSURE = "how do I unsubscribe?"


def contact(ctx: Context, crm: Crm, sync: Sync) -> str:
    record_id = crm.ids()[0]
    crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
    sync(ctx, crm.name)
    return record_id


def reply(ctx: Context, text: str = UNSURE, message: int = 1) -> int:
    """A reply comes in, and what follows is delivered; the id of its review."""
    form = {"From": NUMBER, "MessageSid": f"SM{message:032d}", "Body": text}
    intake.receive_twilio_sms(ctx, form)
    deliver_reports(ctx)
    with ctx.store.read() as connection:
        return connection.scalar(sa.select(sa.func.max(reviews.c.id))) or 0


def decide(ctx: Context, review: int, decision: ReviewDecision) -> None:
    assert review_queue.resolve_review(ctx, review, decision, "ada")
    deliver_reports(ctx)


def stop_reason(ctx: Context) -> str:
    """What is said of why the number is not texted."""
    with ctx.store.read() as connection:
        reports = report_log.load(connection, [NUMBER], ctx.keys, with_holds=True)
    return reports.evaluate(NUMBER, ContactIdentity("x/y/z"), Rules()).suppressed_reason


def listed(ctx: Context) -> int:
    with ctx.store.read() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(suppressions)) or 0


class TestAnOpenReview:
    def test_stops_texts_until_it_is_decided_to_be_harmless(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync
    ) -> None:
        ctx = make_context(HOLD)
        record_id = contact(ctx, crm, sync)
        review = reply(ctx)
        assert crm.get(record_id, "do_not_text")
        assert not crm.get(record_id, "do_not_call")
        assert not crm.get(record_id, "do_not_contact")
        assert "waits for review" in stop_reason(ctx)
        assert report_kinds(ctx) == []
        assert listed(ctx) == 0
        assert sync(ctx, crm.name, "everything")["contacts"]["changed"] == 0
        decide(ctx, review, ReviewDecision.NOTHING)
        assert not crm.get(record_id, "do_not_text")
        assert stop_reason(ctx) == ""
        assert report_kinds(ctx) == []  # what we wrote is nobody's word

    def test_becomes_a_suppression_when_it_is_decided_to_be_an_opt_out(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync
    ) -> None:
        ctx = make_context(HOLD)
        record_id = contact(ctx, crm, sync)
        review = reply(ctx)
        decide(ctx, review, ReviewDecision.OPT_OUT)
        assert crm.get(record_id, "do_not_text")
        assert "read by ada" in crm.get(record_id, "reason")
        assert listed(ctx) == 1
        sync(ctx, crm.name, "everything")
        assert crm.get(record_id, "do_not_text")

    def test_stops_texts_to_a_contact_that_comes_later(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync
    ) -> None:
        ctx = make_context(HOLD)
        reply(ctx)
        assert crm.get(contact(ctx, crm, sync), "do_not_text")

    def test_that_is_put_back_stops_texts_again(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync
    ) -> None:
        ctx = make_context(HOLD)
        record_id = contact(ctx, crm, sync)
        review = reply(ctx)
        decide(ctx, review, ReviewDecision.NOTHING)
        review_queue.undo_reviews(ctx, [review], "ada")
        deliver_reports(ctx)
        assert crm.get(record_id, "do_not_text")
        decide(ctx, review, ReviewDecision.NOTHING)
        assert not crm.get(record_id, "do_not_text")

    def test_that_is_put_back_after_an_opt_out_frees_nobody_when_it_is_harmless_then(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync
    ) -> None:
        ctx = make_context(HOLD)
        record_id = contact(ctx, crm, sync)
        review = reply(ctx)
        decide(ctx, review, ReviewDecision.OPT_OUT)
        review_queue.undo_reviews(ctx, [review], "ada")
        deliver_reports(ctx)
        assert crm.get(record_id, "do_not_text")
        decide(ctx, review, ReviewDecision.NOTHING)
        assert crm.get(record_id, "do_not_text")

    def test_beside_a_stop_frees_nobody_when_it_is_harmless(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync
    ) -> None:
        ctx = make_context(HOLD)
        record_id = contact(ctx, crm, sync)
        review = reply(ctx)
        store_report(ctx, "opt_out", channels="text", evidence="replied STOP")
        deliver_reports(ctx)
        decide(ctx, review, ReviewDecision.NOTHING)
        assert crm.get(record_id, "do_not_text")
        assert "replied STOP" in stop_reason(ctx)

    def test_beside_another_open_one_frees_nobody(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync
    ) -> None:
        ctx = make_context(HOLD)
        record_id = contact(ctx, crm, sync)
        first = reply(ctx)
        second = reply(ctx, "not interested", 2)
        decide(ctx, first, ReviewDecision.NOTHING)
        assert crm.get(record_id, "do_not_text")
        decide(ctx, second, ReviewDecision.NOTHING)
        assert not crm.get(record_id, "do_not_text")

    def test_is_kept_when_the_run_that_wrote_it_is_undone(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync
    ) -> None:
        ctx = make_context(HOLD)
        record_id = contact(ctx, crm, sync)
        reply(ctx)
        run = crm.get(record_id, "run")
        undo(ctx, run)
        deliver_reports(ctx)
        assert crm.get(record_id, "do_not_text")

    def test_ends_for_whom_a_person_clears_it(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync
    ) -> None:
        ctx = make_context(HOLD)
        record_id = contact(ctx, crm, sync)
        reply(ctx)
        crm.edit(record_id, {"do_not_text": False})
        sync(ctx, crm.name)
        sync(ctx, crm.name, "everything")
        assert not crm.get(record_id, "do_not_text")

    def test_of_a_person_who_is_erased_leaves_them_suppressed(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync
    ) -> None:
        ctx = make_context(HOLD)
        record_id = contact(ctx, crm, sync)
        reply(ctx)
        erase_number(ctx, NUMBER, "ada")
        deliver_reports(ctx)
        sync(ctx, crm.name, "everything")
        assert crm.get(record_id, "do_not_text")
        assert crm.get(record_id, "do_not_contact")
        with ctx.store.read() as connection:
            assert connection.scalars(sa.select(deliveries.c.number)).all().count(NUMBER) == 0

    @pytest.mark.parametrize("text", ["yes, this is still my number", "See you at five"])
    def test_is_not_made_of_what_is_no_opt_out(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync, text: str
    ) -> None:
        ctx = make_context(HOLD)
        record_id = contact(ctx, crm, sync)
        reply(ctx, text)
        assert not crm.get(record_id, "do_not_text")


class TestTheSetting:
    def test_is_off_by_default(self, ctx: Context, crm: Crm, sync: Sync) -> None:
        record_id = contact(ctx, crm, sync)
        review = reply(ctx)
        sync(ctx, crm.name, "everything")
        assert not crm.get(record_id, "do_not_text")
        decide(ctx, review, ReviewDecision.OPT_OUT)
        assert crm.get(record_id, "do_not_text")

    def test_that_is_turned_on_counts_for_what_is_open(
        self, ctx: Context, make_context: Callable[..., Context], crm: Crm, sync: Sync
    ) -> None:
        record_id = contact(ctx, crm, sync)
        reply(ctx)
        sync(make_context(HOLD), crm.name, "everything")
        assert crm.get(record_id, "do_not_text")


def test_a_page_that_was_read_before_the_decision_is_told_of_it(
    make_context: Callable[..., Context], crm: Crm, sync: Sync
) -> None:
    """It would write "do not text" after the decision had taken it away."""

    ctx = make_context(HOLD)
    contact(ctx, crm, sync)
    with ctx.store.read() as connection:
        before = report_log.load(connection, [NUMBER], ctx.keys, with_holds=True)
    review = reply(ctx)
    with ctx.store.read() as connection:
        held = report_log.load(connection, [NUMBER], ctx.keys, with_holds=True)
        assert report_log.find_unseen(connection, [NUMBER], ctx.keys, before) == [NUMBER]
        assert report_log.find_unseen(connection, [NUMBER], ctx.keys, held) == []
    decide(ctx, review, ReviewDecision.NOTHING)
    with ctx.store.read() as connection:
        assert report_log.find_unseen(connection, [NUMBER], ctx.keys, held) == [NUMBER]


class TestAnOptOutThatIsDecidedLate:
    """It stands over whatever somebody cleared while nobody had read the reply."""

    @pytest.mark.parametrize("settings", ["", HOLD], ids=["", "hold"])
    def test_stands_though_a_flag_was_cleared_meanwhile(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync, settings: str
    ) -> None:
        ctx = make_context(settings)
        record_id = contact(ctx, crm, sync)
        store_report(ctx, "opt_out", channels="text")
        deliver_reports(ctx)
        assert crm.get(record_id, "do_not_text")
        review = reply(ctx)
        crm.edit(record_id, {"do_not_text": False})
        sync(ctx, crm.name)
        decide(ctx, review, ReviewDecision.OPT_OUT)
        assert crm.get(record_id, "do_not_text")

    def test_stands_though_the_hold_itself_was_cleared(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync
    ) -> None:
        ctx = make_context(HOLD)
        record_id = contact(ctx, crm, sync)
        review = reply(ctx)
        crm.edit(record_id, {"do_not_text": False})
        sync(ctx, crm.name)
        decide(ctx, review, ReviewDecision.OPT_OUT)
        assert crm.get(record_id, "do_not_text")

    def test_gives_way_to_the_persons_own_start(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync
    ) -> None:
        ctx = make_context("")
        record_id = contact(ctx, crm, sync)
        review = reply(ctx)
        reply(ctx, "START", message=2)
        decide(ctx, review, ReviewDecision.OPT_OUT)
        assert not crm.get(record_id, "do_not_text")

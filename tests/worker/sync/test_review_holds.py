"""While a reply that may be an opt-out waits for review, its number is not texted (a setting)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from clocks import a_later_second, advance_clock
from constants import NUMBER, STOP_FLAGS
from crms import Crm
from fixture_types import Sync
from merging import set_only_number
from readings import release
from reports import deliver_reports, report_kinds, store_report
from vendor_webhooks import receive_twilio_sms

from worker.context import Context
from worker.feedback import report_log, review_queue
from worker.feedback.consent_state import Rules
from worker.feedback.models import ContactIdentity, ReviewDecision
from worker.ops import retention
from worker.queries.timeline import number_timeline
from worker.store.tables import deliveries, reviews, suppressions
from worker.suppression.erasure import erase_number
from worker.suppression.evidence import number_evidence
from worker.sync.undo.undo import undo

HOLD = "[feedback]\nhold_open_reviews = true"
UNSURE = "how do I unsubscribe?"


def contact(ctx: Context, crm: Crm, sync: Sync) -> str:
    record_id = crm.ids()[0]
    crm.edit(record_id, {f"phone/{crm.phone}": NUMBER})
    sync(ctx, crm.name)
    return record_id


def reply(ctx: Context, text: str = UNSURE, message: int = 1, number: str = NUMBER) -> int:
    """A reply comes in, and what follows is delivered; the id of its review."""
    form = {"From": number, "MessageSid": f"SM{message:032d}", "Body": text}
    receive_twilio_sms(ctx, form)
    deliver_reports(ctx)
    with ctx.store.read() as connection:
        return connection.scalar(sa.select(sa.func.max(reviews.c.id))) or 0


def decide(ctx: Context, review: int, decision: ReviewDecision) -> None:
    assert review_queue.resolve_review(ctx, review, decision, "ada")
    deliver_reports(ctx)


REASON = "no texts for now (a reply that may be an opt-out waits for review"


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
        known = report_log.load(connection, [NUMBER], ctx.keys, with_holds=True)
        assert report_log.find_unseen(connection, [NUMBER], ctx.keys, before) == [NUMBER]
        assert report_log.find_unseen(connection, [NUMBER], ctx.keys, known) == []
    decide(ctx, review, ReviewDecision.NOTHING)
    with ctx.store.read() as connection:
        assert report_log.find_unseen(connection, [NUMBER], ctx.keys, known) == [NUMBER]


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

    def test_stands_though_the_clearing_is_read_after_the_decision(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        record_id = contact(ctx, crm, sync)
        store_report(ctx, "opt_out", channels="text", at=ctx.now() - timedelta(hours=1))
        deliver_reports(ctx)
        review = reply(ctx)
        crm.edit(record_id, {f"phone/{crm.phone}": "+1 (415) 555-2671"})
        sync(ctx, crm.name)  # the record is known anew, the reply is not decided
        a_later_second(crm)
        crm.edit(record_id, {"do_not_text": False})
        a_later_second(crm)
        decide(ctx, review, ReviewDecision.OPT_OUT)
        sync(ctx, crm.name)
        deliver_reports(ctx)
        assert crm.get(record_id, "do_not_text")

    def test_can_be_cleared_once_the_crm_had_it(self, ctx: Context, crm: Crm, sync: Sync) -> None:
        record_id = contact(ctx, crm, sync)
        decide(ctx, reply(ctx), ReviewDecision.OPT_OUT)
        assert crm.get(record_id, "do_not_text")
        sync(ctx, crm.name, "everything")
        a_later_second(crm)
        crm.edit(record_id, dict.fromkeys(STOP_FLAGS, False))
        a_later_second(crm)
        sync(ctx, crm.name, "everything")
        deliver_reports(ctx)
        assert not crm.get(record_id, "do_not_text")

    def test_must_be_honoured_from_the_reply_on(self, ctx: Context, crm: Crm, sync: Sync) -> None:
        contact(ctx, crm, sync)
        came = ctx.now()
        review = reply(ctx)
        advance_clock(ctx, days=9)
        decide(ctx, review, ReviewDecision.OPT_OUT)
        (report,) = number_evidence(ctx, NUMBER)["reports"]
        assert datetime.fromisoformat(report["received_at"]) - came < timedelta(minutes=5)

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


class TestWhatIsSaidOfIt:
    def test_stands_in_the_crm_as_long_as_the_review_is_open(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync
    ) -> None:
        ctx = make_context(HOLD)
        record_id = contact(ctx, crm, sync)
        before = crm.get(record_id, "reason")
        review = reply(ctx)
        assert REASON in crm.get(record_id, "reason")
        decide(ctx, review, ReviewDecision.NOTHING)
        assert crm.get(record_id, "reason") == before

    def test_stands_in_the_crm_in_its_language(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync
    ) -> None:
        ctx = make_context(f'{HOLD}\n[connectors.{crm.name}]\nreason_language = "de"')
        record_id = contact(ctx, crm, sync)
        reply(ctx)
        assert "vorerst keine SMS (eine Antwort" in crm.get(record_id, "reason")

    def test_gives_way_to_what_is_decided(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync
    ) -> None:
        ctx = make_context(HOLD)
        record_id = contact(ctx, crm, sync)
        review = reply(ctx)
        decide(ctx, review, ReviewDecision.OPT_OUT)
        assert "waits for review" not in crm.get(record_id, "reason")

    def test_is_told_of_the_number_and_in_its_evidence(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync
    ) -> None:
        ctx = make_context(HOLD)
        contact(ctx, crm, sync)
        review = reply(ctx)
        timeline = number_timeline(ctx, NUMBER)
        assert timeline["head"]["channels"] == ["text"]
        assert REASON in timeline["head"]["reason"]
        assert [hold["review"] for hold in timeline["holds"]] == [review]
        [hold] = number_evidence(ctx, NUMBER)["holds"]
        assert hold["reason"] == "a reply that may be an opt-out waits for review"
        assert [
            delivery["state"] for delivery in hold["delivered"] if delivery["connector"] == crm.name
        ] == ["done"]
        decide(ctx, review, ReviewDecision.NOTHING)
        assert number_timeline(ctx, NUMBER)["head"]["channels"] == []
        assert number_evidence(ctx, NUMBER)["holds"] == []

    def test_is_not_told_where_holds_are_off(self, ctx: Context, crm: Crm, sync: Sync) -> None:
        contact(ctx, crm, sync)
        reply(ctx)
        assert number_timeline(ctx, NUMBER)["holds"] == []
        assert number_timeline(ctx, NUMBER)["head"]["channels"] == []


class TestAFieldThatIsReadAnew:
    """It holds the number that the reply came from no more, but it is the same person's field."""

    THEN = ("4301-7285  4301-0948", "+4343017285")  # a number that nobody meant
    NOW = ("+541143017285", "+541143010948")

    def _contact(self, ctx: Context, crm: Crm, sync: Sync) -> str:
        typed, former = self.THEN
        release(ctx, {typed: (former,)})
        record_id = crm.ids()[0]
        set_only_number(crm, record_id, typed)
        sync(ctx, crm.name)
        return record_id

    def _read_anew(self, ctx: Context, crm: Crm, sync: Sync, numbers: tuple[str, ...]) -> None:
        release(ctx, {self.THEN[0]: numbers})
        sync(ctx, crm.name, "everything")

    @pytest.mark.parametrize("numbers", [NOW, ()], ids=["others", "nothing"])
    @pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
    def test_stays_on_hold_until_the_review_is_decided(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync, late: bool,
        numbers: tuple[str, ...],
    ) -> None:  # fmt: skip
        ctx = make_context(HOLD)
        record_id = self._contact(ctx, crm, sync)
        if late:
            self._read_anew(ctx, crm, sync, numbers)
            assert not crm.get(record_id, "do_not_text")
        review = reply(ctx, number=self.THEN[1])
        sync(ctx, crm.name)
        assert crm.get(record_id, "do_not_text")
        if not late:
            self._read_anew(ctx, crm, sync, numbers)
        assert crm.get(record_id, "do_not_text")
        assert "waits for review" in crm.get(record_id, "reason")
        assert report_kinds(ctx) == []
        for number in numbers:
            [hold] = number_evidence(ctx, number)["holds"]
            assert hold["review"] == review
            assert f"said of {self.THEN[1]}" in hold["reason"]
        sync(ctx, crm.name, "everything")
        assert crm.get(record_id, "do_not_text")
        decide(ctx, review, ReviewDecision.NOTHING)
        sync(ctx, crm.name)
        assert not crm.get(record_id, "do_not_text")
        assert "waits for review" not in crm.get(record_id, "reason")

    @pytest.mark.parametrize("numbers", [NOW, ()], ids=["others", "nothing"])
    def test_stays_stopped_where_it_is_an_opt_out(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync, numbers: tuple[str, ...]
    ) -> None:
        ctx = make_context(HOLD)
        record_id = self._contact(ctx, crm, sync)
        review = reply(ctx, number=self.THEN[1])
        self._read_anew(ctx, crm, sync, numbers)
        decide(ctx, review, ReviewDecision.OPT_OUT)
        sync(ctx, crm.name)
        assert crm.get(record_id, "do_not_text")
        assert "read by ada" in crm.get(record_id, "reason")

    @pytest.mark.parametrize("numbers", [NOW, ()], ids=["others", "nothing"])
    def test_is_not_put_on_hold_again_for_whom_a_person_cleared_the_hold(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync, numbers: tuple[str, ...]
    ) -> None:
        ctx = make_context(HOLD)
        record_id = self._contact(ctx, crm, sync)
        review = reply(ctx, number=self.THEN[1])
        self._clear(ctx, crm, sync, record_id)
        self._read_anew(ctx, crm, sync, numbers)
        assert not crm.get(record_id, "do_not_text")
        sync(ctx, crm.name, "everything")
        assert not crm.get(record_id, "do_not_text")
        decide(ctx, review, ReviewDecision.OPT_OUT)
        sync(ctx, crm.name)
        assert crm.get(record_id, "do_not_text")
        assert "read by ada" in crm.get(record_id, "reason")

    def test_is_not_put_on_hold_again_when_it_is_read_anew_once_more(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync
    ) -> None:
        ctx = make_context(HOLD)
        record_id = self._contact(ctx, crm, sync)
        reply(ctx, number=self.THEN[1])
        self._read_anew(ctx, crm, sync, self.NOW[:1])
        assert crm.get(record_id, "do_not_text")
        self._clear(ctx, crm, sync, record_id)
        self._read_anew(ctx, crm, sync, self.NOW[1:])
        sync(ctx, crm.name, "everything")
        assert not crm.get(record_id, "do_not_text")

    def test_is_put_on_hold_by_a_reply_that_comes_after_the_clearing(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync
    ) -> None:
        ctx = make_context(HOLD)
        record_id = self._contact(ctx, crm, sync)
        reply(ctx, number=self.THEN[1])
        self._clear(ctx, crm, sync, record_id)
        a_later_second(crm)
        reply(ctx, message=2, number=self.THEN[1])
        self._read_anew(ctx, crm, sync, self.NOW)
        assert crm.get(record_id, "do_not_text")

    def _clear(self, ctx: Context, crm: Crm, sync: Sync, record_id: str) -> None:
        a_later_second(crm)
        crm.edit(record_id, {"do_not_text": False})
        sync(ctx, crm.name)
        assert not crm.get(record_id, "do_not_text")

    def test_is_found_waiting_under_the_numbers_that_are_read_now(
        self, ctx: Context, crm: Crm, sync: Sync
    ) -> None:
        self._contact(ctx, crm, sync)
        review = reply(ctx, number=self.THEN[1])
        self._read_anew(ctx, crm, sync, self.NOW)
        asked = [*self.NOW, self.THEN[1], NUMBER]
        with ctx.store.read() as connection:
            assert review_queue.find_pending(connection, asked) == set(asked[:3])
            assert review_queue.find_pending(connection, asked[:1]) == set(asked[:1])
        decide(ctx, review, ReviewDecision.NOTHING)
        with ctx.store.read() as connection:
            assert review_queue.find_pending(connection, asked) == set()

    def test_whose_number_a_person_replaced_is_on_hold_no_more(
        self, make_context: Callable[..., Context], crm: Crm, sync: Sync
    ) -> None:
        ctx = make_context(HOLD)
        record_id = self._contact(ctx, crm, sync)
        reply(ctx, number=self.THEN[1])
        set_only_number(crm, record_id, NUMBER)
        sync(ctx, crm.name)
        assert not crm.get(record_id, "do_not_text")


def test_an_undecided_reply_outlives_every_retention(
    make_context: Callable[..., Context], crm: Crm, sync: Sync
) -> None:
    kept = "\n".join(f'{name} = "1d"' for name in ("writes", "lookups", "runs", "replies"))
    ctx = make_context(f"{HOLD}\n[retention]\n{kept}")
    record_id = contact(ctx, crm, sync)
    decided, put_back = reply(ctx), reply(ctx, "not interested", 2)
    reply(ctx, "can I unsubscribe?", 3)
    decide(ctx, decided, ReviewDecision.OPT_OUT)
    decide(ctx, put_back, ReviewDecision.NOTHING)
    review_queue.undo_reviews(ctx, [put_back], "ada")
    advance_clock(ctx, days=400)
    retention.purge_expired(ctx)
    with ctx.store.read() as connection:
        rows = connection.execute(sa.select(reviews.c.id, reviews.c.text)).all()
    texts = {row.id: row.text for row in rows}
    assert texts == {
        decided: "", put_back: "not interested", put_back + 1: "can I unsubscribe?",
    }  # fmt: skip
    sync(ctx, crm.name, "everything")
    assert crm.get(record_id, "do_not_text")
    assert listed(ctx) == 1
    with ctx.store.read() as connection:
        assert review_queue.find_pending(connection, [NUMBER]) == {NUMBER}

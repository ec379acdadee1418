"""The replies that wait for a person: their order, decisions on several, and undoing them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from vendor_webhooks import receive_twilio_sms

from worker.alerts import rules
from worker.context import Context
from worker.feedback import review_queue
from worker.feedback.models import ReviewDecision
from worker.store.tables import feedback, reviews

NUMBERS = ("+14155550123", "+14155550124", "+14155550125")
UNSURE = ("not interested", "how do I unsubscribe?", "my husband passed away")


def receive(ctx: Context, *texts: str) -> list[int]:
    for place, text in enumerate(texts):
        form = {"From": NUMBERS[place], "MessageSid": f"SM{place:032d}", "Body": text}
        receive_twilio_sms(ctx, form)
    with ctx.store.read() as connection:
        return list(connection.scalars(sa.select(reviews.c.id).order_by(reviews.c.id)))


def reported(ctx: Context) -> list[tuple[str, str]]:
    with ctx.store.read() as connection:
        query = sa.select(feedback.c.kind, feedback.c.number).order_by(feedback.c.id)
        return [(row.kind, row.number) for row in connection.execute(query)]


class TestTheQueue:
    def test_shows_the_likeliest_requests_first_with_their_words(self, ctx: Context) -> None:
        receive(ctx, *UNSURE)
        waiting = review_queue.open_reviews(ctx)
        likely = [review["likelihood"] for review in waiting]
        assert likely == sorted(likely, reverse=True)
        assert all(review["evidence"] for review in waiting)

    def test_asking_how_to_stop_is_likely_a_request(self, ctx: Context) -> None:
        receive(ctx, "how do I unsubscribe?", "wie kann ich mich abmelden?")
        assert all(review["likelihood"] > 50 for review in review_queue.open_reviews(ctx))

    def test_proposes_what_a_reply_says_and_not_always_an_opt_out(self, ctx: Context) -> None:
        receive(ctx, *UNSURE)
        proposed = {
            review["text"]: review["suggestion"] for review in review_queue.open_reviews(ctx)
        }
        assert proposed["my husband passed away"] == "wrong_number"
        assert proposed["how do I unsubscribe?"] == "opt_out"

    def test_reads_each_reply_once_however_often_it_is_listed(
        self, ctx: Context, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        receive(ctx, *UNSURE)
        first = review_queue.open_reviews(ctx)
        monkeypatch.setattr(review_queue, "read_reply", None)
        assert review_queue.open_reviews(ctx) == first

    def test_says_until_when_a_revocation_must_be_honoured(self, ctx: Context) -> None:
        receive(ctx, UNSURE[1])
        (review,) = review_queue.open_reviews(ctx)
        days = datetime.fromisoformat(review["honour_by"]).date() - ctx.now().date()
        assert timedelta(days=12) <= days <= timedelta(days=14)

    def test_counts_business_days(self) -> None:
        friday = datetime(2026, 11, 27, 12, tzinfo=UTC)
        assert review_queue.add_business_days(friday, 1).day == 30
        assert review_queue.add_business_days(friday, 10) == datetime(2026, 12, 11, 12, tzinfo=UTC)

    def test_tells_whose_reply_is_still_to_be_decided(self, ctx: Context) -> None:
        (first, *_) = receive(ctx, *UNSURE)
        with ctx.store.read() as connection:
            assert review_queue.find_pending(connection, [*NUMBERS, "+14155550199"]) == set(NUMBERS)
        review_queue.resolve_review(ctx, first, ReviewDecision.NOTHING, "ada")
        with ctx.store.read() as connection:
            assert review_queue.find_pending(connection, NUMBERS) == set(NUMBERS[1:])


class TestDecisions:
    def test_are_made_on_several_at_once(self, ctx: Context) -> None:
        ids = receive(ctx, *UNSURE)
        decided = review_queue.resolve_reviews(
            ctx, [*ids[:2], 999, ids[0]], ReviewDecision.OPT_OUT, "ada"
        )
        assert decided == ids[:2]
        assert reported(ctx) == [("opt_out", NUMBERS[0]), ("opt_out", NUMBERS[1])]
        assert review_queue.resolve_reviews(ctx, ids[:2], ReviewDecision.NOTHING, "bob") == []

    def test_that_are_undone_put_the_reply_back(self, ctx: Context) -> None:
        ids = receive(ctx, *UNSURE)
        review_queue.resolve_reviews(ctx, ids, ReviewDecision.NOTHING, "ada")
        assert review_queue.open_reviews(ctx) == []
        assert review_queue.undo_reviews(ctx, [ids[1], 999], "ada") == [ids[1]]
        assert [review["id"] for review in review_queue.open_reviews(ctx)] == [ids[1]]
        assert review_queue.resolve_review(ctx, ids[1], ReviewDecision.OPT_OUT, "ada")
        assert reported(ctx) == [("opt_out", NUMBERS[1])]

    def test_that_are_undone_make_nobody_contactable(self, ctx: Context) -> None:
        (first, second) = receive(ctx, *UNSURE[:2])
        review_queue.resolve_review(ctx, first, ReviewDecision.OPT_OUT, "ada")
        review_queue.resolve_review(ctx, second, ReviewDecision.OPT_IN, "ada")
        review_queue.undo_reviews(ctx, [first, second], "ada")
        assert reported(ctx) == [
            ("opt_out", NUMBERS[0]), ("opt_in", NUMBERS[1]), ("opt_out", NUMBERS[1]),
        ]  # fmt: skip

    def test_can_be_made_anew_after_an_undo(self, ctx: Context) -> None:
        (review_id,) = receive(ctx, UNSURE[0])
        review_queue.resolve_review(ctx, review_id, ReviewDecision.OPT_OUT, "ada")
        review_queue.undo_reviews(ctx, [review_id], "ada")
        review_queue.resolve_review(ctx, review_id, ReviewDecision.WRONG_NUMBER, "ada")
        assert [kind for kind, _ in reported(ctx)] == ["opt_out", "wrong_number"]


class TestTheAlert:
    def test_is_given_when_a_reply_waits_too_long(self, ctx: Context) -> None:
        (review_id,) = receive(ctx, UNSURE[1])
        assert [a for a in rules.current(ctx) if a.kind == "review_waiting"] == []
        with ctx.store.write() as connection:
            connection.execute(sa.update(reviews).values(at=ctx.now() - timedelta(days=3)))
        (alert,) = [a for a in rules.current(ctx) if a.kind == "review_waiting"]
        assert "10 business days" in alert.text
        assert alert.path == "/reviews"
        review_queue.resolve_review(ctx, review_id, ReviewDecision.NOTHING, "ada")
        assert [a for a in rules.current(ctx) if a.kind == "review_waiting"] == []

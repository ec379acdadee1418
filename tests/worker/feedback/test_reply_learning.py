"""What an installation learns from the replies that people decided."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import islice

import pytest
import sqlalchemy as sa
from vendor_webhooks import receive_twilio_sms

from worker.context import Context
from worker.feedback import reply_learning, reply_model, review_queue
from worker.feedback.models import ReviewDecision
from worker.feedback.replies import read_reply, router
from worker.feedback.replies.training_data import Example, examples
from worker.ops import doctor_checks, retention
from worker.store.tables import reviews
from worker.suppression.erasure import erase_number

NUMBER = "+14155550123"
# The router knows nothing of it; a rule sees a word.
TEXT = "how do I unsubscribe from the pelican"
LIKE_IT = "the pelican from the pelican"


@pytest.fixture(scope="module")
def sentences() -> list[Example]:
    """A hundredth of the project's: training takes a second."""
    return list(islice(examples(), 0, None, 100))


def decide(ctx: Context, decision: ReviewDecision) -> None:
    form = {"From": NUMBER, "MessageSid": f"SM{1:032d}", "Body": TEXT}
    receive_twilio_sms(ctx, form)
    with ctx.store.read() as connection:
        ids = list(connection.scalars(sa.select(reviews.c.id)))
    assert review_queue.resolve_reviews(ctx, ids, decision, "ada") == ids


def test_nothing_counts_before_it_is_applied(ctx: Context, sentences: list[Example]) -> None:
    decide(ctx, ReviewDecision.OPT_OUT)
    home = ctx.settings.home
    learned = reply_learning.learn_again(ctx, sentences)
    assert learned.report["decisions"] == 1
    assert router.current(home) == router.load()
    reply_learning.apply(learned, home)
    assert router.current(home) == learned.model
    (router.local_folder(home) / router.SETTINGS).unlink()  # to go back
    assert router.current(home) == router.load()


def test_a_decision_moves_what_is_like_it_and_flags_nothing(
    ctx: Context, sentences: list[Example]
) -> None:
    plain = reply_learning.learn_again(ctx, sentences).model
    decide(ctx, ReviewDecision.OPT_OUT)
    learned = reply_learning.learn_again(ctx, sentences).model
    assert router.score(LIKE_IT, learned).best > router.score(LIKE_IT, plain).best
    assert read_reply(LIKE_IT, learned).intents == ()
    thresholds = ("review", "review_elsewhere", "weak", "harmless")
    shipped = router.load()
    assert all(getattr(learned, name) == getattr(shipped, name) for name in thresholds)


def test_what_would_no_longer_reach_a_person_is_told(
    ctx: Context, sentences: list[Example]
) -> None:
    decide(ctx, ReviewDecision.OPT_OUT)
    harmless = [example for example in sentences if not any(example.meant)]
    report = reply_learning.learn_again(ctx, [*harmless, *[_harmless(TEXT)] * 40]).report
    assert report["no_longer_reviewed"] == report["requests_no_longer_reviewed"] == 1
    assert report["examples"]["no_longer_reviewed"] == [TEXT]


def _harmless(text: str) -> Example:
    return Example(text, (False, False), "en", text)


def test_a_person_who_is_erased_is_not_learned_from(ctx: Context) -> None:
    decide(ctx, ReviewDecision.OPT_OUT)
    assert [example.text for example in reply_learning.decided(ctx)] == [TEXT]
    erase_number(ctx, NUMBER, "ada")
    assert reply_learning.decided(ctx) == []


class TestWhatWasLearnedFromAnErasedText:
    def _learned(self, ctx: Context, sentences: list[Example]) -> router.Model:
        decide(ctx, ReviewDecision.OPT_OUT)
        learned = reply_learning.learn_again(ctx, sentences[:50])
        reply_learning.apply(learned, ctx.settings.home)
        assert reply_model.current(ctx) == learned.model
        assert not list(doctor_checks.check_learned_replies(ctx))
        return learned.model

    def test_counts_no_more_until_it_is_learned_again(
        self, ctx: Context, sentences: list[Example]
    ) -> None:
        self._learned(ctx, sentences)
        erase_number(ctx, NUMBER, "ada")
        assert reply_model.current(ctx) == router.load()
        (check,) = doctor_checks.check_learned_replies(ctx)
        assert "hygiene replies learn" in check.text
        again = reply_learning.learn_again(ctx, sentences[:50])
        assert again.report["decisions"] == 0
        reply_learning.apply(again, ctx.settings.home)
        assert reply_model.current(ctx) == again.model
        assert not list(doctor_checks.check_learned_replies(ctx))

    def test_counts_no_more_where_the_decision_was_undone_before(
        self, ctx: Context, sentences: list[Example]
    ) -> None:
        self._learned(ctx, sentences)
        with ctx.store.read() as connection:
            ids = list(connection.scalars(sa.select(reviews.c.id)))
        review_queue.undo_reviews(ctx, ids, "ada")
        erase_number(ctx, NUMBER, "ada")
        assert reply_model.current(ctx) == router.load()

    def test_counts_no_more_once_retention_deletes_the_text(
        self, ctx: Context, sentences: list[Example]
    ) -> None:
        self._learned(ctx, sentences)
        old = ctx.now() - ctx.settings.retention.replies - timedelta(days=1)
        with ctx.store.write() as connection:
            connection.execute(sa.update(reviews).values(decided_at=old))
        assert retention.purge_expired(ctx)["replies"] == 1
        assert reply_model.current(ctx) == router.load()

    def test_is_used_where_somebody_else_is_erased(
        self, ctx: Context, sentences: list[Example]
    ) -> None:
        model = self._learned(ctx, sentences)
        erase_number(ctx, "+14155550177", "ada")
        assert reply_model.current(ctx) == model


class TestWhatAnEarlierVersionLearned:
    """It did not note when, so nobody knows whether it learned from an erased text."""

    @pytest.fixture(autouse=True)
    def undated(self, ctx: Context, sentences: list[Example]) -> None:
        home = ctx.settings.home
        reply_learning.apply(reply_learning.learn_again(ctx, sentences[:50]), home)
        path = router.local_folder(home) / router.SETTINGS
        document = json.loads(path.read_text("utf-8"))
        del document["learned_at"]
        path.write_text(json.dumps(document), encoding="utf-8")

    def test_is_not_used_and_the_operator_is_told(
        self, ctx: Context, caplog: pytest.LogCaptureFixture
    ) -> None:
        for _ in range(3):
            assert reply_model.current(ctx) == router.load()
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        assert "run hygiene replies learn" in caplog.text
        (check,) = doctor_checks.check_learned_replies(ctx)
        assert check.text == reply_model.UNDATED

    def test_is_used_again_once_it_is_learned_again(
        self, ctx: Context, sentences: list[Example]
    ) -> None:
        again = reply_learning.learn_again(ctx, sentences[:50])
        reply_learning.apply(again, ctx.settings.home)
        assert reply_model.current(ctx) == again.model
        assert not list(doctor_checks.check_learned_replies(ctx))

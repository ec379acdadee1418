"""What an installation learns from the replies that people decided."""

from __future__ import annotations

from itertools import islice

import pytest
import sqlalchemy as sa

from worker.context import Context
from worker.feedback import intake, reply_learning, review_queue
from worker.feedback.models import ReviewDecision
from worker.feedback.replies import read_reply, router
from worker.feedback.replies.training_data import Example, examples
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
    intake.receive_twilio_sms(ctx, form)
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
    harmless = [one for one in sentences if not any(one.meant)]
    report = reply_learning.learn_again(ctx, [*harmless, *[_harmless(TEXT)] * 40]).report
    assert report["no_longer_reviewed"] == report["requests_no_longer_reviewed"] == 1
    assert report["examples"]["no_longer_reviewed"] == [TEXT]


def _harmless(text: str) -> Example:
    return Example(text, (False, False), "en", text)


def test_a_person_who_is_erased_is_not_learned_from(ctx: Context) -> None:
    decide(ctx, ReviewDecision.OPT_OUT)
    assert [one.text for one in reply_learning.decided(ctx)] == [TEXT]
    erase_number(ctx, NUMBER, "ada")
    assert reply_learning.decided(ctx) == []

"""What is personal goes when it is old enough; what must be honoured stays."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from clocks import advance_clock
from constants import NUMBER
from crms import Crm
from fixture_types import Sync
from vendor_webhooks import receive_twilio_sms

from worker.context import Context
from worker.feedback import review_queue
from worker.ops.retention import purge_expired
from worker.store.tables import feedback, pages, reviews, runs, suppressions, writes
from worker.suppression import suppressions as suppress


def count(ctx: Context, table: sa.Table) -> int:
    with ctx.store.read() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def test_what_is_old_goes_and_reports_stay(ctx: Context, crm: Crm, sync: Sync) -> None:
    sync(ctx, crm.name)
    suppress.add(ctx, NUMBER, "opt_out", "", "by letter", "admin")
    form = {"From": NUMBER, "MessageSid": "SM" + "2" * 32, "Body": "not interested"}
    receive_twilio_sms(ctx, form)
    review_queue.resolve_review(ctx, review_queue.open_reviews(ctx)[0]["id"], "nothing", "admin")
    assert count(ctx, writes) > 0
    assert not any(purge_expired(ctx).values())
    advance_clock(ctx, days=731)
    done = purge_expired(ctx)
    assert done["writes"] > 0
    assert done["runs"] == 1
    assert [count(ctx, table) for table in (writes, runs, pages)] == [0, 0, 0]
    assert count(ctx, feedback) == count(ctx, suppressions) == 1
    with ctx.store.read() as connection:
        assert [tuple(row) for row in connection.execute(
            sa.select(reviews.c.text, reviews.c.decision))] == [("", "nothing")]  # fmt: skip


def test_what_is_to_be_kept_for_good_is(
    make_context: Callable[..., Context], crm: Crm, sync: Sync
) -> None:
    ctx = make_context('[retention]\nwrites = "0d"\nruns = "0d"')
    sync(ctx, crm.name)
    advance_clock(ctx, days=10_000)
    purge_expired(ctx)
    assert count(ctx, writes) > 0
    assert count(ctx, runs) == 1

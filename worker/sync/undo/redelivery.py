"""Process records again after an undo that may have written over what a report demands."""

from __future__ import annotations

from collections.abc import Sequence

from worker.context import Context
from worker.feedback import report_log as feedback_log
from worker.feedback.report_log import ReportSet
from worker.store import changed_records, outbox
from worker.store.invalidation import invalidate
from worker.sync import contact_index
from worker.sync.runs.model import Run
from worker.sync.undo.standing_demands import Demand, Restore


def deliver_again(
    ctx: Context,
    run: Run,
    object_name: str,
    restores: Sequence[Restore],
    checked: Sequence[Demand],
    reports: ReportSet,
    ticked: Sequence[str],
) -> None:
    """Have records processed that lack what a report demands, and deliver reports that came since.

    The undo may have written over those that came while it was at work.
    """
    missing = {
        restore.contact.id
        for restore, demand in zip(restores, checked, strict=True)
        if demand.missing
    }
    numbers = sorted({number for demand in checked for number in demand.numbers})
    keys = ctx.keys
    with ctx.store.write() as connection:
        news = feedback_log.find_unseen(connection, numbers, keys, reports) if numbers else []
        if news:
            invalidate(connection, news)
            outbox.requeue(connection, run.connector, news, ctx.now())
        again = sorted(
            {
                *missing,
                *ticked,
                *(
                    restore.contact.id
                    for restore, demand in zip(restores, checked, strict=True)
                    if not set(news).isdisjoint(demand.numbers)
                ),
            }
        )
        if again:
            contact_index.invalidate_records(connection, run.connector, object_name, again)
            changed_records.record(connection, run.connector, object_name, again, ctx.now())

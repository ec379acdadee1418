"""Write the updates of a page to the CRM."""

from __future__ import annotations

from config.tracing import span
from worker.sync.pages import lease, missing
from worker.sync.pages.steps import EvaluatedPage, WrittenPage


def write(evaluated: EvaluatedPage) -> WrittenPage:
    """Write all updates, and find out what became of records that the CRM says are gone.

    Raises `LostLeaseError` before a batch where another worker has the page.
    """
    work = evaluated.work
    with span("write", records=len(evaluated.updates)):
        outcomes, written_at = work.write(
            work.connector, evaluated.updates, lease.throttled_require(work)
        )
    confirmed, still_missing = missing.confirm_removed(
        work.connector, work.page.object, outcomes, evaluated.missing
    )
    return WrittenPage(work, evaluated, confirmed, still_missing, written_at)

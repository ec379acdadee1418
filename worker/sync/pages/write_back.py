"""Write the updates of a page to the CRM."""

from __future__ import annotations

from config.tracing import span
from worker.sync.pages import lease, missing, retyped_phones
from worker.sync.pages.steps import EvaluatedPage, WrittenPage
from worker.sync.write.crm_writes import write_all


def write(evaluated: EvaluatedPage) -> WrittenPage:
    """Write all updates, and find out what became of records that the CRM says are gone.

    A page that rewrites phone fields does not wait for the updates of other pages: a person may
    retype a number meanwhile. Raises `LostLeaseError` before a batch where another worker has the
    page.
    """
    work = evaluated.work
    write_now = write_all if retyped_phones.rewritten(evaluated) else work.write
    with span("write", records=len(evaluated.updates)):
        outcomes, written_at = write_now(
            work.connector, evaluated.updates, lease.throttled_require(work)
        )
    confirmed, still_missing = missing.confirm_removed(
        work.connector, work.page.object, outcomes, evaluated.missing
    )
    return WrittenPage(work, evaluated, confirmed, still_missing, written_at)

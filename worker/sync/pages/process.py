"""Process one page: the steps, and what happens when one of them fails.

Each step is one function in a module of this package. It is handed one record and returns the next
one (`worker.sync.pages.steps` has them in order):

1. `lease.claim`: take the lease of the page, so that no other worker processes it.
2. `load.load`: the contacts as the reader found them, or fetched again.
3. `attribution.attribute_flags`: tell flags that a person changed from our own writes.
4. `prepare.read_fields`: read the phone fields, load and store what was reported.
5. `verify.verify`: verify the numbers that need it.
6. `missing.find_missing`: what became of records that the CRM did not return.
7. `evaluate.evaluate`: decide each contact, and compare with what the CRM holds.
8. `pending_writes.record`: keep what will be written, before it is sent. It leaves out records
   of which another page has written the same flag (`concurrent_flags`), or whose phone a person
   has retyped (`retyped_phones`), since they were read.
9. `write_back.write`: write it to the CRM.
10. `results.commit`: outcomes, index and counts in one transaction; the page is done.

Everything that must survive a crash is in the database before the step that needs it: reports of
CRM users before anything is decided from them, what will be written before it is sent. A page that
is taken up again fetches its contacts again, so that it works on what is there now, and settles
first which of the pending writes had reached the CRM.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from config import stopping
from config.logging_setup import about
from config.tracing import span
from connectors.errors import ConnectorError, SchemaChangedError
from connectors.protocol import Connector
from connectors.records import Contact
from worker.context import Context
from worker.store import pause
from worker.store.machine_faults import place, trouble
from worker.sync.pages import (
    attribution,
    evaluate,
    lease,
    load,
    missing,
    pending_writes,
    prepare,
    quarantine,
    results,
    verify,
    write_back,
)
from worker.sync.pages.steps import LeasedPage, LoadedPage, PageWork, VerifiedPage, Write
from worker.sync.runs.model import Run
from worker.sync.write.crm_writes import write_all

log = logging.getLogger(__name__)


def process(
    ctx: Context, page_id: int, write: Write | None = None, read: Sequence[Contact] | None = None
) -> bool:
    """Process a page; return False when it is done already or another worker has it.

    Raises what stops the whole run (`ConnectorError`), `PausedError` while everything is paused
    (the run stays open, and goes on later), and `Stopped`. Any other failure counts
    against the page, which is quarantined after too many, its contacts kept for later runs.
    `write`: another way to write than by itself (`worker.sync.write.batcher`). `read`: the page's
    contacts, where this process has just stored them, so that they need not be decoded again.
    """
    stopping.check()
    claimed = lease.claim(ctx, page_id, read)
    if claimed is None:
        return False
    page, run = claimed
    with (
        about(run=run.id, page=str(page.id)),
        span("page", run=run.id, page=page.id, connector=run.connector, contacts=len(page.ids)),
    ):
        return _process_claimed(ctx, page, run, write or write_all)


def _run_steps(work: PageWork) -> None:
    verified = _prepare_and_verify(load.load(work))
    if verified.took_longer_than(work.ctx.settings.sync.reread_after):
        # People work in the CRM meanwhile: look once more at what is there now. The answers that
        # have come count already.
        lookups = verified.verified.lookups
        verified = _prepare_and_verify(load.fetch_again(work))
        verified.verified.lookups.add(lookups)
    evaluated = evaluate.evaluate(missing.find_missing(verified))
    stopping.check()
    evaluated = pending_writes.record(evaluated)
    if work.run.dry_run:
        results.commit_forecast(evaluated)
    else:
        results.commit(write_back.write(evaluated))


def _prepare_and_verify(loaded: LoadedPage) -> VerifiedPage:
    attributed = attribution.attribute_flags(loaded)
    prepared = prepare.read_fields(attributed)
    return verify.verify(prepared)


# -- what happens when a step fails ----------------------------------------------------------


def _process_claimed(ctx: Context, page: LeasedPage, run: Run, write: Write) -> bool:
    try:
        _try_steps(ctx, page, run, write)
    except ConnectorError as error:
        lease.release(ctx, page.id, str(error))
        raise
    except lease.LostLeaseError:
        log.warning("page %d of run %s was taken over by another worker", page.id, run.id)
        return False
    except pause.PausedError:
        lease.give_back(ctx, page)
        raise
    except Exception as error:
        return _handle_failure(ctx, page, run, write, error)
    except BaseException:  # a shutdown: let another worker go on at once
        lease.give_back(ctx, page)
        raise
    return True


def _try_steps(ctx: Context, page: LeasedPage, run: Run, write: Write) -> None:
    """Run the steps; once more, with the CRM's schema read again, where that has changed."""

    def work_on(connector: Connector, page: LeasedPage) -> PageWork:
        return PageWork(ctx, run, connector, page, write, dict(connector.calls))

    connector = ctx.connector(run.connector)
    try:
        _run_steps(work_on(connector, page))
    except SchemaChangedError:
        connector = ctx.connector(run.connector, fresh=True)
        _run_steps(work_on(connector, replace(page, attempts=page.attempts + 1, contacts=None)))


def _handle_failure(
    ctx: Context, page: LeasedPage, run: Run, write: Write, error: Exception
) -> bool:
    """Try the page again, or quarantine the record at fault. Raises faults of the machine."""
    fault = trouble(error)
    if fault is not None and not fault.passes:
        with suppress(Exception):  # the fault of the machine may hinder this as well
            lease.give_back(ctx, page)
        raise error
    text = fault.line if fault is not None else f"{place(error)}: {error}"
    log.error("page %d of run %s failed: %s", page.id, run.id, " ".join(text.split())[:500])
    log.debug("where it failed", exc_info=True)
    lease.release(ctx, page.id, repr(error))
    if page.attempts < ctx.settings.sync.page_attempts:
        return process(ctx, page.id, write, page.contacts)
    if fault is not None:
        raise error
    if len(page.ids) > 1 and (halves := quarantine.split(ctx, run, page)):
        for half in halves:
            process(ctx, half, write)
    else:
        quarantine.quarantine(ctx, run, page, error)
    return True

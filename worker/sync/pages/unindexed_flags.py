"""Find our own flags on contacts that our index does not hold.

The contact was erased on request and its CRM has it still, or it was deleted and somebody restored
it, or it was dropped with its connection, which is back. The first time a contact is read, a flag
that is set counts as a person's report. One that we set ourselves must not: it would outlive a
later opt-in, and the evidence would call it theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from worker.context import Context
from worker.feedback import crm_flags
from worker.feedback.models import FeedbackKind
from worker.store.array_param import any_of
from worker.store.states import WriteState
from worker.store.tables import feedback
from worker.suppression import erasure
from worker.sync.pages import evaluator, reports
from worker.sync.pages.fields import Prepared, Remembered
from worker.sync.pages.late_writes import WritesOfRecords
from worker.sync.runs.model import Run

Flags = dict[str, dict[str, bool]]  # contact key -> flag -> as we last saw or wrote it


def find(
    ctx: Context,
    run: Run,
    new: Sequence[Prepared],
    remembered: Remembered,
    written: WritesOfRecords,
) -> Flags:
    """Return the flags of these contacts that are known all the same; most have none.

    `written`: what we wrote to those with a flag that is set.
    """
    if not new:
        return {}
    erased = _flags_of_erased(ctx, run, new, remembered)
    flagged = [
        prepared_contact
        for prepared_contact in new
        if prepared_contact.identity.key not in erased and prepared_contact.contact.id in written
    ]
    return {**_written_flags(ctx, flagged, written), **erased}


def _written_flags(ctx: Context, flagged: Sequence[Prepared], written_to: WritesOfRecords) -> Flags:
    """Return the flags that we wrote to these records last, before they were deleted.

    Where somebody has cleared one since, one that is set was ticked again: then none counts as
    ours.
    """
    if not flagged:
        return {}
    written: Flags = {}
    written_at: dict[str, datetime] = {}
    for prepared_contact in flagged:
        key = prepared_contact.identity.key
        for row in written_to[prepared_contact.contact.id]:
            flags = crm_flags.flags_of(row.after)
            if flags and row.state == WriteState.DONE:
                written.setdefault(key, {}).update(flags)
                written_at[key] = row.at
    if not written:
        return written
    f = feedback.c
    cleared = sa.select(f.contact, f.at).where(
        any_of(f.contact, sorted(written)),
        f.contact != sa.literal_column("''"),
        f.key.startswith("crm:"),
        f.kind.in_((FeedbackKind.OPT_IN, FeedbackKind.CONFIRMED)),
    )
    with ctx.store.read() as connection:
        for clearing in connection.execute(cleared):
            if clearing.contact in written and clearing.at >= written_at[clearing.contact]:
                del written[clearing.contact]
    return written


def _flags_of_erased(
    ctx: Context, run: Run, new: Sequence[Prepared], remembered: Remembered
) -> Flags:
    """Return flags that are surely ours, of contacts that were erased or dropped here and are read
    again.

    Of those that were erased, these are the flags that the reports in force still demand. Another
    one that is ticked may be a person's word, which went with the erasure: it counts as one again.
    """
    with ctx.store.read() as connection:
        stored = erasure.load_stored_flags(
            connection, [prepared_contact.identity.key for prepared_contact in new], ctx.keys
        )
    before = {key: of.flags for key, of in stored.items()}
    erased = [
        prepared_contact
        for prepared_contact in new
        if (of := stored.get(prepared_contact.identity.key)) is not None and not of.all_known
    ]
    if not erased:
        return before
    loaded = reports.load_reports(ctx, run, erased, {}, ())
    connector = ctx.connector(run.connector)
    decisions = evaluator.decide_by_reports(ctx, run, connector, erased, loaded, remembered)
    return before | {
        prepared_contact.identity.key: {
            flag: value
            for flag, value in before[prepared_contact.identity.key].items()
            if not value or getattr(decision, flag)
        }
        for prepared_contact, decision in zip(erased, decisions, strict=True)
    }

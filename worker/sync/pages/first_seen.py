"""Flags of contacts that our index does not hold, although they may be ours: the contact was erased
on request and its CRM has it still, or it was deleted and somebody restored it.

The first time a contact is read, a flag that is set counts as a person's word. What we set
ourselves must not: it would outlive an opt-in from meanwhile, and stand in the evidence as theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from worker.context import Context
from worker.feedback import crm_flags
from worker.store.array_param import any_of
from worker.store.tables import feedback, writes
from worker.suppression import erasure
from worker.sync.pages import evaluate
from worker.sync.pages.prepare import Prepared, Remembered
from worker.sync.runs.lifecycle import Run

Flags = dict[str, dict[str, bool]]  # contact key -> flag -> as we last saw or wrote it


def flags(ctx: Context, run: Run, new: Sequence[Prepared], remembered: Remembered) -> Flags:
    """What is known of the flags of these contacts all the same; nothing of most."""
    if not new:
        return {}
    erased = _of_erased(ctx, run, new, remembered)
    ticked = [
        one
        for one in new
        if one.who.key not in erased and any(crm_flags.flags_of(one.contact.held).values())
    ]
    return {**_written(ctx, run, ticked), **erased}


def _written(ctx: Context, run: Run, ticked: Sequence[Prepared]) -> Flags:
    """The flags that we wrote to these records last, before they were deleted. Where somebody has
    cleared one since, one that is set was ticked again: then nothing counts as ours."""
    if not ticked:
        return {}
    w, object_name = writes.c, ticked[0].contact.object
    keys = {one.contact.id: one.who.key for one in ticked}
    query = (
        sa.select(w.record_id, w.after, w.at)
        .where(
            w.connector == run.connector,
            w.object == object_name,
            any_of(w.record_id, list(keys)),
            w.state == "done",
        )
        .order_by(w.id)
    )
    f = feedback.c
    cleared = sa.select(f.contact, f.at).where(
        any_of(f.contact, sorted(keys.values())),
        f.contact != sa.literal_column("''"),
        f.key.startswith("crm:"),
        f.kind.in_(("opt_in", "confirmed")),
    )
    found: Flags = {}
    written_at: dict[str, datetime] = {}
    with ctx.store.read() as connection:
        for row in connection.execute(query):
            if said := crm_flags.flags_of(row.after):
                found.setdefault(keys[row.record_id], {}).update(said)
                written_at[keys[row.record_id]] = row.at
        for clearing in connection.execute(cleared):
            if clearing.contact in found and clearing.at >= written_at[clearing.contact]:
                del found[clearing.contact]
    return found


def _of_erased(ctx: Context, run: Run, new: Sequence[Prepared], remembered: Remembered) -> Flags:
    """Contacts that were erased here and are read again -> their flags that are surely ours: those
    that what stands demands still. Another one that is ticked may be a person's word, which went
    with the erasure: then it counts as one again."""
    keys = ctx.keys
    with ctx.store.read() as connection:
        found = erasure.load_stored_flags(connection, [one.who.key for one in new], keys)
    those = [one for one in new if one.who.key in found]
    if not those:
        return found
    told = evaluate.reported(ctx, run, those, {}, ())
    connector = ctx.connector(run.connector)
    decisions = evaluate.decide_by_reports(ctx, run, connector, those, told, remembered)
    return {
        one.who.key: {
            flag: value
            for flag, value in found[one.who.key].items()
            if not value or getattr(decision, flag)
        }
        for one, decision in zip(those, decisions, strict=True)
    }

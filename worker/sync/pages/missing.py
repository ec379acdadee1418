"""Find out what became of records that the CRM did not return, or has no more when written to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from connectors.protocol import Connector
from worker.sync.pages.steps import MissingRecords, VerifiedPage
from worker.sync.write.crm_writes import Outcome

NOT_VISIBLE = "our user does not see this record, and the CRM does not report it as deleted"


def find_missing(verified: VerifiedPage) -> VerifiedPage:
    """Ask the CRM which of the page's missing records were deleted or merged."""
    page, connector = verified.work.page, verified.work.connector
    prepared = verified.prepared
    ids = (
        set(page.ids)
        - {prepared_contact.contact.id for prepared_contact in prepared.contacts}
        - prepared.deferred
    )
    if not ids:
        return verified
    if page.object in verified.work.ctx.fields[connector.name].lost_objects:
        # The whole object is hidden from our user.
        return replace(verified, missing=MissingRecords(not_visible=ids))
    removed = connector.deleted(page.object, sorted(ids))
    merged = tuple(filter(None, removed.values()))
    missing = MissingRecords(removed.keys(), ids - removed.keys(), merged)
    return replace(verified, missing=missing)


def confirm_removed(
    connector: Connector, object_name: str, outcomes: Mapping[str, Outcome], missing: MissingRecords
) -> tuple[Mapping[str, Outcome], MissingRecords]:
    """Tell records that were deleted from those that our user no longer sees.

    A CRM may answer a write to a record that our user cannot see as if there were no such record.
    So one that it does not report as deleted when it is asked counts as not visible.
    """
    claimed = [record_id for record_id, outcome in outcomes.items() if outcome.gone]
    if not claimed:
        return outcomes, missing
    deleted = connector.deleted(object_name, claimed)
    confirmed = {
        record_id: outcome
        if not outcome.gone or record_id in deleted
        else Outcome(outcome.written, "not_visible", f"{NOT_VISIBLE} ({outcome.message})")
        for record_id, outcome in outcomes.items()
    }
    merged = (*missing.merged, *filter(None, deleted.values()))
    return confirmed, replace(missing, merged=merged)

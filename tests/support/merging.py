"""Merges of records in a CRM, and what they leave behind."""

from __future__ import annotations

from typing import Any

from constants import OTHER_PHONES
from crms import Crm
from reports import stored_reports

from worker.context import Context


def surviving_id(crm: Crm, record_id: str) -> str:
    """Return the id under which a record lives on after its merges."""
    if crm.kind == "hubspot":
        portal = crm.service.portal
        while record_id in portal.merged:
            record_id = portal.merged[record_id]
        return record_id
    table = crm.service.org.tables[crm.object]
    while (record := table.get(record_id)) and record.get("MasterRecordId"):
        record_id = record["MasterRecordId"]
    return record_id


def merge(crm: Crm, away: str, into: str) -> str:
    """Merge a record into another, whose values win. Return the id of the result."""
    crm.act(away, {"merge_into": into})
    return surviving_id(crm, into)


def set_only_number(crm: Crm, record_id: str, number: str) -> None:
    """Give a record this number and no other."""
    nothing = {f"phone/{name}": None for name in OTHER_PHONES[crm.kind]}
    crm.edit(record_id, {f"phone/{crm.phone}": number or None, **nothing})


def evidence_of_users(ctx: Context) -> list[str]:
    """Evidence that names something a CRM user did."""
    return [row.evidence for row in stored_reports(ctx) if "somebody" in row.evidence]


def status(crm: Crm, record_id: str) -> Any:
    return crm.get(record_id, crm.status)

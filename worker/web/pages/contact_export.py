"""Export the contacts of a filter as CSV or as a workbook. For admins; the audit log keeps each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response, StreamingResponse

from connectors.csv_list.formula_guard import csv_line
from worker.access import audit
from worker.context import Context
from worker.queries import contact_counts, names
from worker.queries import contacts as listing
from worker.queries.contact_plan import Count
from worker.queries.contacts import ListedContact
from worker.sync.runs import crm_quota
from worker.web.auth import AdminForm, Viewer, reason_in
from worker.web.pages.contact_filters import Shown, filter_in, shown_filter
from worker.web.pages.downloads import as_workbook, in_blocks
from worker.web.render import page

_COLUMNS = (
    "crm", "object", "id", "statuses", "reason", "flags", "source", "campaign", "country", "month",
    "checked_at", "failure", "link",
)  # fmt: skip
_NAME_COLUMNS = ("name", "phones as typed", "note")
_AT_ONCE = 5000


def router(ctx: Context) -> APIRouter:
    """Return the routes of the export."""
    routes = APIRouter()

    @routes.get("/export")
    def ask(request: Request, me: Viewer) -> Response:
        """How many contacts, and how many API calls their names take."""
        if not me.may_act:
            raise HTTPException(403, "Only admins can export contacts.")
        shown = shown_filter(ctx, dict(request.query_params))
        plan = contact_counts.look(ctx, shown.wanted)
        counts, has_more = contact_counts.count_by_object(ctx, plan)
        number = Count(min(sum(counts.values()), contact_counts.EXPORT_LIMIT), has_more)
        calls = names.calls_needed(ctx, counts)
        quotas = {name: crm_quota.last_reported(ctx, name) for name in calls}
        return page(
            request, "contacts_export.html", me, here="contacts", shown=shown,
            number=number, calls=calls, quotas=quotas, chips=shown.chips(),
        )  # fmt: skip

    @routes.post("/export.{kind}")
    def export(admin: AdminForm, kind: Literal["csv", "xlsx"]) -> Response:
        me, form = admin
        shown, why, named = filter_in(ctx, form.get("filter", "")), reason_in(form), "names" in form
        target = f"{kind}{' with names' if named else ''}: {_target(shown)}"
        audit.note(ctx.store, ctx.now(), me.name, "contacts.export", target, why)
        file_name = f"contacts-{ctx.now():%Y%m%d-%H%M}.{kind}"
        headers = {"Content-Disposition": f'attachment; filename="{file_name}"'}
        if kind == "csv":
            lines = (csv_line(row) for row in _rows(ctx, shown, named))
            media_type = "text/csv; charset=utf-8"
            return StreamingResponse(in_blocks(lines), headers=headers, media_type=media_type)
        return as_workbook("Contacts", _rows(ctx, shown, named), headers)

    return routes


def _target(shown: Shown) -> str:
    return ", ".join(chip["text"] for chip in shown.chips()) or "all contacts"


def _rows(ctx: Context, shown: Shown, named: bool) -> Iterator[list[str]]:
    """Yield the header and a row for each contact, batch by batch."""
    yield [*_COLUMNS, *(_NAME_COLUMNS if named else ())]
    active = set(ctx.settings.active_connectors)
    for batch in listing.every_contact(ctx, shown.wanted, _AT_ONCE):
        crm_names = (
            names.read(ctx, [(contact.connector, contact.object, contact.id) for contact in batch])
            if named
            else names.Names()
        )
        for contact in batch:
            link = ""
            if contact.connector in active:
                link = ctx.open(contact.connector).record_url(contact.object, contact.id)
            row = _row(contact, link)
            if named:
                typed = crm_names.found.get(contact.key)
                problem = crm_names.problems.get(
                    contact.connector, "no longer in the CRM, or not visible"
                )
                row += [
                    typed.name if typed else "",
                    "; ".join(f"{field}: {text}" for field, text in typed.phones.items())
                    if typed
                    else "",
                    "" if typed else f"name not read: {problem}",
                ]
            yield row


def _row(contact: ListedContact, link: str) -> list[str]:
    return [
        contact.connector, contact.object, contact.id,
        "; ".join(f"{field}: {status}" for field, status in contact.statuses.items()),
        contact.reason, " ".join(contact.flags), contact.source, contact.campaign,
        contact.country, contact.month,
        contact.checked_at.isoformat(timespec="seconds") if contact.checked_at else "",
        contact.failure, link,
    ]  # fmt: skip

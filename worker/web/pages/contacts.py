"""The contacts behind each figure: a list with filters, names from the CRM, and what to do."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

from config.segments import SEGMENTS
from worker.context import Context
from worker.decisions.diff import FLAGS
from worker.queries import contact_counts, names
from worker.queries import contacts as listing
from worker.queries.contact_filter import BAD, STATUSES, ContactFilter, FilterError
from worker.queries.contact_order import SORTS, Sort
from worker.segments import isolation
from worker.segments.counters import REPORTS
from worker.web.auth import Viewer, ViewerForm
from worker.web.body import RawBody, form_of
from worker.web.pages import contact_actions, contact_export
from worker.web.pages.contact_filters import Shown, shown_filter
from worker.web.queue import Queue
from worker.web.render import page

_SORTED_BY = {"checked": "latest check", "status": "worst status", "source": "source"}


def router(ctx: Context, queue: Queue) -> APIRouter:
    """Return the routes of the list, of its export, and of what is done with a selection."""
    routes = APIRouter(prefix="/contacts", include_in_schema=False)

    @routes.get("")
    def listed(request: Request, me: Viewer, sort: Sort = "checked", after: str = "") -> Response:
        shown = shown_filter(ctx, dict(request.query_params))
        try:
            plan = contact_counts.look(ctx, shown.wanted)
            chunk = listing.list_contacts(ctx, shown.wanted, sort, after[:2000], plan=plan)
        except FilterError as error:
            raise HTTPException(422, f"There is no such list. {error}") from None
        empty = not chunk.contacts and not after
        ordered = "" if sort == "checked" else sort
        return page(
            request, "contacts.html", me, here="contacts", shown=shown, sort=sort, sorts=_SORTED_BY,
            contacts=chunk.contacts, count=plan.count, by_key=chunk.by_key, first=not after,
            more=chunk.after and shown.address(sort=ordered, after=chunk.after),
            start=shown.address(sort=ordered), links=_links(ctx, chunk.contacts),
            ordered={name: shown.address(sort=name) for name in SORTS},
            reasons=_reasons(ctx, shown) if empty else [], choices=_choices(ctx, shown.wanted),
            done=contact_actions.done_of(ctx, request.query_params), isolable=_isolable(ctx, shown),
        )  # fmt: skip

    @routes.post("/names")
    def read_names(request: Request, viewer: ViewerForm, body: RawBody) -> Response:
        """Names of the rows that a page shows. Their ids come in the body, and are in no log."""
        me, _ = viewer
        keys = contact_actions.keys_in(form_of(body))[: listing.PAGE]
        crm_names = names.read(ctx, keys)
        answer = [crm_names.found.get("/".join(key)) for key in keys]
        return page(request, "_names.html", me, names=answer, problems=crm_names.problems)

    routes.include_router(contact_export.router(ctx))
    routes.include_router(contact_actions.router(ctx, queue))
    return routes


def _links(ctx: Context, contacts: list[listing.ListedContact]) -> dict[str, str]:
    """The page in the CRM of each contact, where there is one."""
    active = set(ctx.settings.active_connectors)
    return {
        contact.key: ctx.open(contact.connector).record_url(contact.object, contact.id)
        for contact in contacts
        if contact.connector in active
    }


def _reasons(ctx: Context, shown: Shown) -> list[dict[str, Any]]:
    """What leaves the list empty, in words."""
    return [
        {"text": shown.words(name), "count": remaining, "without": shown.without(name)}
        for name, remaining in contact_counts.explain_empty(ctx, shown.wanted)
    ]


def _choices(ctx: Context, wanted: ContactFilter) -> dict[str, Any]:
    objects = {
        name for connector in ctx.settings.active_connectors for name in ctx.open(connector).objects
    }  # fmt: skip
    return {
        "connector": ctx.settings.active_connectors,
        "object": sorted(objects | ({wanted.object} - {""})),
        "status": (BAD, *STATUSES),
        "flag": FLAGS,
        "report": REPORTS,
        "by": SEGMENTS,
    }


def _isolable(ctx: Context, shown: Shown) -> bool:
    """Whether the filter names one segment of one CRM that is not isolated yet."""
    wanted = shown.wanted
    if not (wanted.connector and wanted.by and wanted.value):
        return False
    return not any(
        (isolated.connector, isolated.by, isolated.value)
        == (wanted.connector, wanted.by, wanted.value)
        for isolated in isolation.active(ctx, 10_000)
    )

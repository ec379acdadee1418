"""Contacts that share a number: a list with a filter, names from the CRMs, and an export."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response, StreamingResponse

from connectors.csv_list.formula_guard import csv_line
from connectors.labels import crm_name
from worker.access import audit
from worker.context import Context
from worker.duplicates import export, listing
from worker.duplicates import names as comparing
from worker.duplicates.listing import CursorError, ListedGroup
from worker.duplicates.rules import Kind
from worker.queries import names
from worker.sync.runs import crm_quota
from worker.web.auth import AdminForm, Viewer, ViewerForm, reason_in
from worker.web.body import RawBody, form_of
from worker.web.encrypted_numbers import decrypt_number, encrypt_number
from worker.web.pages.downloads import as_workbook, in_blocks
from worker.web.render import page

_PATH = "/duplicates"


@dataclass(frozen=True, slots=True)
class _Filter:
    connector: str = ""
    kind: Kind | None = None

    def address(self, path: str = _PATH, **changed: str) -> str:
        given = {"connector": self.connector, "kind": self.kind or "", **changed}
        query = urlencode({name: text for name, text in given.items() if text})
        return f"{path}?{query}" if query else path

    def chips(self) -> list[dict[str, str]]:
        chips = []
        if self.connector:
            without = urlencode({"kind": self.kind}) if self.kind else ""
            chips.append({"text": f"CRM: {crm_name(self.connector)}", "without": without})
        if self.kind:
            without = urlencode({"connector": self.connector}) if self.connector else ""
            chips.append({"text": self.kind.replace("_", " "), "without": without})
        return chips


def router(ctx: Context) -> APIRouter:
    """Return the routes of the list and of its export.

    Long, because each route is a function inside that shares the context; none of them is.
    """
    routes = APIRouter(prefix=_PATH, include_in_schema=False)

    @routes.get("")
    def listed(
        request: Request, me: Viewer, connector: str = "", kind: str = "", after: str = ""
    ) -> Response:
        wanted = _filter(connector, kind)
        try:
            groups = listing.list_groups(ctx, wanted.connector, wanted.kind, after[:400])
        except CursorError as error:
            raise HTTPException(404, str(error)) from None
        counts = listing.counts(ctx, wanted.connector)
        return page(
            request, "duplicates.html", me, here="segments", wanted=wanted, kinds=tuple(Kind),
            groups=_shown(ctx, groups.groups), counts=counts, total=sum(counts.values()),
            more=groups.after and wanted.address(after=groups.after), first=not after,
            connectors=ctx.settings.active_connectors, counted_at=listing.counted_at(ctx),
            by_kind=_by_kind(wanted),
        )  # fmt: skip

    @routes.post("/names")
    def read_names(request: Request, viewer: ViewerForm, body: RawBody) -> Response:
        """Names of the groups that a page shows, and what they say of the groups. The numbers come
        encrypted in the body, and stand in no log."""
        me, _ = viewer
        form = form_of(body)
        wanted = _filter(dict(form).get("connector", ""), "")
        refs = [text for name, text in form if name == "ref"][: listing.PAGE]
        numbers = [decrypt_number(ctx.keys, ref) for ref in refs]
        places = {number: place for place, number in enumerate(numbers) if number}
        compared = comparing.compare(ctx, listing.find_groups(ctx, list(places)))
        shown = _shown(ctx, compared.groups)
        return page(
            request, "_duplicate_names.html", me, problems=compared.problems,
            groups=[(places[entry["group"].number], entry) for entry in shown],
            names=compared.found, counts=listing.counts(ctx, wanted.connector),
            by_kind=_by_kind(wanted),
        )  # fmt: skip

    @routes.get("/export")
    def ask(request: Request, me: Viewer, connector: str = "", kind: str = "") -> Response:
        """How many groups, and how many API calls their names take."""
        if not me.may_act:
            raise HTTPException(403, "Only admins can export contacts.")
        wanted = _filter(connector, kind)
        counts = listing.counts(ctx, wanted.connector)
        number = counts[wanted.kind] if wanted.kind else sum(counts.values())
        calls = names.calls_needed(
            ctx, listing.contacts_by_object(ctx, wanted.connector, wanted.kind)
        )
        quotas = {name: crm_quota.last_reported(ctx, name) for name in calls}
        return page(
            request, "duplicates_export.html", me, here="segments", wanted=wanted, calls=calls,
            number=min(number, listing.EXPORT_LIMIT), has_more=number > listing.EXPORT_LIMIT,
            quotas=quotas,
        )  # fmt: skip

    @routes.post("/export.{file_kind}")
    def download(admin: AdminForm, file_kind: Literal["csv", "xlsx"]) -> Response:
        me, form = admin
        wanted = _filter(form.get("connector", ""), form.get("kind", ""))
        why, named = reason_in(form), "names" in form
        chips = ", ".join(chip["text"] for chip in wanted.chips()) or "all groups"
        target = f"{file_kind}{' with names' if named else ''}: {chips}"
        audit.note(ctx.store, ctx.now(), me.name, "duplicates.export", target, why)
        name = f"duplicates-{ctx.now():%Y%m%d-%H%M}.{file_kind}"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        rows = export.rows(ctx, wanted.connector, wanted.kind, named)
        if file_kind == "xlsx":
            return as_workbook("Duplicates", rows, headers)
        lines = in_blocks(csv_line(row) for row in rows)
        return StreamingResponse(lines, headers=headers, media_type="text/csv; charset=utf-8")

    return routes


def _filter(connector: str, kind: str) -> _Filter:
    """Return the filter that an address or form names; raises 422 for a kind that is none."""
    try:
        return _Filter(connector.replace("\x00", "")[:40], Kind(kind) if kind else None)
    except ValueError:
        raise HTTPException(422, f"kind: choose one of {', '.join(Kind)}") from None


def _by_kind(wanted: _Filter) -> dict[Kind, str]:
    return {kind: wanted.address(kind=kind) for kind in Kind}


def _shown(ctx: Context, groups: Sequence[ListedGroup]) -> list[dict[str, Any]]:
    """With the addresses of a group's number and of its records, ours and the CRM's."""
    active = set(ctx.settings.active_connectors)
    return [
        {
            "group": group,
            "ref": encrypt_number(ctx.keys, group.number),
            # By the record, not by its place: names come later, and must not meet another one.
            "anchors": {record.key: _anchor(record.key) for record in group.records},
            "links": {
                record.key: ctx.open(record.connector).record_url(record.object, record.id)
                for record in group.records
                if record.connector in active
            },
        }
        for group in groups
    ]


def _anchor(key: str) -> str:
    """Return what the place of a record's name is called on a page."""
    return hashlib.blake2b(key.encode(), digest_size=8).hexdigest()

"""A number and its story; a record and its story; acting on them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter, BackgroundTasks, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from connectors.errors import ConnectorError
from connectors.plain_words import describe
from worker.access import audit
from worker.context import Context
from worker.feedback import intake
from worker.feedback.models import ContactIdentity, SuppressionReason
from worker.phones.plan_changes import equal_forms
from worker.queries import timeline
from worker.store.tables import contact_numbers
from worker.suppression import suppressions
from worker.sync.runs import lifecycle
from worker.sync.runs.model import RunActiveError, RunOptions
from worker.sync.runs.scope import Scope
from worker.web.auth import AdminForm, Viewer, reason_in
from worker.web.encrypted_numbers import decrypt_number, encrypt_number
from worker.web.pages.page_reports import ACTIONS, numbers_meant, report_of_page
from worker.web.queue import Queue
from worker.web.render import page


def router(ctx: Context, queue: Queue) -> APIRouter:
    """Return the routes of the pages of a number and a contact.

    Long, because each route is a function inside that shares the context; none of them is.
    """
    routes = APIRouter(include_in_schema=False)

    def number_in(ref: str) -> str:
        number = decrypt_number(ctx.keys, ref)
        if number is None:
            raise HTTPException(404, "This address is no longer valid. Search again.")
        return number

    def address(number: str) -> str:
        return f"/numbers/{encrypt_number(ctx.keys, number)}"

    @routes.get("/numbers/{ref}")
    def number_page(request: Request, me: Viewer, ref: str) -> Response:
        story = timeline.number_timeline(ctx, number_in(ref))
        return page(
            request, "number.html", me, here="numbers", ref=ref, found=story, again=False,
            unconfirmed=timeline.awaits_confirmation(ctx, story),
        )  # fmt: skip

    @routes.get("/numbers/{ref}/evidence")
    def evidence_part(request: Request, me: Viewer, ref: str) -> Response:
        """The part of the page that is renewed until each CRM has confirmed."""
        story = timeline.number_timeline(ctx, number_in(ref))
        return page(
            request, "_evidence.html", me, ref=ref, found=story, again=True,
            unconfirmed=timeline.awaits_confirmation(ctx, story),
        )  # fmt: skip

    @routes.post("/numbers/{ref}/{what}")
    def act(admin: AdminForm, background: BackgroundTasks, ref: str, what: str) -> Response:
        me, form = admin
        number, why = number_in(ref), reason_in(form)
        if what == "recheck":
            _recheck(ctx, queue, me.name, Scope("numbers", (number,)), why, _holders(ctx, number))
        elif what == "suppress":
            channels = " ".join(sorted({"call", "text"} & set(form.get("channels", "").split())))
            suppressions.add(ctx, number, SuppressionReason.OPT_OUT, channels, why, me.name)
            background.add_task(queue.reports)
        elif what in ACTIONS:
            _report(ctx, me.name, ACTIONS[what], number, None, why)
            background.add_task(queue.reports)
        else:
            raise HTTPException(404, "There is no such page.")
        audit.note(ctx.store, ctx.now(), me.name, f"number.{what}", audit.masked(number), why)
        return RedirectResponse(f"/numbers/{ref}?done={what}", 303)

    @routes.get("/contacts/{connector}/{object_name}/{record_id}")
    def record_page(
        request: Request, me: Viewer, connector: str, object_name: str, record_id: str
    ) -> Response:
        story = timeline.record_timeline(ctx, connector, object_name, record_id)
        for row in story["numbers"]:
            row["path"] = address(row["number"])
        link = ""
        if connector in ctx.settings.active_connectors:
            link = ctx.open(connector).record_url(object_name, record_id)
        return page(request, "contact.html", me, here="contacts", found=story, link=link)

    @routes.post("/contacts/{connector}/{object_name}/{record_id}/{what}")
    def act_on_record(
        admin: AdminForm, background: BackgroundTasks, connector: str, object_name: str,
        record_id: str, what: str,
    ) -> Response:  # fmt: skip
        me, form = admin
        if connector not in ctx.settings.active_connectors:
            raise HTTPException(404, f"{connector} is not connected.")
        why, path = reason_in(form), f"/contacts/{connector}/{object_name}/{record_id}"
        if what == "recheck":
            _recheck(ctx, queue, me.name, Scope("ids", (record_id,)), why, [connector])
        elif what in ACTIONS:
            who = intake.find_identity(ctx, connector, object_name, record_id)
            held_numbers = intake.numbers_of_contact(ctx, connector, object_name, record_id)
            numbers = numbers_meant(what, held_numbers)
            if not numbers:
                raise HTTPException(409, "The record has no number that can be read.")
            for number in numbers:
                _report(ctx, me.name, ACTIONS[what], number, who, why)
            background.add_task(queue.reports)
        else:
            raise HTTPException(404, "There is no such page.")
        audit.note(ctx.store, ctx.now(), me.name, f"contact.{what}", path[10:], why)
        return RedirectResponse(f"{path}?done={what}", 303)

    return routes


def _holders(ctx: Context, number: str) -> list[str]:
    n = contact_numbers.c
    query = sa.select(n.connector).where(n.number.in_(equal_forms(number))).distinct()
    with ctx.store.read() as connection:
        names = set(connection.scalars(query))
    return [name for name in ctx.settings.active_connectors if name in names]


def _recheck(
    ctx: Context, queue: Queue, who: str, scope: Scope, why: str, names: list[str]
) -> None:
    if not names:
        raise HTTPException(
            409, "No connected CRM has this number, so there is nothing to recheck."
        )
    problems = []
    for name in names:
        try:
            run_id = lifecycle.open_run(
                ctx, name, scope, RunOptions(force=True, opened_by=who, purpose=why)
            )
            queue.go_on(run_id)
        except (RunActiveError, ConnectorError) as error:
            problems.append(describe(error, name))
    if len(problems) == len(names):
        raise HTTPException(409, "; ".join(problems))


def _report(
    ctx: Context, by: str, kind: Any, number: str, who: ContactIdentity | None, why: str
) -> None:
    intake.store_reports(ctx, [report_of_page(ctx.now(), by, kind, number, who, why)])

"""The search box: what it finds in our tables, and whom the CRMs know by a name or an email.

The text comes in the body of a POST, so that it is in no address and no log. It is stored nowhere.
"""

from __future__ import annotations

import logging
from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from connectors import plain_words
from connectors.errors import AuthError, ConnectorError, QuotaError, UnavailableError
from connectors.labels import crm_name
from connectors.records import FoundPerson
from worker.context import Context
from worker.queries import search
from worker.store.tables import contacts
from worker.sync.runs import crm_quota
from worker.web.auth import Viewer, ViewerForm
from worker.web.body import RawBody, form_of
from worker.web.encrypted_numbers import encrypt_number
from worker.web.render import page

log = logging.getLogger(__name__)

_LONGEST = 400  # characters of a search
_PEOPLE = 10  # that one CRM is asked for


def router(ctx: Context) -> APIRouter:
    """Return the routes of the search."""
    routes = APIRouter(include_in_schema=False)

    def address(number: str) -> str:
        return f"/numbers/{encrypt_number(ctx.keys, number)}"

    @routes.get("/numbers")
    def form(request: Request, me: Viewer) -> Response:
        return page(request, "search.html", me, here="numbers", results=None, search_text="")

    @routes.post("/numbers")
    def results(request: Request, me: Viewer, body: RawBody) -> Response:
        """The one thing that was found, or all of it by kind. To find nothing is an answer too: it
        has status 200, and what can be searched beside it."""
        typed = dict(form_of(body)).get("q", "").strip()[:_LONGEST]
        matches = search.find(ctx, typed)
        if matches.count == 1 and not matches.person and not matches.segments:
            return RedirectResponse(_path_of(matches, address), 303)
        return page(
            request, "search.html", me, here="numbers", search_text=typed, results=matches,
            address=address, asked=ctx.settings.active_connectors if matches.person else (),
        )  # fmt: skip

    @routes.post("/search/people/{connector}")
    def people(request: Request, viewer: ViewerForm, connector: str) -> Response:
        """The part of the results that one CRM gives; an error is part of the page."""
        me, form = viewer
        if connector not in ctx.settings.active_connectors:
            raise HTTPException(404, f"{connector} is not connected.")
        typed = form.get("q", "").strip()[:_LONGEST]
        persons: list[FoundPerson] | None = []
        problem = ""
        try:
            persons = _ask(ctx, connector, typed)
        except ConnectorError as error:
            log.warning("%s refused a search: %s", connector, plain_words.quoted(error))
            problem = _why_not(error, connector)
        return page(
            request, "_people.html", me, connector=connector, problem=problem,
            people=_with_paths(ctx, connector, persons or []), searchable=persons is not None,
            more=len(persons or ()) == _PEOPLE,
        )  # fmt: skip

    return routes


def _path_of(matches: search.Results, address: Any) -> str:
    if matches.numbers:
        return str(address(matches.numbers[0].number))
    return f"/runs/{matches.runs[0].id}" if matches.runs else matches.records[0].path


def _ask(ctx: Context, connector: str, text: str) -> list[FoundPerson] | None:
    """Ask a CRM, with a connection that no other request uses at the moment."""
    borrowed = ctx.borrow()
    try:
        asked = borrowed.open_own(connector)
        before = sum(asked.calls.values())
        try:
            return asked.find_people(text, _PEOPLE)
        finally:
            if not asked.is_file:
                crm_quota.count_calls(ctx, connector, sum(asked.calls.values()) - before)
    finally:
        ctx.give_back(borrowed)


def _why_not(error: ConnectorError, connector: str) -> str:
    """Say what happened and what to do. What was refused may be the words that were typed."""
    about_us = isinstance(error, (AuthError, QuotaError, UnavailableError))
    if about_us or plain_words.quoted(error) == type(error).__name__:
        return plain_words.plain(error, connector)
    return (
        f"{crm_name(connector)} refused this search. Try another part of the name, or the email. "
        "The log of the web process has its answer."
    )


def _with_paths(
    ctx: Context, connector: str, people: list[FoundPerson]
) -> list[tuple[FoundPerson, str, bool]]:
    """Each with its page: ours, or the CRM's for a record that no sync has read."""
    c = contacts.c
    query = sa.select(c.object, c.record_id).where(
        c.connector == connector, c.record_id.in_([person.id for person in people])
    )
    with ctx.store.read() as connection:
        ours = {tuple(row) for row in connection.execute(query)}
    url = ctx.open(connector).record_url
    return [
        (person, f"/contacts/{connector}/{person.object}/{person.id}", True)
        if (person.object, person.id) in ours
        else (person, url(person.object, person.id), False)
        for person in people
    ]

"""What is done with a selection of contacts: shown with its count and cost first, then done.

A selection is the rows that were ticked, or all that match a filter. What was confirmed is done,
and nothing else: where the selection has changed in between, the confirmation is shown again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa
from fastapi import APIRouter, BackgroundTasks, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from connectors.errors import ConnectorError
from connectors.labels import crm_name
from connectors.plain_words import describe
from worker.access import audit
from worker.context import Context
from worker.feedback import intake
from worker.feedback.models import ContactIdentity, Feedback
from worker.queries import contacts as listing
from worker.store.array_param import any_of
from worker.store.bulk import chunks
from worker.store.tables import contact_numbers, contacts, merged_records
from worker.suppression import undo_action
from worker.sync.runs import forecast, lifecycle
from worker.sync.runs.model import RunActiveError, RunOptions
from worker.sync.runs.scope import Scope
from worker.web.auth import AdminForm, Form, reason_in
from worker.web.body import RawBody, form_of
from worker.web.pages.contact_filters import Shown, filter_in
from worker.web.pages.page_reports import ACTIONS, numbers_meant, report_of_page
from worker.web.queue import Queue
from worker.web.render import page

MOST = 10_000  # contacts of one action
Key = tuple[str, str, str]  # (connector, object, record id)
_WHAT = ("recheck", "opt_out", "wrong", "right")


@dataclass(frozen=True, slots=True)
class Selection:
    """The contacts that an action is for. `everything`: all that match the filter, not rows."""

    shown: Shown
    keys: tuple[Key, ...]
    everything: bool

    @property
    def digest(self) -> str:
        text = "\n".join(sorted("/".join(key) for key in self.keys))
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def by_connector(self) -> dict[str, list[str]]:
        by_connector: dict[str, list[str]] = {}
        for connector, _, record_id in self.keys:
            by_connector.setdefault(connector, []).append(record_id)
        return by_connector


def keys_in(pairs: Sequence[tuple[str, str]]) -> list[Key]:
    """Return the contacts that a form names as CONNECTOR/OBJECT/ID, each once."""
    parts = (tuple(text[:300].split("/", 2)) for name, text in pairs if name == "id")
    return list(dict.fromkeys(key for key in parts if len(key) == 3 and all(key)))


def router(ctx: Context, queue: Queue) -> APIRouter:
    """Return the routes that show what an action would do, and that do it.

    Long, because each route is a function inside that shares the context; none of them is.
    """
    routes = APIRouter()

    @routes.post("/confirm")
    def confirm(request: Request, admin: AdminForm, body: RawBody) -> Response:
        me, form = admin
        return _ask(request, me, form, _selection(ctx, form, form_of(body)))

    def _ask(
        request: Request, me: Any, form: Form, chosen: Selection, changed: bool = False
    ) -> Response:
        what = _what_in(form)
        return page(
            request, "contacts_confirm.html", me, 409 if changed else 200, here="contacts",
            what=what, chosen=chosen, changed=changed, why=form.get("why", ""),
            costs=_costs(ctx, chosen) if what == "recheck" else {},
            chips=chosen.shown.chips(), back=chosen.shown.address(),
        )  # fmt: skip

    @routes.post("/act")
    def act(
        request: Request, admin: AdminForm, body: RawBody, background: BackgroundTasks
    ) -> Response:
        me, form = admin
        what, why = _what_in(form), reason_in(form)
        chosen = _selection(ctx, form, form_of(body))
        if form.get("digest") != chosen.digest:
            return _ask(request, me, form, chosen, changed=True)
        number = len(chosen.keys)
        problems: list[str] = []
        parameters: dict[str, str] = {"did": what, "on": str(number)}
        if what == "recheck":
            opened, problems = _recheck(ctx, queue, me.name, chosen, why)
            parameters["runs"] = ",".join(opened)
        else:
            mark = undo_action.new_mark() if what == "opt_out" else ""
            unnumbered = _report(ctx, me.name, what, chosen.keys, why, mark)
            parameters |= {"action": mark} if mark else {}
            parameters |= {"unnumbered": str(unnumbered)} if unnumbered else {}
            background.add_task(queue.reports)
        target = f"{number} contacts: {_described(chosen)}"
        audit.note(ctx.store, ctx.now(), me.name, f"contacts.{what}", target, why)
        if problems:
            begun = f" Begun: {parameters['runs']}." if parameters["runs"] else ""
            raise HTTPException(409, f"{'; '.join(problems)}.{begun}")
        return RedirectResponse(chosen.shown.address(**parameters), 303)

    @routes.post("/undo")
    def undo(admin: AdminForm, background: BackgroundTasks) -> Response:
        """Lift the suppressions that an action on a selection added."""
        me, form = admin
        why, mark = reason_in(form), form.get("action", "")
        shown = filter_in(ctx, form.get("filter", ""))
        undone = undo_action.undo(ctx, mark, me.name, why)
        target = f"{undone.lifted} contacts lifted, {undone.kept} kept"
        audit.note(ctx.store, ctx.now(), me.name, "contacts.undo", target, why)
        background.add_task(queue.reports)
        parameters = {"did": "undo", "on": str(undone.lifted), "kept": str(undone.kept)}
        return RedirectResponse(shown.address(**parameters), 303)

    return routes


def _what_in(form: Form) -> str:
    what = form.get("what", "")
    if what not in _WHAT:
        raise HTTPException(404, "There is no such page.")
    return what


def _selection(ctx: Context, form: Form, pairs: Sequence[tuple[str, str]]) -> Selection:
    """Return what a form selects; raises 422 for nothing, and for more than one action takes."""
    shown = filter_in(ctx, form.get("filter", ""))
    everything = form.get("all") == "on"
    if everything:
        every = (contact for batch in listing.every_contact(ctx, shown.wanted) for contact in batch)
        keys = [
            (contact.connector, contact.object, contact.id) for contact in islice(every, MOST + 1)
        ]
    else:
        keys = keys_in(pairs)
    if not keys:
        raise HTTPException(422, "Select at least one contact.")
    if len(keys) > MOST:
        raise HTTPException(
            422, f"More than {MOST:,} contacts match, which is the most that one action takes. "
            "Narrow the filter, or rescan the segment as a whole."
        )  # fmt: skip
    return Selection(shown, tuple(keys), everything)


def _described(chosen: Selection) -> str:
    if chosen.everything:
        return ", ".join(chip["text"] for chip in chosen.shown.chips()) or "all contacts"
    return ", ".join("/".join(key) for key in chosen.keys)


# -- recheck --------------------------------------------------------------------------------------


def _costs(ctx: Context, chosen: Selection) -> dict[str, dict[str, Any]]:
    """What a recheck may cost at most, by connector."""
    return {
        name: forecast.upper_bound(ctx, name, Scope("ids", tuple(ids)), force=True)
        for name, ids in chosen.by_connector().items()
    }


def _recheck(
    ctx: Context, queue: Queue, who: str, chosen: Selection, why: str
) -> tuple[list[str], list[str]]:
    """Open a run for each connector; returns their ids, and why others could not be opened."""
    opened: list[str] = []
    problems: list[str] = []
    for name, ids in chosen.by_connector().items():
        if name not in ctx.settings.active_connectors:
            problems.append(f"{crm_name(name)} is not connected")
            continue
        options = RunOptions(force=True, opened_by=who, purpose=why)
        try:
            run_id = lifecycle.open_run(ctx, name, Scope("ids", tuple(ids)), options)
        except (RunActiveError, ConnectorError) as error:
            problems.append(describe(error, name))
            continue
        queue.go_on(run_id)
        opened.append(run_id)
    return opened, problems


# -- reports --------------------------------------------------------------------------------------


def _report(ctx: Context, by: str, what: str, keys: Sequence[Key], why: str, mark: str = "") -> int:
    """Store a report about each number of these contacts, as the page of a contact does; returns
    of how many contacts nothing could be said, since they have none. `mark`: of the action, by
    which it can be undone."""
    unnumbered = 0
    now = ctx.now()
    if mark:
        undo_action.begin(ctx, mark)
    for chunk in chunks(keys, 200):
        reports: list[Feedback] = []
        for who, held_numbers in _identities(ctx, chunk):
            numbers = numbers_meant(what, held_numbers)
            unnumbered += not numbers
            reports += [
                report_of_page(now, by, ACTIONS[what], number, who, why) for number in numbers
            ]
        marked = [undo_action.key(mark, report) for report in reports] if mark else reports
        intake.store_reports(ctx, marked)
    return unnumbered


def _identities(
    ctx: Context, keys: Sequence[Key]
) -> Iterator[tuple[ContactIdentity, Sequence[str]]]:
    """Yield who each contact is, with its numbers. Of a merged one, the surviving record."""
    m, c, n = merged_records.c, contacts.c, contact_numbers.c
    groups: dict[tuple[str, str], list[str]] = {}
    with ctx.store.read() as connection:
        names = ["/".join(key) for key in keys]
        merged = set(connection.scalars(sa.select(m.key).where(any_of(m.key, names))))
        for key in keys:
            if "/".join(key) not in merged:
                groups.setdefault(key[:2], []).append(key[2])
        for (connector, object_name), ids in groups.items():
            persons: dict[str, str] = {}
            numbers: dict[str, dict[str, None]] = {}
            of_contacts = sa.select(c.record_id, c.person).where(
                c.connector == connector, c.object == object_name, any_of(c.record_id, ids)
            )
            persons.update(tuple(row) for row in connection.execute(of_contacts))
            of_numbers = sa.select(n.record_id, n.number).where(
                n.connector == connector, n.object == object_name, any_of(n.record_id, ids)
            )
            for row in connection.execute(of_numbers.order_by(n.record_id, n.field, n.place)):
                numbers.setdefault(row.record_id, {})[row.number] = None
            for record_id in ids:
                named = f"{connector}/{object_name}/{record_id}"
                yield (
                    ContactIdentity(named, persons.get(record_id, "")),
                    [*numbers.get(record_id, ())],
                )
    for connector, object_name, record_id in keys:
        if f"{connector}/{object_name}/{record_id}" in merged:
            who = intake.find_identity(ctx, connector, object_name, record_id)
            yield who, intake.numbers_of_contact(ctx, connector, object_name, record_id)


# -- afterwards -----------------------------------------------------------------------------------


def done_of(ctx: Context, query: Mapping[str, str]) -> dict[str, Any] | None:
    """Return what was just done, by the address that an action leads to; None where nothing was.
    `action`: its mark, while it can be undone."""
    what = query.get("did", "")
    on, unnumbered, kept = (query.get(name, "0")[:7] for name in ("on", "unnumbered", "kept"))
    if what not in (*_WHAT, "undo") or not all(map(_is_count, (on, unnumbered, kept))):
        return None
    mark = query.get("action", "")[:40]
    opened = [run_id for run_id in query.get("runs", "").split(",") if run_id]
    good = [
        run_id
        for run_id in opened
        if run_id.isascii() and len(run_id) <= 40 and run_id[:1].isdigit()
    ]
    return {
        "what": what, "number": int(on), "runs": [urlencode({"r": run_id})[2:] for run_id in good],
        "unnumbered": int(unnumbered), "kept": int(kept),
        "action": mark if mark.isalnum() and undo_action.can_undo(ctx, mark) else "",
    }  # fmt: skip


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 6

"""What the HubSpot app in `crm/hubspot` calls: a workflow's step, and the card on a contact.

Both take a signed request and put a re-check on the list (`worker.feedback.rechecks`); the card
also shows what was written to the contact. The forms of what comes in and goes out are HubSpot's:

- step of a workflow: https://developers.hubspot.com/docs/api-reference/automation-actions-v4-v4/custom-action-reference
  ("Execution", "Asynchronous custom action execution"). It is answered at once, the outputs follow
  (`worker.sync.workflow_callbacks`). An answer from 500 on, and 429, is tried again for up to three
  days.
- card (`hubspot.fetch`):
  https://developers.hubspot.com/docs/apps/developer-platform/add-features/ui-extensions/fetching-data
  HubSpot adds `portalId`, `userId`, `userEmail` and `appId` to the address, waits 15 seconds at
  most, and calls once more after an answer from 500 on.

The card gets no phone number from here: it reads numbers, statuses and flags from HubSpot itself,
with the rights of the person who looks at it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, BackgroundTasks, HTTPException, Request
from pydantic import BaseModel, BeforeValidator, Field, StringConstraints, ValidationError

from config.logging_setup import redact
from worker.access import audit
from worker.context import Context
from worker.decisions.diff import FLAGS
from worker.feedback import rechecks
from worker.feedback.rechecks import Recheck
from worker.queries import timeline
from worker.sync import workflow_callbacks
from worker.web.body import RawBody
from worker.web.hubspot_portal import Portal
from worker.web.notify import Notify
from worker.web.signatures import is_hubspot, is_hubspot_v2

ALL = "all"  # what the workflow's step says for every phone field
CONTACT = ("CONTACT", "0-1")
HISTORY = 20  # entries on the card
WAIT = "PT1H"  # until HubSpot lets a workflow go on by itself
# A person who presses the button again sooner gets the re-check that was made just now.
AGAIN_AFTER = timedelta(minutes=1)

Model = TypeVar("Model", bound=BaseModel)
# HubSpot sends ids as numbers; a step that a person tests sends text.
Id = Annotated[
    str,
    BeforeValidator(lambda given: str(given) if isinstance(given, int) else given),
    StringConstraints(pattern=r"^\d{1,20}$"),
]


class Origin(BaseModel):
    portalId: Id | None = None


class Enrolled(BaseModel):
    objectId: Id
    objectType: str = Field("CONTACT", max_length=80)


class InputFields(BaseModel):
    phone: str = Field(ALL, max_length=80)


class Where(BaseModel):
    workflowId: Id | None = None


class Step(BaseModel):
    """A step of a workflow that HubSpot carries out for one contact."""

    callbackId: str = Field(min_length=1, max_length=255)
    object: Enrolled
    origin: Origin = Origin()
    context: Where = Where()
    inputFields: InputFields = InputFields()


class Shown(BaseModel):
    """The record that a card stands on."""

    objectId: Id
    objectTypeId: str = Field("0-1", max_length=80)


def router(ctx: Context, notify: Notify, portal: Portal) -> APIRouter:
    routes = APIRouter(prefix="/webhooks/hubspot", tags=["webhooks"])

    @routes.post("/recheck", summary="A workflow's step: verify a contact's numbers anew")
    def recheck(request: Request, body: RawBody, background: BackgroundTasks) -> dict[str, Any]:
        _require_signed(ctx, request, body, v2=True)
        step = _parsed(Step, body)
        _require_our_portal(portal, step.origin.portalId, background)
        problem = _problem(ctx, step)
        if problem:
            return {"outputFields": workflow_callbacks.failed(problem)}
        field = "" if step.inputFields.phone == ALL else step.inputFields.phone
        asked = Recheck(
            _key(step.callbackId), "hubspot", "contacts", step.object.objectId,
            f"HubSpot workflow {step.context.workflowId or '(of unknown id)'}",
            field, step.callbackId,
        )  # fmt: skip
        with ctx.store.write() as connection:
            new = rechecks.add(connection, asked, ctx.now())
            row = rechecks.find(connection, asked.key)
        if new:
            background.add_task(notify)
        if row is not None and row.done_at is not None:
            done = workflow_callbacks.outputs(ctx, "hubspot", "contacts", row.record_id, row.field)
            return {"outputFields": done}
        return {"outputFields": {"hs_execution_state": "BLOCK", "hs_expiration_duration": WAIT}}

    @routes.post("/card", summary="The card on a contact: what was written to it")
    def card(request: Request, body: RawBody, background: BackgroundTasks) -> dict[str, Any]:
        return _card(ctx, _contact_of(request, body, background))

    @routes.post("/card/recheck", summary="The card's button: verify a contact's numbers anew")
    def card_recheck(
        request: Request, body: RawBody, background: BackgroundTasks
    ) -> dict[str, Any]:
        record_id = _contact_of(request, body, background)
        now, who = ctx.now(), f"HubSpot user {request.query_params.get('userId', '')[:20]}".strip()
        with ctx.store.write() as connection:
            last = rechecks.latest(connection, "hubspot", ("contacts", record_id))
            fresh = last is not None and (last.done_at is None or now - last.at < AGAIN_AFTER)
            if not fresh:
                key = f"card:{record_id}:{now.isoformat()}"
                asked = Recheck(key, "hubspot", "contacts", record_id, who)
                rechecks.add(connection, asked, now)
        if not fresh:
            audit.note(ctx.store, now, who, "contact.recheck", f"hubspot/contacts/{record_id}")
            background.add_task(notify)
        return _card(ctx, record_id)

    def _contact_of(request: Request, body: bytes, background: BackgroundTasks) -> str:
        """The id of the contact that a card stands on; raises 403, 422, 503."""
        _require_signed(ctx, request, body)
        shown = _parsed(Shown, body)
        _require_our_portal(portal, request.query_params.get("portalId"), background)
        if shown.objectTypeId not in CONTACT:
            raise HTTPException(422, "objectTypeId: the card is for contacts (0-1)")
        return shown.objectId

    return routes


def ours(
    events: list[dict[str, Any]], portal: Portal, later: Callable[..., None]
) -> list[dict[str, Any]]:
    """Events of the account that our token is of. Where that is not known yet it is asked for
    `later`, and all of them count."""
    known = portal.known()
    if known is None:
        later(portal.learn)
        return events
    return [one for one in events if str(one.get("portalId", known)) == str(known)]


def _require_signed(ctx: Context, request: Request, body: bytes, v2: bool = False) -> None:
    """Raises 403 for what HubSpot did not sign, or long ago. `v2`: that signature will do, where
    the request has no newer one."""
    credentials = ctx.settings.hubspot
    if credentials is None or not credentials.client_secret:
        raise HTTPException(503, "HUBSPOT_CLIENT_SECRET is not set.")
    secret, url, headers = credentials.client_secret, _url(ctx, request), request.headers
    given = headers.get("x-hubspot-signature-v3", "")
    stamp = headers.get("x-hubspot-request-timestamp", "")
    old = headers.get("x-hubspot-signature", "")
    if given or not v2 or headers.get("x-hubspot-signature-version") != "v2":
        signed = is_hubspot(secret, url, body, given, stamp, request.method)
    else:
        signed = is_hubspot_v2(secret, url, body, old, request.method)
    if not signed:
        raise HTTPException(403, "The signature is not HubSpot's, or it is too old.")


def _url(ctx: Context, request: Request) -> str:
    """The address as its sender knows it."""
    base = ctx.settings.public_url or str(request.base_url).rstrip("/")
    query = f"?{request.url.query}" if request.url.query else ""
    return base + request.url.path + query


def _require_our_portal(portal: Portal, given: str | None, background: BackgroundTasks) -> None:
    known = portal.known()
    if known is None:
        background.add_task(portal.learn)
    elif given is not None and given != str(known):
        raise HTTPException(403, "This is for another HubSpot account than our token's.")


def _parsed(model: type[Model], body: bytes) -> Model:
    """The body as this model; raises 422, which tells where and how it is wrong, and not what was
    sent."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        found = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise HTTPException(422, "; ".join(found[:20])) from None


def _problem(ctx: Context, step: Step) -> str:
    """Why a step cannot be carried out; "" where it can."""
    if "hubspot" not in ctx.settings.active_connectors:
        return "HubSpot is not connected to Phone Hygiene."
    if step.object.objectType not in CONTACT:
        return "This action is for contacts."
    phones = _phones(ctx)
    if step.inputFields.phone not in (ALL, *phones):
        return (
            f"Phone Hygiene does not watch that phone property. It watches {', '.join(phones)} "
            "(connectors.hubspot.objects.contacts.phones)."
        )
    return ""


def _phones(ctx: Context) -> tuple[str, ...]:
    objects = ctx.settings.connectors.hubspot.objects
    return tuple(objects["contacts"].phones) if "contacts" in objects else ()


def _key(callback: str) -> str:
    """By which a step counts once; HubSpot's id of it, where that is short enough."""
    if len(callback) > 140:
        callback = hashlib.blake2b(callback.encode(), digest_size=16).hexdigest()
    return f"hubspot:{callback}"


# -- the card ------------------------------------------------------------------------------


def _card(ctx: Context, record_id: str) -> dict[str, Any]:
    with ctx.store.read() as connection:
        last = rechecks.latest(connection, "hubspot", ("contacts", record_id))
    answer: dict[str, Any] = {
        "waiting": last is not None and last.done_at is None,
        "recheckedAt": last.done_at.isoformat() if last is not None and last.done_at else None,
    }
    try:
        found = timeline.record_timeline(ctx, "hubspot", "contacts", record_id)
    except timeline.NoSuchRecordError:
        return {**answer, "known": False, "problem": None, "history": []}
    failure = found["failure"]
    return {
        **answer,
        "known": found["there"],
        "problem": redact(failure["message"]) if failure else None,
        "history": [*_history(found["timeline"])][:HISTORY],
    }


def _history(events: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """What a salesperson wants to know of what was written: statuses, flags, why. Numbers stand in
    HubSpot, for those who may see them."""
    for one in events:
        changes = [*_changes(one["before"], one["after"])]
        failed = one["kind"] == "failed"
        if changes or failed:
            yield {
                "at": one["at"],
                "kind": one["kind"],
                "text": redact(one["text"]),
                "changes": changes,
            }


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for key, value in after.items():
        if key.startswith(("status/", "line_type/")) or key in FLAGS:
            yield {"key": key, "from": before.get(key), "to": value}

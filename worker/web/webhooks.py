"""Webhooks: signed, stored, then acknowledged. What follows from them the queue does.

Vendors of messages and calls are files of their own (`worker.feedback.sources.vendor`): each of
their paths is a route here, and there is one way in for all of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, BackgroundTasks, HTTPException, Request, Response
from fastapi.responses import JSONResponse

from connectors.http.lenient_json import decode
from worker.context import Context
from worker.feedback.sources import incoming
from worker.feedback.sources.vendor import (
    Answer,
    ForgedWebhookError,
    IncomingRequest,
    MalformedWebhookError,
    NotAPhoneNumberError,
    NotConfiguredError,
    Unreadable,
    Vendor,
)
from worker.feedback.sources.vendor_registry import VENDORS
from worker.sync import hubspot_events
from worker.web.api.responses import webhook_answers
from worker.web.body import RawBody, url_of
from worker.web.hubspot.portal import Portals
from worker.web.hubspot.requests import signers_of, sort_events
from worker.web.notify import Notify


class TwimlResponse(Response):
    """An answer to Twilio: TwiML, its XML of instructions."""

    media_type = "text/xml"


def router(ctx: Context, notify: Notify, portals: Portals) -> APIRouter:
    routes = APIRouter(prefix="/webhooks", tags=["webhooks"])
    for vendor in VENDORS.values():
        for path in vendor.paths:
            _add_route(routes, ctx, notify, vendor, path)

    @routes.post(
        "/hubspot",
        summary="Changes of contacts, from HubSpot",
        **webhook_answers(None, 400, 403, 409, 503, status=204),
    )
    def hubspot(request: Request, body: RawBody, then: BackgroundTasks) -> Response:
        signers = signers_of(ctx, portals, request, body)
        events = sort_events(_events(body), portals, signers, then.add_task)
        received = [hubspot_events.receive(ctx, of, name) for name, of in events.of.items()]
        if any(received):
            then.add_task(notify)
        if (refusal := events.refusal) is not None:  # returned, so that the tasks still run
            return JSONResponse({"error": refusal.detail}, refusal.status_code, refusal.headers)
        return Response(status_code=204)

    return routes


def _add_route(routes: APIRouter, ctx: Context, notify: Notify, vendor: Vendor, path: str) -> None:
    example = vendor.answer(path, (), ctx.settings)

    def webhook(request: Request, body: RawBody, then: BackgroundTasks) -> Response:
        answer = receive(
            ctx, vendor, path, _incoming(ctx, request, body), lambda: then.add_task(notify)
        )
        return Response(answer.body, answer.status, media_type=answer.media_type or None)

    routes.add_api_route(
        f"/{vendor.name}/{path}",
        webhook,
        methods=["POST"],
        name=f"{vendor.name}_{path}",
        summary=vendor.paths[path],
        response_class=TwimlResponse if example.media_type == "text/xml" else Response,
        **webhook_answers(None, 400, 403, 503, status=example.status),
    )


def _incoming(ctx: Context, request: Request, body: bytes) -> IncomingRequest:
    headers = {name.lower(): value for name, value in request.headers.items()}
    return IncomingRequest(url_of(ctx, request), headers, body, time.time())


def receive(
    ctx: Context, vendor: Vendor, path: str, request: IncomingRequest, notify: Callable[[], None]
) -> Answer:
    """Check, read and store a request; return what its sender is answered.

    Whatever can be read is stored, before a bad entry beside it is refused.
    """
    try:
        proof = vendor.require_signed(ctx.settings, request)
        events = list(vendor.read(path, request))
    except NotConfiguredError as error:
        raise HTTPException(503, str(error)) from None
    except ForgedWebhookError as error:
        raise HTTPException(403, str(error)) from None
    except MalformedWebhookError as error:
        raise HTTPException(400, str(error)) from None
    except NotAPhoneNumberError:
        return vendor.answer(path, (), ctx.settings)
    if incoming.receive(ctx, events, proof):
        notify()
    for event in events:
        if isinstance(event, Unreadable):
            raise HTTPException(400, event.reason)
    return vendor.answer(path, events, ctx.settings)


def _events(body: bytes) -> list[dict[str, Any]]:
    try:
        document = decode(body)
    except ValueError:
        raise HTTPException(400, "The body is not JSON.") from None
    events = document if isinstance(document, list) else [document]
    if not all(isinstance(event, dict) for event in events):
        raise HTTPException(400, "An event is an object.")
    return events

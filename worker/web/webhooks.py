"""Webhooks: signed, stored, then acknowledged. What follows from them the queue does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from fastapi import APIRouter, BackgroundTasks, HTTPException, Request, Response

from worker.feedback import receive, twilio
from worker.portal import Portal
from worker.sync import hubspot_events
from worker.sync.context import Context
from worker.web import hubspot_app
from worker.web.body import RawBody, form_of
from worker.web.notify import Notify
from worker.web.signatures import is_hubspot, is_twilio

Take = Callable[[Context, Mapping[str, str]], int]  # stores; how many new reports that makes
_NO_REPLY = '<?xml version="1.0" encoding="UTF-8"?><Response/>'


def router(ctx: Context, notify: Notify, portal: Portal) -> APIRouter:
    routes = APIRouter(prefix="/webhooks", tags=["webhooks"])

    def from_twilio(request: Request, body: bytes, then: BackgroundTasks, take: Take) -> None:
        """Store what Twilio says; it is acknowledged by the caller."""
        form = _from_twilio(ctx, request, body)
        try:
            if take(ctx, form):
                then.add_task(notify)
        except twilio.NobodysError:
            return
        except twilio.UnreadableError as error:
            raise HTTPException(400, str(error)) from None

    @routes.post("/twilio/sms", summary="An inbound message, from Twilio")
    def sms(request: Request, body: RawBody, then: BackgroundTasks) -> Response:
        from_twilio(request, body, then, receive.twilio_sms)
        return Response(_NO_REPLY, media_type="text/xml")

    @routes.post("/twilio/status", summary="What became of a message, from Twilio", status_code=204)
    def status(request: Request, body: RawBody, then: BackgroundTasks) -> Response:
        from_twilio(request, body, then, receive.twilio_status)
        return Response(status_code=204)

    @routes.post("/hubspot", summary="Changes of contacts, from HubSpot", status_code=204)
    def hubspot(request: Request, body: RawBody, then: BackgroundTasks) -> Response:
        credentials = ctx.settings.hubspot
        if credentials is None or not credentials.client_secret:
            raise HTTPException(503, "HUBSPOT_CLIENT_SECRET is not set.")
        given = request.headers.get("x-hubspot-signature-v3", "")
        stamp = request.headers.get("x-hubspot-request-timestamp", "")
        if not is_hubspot(credentials.client_secret, _url(ctx, request), body, given, stamp):
            raise HTTPException(403, "The signature is not HubSpot's, or it is too old.")
        events = hubspot_app.ours(_events(body), portal, then.add_task)
        if hubspot_events.receive(ctx, events):
            then.add_task(notify)
        return Response(status_code=204)

    return routes


def _from_twilio(ctx: Context, request: Request, body: bytes) -> dict[str, str]:
    """The parameters of what Twilio signed; raises 403 for anybody else."""
    credentials = ctx.settings.twilio
    if credentials is None or not credentials.auth_token:
        raise HTTPException(503, "TWILIO_AUTH_TOKEN is not set.")
    form = form_of(body)
    given = request.headers.get("x-twilio-signature", "")
    if not is_twilio(credentials.auth_token, _url(ctx, request), form, given):
        raise HTTPException(403, "The signature is not Twilio's.")
    return dict(form)


def _url(ctx: Context, request: Request) -> str:
    """The address as its sender knows it."""
    base = ctx.settings.public_url or str(request.base_url).rstrip("/")
    query = f"?{request.url.query}" if request.url.query else ""
    return base + request.url.path + query


def _events(body: bytes) -> list[dict[str, Any]]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise HTTPException(400, "The body is not JSON.") from None
    events = found if isinstance(found, list) else [found]
    if not all(isinstance(event, dict) for event in events):
        raise HTTPException(400, "An event is an object.")
    return events

"""Webhooks: signed, stored, then acknowledged. What follows from them the queue does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, BackgroundTasks, HTTPException, Request, Response

from connectors.http.lenient_json import clean, decode
from worker.context import Context
from worker.feedback import intake
from worker.feedback.sources import twilio
from worker.sync import hubspot_events
from worker.web.api.responses import webhook_answers
from worker.web.body import RawBody, form_of, parameters_of, url_of
from worker.web.hubspot.portal import Portal
from worker.web.hubspot.requests import of_our_account, require_signed
from worker.web.notify import Notify
from worker.web.signatures import is_body_of, is_twilio, twilio_digest

Receive = Callable[[Context, Mapping[str, str]], int]  # stores; how many new reports that makes
_NO_REPLY = '<?xml version="1.0" encoding="UTF-8"?><Response/>'


class TwimlResponse(Response):
    """An answer to Twilio: TwiML, its XML of instructions."""

    media_type = "text/xml"


def router(ctx: Context, notify: Notify, portal: Portal) -> APIRouter:
    routes = APIRouter(prefix="/webhooks", tags=["webhooks"])

    def from_twilio(request: Request, body: bytes, then: BackgroundTasks, take: Receive) -> None:
        """Store what Twilio says; it is acknowledged by the caller."""
        form = _from_twilio(ctx, request, body)
        try:
            if take(ctx, form):
                then.add_task(notify)
        except twilio.NotAPhoneNumberError:
            return
        except twilio.MalformedWebhookError as error:
            raise HTTPException(400, str(error)) from None

    @routes.post(
        "/twilio/sms",
        summary="An inbound message, from Twilio",
        response_class=TwimlResponse,
        **webhook_answers(None, 400, 403, 503),
    )
    def sms(request: Request, body: RawBody, then: BackgroundTasks) -> Response:
        from_twilio(request, body, then, intake.receive_twilio_sms)
        return TwimlResponse(_NO_REPLY)

    @routes.post(
        "/twilio/status",
        summary="What became of a message, from Twilio",
        **webhook_answers(None, 400, 403, 503, status=204),
    )
    def status(request: Request, body: RawBody, then: BackgroundTasks) -> Response:
        from_twilio(request, body, then, intake.receive_twilio_status)
        return Response(status_code=204)

    @routes.post(
        "/hubspot",
        summary="Changes of contacts, from HubSpot",
        **webhook_answers(None, 400, 403, 503, status=204),
    )
    def hubspot(request: Request, body: RawBody, then: BackgroundTasks) -> Response:
        require_signed(ctx, request, body)
        events = of_our_account(_events(body), portal, then.add_task)
        if hubspot_events.receive(ctx, events):
            then.add_task(notify)
        return Response(status_code=204)

    return routes


def _from_twilio(ctx: Context, request: Request, body: bytes) -> dict[str, str]:
    """The parameters of what Twilio signed; raises 403 for anybody else."""
    keys, digest = _twilio_keys(ctx, request)
    url = url_of(ctx, request)
    given = request.headers.get("x-twilio-signature", "")
    is_json = "json" in request.headers.get("content-type", "").lower()
    # A signature does not cover JSON itself, but the hash of it in the address.
    signed = [] if is_json else form_of(body)
    if not any(is_twilio(key, url, signed, given, digest) for key in keys):
        raise HTTPException(403, "The signature is not Twilio's.")
    if is_json and not is_body_of(url, body):
        raise HTTPException(403, "The body is not the one that Twilio signed (bodySHA256).")
    if is_json:
        return parameters_of(body)
    return {name: clean(value) for name, value in signed}


def _twilio_keys(ctx: Context, request: Request) -> tuple[tuple[str, ...], str]:
    """What may have signed this: the auth token, or the shared key that a Webhook Rule names."""
    credentials = ctx.settings.twilio
    settings = request.headers.get("x-twilio-webhooks-signature-settings")
    if settings is None:
        if credentials is None or not credentials.auth_token:
            raise HTTPException(503, "TWILIO_AUTH_TOKEN is not set.")
        return (credentials.auth_token,), "sha1"
    if credentials is None or not credentials.shared_keys:
        raise HTTPException(503, "TWILIO_WEBHOOK_SHARED_KEY is not set.")
    digest = twilio_digest(settings)
    if not digest:
        raise HTTPException(403, "The signature is of a kind that we do not know.")
    return credentials.shared_keys, digest


def _events(body: bytes) -> list[dict[str, Any]]:
    try:
        document = decode(body)
    except ValueError:
        raise HTTPException(400, "The body is not JSON.") from None
    events = document if isinstance(document, list) else [document]
    if not all(isinstance(event, dict) for event in events):
        raise HTTPException(400, "An event is an object.")
    return events

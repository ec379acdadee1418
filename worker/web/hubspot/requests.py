"""Check that a request comes from HubSpot, and concerns the account that our token is of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import BackgroundTasks, HTTPException, Request
from pydantic import BaseModel, BeforeValidator, StringConstraints, ValidationError

from worker.context import Context
from worker.web.body import url_of
from worker.web.hubspot.portal import Portal
from worker.web.signatures import is_hubspot, is_hubspot_v2

Model = TypeVar("Model", bound=BaseModel)
# HubSpot sends ids as numbers; a step that a person tests sends text.
Id = Annotated[
    str,
    BeforeValidator(lambda value: str(value) if isinstance(value, int) else value),
    StringConstraints(pattern=r"^\d{1,20}$"),
]


def of_our_account(
    events: list[dict[str, Any]], portal: Portal, background: Callable[..., None]
) -> list[dict[str, Any]]:
    """Return the events of the account that our token is of.

    Where the account is not known yet it is asked for in the background, and all events count.
    """
    account = portal.known()
    if account is None:
        background(portal.learn)
        return events
    return [event for event in events if str(event.get("portalId", account)) == str(account)]


def require_our_portal(portal: Portal, given: str | None, background: BackgroundTasks) -> None:
    """Raise 403 for a request that concerns another account."""
    account = portal.known()
    if account is None:
        background.add_task(portal.learn)
    elif given is not None and given != str(account):
        raise HTTPException(403, "This is for another HubSpot account than our token's.")


def require_signed(ctx: Context, request: Request, body: bytes, v2: bool = False) -> None:
    """Raise 403 for what HubSpot did not sign, or long ago; 503 where we have no secret.

    `v2`: that signature is enough, where the request has no newer one.
    """
    credentials = ctx.settings.hubspot
    if credentials is None or not credentials.client_secret:
        raise HTTPException(503, "HUBSPOT_CLIENT_SECRET is not set.")
    secret, url, headers = credentials.client_secret, url_of(ctx, request), request.headers
    v3_signature = headers.get("x-hubspot-signature-v3", "")
    if v3_signature or not v2 or headers.get("x-hubspot-signature-version") != "v2":
        timestamp = headers.get("x-hubspot-request-timestamp", "")
        signed = is_hubspot(secret, url, body, v3_signature, timestamp, request.method)
    else:
        v2_signature = headers.get("x-hubspot-signature", "")
        signed = is_hubspot_v2(secret, url, body, v2_signature, request.method)
    if not signed:
        raise HTTPException(403, "The signature is not HubSpot's, or it is too old.")


def parse(model: type[Model], body: bytes) -> Model:
    """Return the body as this model; raises 422, which tells where and how it is wrong, and not
    what was sent."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, entry['loc']))}: {entry['msg']}" for entry in error.errors()
        ]
        raise HTTPException(422, "; ".join(problems[:20])) from None

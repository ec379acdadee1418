"""Check that a request comes from HubSpot, and find the connection whose account it concerns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import BackgroundTasks, HTTPException, Request
from pydantic import BaseModel, BeforeValidator, StringConstraints, ValidationError

from worker.context import Context
from worker.web.body import url_of
from worker.web.hubspot.portal import Portal, Portals
from worker.web.signatures import is_hubspot, is_hubspot_v2

Model = TypeVar("Model", bound=BaseModel)
# HubSpot sends ids as numbers; a step that a person tests sends text.
Id = Annotated[
    str,
    BeforeValidator(lambda value: str(value) if isinstance(value, int) else value),
    StringConstraints(pattern=r"^\d{1,20}$"),
]


_UNKNOWN_YET = (
    "It is not known yet which HubSpot account each connection belongs to, or one goes to another "
    "account than our records of it (hygiene doctor tells). Send this again."
)


@dataclass(frozen=True, slots=True)
class SortedEvents:
    """Events by the connection that they are for. `refusal`: why the sender is to keep the others,
    None where there are none."""

    of: Mapping[str, list[dict[str, Any]]]
    refusal: HTTPException | None = None


def sort_events(
    events: list[dict[str, Any]],
    portals: Portals,
    signers: Sequence[str],
    background: Callable[..., None],
) -> SortedEvents:
    """Give each event to the connection of its account, among those with whose secret the request
    was signed: a secret says nothing about the accounts of others.

    One connection alone ignores events of other accounts, in which the app may be installed to try
    it. Before its account is known for the first time, all events count; later on, the sender is
    to keep them until the account is known to be that of our records. Where there are several, an
    event of no account of theirs is refused: HubSpot sends it again for a day, so that nothing is
    lost while a connection is being set up.
    """
    if (only := portals.only) is not None:
        if only.known() is None and only.of_records():
            background(only.learn)
            return SortedEvents({}, HTTPException(503, _UNKNOWN_YET, {"Retry-After": "60"}))
        return SortedEvents({signers[0]: _of_our_account(events, only, background)})
    of: dict[str, list[dict[str, Any]]] = {}
    strangers: set[str] = set()
    for event in events:
        account = str(event.get("portalId", ""))
        names = portals.of(signers, account)
        for name in names:
            of.setdefault(name, []).append(event)
        if not names:
            strangers.add(account)
    if not strangers:
        return SortedEvents(of)
    if unknown := portals.unknown(signers):
        for portal in unknown:
            background(portal.learn)
        return SortedEvents(of, HTTPException(503, _UNKNOWN_YET, {"Retry-After": "60"}))
    listed = ", ".join(sorted(account[:20] or "(none)" for account in strangers))
    text = (
        f"No connection with this secret belongs to the HubSpot account {listed}; the events of "
        "other accounts were taken. Declare a connection for it, or uninstall the app there."
    )
    return SortedEvents(of, HTTPException(409, text))


def _of_our_account(
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


def connection_of(
    portals: Portals, signers: Sequence[str], given: str | None, background: BackgroundTasks
) -> str:
    """Return the connection that a signed request concerns, by its account.

    Raises 403 for a request that concerns another account; 503 while accounts are not known, where
    there are several, or where the only one may be another than that of our records.
    """
    if (only := portals.only) is not None:
        account = only.known()
        if account is None and only.of_records() and (account := only.learn()) is None:
            raise HTTPException(503, _UNKNOWN_YET, {"Retry-After": "60"})
        if account is None:
            background.add_task(only.learn)
        elif given is not None and given != str(account):
            raise HTTPException(403, "This is for another HubSpot account than the connected one.")
        return signers[0]
    if given is not None and (names := portals.of(signers, given)):
        return names[0]
    if unknown := portals.unknown(signers):
        # A background task would not run behind an error: whoever asks waits for this once.
        for portal in unknown:
            portal.learn()
        if given is not None and (names := portals.of(signers, given)):
            return names[0]
        if portals.unknown(signers):
            raise HTTPException(503, _UNKNOWN_YET, {"Retry-After": "60"})
    raise HTTPException(403, "This is for a HubSpot account that is not connected here.")


def signers_of(
    ctx: Context, portals: Portals, request: Request, body: bytes, v2: bool = False
) -> tuple[str, ...]:
    """Return the connections with whose secret HubSpot signed this: apps may share a secret.

    Raises 403 for what HubSpot did not sign, or long ago; 503 where we have no secret. `v2`: that
    signature is enough, where the request has no newer one.
    """
    secrets = {
        name: credentials.client_secret
        for name in portals.names
        if (credentials := ctx.settings.hubspot_of(name)) and credentials.client_secret
    }
    if not secrets:
        raise HTTPException(503, "HUBSPOT_CLIENT_SECRET is not set.")
    signed = {
        secret: _is_signed(ctx, secret, request, body, v2)
        for secret in dict.fromkeys(secrets.values())
    }
    signers = tuple(name for name, secret in secrets.items() if signed[secret])
    if not signers:
        raise HTTPException(403, "The signature is not HubSpot's, or it is too old.")
    return signers


def _is_signed(ctx: Context, secret: str, request: Request, body: bytes, v2: bool) -> bool:
    url, headers = url_of(ctx, request), request.headers
    v3_signature = headers.get("x-hubspot-signature-v3", "")
    if v3_signature or not v2 or headers.get("x-hubspot-signature-version") != "v2":
        timestamp = headers.get("x-hubspot-request-timestamp", "")
        return is_hubspot(secret, url, body, v3_signature, timestamp, request.method)
    v2_signature = headers.get("x-hubspot-signature", "")
    return is_hubspot_v2(secret, url, body, v2_signature, request.method)


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

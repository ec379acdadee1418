"""What the HubSpot app in `crm/hubspot` calls: a workflow's step, and the card on a contact.

Both take a signed request and put a re-check on the list (`worker.feedback.rechecks`); the card
also shows what was written to the contact.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, BackgroundTasks, HTTPException, Request

from worker.context import Context
from worker.web.api.responses import webhook_answers
from worker.web.api.schemas import webhooks as schemas
from worker.web.body import RawBody
from worker.web.hubspot import card as hubspot_card
from worker.web.hubspot import step as workflow_step
from worker.web.hubspot.portal import Portals
from worker.web.hubspot.requests import connection_of, parse, signers_of
from worker.web.notify import Notify


def router(ctx: Context, notify: Notify, portals: Portals) -> APIRouter:
    """Return the routes under /webhooks/hubspot."""
    routes = APIRouter(prefix="/webhooks/hubspot", tags=["webhooks"])

    @routes.post(
        "/recheck",
        summary="A workflow's step: verify a contact's numbers again",
        **webhook_answers(schemas.StepAnswer, 403, 422, 503),
    )
    def recheck(request: Request, body: RawBody, background: BackgroundTasks) -> dict[str, Any]:
        signers = signers_of(ctx, portals, request, body, v2=True)
        step = parse(workflow_step.Step, body)
        connector = connection_of(portals, signers, step.origin.portalId, background)
        answer, is_new = workflow_step.execute(ctx, step, connector)
        if is_new:
            background.add_task(notify)
        return answer

    @routes.post(
        "/card",
        summary="The card on a contact: what was written to it",
        **webhook_answers(schemas.Card, 403, 422, 503),
    )
    def card(request: Request, body: RawBody, background: BackgroundTasks) -> dict[str, Any]:
        return hubspot_card.card(ctx, *contact_of(request, body, background))

    @routes.post(
        "/card/recheck",
        summary="The card's button: verify a contact's numbers again",
        **webhook_answers(schemas.Card, 403, 422, 503),
    )
    def card_recheck(
        request: Request, body: RawBody, background: BackgroundTasks
    ) -> dict[str, Any]:
        connector, record_id = contact_of(request, body, background)
        user_id = request.query_params.get("userId", "")
        if hubspot_card.request_recheck(ctx, connector, record_id, user_id):
            background.add_task(notify)
        return hubspot_card.card(ctx, connector, record_id)

    def contact_of(request: Request, body: bytes, background: BackgroundTasks) -> tuple[str, str]:
        """Return the connection and the id of the contact that a card stands on; raises 403, 422,
        503."""
        signers = signers_of(ctx, portals, request, body)
        shown = parse(hubspot_card.CardRequest, body)
        given = request.query_params.get("portalId")
        connector = connection_of(portals, signers, given, background)
        if shown.objectTypeId not in workflow_step.CONTACT_TYPES:
            raise HTTPException(422, "objectTypeId: the card is for contacts (0-1)")
        return connector, shown.objectId

    return routes

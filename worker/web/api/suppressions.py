"""Routes for the suppression list."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, BackgroundTasks, HTTPException, Query
from fastapi.responses import StreamingResponse
from pydantic import Field

from worker.access import audit
from worker.context import Context
from worker.events import feed as event_feed
from worker.feedback.models import SuppressionReason
from worker.feedback.sources import submitted_reports
from worker.feedback.sources.submitted_reports import Short
from worker.suppression import suppressions as suppress
from worker.web.api.dependencies import (
    AuditNote,
    ReadToken,
    RowId,
    StrictBody,
    SuppressToken,
    parse_number,
)
from worker.web.api.responses import answers, errors
from worker.web.api.schemas import events as event_schemas
from worker.web.api.schemas import suppressions as suppression_schemas
from worker.web.queue import Queue


class SuppressionRequest(StrictBody):
    """Suppress a number for every contact that has it.

    `reason`: opt_out, wrong_number or complaint. Any other text is kept as the evidence of an
    opt-out.
    """

    number: Short
    reason: Short = "opt_out"
    channels: submitted_reports.Channels = Field([])
    evidence: Short = ""

    @property
    def kind(self) -> SuppressionReason:
        if self.reason in (SuppressionReason.WRONG_NUMBER, SuppressionReason.COMPLAINT):
            return SuppressionReason(self.reason)
        return SuppressionReason.OPT_OUT


class LiftRequest(StrictBody):
    reason: Short = Field(min_length=3)


def router(ctx: Context, queue: Queue) -> APIRouter:
    """Return the routes of suppressions.

    Long, because each route is a function inside that shares the context; none of them is.
    """
    routes = APIRouter()
    notify = queue.reports
    note = AuditNote(ctx)

    @routes.get(
        "/suppressions",
        summary="The suppression list, page by page",
        **answers(suppression_schemas.Suppressions),
    )
    def suppressions(
        _who: ReadToken,
        after: Annotated[int, Query(ge=0, le=2**62)] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        active: bool = True,
        reason: SuppressionReason | None = None,
    ) -> dict[str, Any]:
        # Read before the list: what changes meanwhile is in both, and nothing is missed.
        cursor = event_feed.current_cursor(ctx)
        listed = suppress.list_suppressions(
            ctx, active=active or None, reason=reason, after=after, limit=limit
        )
        next_after = listed[-1].id if len(listed) == limit else None
        return {
            "suppressions": [suppression.as_json() for suppression in listed],
            "after": next_after,
            "cursor": cursor,
        }

    @routes.get(
        "/suppressions/changes",
        summary="What was suppressed, changed and lifted, in the order in which it happened",
        **answers(event_schemas.Changes, 410),
    )
    def changes(
        _who: ReadToken,
        since: Annotated[
            str, Query(max_length=40, description="`next` or `cursor` of an earlier answer")
        ] = "",
        limit: Annotated[int, Query(ge=1, le=event_feed.MAX_CHANGES)] = 100,
    ) -> dict[str, Any]:
        return event_feed.read(ctx, since, limit).as_json()

    @routes.get("/suppressions/export", summary="Active suppressions as CSV", responses=errors())
    def export(
        who: SuppressToken, channel: Literal["call", "text"] | None = None
    ) -> StreamingResponse:
        note(who, "suppressions.export", channel or "all that stands")
        return StreamingResponse(suppress.export_csv(ctx, channel), media_type="text/csv")

    @routes.post(
        "/suppressions",
        summary="Suppress a number",
        **answers(suppression_schemas.Suppression, status=201),
    )
    def suppress_number(
        who: SuppressToken, body: SuppressionRequest, background: BackgroundTasks
    ) -> dict[str, Any]:
        number = parse_number(body.number)
        stated = body.evidence or (body.reason if body.reason != body.kind else "")
        created = suppress.add(
            ctx, number, body.kind, " ".join(sorted(set(body.channels))),
            stated or "added through the API", "api",
        )  # fmt: skip
        note(who, "number.suppress", audit.masked(number), stated)
        background.add_task(notify)
        return created.as_json()

    @routes.delete(
        "/suppressions/{suppression_id}",
        summary="Lift a suppression, with a reason",
        **answers(suppression_schemas.Suppression, 404),
    )
    def lift(
        who: SuppressToken,
        suppression_id: RowId,
        background: BackgroundTasks,
        body: LiftRequest | None = None,
        reason: Annotated[Short, Query(description="instead of a body")] = "",
    ) -> dict[str, Any]:
        why = body.reason if body else reason
        if len(why) < 3:
            raise HTTPException(422, "reason: missing; give a reason of at least three characters")
        lifted = suppress.lift(ctx, suppression_id, "api", why)
        note(who, "suppression.lift", f"{suppression_id} {audit.masked(lifted.number)}", why)
        background.add_task(notify)
        return lifted.as_json()

    return routes

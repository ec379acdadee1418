"""Routes for segments, isolations and the outcomes of campaigns."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query
from pydantic import Field

from config.segments import By
from worker.context import Context
from worker.feedback.sources import submitted_reports
from worker.feedback.sources.submitted_reports import Short
from worker.segments import campaign_outcomes as outcomes
from worker.segments import isolation, queries
from worker.web.api.dependencies import (
    AuditNote,
    ConnectorName,
    FeedbackToken,
    ReadToken,
    RescanToken,
    RowId,
    StrictBody,
    require_text,
)
from worker.web.api.responses import answers
from worker.web.api.schemas import segments as segment_schemas

MAX_OUTCOMES = 10_000


class IsolateRequest(StrictBody):
    """Isolate a segment by hand."""

    connector: ConnectorName
    by: By
    value: Annotated[submitted_reports.Text, Field(min_length=1, max_length=255)]
    reason: Annotated[Short, Field(min_length=3)]


class CampaignOutcome(StrictBody):
    """The outcomes of a campaign on a day; a day that is known is replaced."""

    campaign: Annotated[submitted_reports.Text, Field(min_length=1, max_length=255)]
    day: date
    sent: Annotated[int, Field(ge=0, le=outcomes.MOST)] = 0
    delivered: Annotated[int, Field(ge=0, le=outcomes.MOST)] = 0
    undelivered: Annotated[int, Field(ge=0, le=outcomes.MOST)] = 0
    replies: Annotated[int, Field(ge=0, le=outcomes.MOST)] = 0


def router(ctx: Context) -> APIRouter:
    """Return the routes of segments, isolations and campaigns.

    Long, because each route is a function inside that shares the context; none of them is.
    """
    routes = APIRouter()
    note = AuditNote(ctx)

    @routes.get(
        "/segments",
        summary="Shares of bad numbers by source, campaign, list, country or month",
        **answers(segment_schemas.Segments),
    )
    def segments(
        _who: ReadToken,
        by: By = "source",
        connector: Annotated[str, Query(max_length=40)] = "",
        limit: Annotated[int, Query(ge=1, le=10_000)] = 200,
    ) -> dict[str, Any]:
        return {"segments": queries.list_segments(ctx, by, limit, require_text(connector))}

    @routes.get(
        "/segments/shared",
        summary="Numbers that many contacts share",
        **answers(segment_schemas.SharedNumbers),
    )
    def shared(_who: ReadToken) -> dict[str, Any]:
        return {"numbers": queries.list_shared_numbers(ctx, 1000)}

    @routes.get(
        "/isolations",
        summary="Isolated segments, newest first",
        **answers(segment_schemas.Isolations),
    )
    def isolations(_who: ReadToken) -> dict[str, Any]:
        return {"isolations": [isolated.as_json() for isolated in isolation.history(ctx, 1000)]}

    @routes.post(
        "/isolations",
        summary="Isolate a segment",
        **answers(segment_schemas.Isolation, 404, 409, status=201),
    )
    def isolate(who: RescanToken, body: IsolateRequest) -> dict[str, Any]:
        created = isolation.isolate(ctx, body.connector, body.by, body.value, body.reason, who=who)
        if created is None:
            raise HTTPException(409, "The segment is already isolated.")
        note(who, "segment.isolate", f"{created.connector} {created.name}", body.reason)
        return created.as_json()

    @routes.delete(
        "/isolations/{isolation_id}",
        summary="Release a segment",
        **answers(segment_schemas.Isolation, 404),
    )
    def release(
        who: RescanToken, isolation_id: RowId, reason: Annotated[Short, Query(min_length=3)]
    ) -> dict[str, Any]:
        created = isolation.release(ctx, isolation_id, who, reason)
        note(who, "segment.release", f"{created.connector} {created.name}", reason)
        return created.as_json()

    @routes.post(
        "/campaign-outcomes",
        summary="Import the outcomes of campaigns",
        **answers(segment_schemas.Kept, 413),
    )
    def campaign_outcomes(_who: FeedbackToken, body: list[CampaignOutcome]) -> dict[str, int]:
        if len(body) > MAX_OUTCOMES:
            raise HTTPException(413, f"At most {MAX_OUTCOMES} at once.")
        return {"kept": outcomes.keep(ctx, [outcome.model_dump(mode="json") for outcome in body])}

    return routes

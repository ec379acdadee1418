"""Routes for what is known of a number or a record."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from worker.context import Context
from worker.feedback.sources.submitted_reports import Short
from worker.queries import timeline
from worker.queries.number import number_details
from worker.suppression import evidence
from worker.web.api.dependencies import ReadToken, StrictBody, parse_number, require_text
from worker.web.api.responses import answers
from worker.web.api.schemas import numbers as number_schemas
from worker.web.api.schemas import suppressions as suppression_schemas


class NumberRequest(StrictBody):
    number: Short
    country: Short = ""


def router(ctx: Context) -> APIRouter:
    """Return the routes of what is known of numbers."""
    routes = APIRouter()

    @routes.post(
        "/numbers/lookup",
        summary="Everything known about a number",
        **answers(number_schemas.NumberDetails),
    )
    def lookup(_who: ReadToken, body: NumberRequest) -> dict[str, Any]:
        return number_details(ctx, parse_number(body.number, body.country))

    @routes.post(
        "/numbers/timeline",
        summary="The timeline of a number, newest first",
        **answers(number_schemas.NumberTimeline),
    )
    def number_timeline(_who: ReadToken, body: NumberRequest) -> dict[str, Any]:
        return timeline.number_timeline(ctx, parse_number(body.number, body.country))

    @routes.post(
        "/numbers/evidence",
        summary="Reports about a number, and when each CRM confirmed them",
        **answers(suppression_schemas.Evidence),
    )
    def evidenced(_who: ReadToken, body: NumberRequest) -> dict[str, Any]:
        return evidence.number_evidence(ctx, parse_number(body.number, body.country))

    @routes.get(
        "/contacts/{connector}/{object_name}/{record_id}",
        summary="A record as our index has it, and the writes to it",
        **answers(number_schemas.RecordTimeline, 404),
    )
    def record(_who: ReadToken, connector: str, object_name: str, record_id: str) -> dict[str, Any]:
        parts = [require_text(part) for part in (connector, object_name, record_id)]
        return timeline.record_timeline(ctx, *parts)

    return routes

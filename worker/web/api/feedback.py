"""Routes for reports, and for replies that wait for a person."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, BackgroundTasks, HTTPException
from pydantic import BaseModel, Field

from connectors.errors import ConnectorError
from worker.context import Context
from worker.feedback import intake, review_queue
from worker.feedback.models import Feedback, ReviewDecision
from worker.feedback.sources import submitted_reports
from worker.feedback.sources.submitted_reports import InvalidReportError, Report
from worker.web.api.dependencies import AuditNote, FeedbackToken, RowId, StrictBody
from worker.web.api.responses import answers, errors
from worker.web.api.schemas import suppressions as suppression_schemas
from worker.web.queue import Queue

MAX_REPORTS = 1000


class Accepted(BaseModel):
    """`stored`: new reports; those that were known already count in `known`."""

    stored: int
    known: int
    refused: list[str] = []


class Decision(StrictBody):
    decision: ReviewDecision


class Decisions(StrictBody):
    """One meaning for several replies."""

    ids: list[Annotated[int, Field(ge=1, le=2**62)]] = Field(min_length=1, max_length=1000)
    decision: ReviewDecision


class Undo(StrictBody):
    """Decided replies that go back into the queue."""

    ids: list[Annotated[int, Field(ge=1, le=2**62)]] = Field(min_length=1, max_length=1000)


def router(ctx: Context, queue: Queue) -> APIRouter:
    """Return the routes of reports of feedback.

    Long, because each route is a function inside that shares the context; none of them is.
    """
    routes = APIRouter()
    notify = queue.reports
    note = AuditNote(ctx)

    @routes.post("/feedback", status_code=202, summary="Report feedback", responses=errors(413))
    def feedback(
        _who: FeedbackToken, body: Report | list[Report], background: BackgroundTasks
    ) -> Accepted:
        reports = body if isinstance(body, list) else [body]
        if len(reports) > MAX_REPORTS:
            raise HTTPException(413, f"At most {MAX_REPORTS} reports at once.")
        batch: list[Feedback] = []
        refused: list[str] = []
        stored = known = 0
        for place, report in enumerate(reports):
            if submitted_reports.must_flush_before(report, batch):
                new = intake.store_reports(ctx, batch)
                stored, known = stored + new, known + len(batch) - new
                batch.clear()
            try:
                batch += submitted_reports.to_feedback(ctx, report)
            except (InvalidReportError, ConnectorError) as error:
                refused.append(f"{place}: {error}" if isinstance(body, list) else str(error))
        if refused and not batch and not stored + known:
            raise HTTPException(422, "; ".join(refused[:20]))
        new = intake.store_reports(ctx, batch)
        stored, known = stored + new, known + len(batch) - new
        if stored:
            background.add_task(notify)
        return Accepted(stored=stored, known=known, refused=refused)

    @routes.get(
        "/reviews",
        summary="Replies that a person must review",
        **answers(suppression_schemas.Reviews),
    )
    def reviews(_who: FeedbackToken) -> dict[str, Any]:
        return {"reviews": review_queue.open_reviews(ctx)}

    @routes.post(
        "/reviews/undo",
        summary="Put decided replies back into the queue",
        **answers(suppression_schemas.ReviewIds),
    )
    def undo_reviews(
        who: FeedbackToken, body: Undo, background: BackgroundTasks
    ) -> dict[str, list[int]]:
        reopened = review_queue.undo_reviews(ctx, body.ids, who)
        for review_id in reopened:
            note(who, "review.undo", str(review_id))
        background.add_task(notify)
        return {"ids": reopened}

    @routes.post(
        "/reviews/{review_id}",
        summary="Decide what a reply means",
        **answers(suppression_schemas.Decided, 404),
    )
    def review(
        who: FeedbackToken, review_id: RowId, body: Decision, background: BackgroundTasks
    ) -> dict[str, str]:
        if not review_queue.resolve_review(ctx, review_id, body.decision, who):
            raise HTTPException(404, "There is no such reply to review.")
        note(who, "review.decide", f"{review_id}: {body.decision}")
        background.add_task(notify)
        return {"decision": body.decision}

    @routes.post(
        "/reviews",
        summary="Decide what several replies mean",
        **answers(suppression_schemas.ReviewIds),
    )
    def review_several(
        who: FeedbackToken, body: Decisions, background: BackgroundTasks
    ) -> dict[str, list[int]]:
        decided = review_queue.resolve_reviews(ctx, body.ids, body.decision, who)
        for review_id in decided:
            note(who, "review.decide", f"{review_id}: {body.decision}")
        background.add_task(notify)
        return {"ids": decided}

    return routes

"""The suppression list, and the replies that wait for a person."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, BackgroundTasks, HTTPException, Query, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse

from worker.access import audit
from worker.context import Context
from worker.feedback import review_queue
from worker.feedback.models import ReviewDecision, SuppressionReason
from worker.phones import facts
from worker.phones.single_number import number_of
from worker.suppression import suppressions
from worker.web.auth import AdminForm, Viewer, reason_in
from worker.web.encrypted_numbers import encrypt_number
from worker.web.queue import Queue
from worker.web.redirects import safe_path
from worker.web.render import page

_LISTED = 100
Reason = SuppressionReason | Literal[""]
RowId = Annotated[int, Query(ge=0, le=2**62)]


def router(ctx: Context, queue: Queue) -> APIRouter:
    """Return the routes of the pages of suppressions and reviews.

    Long, because each route is a function inside that shares the context; none of them is.
    """
    routes = APIRouter(include_in_schema=False)

    @routes.get("/suppressions")
    def listed(
        request: Request, me: Viewer, after: RowId = 0, reason: Reason = "", lifted: bool = False
    ) -> Response:
        found = suppressions.list_suppressions(
            ctx, active=None if lifted else True, reason=reason or None, after=after, limit=_LISTED
        )
        rows = [one.as_json() for one in found]
        for row in rows:
            row["path"] = (
                f"/numbers/{encrypt_number(ctx.keys, row['number'])}" if row["number"] else ""
            )
        return page(
            request, "suppressions.html", me, here="suppressions", rows=rows, reason=reason,
            reasons=list(SuppressionReason), lifted=lifted, problem="",
            more=found[-1].id if len(found) == _LISTED else None,
        )  # fmt: skip

    @routes.get("/suppressions/export")
    def export(me: Viewer) -> Response:
        """Only who may act takes the whole list away."""
        if not me.may_act:
            raise HTTPException(403, "You can view the list but not export it.")
        audit.note(ctx.store, ctx.now(), me.name, "suppressions.export", "all that stands")
        return StreamingResponse(
            suppressions.export_csv(ctx, None), media_type="text/csv",
            headers={"Content-Disposition": 'attachment; filename="suppressions.csv"'},
        )  # fmt: skip

    @routes.post("/suppressions")
    def add(admin: AdminForm, background: BackgroundTasks) -> Response:
        me, form = admin
        number = number_of(form.get("number", ""))
        if number is None or not facts(number).possible:
            raise HTTPException(422, "Write one number with its country code, like +14155550123.")
        why = reason_in(form)
        channels = " ".join(sorted({"call", "text"} & set(form.get("channels", "").split())))
        suppressions.add(ctx, number, SuppressionReason.OPT_OUT, channels, why, me.name)
        audit.note(ctx.store, ctx.now(), me.name, "number.suppress", audit.masked(number), why)
        background.add_task(queue.reports)
        return RedirectResponse(f"/numbers/{encrypt_number(ctx.keys, number)}?done=suppress", 303)

    @routes.post("/suppressions/{suppression_id}/lift")
    def lift(admin: AdminForm, background: BackgroundTasks, suppression_id: int) -> Response:
        me, form = admin
        why = reason_in(form)
        lifted = suppressions.lift(ctx, suppression_id, me.name, why)
        audit.note(
            ctx.store, ctx.now(), me.name, "suppression.lift",
            f"{suppression_id} {audit.masked(lifted.number)}", why,
        )  # fmt: skip
        background.add_task(queue.reports)
        back = safe_path(form.get("back", ""))
        to = back if back.startswith("/numbers/") else "/suppressions"
        return RedirectResponse(f"{to}?done=lift", 303)

    @routes.get("/reviews")
    def reviews(request: Request, me: Viewer) -> Response:
        found = review_queue.open_reviews(ctx)
        for one in found:
            one["path"] = f"/numbers/{encrypt_number(ctx.keys, one['number'])}"
        return page(request, "reviews.html", me, here="reviews", reviews=found)

    @routes.post("/reviews/{review_id}")
    def decide(admin: AdminForm, background: BackgroundTasks, review_id: int) -> Response:
        me, form = admin
        decision = form.get("decision", "")
        if decision not in ReviewDecision.__members__.values():
            raise HTTPException(422, "Choose what the reply means.")
        if not review_queue.resolve_review(ctx, review_id, ReviewDecision(decision), me.name):
            raise HTTPException(409, "Somebody else has already decided this reply.")
        audit.note(ctx.store, ctx.now(), me.name, "review.decide", f"{review_id}: {decision}")
        background.add_task(queue.reports)
        return RedirectResponse("/reviews?done=review", 303)

    return routes

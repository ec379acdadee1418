"""The suppression list, and the replies that wait for a person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, BackgroundTasks, HTTPException, Query, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse

from worker.access import audit
from worker.access.model import Person
from worker.context import Context
from worker.feedback import review_queue
from worker.feedback.models import ReviewDecision, SuppressionReason
from worker.phones import facts
from worker.phones.single_number import number_of
from worker.suppression import suppressions
from worker.web.auth import AdminForm, Viewer, reason_in
from worker.web.encrypted_numbers import encrypt_number
from worker.web.pages import number_summaries
from worker.web.queue import Queue
from worker.web.redirects import safe_path
from worker.web.render import page

_LISTED = 100
_REVIEWED = 100  # replies on a page
_MEANINGS = {
    "opt_out": "Opt-out",
    "wrong_number": "Wrong number",
    "complaint": "Complaint",
    "opt_in": "Opt-in",
    "confirmed": "Number is right",
    "corrected": "Has another number",
    "nothing": "None of these",
}
_KEYS = {
    "opt_out": "o", "wrong_number": "w", "complaint": "c", "opt_in": "i", "confirmed": "r",
    "corrected": "a", "nothing": "n",
}  # fmt: skip
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
        entries = suppressions.list_suppressions(
            ctx, active=None if lifted else True, reason=reason or None, after=after, limit=_LISTED
        )
        rows = [suppression.as_json() for suppression in entries]
        for row in rows:
            row["path"] = (
                f"/numbers/{encrypt_number(ctx.keys, row['number'])}" if row["number"] else ""
            )
        return page(
            request, "suppressions.html", me, here="suppressions", rows=rows, reason=reason,
            reasons=list(SuppressionReason), lifted=lifted, problem="",
            more=entries[-1].id if len(entries) == _LISTED else None,
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
    def reviews(request: Request, me: Viewer, ids: str = "", decision: str = "") -> Response:
        """`ids`, `decision`: what was just decided, and can be undone ("undo": was put back)."""
        entries = review_queue.open_reviews(ctx, _REVIEWED)
        with ctx.store.read() as connection:
            waiting = review_queue.oldest_waiting(connection)
            stories = number_summaries.summarize(
                connection, [review["number"] for review in entries]
            )
        for review in entries:
            review["path"] = f"/numbers/{encrypt_number(ctx.keys, review['number'])}"
            review["story"] = stories[review["number"]]
        changed = _ids_of(ids.split(","))
        return page(
            request, "reviews.html", me, here="reviews", reviews=entries, meanings=_MEANINGS,
            keys=_KEYS, decision=decision, more=(waiting.count if waiting else 0) - len(entries),
            labels=ctx.providers.labels,
            decided=changed if decision in _MEANINGS else [],
            reopened=len(changed) if decision == "undo" else 0,
        )  # fmt: skip

    @routes.post("/reviews")
    def decide_several(admin: AdminForm, background: BackgroundTasks) -> Response:
        me, form = admin
        ids = _ids_of(name.removeprefix("id-") for name in form if name.startswith("id-"))
        if not ids:
            raise HTTPException(422, "Select the replies to decide.")
        return _decide(me, background, ids, form.get("decision", ""))

    @routes.post("/reviews/undo")
    def undo(admin: AdminForm, background: BackgroundTasks) -> Response:
        me, form = admin
        ids = _ids_of(name.removeprefix("id-") for name in form if name.startswith("id-"))
        reopened = review_queue.undo_reviews(ctx, ids, me.name)
        if not reopened:
            raise HTTPException(409, "There is nothing left to undo: the texts are not kept.")
        for review_id in reopened:
            audit.note(ctx.store, ctx.now(), me.name, "review.undo", str(review_id))
        background.add_task(queue.reports)
        return RedirectResponse(_reviews_path(reopened, "undo"), 303)

    @routes.post("/reviews/{review_id}")
    def decide(admin: AdminForm, background: BackgroundTasks, review_id: int) -> Response:
        me, form = admin
        return _decide(me, background, [review_id], form.get("decision", ""))

    def _decide(me: Person, background: BackgroundTasks, ids: list[int], decision: str) -> Response:
        if decision not in ReviewDecision.__members__.values():
            raise HTTPException(422, "Choose what the reply means.")
        decided = review_queue.resolve_reviews(ctx, ids, ReviewDecision(decision), me.name)
        if not decided:
            raise HTTPException(409, "Somebody else has already decided this reply.")
        for review_id in decided:
            audit.note(ctx.store, ctx.now(), me.name, "review.decide", f"{review_id}: {decision}")
        background.add_task(queue.reports)
        return RedirectResponse(_reviews_path(decided, decision), 303)

    return routes


def _ids_of(texts: Iterable[str]) -> list[int]:
    """The ids of replies in a form or address; whatever else stands there is left out."""
    return [int(text) for text in texts if text.isascii() and text.isdecimal() and len(text) < 19][
        :_REVIEWED
    ]


def _reviews_path(ids: Sequence[int], decision: str) -> str:
    return f"/reviews?decision={decision}&ids={','.join(map(str, ids))}"

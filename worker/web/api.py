"""The HTTP API, for dialers and other tools; `Authorization: Bearer ADMIN_TOKEN`."""

from __future__ import annotations

import hmac
from typing import Annotated, Any, Literal

from fastapi import APIRouter, BackgroundTasks, Depends, HTTPException, Path, Query, Request
from fastapi.responses import StreamingResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field

from config.settings import parse_duration
from connectors.base import ConnectorError
from worker.feedback import evidence, incoming, receive, suppress
from worker.feedback.incoming import RefusedError, Report, Short
from worker.phones import region_of
from worker.story import number_of, story
from worker.sync import runs
from worker.sync.context import Context
from worker.sync.runs import NoSuchRunError, RunActiveError
from worker.sync.scope import Scope
from worker.web.notify import Notify

_bearer = HTTPBearer(auto_error=False, description="ADMIN_TOKEN")
MOST_REPORTS = 1000
RowId = Annotated[int, Path(ge=1, le=2**62)]


def token_only(
    request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> None:
    """Let whoever knows ADMIN_TOKEN pass; raises 401 or 403 otherwise."""
    token: str = request.app.state.settings.admin_token
    if not token:
        raise HTTPException(403, "The API is closed: set ADMIN_TOKEN.")
    if given is None or not hmac.compare_digest(given.credentials.encode(), token.encode()):
        raise HTTPException(401, "The token is wrong or missing.", {"WWW-Authenticate": "Bearer"})


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Accepted(BaseModel):
    """`stored`: new reports; those that were known already count in `known`."""

    stored: int
    known: int
    refused: list[str] = []


class RescanRequest(_Strict):
    """What to look at again; give one of ids, numbers, segment and older_than, or none: all."""

    connector: Literal["salesforce", "hubspot", "csv"]
    ids: list[Short] = Field([], max_length=10_000)
    numbers: list[Short] = Field([], max_length=10_000)
    segment: Short = Field("", description="KEY=VALUE: source, campaign, list or country")
    older_than: Short = Field("", description="a length of time, such as 90d")
    force: bool = False
    dry_run: bool = False


class RunOpened(BaseModel):
    run: str


class NumberRequest(_Strict):
    number: Short
    country: Short = ""


class SuppressionRequest(_Strict):
    """Suppress a number for whoever holds it. `reason`: opt_out, wrong_number or complaint; any
    other words are taken as the evidence of an opt-out."""

    number: Short
    reason: Short = "opt_out"
    channels: incoming.Channels = []
    evidence: Short = ""

    @property
    def kind(self) -> suppress.Reason:
        known: dict[str, suppress.Reason] = {
            "opt_out": "opt_out", "wrong_number": "wrong_number", "complaint": "complaint",
        }  # fmt: skip
        return known.get(self.reason, "opt_out")


class Lifting(_Strict):
    reason: Short = Field(min_length=3)


class Decision(_Strict):
    decision: receive.Reading


def router(ctx: Context, notify: Notify) -> APIRouter:
    routes = APIRouter(prefix="/api", dependencies=[Depends(token_only)])

    @routes.post("/feedback", status_code=202, tags=["feedback"], summary="Report feedback")
    def feedback(body: Report | list[Report], then: BackgroundTasks) -> Accepted:
        reports = body if isinstance(body, list) else [body]
        if len(reports) > MOST_REPORTS:
            raise HTTPException(413, f"At most {MOST_REPORTS} reports at once.")
        found, refused = [], []
        for place, report in enumerate(reports):
            try:
                found += incoming.as_feedback(ctx, report)
            except (RefusedError, ConnectorError) as error:
                refused.append(f"{place}: {error}" if isinstance(body, list) else str(error))
        if refused and not found:
            raise HTTPException(422, "; ".join(refused[:20]))
        stored = receive.reports(ctx, found)
        if stored:
            then.add_task(notify)
        return Accepted(stored=stored, known=len(found) - stored, refused=refused)

    @routes.post("/rescans", status_code=202, tags=["runs"], summary="Look at contacts again")
    def rescans(body: RescanRequest) -> RunOpened:
        if body.connector not in ctx.settings.active_connectors:
            raise HTTPException(422, f"{body.connector} is not connected.")
        try:
            run_id = runs.open_run(ctx, body.connector, _scope(body), body.dry_run, body.force)
        except RunActiveError as error:
            raise HTTPException(409, str(error)) from None
        except ConnectorError as error:
            raise HTTPException(502, str(error)) from None
        _go_on(run_id)
        return RunOpened(run=run_id)

    @routes.get("/runs/{run_id}", tags=["runs"], summary="What a run has done so far")
    def run(run_id: str) -> dict[str, Any]:
        try:
            return runs.result(ctx, run_id)
        except NoSuchRunError as error:
            raise HTTPException(404, str(error)) from None

    @routes.post("/numbers/lookup", tags=["numbers"], summary="All that is known of a number")
    def lookup(body: NumberRequest) -> dict[str, Any]:
        return story(ctx, _number(body.number, body.country))

    @routes.post("/numbers/evidence", tags=["numbers"],
                 summary="What was reported of a number, and who confirmed it when")  # fmt: skip
    def evidenced(body: NumberRequest) -> dict[str, Any]:
        return evidence.of_number(ctx, _number(body.number, body.country))

    @routes.get("/suppressions", tags=["suppressions"], summary="The suppression list, in parts")
    def suppressions(
        after: Annotated[int, Query(ge=0, le=2**62)] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        active: bool = True,
        reason: Literal["opt_out", "wrong_number", "complaint", "erasure", "list"] | None = None,
    ) -> dict[str, Any]:
        found = suppress.listed(ctx, active=active or None, reason=reason, after=after, limit=limit)
        more = found[-1].id if len(found) == limit else None
        return {"suppressions": [one.as_json() for one in found], "after": more}

    @routes.get("/suppressions/export", tags=["suppressions"], summary="All that stands, as CSV")
    def export(channel: Literal["call", "text"] | None = None) -> StreamingResponse:
        return StreamingResponse(suppress.export(ctx, channel), media_type="text/csv")

    @routes.post("/suppressions", status_code=201, tags=["suppressions"],
                 summary="Suppress a number")  # fmt: skip
    def suppress_number(body: SuppressionRequest, then: BackgroundTasks) -> dict[str, Any]:
        number = _number(body.number)
        made = suppress.add(
            ctx, number, body.kind, " ".join(sorted(set(body.channels))),
            body.evidence or (body.reason if body.reason != body.kind else "added through the API"),
            "api",
        )  # fmt: skip
        then.add_task(notify)
        return made.as_json()

    @routes.delete("/suppressions/{suppression_id}", tags=["suppressions"],
                   summary="Lift a suppression, with a reason")  # fmt: skip
    def lift(
        suppression_id: RowId,
        then: BackgroundTasks,
        body: Lifting | None = None,
        reason: Annotated[Short, Query(description="instead of a body")] = "",
    ) -> dict[str, Any]:
        why = body.reason if body else reason
        if len(why) < 3:
            raise HTTPException(422, "reason: missing; say why it is lifted")
        try:
            lifted = suppress.lift(ctx, suppression_id, "api", why)
        except suppress.NoSuchSuppressionError as error:
            raise HTTPException(404, str(error)) from None
        then.add_task(notify)
        return lifted.as_json()

    @routes.get("/reviews", tags=["feedback"], summary="Replies that wait for a person")
    def reviews() -> dict[str, Any]:
        return {"reviews": receive.open_reviews(ctx)}

    @routes.post("/reviews/{review_id}", tags=["feedback"], summary="Say what a reply means")
    def review(review_id: RowId, body: Decision, then: BackgroundTasks) -> dict[str, str]:
        if not receive.decide(ctx, review_id, body.decision, "api"):
            raise HTTPException(404, "There is no such reply that waits.")
        then.add_task(notify)
        return {"decision": body.decision}

    return routes


def _number(text: str, country: str = "") -> str:
    number = number_of(text, region_of(country) if country else None)
    if number is None:
        raise HTTPException(422, "number: write one number with its country code")
    return number


def _scope(body: RescanRequest) -> Scope:
    given = [bool(body.ids), bool(body.numbers), bool(body.segment), bool(body.older_than)]
    if sum(given) > 1:
        raise HTTPException(422, "Give one of ids, numbers, segment and older_than.")
    if body.ids:
        return Scope("ids", tuple(dict.fromkeys(body.ids)))
    if body.numbers:
        return Scope("numbers", tuple(dict.fromkeys(map(_number, body.numbers))))
    if body.segment:
        key, _, value = body.segment.partition("=")
        if key not in ("source", "campaign", "list", "country") or not value:
            raise HTTPException(422, "segment: write source=, campaign=, list= or country=")
        return Scope("segment", (value,), key=key)
    if body.older_than:
        try:
            age: Any = parse_duration(body.older_than)
        except ValueError as error:
            raise HTTPException(422, f"older_than: {error}") from None
        return Scope("older_than", age_seconds=int(age.total_seconds()))
    return Scope("everything")


def _go_on(run_id: str) -> None:
    """Have the workers do it; if they cannot be told now, `revive` finds the open run."""
    try:
        from worker.tasks import go_on

        go_on(run_id)
    except (Exception, SystemExit):
        return

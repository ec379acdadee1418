"""The HTTP API, for dialers and other tools; `Authorization: Bearer ADMIN_TOKEN`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, BackgroundTasks, Depends, HTTPException, Path, Query
from fastapi.responses import StreamingResponse
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

import connectors
from config.effective import shown
from config.segments import By
from config.settings import parse_duration
from connectors.errors import ConnectorError
from worker.access import audit, tokens
from worker.alerts import notifier
from worker.context import Context
from worker.feedback import intake
from worker.feedback.models import Feedback, ReviewDecision
from worker.feedback.sources import submitted_reports
from worker.feedback.sources.submitted_reports import InvalidReportError, Report, Short
from worker.phones import region_of
from worker.phones.single_number import number_of
from worker.queries import timeline
from worker.queries.number import story
from worker.queries.overview import overview
from worker.segments import campaign_outcomes as outcomes
from worker.segments import isolation, queries
from worker.store import changed_records
from worker.suppression import evidence
from worker.suppression import suppressions as suppress
from worker.sync.read import removals
from worker.sync.runs import control, lifecycle
from worker.sync.runs import report as reporting
from worker.sync.runs.lifecycle import RunActiveError
from worker.sync.runs.scope import Scope
from worker.sync.write import undo as undoing
from worker.verification import spend_report
from worker.web.auth import Caller, allowed, caller
from worker.web.queue import Queue
from worker.web.scopes import ScopeError, segment

MOST_OUTCOMES = 10_000
MOST_REPORTS = 1000
ConnectorName = Annotated[str, AfterValidator(connectors.checked_name)]
RowId = Annotated[int, Path(ge=1, le=2**62)]


# The name of a caller whose token has the scope.
Reads = Annotated[str, Depends(allowed("read"))]
Rescans = Annotated[str, Depends(allowed("rescan"))]
Rechecks = Annotated[Caller, Depends(caller("recheck", "rescan"))]
Reports = Annotated[str, Depends(allowed("feedback"))]
Suppresses = Annotated[str, Depends(allowed("suppress"))]
Administers = Annotated[str, Depends(allowed("admin"))]


def _as_list(given: Any) -> Any:
    return [given] if isinstance(given, str) else given


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Accepted(BaseModel):
    """`stored`: new reports; those that were known already count in `known`."""

    stored: int
    known: int
    refused: list[str] = []


class RescanRequest(_Strict):
    """What to look at again; give one of ids, numbers, segment and older_than, or none: all."""

    connector: ConnectorName
    ids: Annotated[list[Short], BeforeValidator(_as_list)] = Field(
        [],
        max_length=10_000,
        description="a list; one id, as a workflow of a CRM sends it, will do",
    )
    numbers: list[Short] = Field([], max_length=10_000)
    segment: Short = Field("", description="KEY=VALUE: source, campaign, list or country")
    older_than: Short = Field("", description="a length of time, such as 90d")
    reason: Short = Field("", description="why, for the log of what was done")
    force: bool = False
    dry_run: bool = False
    accept_removals: bool = Field(
        False,
        description="of all contacts only: remove from our index what the CRM no longer has, also "
        "where a full read held that back (GET /api/removals): as many as it says there, and the "
        "ordinary limit",
    )

    @property
    def only_ids(self) -> bool:
        """Whether it names records, and asks for nothing but that they be looked at."""
        which = self.numbers or self.segment or self.older_than
        how = self.force or self.dry_run or self.accept_removals
        return bool(self.ids) and not which and not how


class HeldRemovals(BaseModel):
    """What a full read would have removed from our index, and did not because it was too much."""

    connector: str
    object: str
    run: str = Field(description="the latest full read that held them")
    records: int = Field(description="how many it would have removed")
    indexed: int = Field(description="contacts of the object in our index")
    limit: int = Field(description="how many it might have removed")
    reason: str = Field(description="why, and what to check, in one line")
    examples: list[str] = Field(description="ids of a few of them")
    since: AwareDatetime
    at: AwareDatetime


class HeldRemovalsList(BaseModel):
    removals: list[HeldRemovals]


class RunOpened(BaseModel):
    """`run` is null where another one is under way, and always for a token with the scope
    `recheck`: the records named are `waiting` then, and looked at soon, beside any other run."""

    run: str | None
    waiting: int = 0


class NumberRequest(_Strict):
    number: Short
    country: Short = ""


class SuppressionRequest(_Strict):
    """Suppress a number for whoever holds it. `reason`: opt_out, wrong_number or complaint; any
    other words are taken as the evidence of an opt-out."""

    number: Short
    reason: Short = "opt_out"
    channels: submitted_reports.Channels = []
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
    decision: ReviewDecision


class Why(_Strict):
    reason: Annotated[Short, Field(min_length=3)]


class Isolating(_Strict):
    """Set a segment apart by hand."""

    connector: ConnectorName
    by: By
    value: Annotated[submitted_reports.Text, Field(min_length=1, max_length=255)]
    reason: Annotated[Short, Field(min_length=3)]


class Outcome(_Strict):
    """What became of a campaign's messages on a day; a day that is known is replaced."""

    campaign: Annotated[submitted_reports.Text, Field(min_length=1, max_length=255)]
    day: date
    sent: Annotated[int, Field(ge=0, le=outcomes.MOST)] = 0
    delivered: Annotated[int, Field(ge=0, le=outcomes.MOST)] = 0
    undelivered: Annotated[int, Field(ge=0, le=outcomes.MOST)] = 0
    replies: Annotated[int, Field(ge=0, le=outcomes.MOST)] = 0


class TokenRequest(_Strict):
    name: Annotated[Short, Field(min_length=1, max_length=120)]
    scopes: list[Literal["read", "recheck", "rescan", "feedback", "suppress", "admin"]] = Field(
        min_length=1
    )


def router(ctx: Context, queue: Queue) -> APIRouter:
    routes = APIRouter(prefix="/api")
    notify = queue.reports

    def noted(who: str, action: str, target: str, why: str = "") -> None:
        audit.note(ctx.store, ctx.now(), who, action, target, why)

    # -- feedback --------------------------------------------------------------------------

    @routes.post("/feedback", status_code=202, tags=["feedback"], summary="Report feedback")
    def feedback(_who: Reports, body: Report | list[Report], then: BackgroundTasks) -> Accepted:
        reports = body if isinstance(body, list) else [body]
        if len(reports) > MOST_REPORTS:
            raise HTTPException(413, f"At most {MOST_REPORTS} reports at once.")
        found: list[Feedback] = []
        refused: list[str] = []
        stored = known = 0
        for place, report in enumerate(reports):
            if submitted_reports.must_flush_before(report, found):
                new = intake.store_reports(ctx, found)
                stored, known = stored + new, known + len(found) - new
                found.clear()
            try:
                found += submitted_reports.to_feedback(ctx, report)
            except (InvalidReportError, ConnectorError) as error:
                refused.append(f"{place}: {error}" if isinstance(body, list) else str(error))
        if refused and not found and not stored + known:
            raise HTTPException(422, "; ".join(refused[:20]))
        new = intake.store_reports(ctx, found)
        stored, known = stored + new, known + len(found) - new
        if stored:
            then.add_task(notify)
        return Accepted(stored=stored, known=known, refused=refused)

    @routes.get("/reviews", tags=["feedback"], summary="Replies that wait for a person")
    def reviews(_who: Reports) -> dict[str, Any]:
        return {"reviews": intake.open_reviews(ctx)}

    @routes.post("/reviews/{review_id}", tags=["feedback"], summary="Say what a reply means")
    def review(
        who: Reports, review_id: RowId, body: Decision, then: BackgroundTasks
    ) -> dict[str, str]:
        if not intake.resolve_review(ctx, review_id, body.decision, who):
            raise HTTPException(404, "There is no such reply that waits.")
        noted(who, "review.decide", f"{review_id}: {body.decision}")
        then.add_task(notify)
        return {"decision": body.decision}

    # -- runs ------------------------------------------------------------------------------

    @routes.post("/rescans", status_code=202, tags=["runs"], summary="Look at contacts again")
    def rescans(asking: Rechecks, body: RescanRequest, then: BackgroundTasks) -> RunOpened:
        """A token with the scope `recheck` may name `ids`, and nothing else. The records are put
        on the list of those to be looked at soon: no run is opened for each call, and the answer
        does not wait for the CRM. An id that is on the list already stays there once."""
        who = asking.name
        if body.connector not in ctx.settings.active_connectors:
            raise HTTPException(422, f"{body.connector} is not connected.")
        if not asking.allows("rescan"):
            if not body.only_ids:
                raise HTTPException(403, "The token's scope recheck takes ids, and nothing else.")
            waiting = _note_touched(ctx, body)
            then.add_task(notify)
            return RunOpened(run=None, waiting=waiting)
        scope = _scope(body)
        if body.accept_removals and scope.kind != "everything":
            raise HTTPException(422, "accept_removals is for all contacts: give no ids, numbers, "
                                "segment or older_than.")  # fmt: skip
        try:
            run_id = lifecycle.open_run(
                ctx, body.connector, scope, body.dry_run, body.force, by=who, purpose=body.reason,
                accept_removals=body.accept_removals,
            )  # fmt: skip
        except RunActiveError:
            if not body.only_ids:
                raise
            # A workflow of a CRM asks once: what it asks for is not lost to a sync under way.
            waiting = _note_touched(ctx, body)
            then.add_task(notify)
            return RunOpened(run=None, waiting=waiting)
        if not body.dry_run:
            action = "removals.accept" if body.accept_removals else "run.start"
            noted(who, action, f"{run_id} {body.connector}: {scope}", body.reason)
        queue.go_on(run_id)
        return RunOpened(run=run_id)

    @routes.get("/removals", tags=["runs"], summary="Removals that wait for a person")
    def held_removals(_who: Reads) -> HeldRemovalsList:
        """Accept them with `POST /api/rescans` and `accept_removals`."""
        with ctx.store.read() as connection:
            held = [HeldRemovals(**hold.as_json()) for hold in removals.holds(connection)]
        return HeldRemovalsList(removals=held)

    @routes.get("/runs", tags=["runs"], summary="The latest runs, newest first")
    def run_list(
        _who: Reads,
        connector: Annotated[str, Query(max_length=40)] = "",
        state: Literal["", "running", "paused", "done", "failed", "stopped", "cancelled"] = "",
        reports: bool = False,
        before: AwareDatetime | None = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> dict[str, Any]:
        found = lifecycle.recent(ctx, limit, _plain(connector), reports, state, before)
        return {"runs": reporting.summaries(ctx, found)}

    @routes.get("/runs/{run_id}", tags=["runs"], summary="What a run has done so far")
    def run(_who: Reads, run_id: str) -> dict[str, Any]:
        return reporting.result(ctx, run_id)

    @routes.get("/runs/{run_id}/writes", tags=["runs"],
                summary="Its writes, with the values before and after, in parts")  # fmt: skip
    def run_writes(
        _who: Reads,
        run_id: str,
        after: Annotated[int, Query(ge=0, le=2**62)] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> dict[str, Any]:
        rows = reporting.writes_after(ctx, lifecycle.load(ctx, run_id).id, after, limit)
        return {
            "writes": [
                {"object": row.object, "id": row.record_id, "state": row.state,
                 "before": row.before, "after": row.after, "message": row.message}
                for row in rows
            ],
            "after": rows[-1].id if len(rows) == limit else None,
        }  # fmt: skip

    @routes.post("/runs/{run_id}/{action}", status_code=202, tags=["runs"],
                 summary="Pause, resume, cancel or undo a run")  # fmt: skip
    def move(
        who: Rescans, run_id: str, action: Literal["pause", "resume", "cancel", "undo"],
        body: Why | None = None,
    ) -> RunOpened:  # fmt: skip
        """`run`: the run itself, or, of an undo, the run that undoes it."""
        why = body.reason if body else ""
        try:
            moved = lifecycle.load(ctx, run_id).id
            if action == "pause":
                control.pause(ctx, moved, who)
            elif action == "cancel":
                control.cancel(ctx, moved, who)
            elif action == "resume":
                kind = lifecycle.reopen(ctx, moved).kind
                queue.undo(moved) if kind == "undo" else queue.go_on(moved)
            else:
                of, moved = moved, undoing.begin(ctx, moved, by=who, why=why)
                queue.undo(moved)
                noted(who, "run.undo", of, why)
                return RunOpened(run=moved)
        except ConnectorError as error:  # the run does not allow it, or its CRM is away
            raise HTTPException(409, str(error)) from None
        noted(who, f"run.{action}", moved, why)
        return RunOpened(run=moved)

    # -- numbers and records ---------------------------------------------------------------

    @routes.post("/numbers/lookup", tags=["numbers"], summary="All that is known of a number")
    def lookup(_who: Reads, body: NumberRequest) -> dict[str, Any]:
        return story(ctx, _number(body.number, body.country))

    @routes.post("/numbers/timeline", tags=["numbers"],
                 summary="The whole story of a number, the newest first")  # fmt: skip
    def number_timeline(_who: Reads, body: NumberRequest) -> dict[str, Any]:
        return timeline.of_number(ctx, _number(body.number, body.country))

    @routes.post("/numbers/evidence", tags=["numbers"],
                 summary="What was reported of a number, and who confirmed it when")  # fmt: skip
    def evidenced(_who: Reads, body: NumberRequest) -> dict[str, Any]:
        return evidence.number_evidence(ctx, _number(body.number, body.country))

    @routes.get("/contacts/{connector}/{object_name}/{record_id}", tags=["numbers"],
                summary="A record as our index has it, and what was written to it")  # fmt: skip
    def record(_who: Reads, connector: str, object_name: str, record_id: str) -> dict[str, Any]:
        parts = [_plain(part) for part in (connector, object_name, record_id)]
        return timeline.of_record(ctx, *parts)

    # -- suppressions ----------------------------------------------------------------------

    @routes.get("/suppressions", tags=["suppressions"], summary="The suppression list, in parts")
    def suppressions(
        _who: Reads,
        after: Annotated[int, Query(ge=0, le=2**62)] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        active: bool = True,
        reason: Literal["opt_out", "wrong_number", "complaint", "erasure", "list"] | None = None,
    ) -> dict[str, Any]:
        found = suppress.list_suppressions(
            ctx, active=active or None, reason=reason, after=after, limit=limit
        )
        more = found[-1].id if len(found) == limit else None
        return {"suppressions": [one.as_json() for one in found], "after": more}

    @routes.get("/suppressions/export", tags=["suppressions"], summary="All that stands, as CSV")
    def export(
        who: Suppresses, channel: Literal["call", "text"] | None = None
    ) -> StreamingResponse:
        noted(who, "suppressions.export", channel or "all that stands")
        return StreamingResponse(suppress.export_csv(ctx, channel), media_type="text/csv")

    @routes.post("/suppressions", status_code=201, tags=["suppressions"],
                 summary="Suppress a number")  # fmt: skip
    def suppress_number(
        who: Suppresses, body: SuppressionRequest, then: BackgroundTasks
    ) -> dict[str, Any]:
        number = _number(body.number)
        told = body.evidence or (body.reason if body.reason != body.kind else "")
        made = suppress.add(
            ctx, number, body.kind, " ".join(sorted(set(body.channels))),
            told or "added through the API", "api",
        )  # fmt: skip
        noted(who, "number.suppress", audit.masked(number), told)
        then.add_task(notify)
        return made.as_json()

    @routes.delete("/suppressions/{suppression_id}", tags=["suppressions"],
                   summary="Lift a suppression, with a reason")  # fmt: skip
    def lift(
        who: Suppresses,
        suppression_id: RowId,
        then: BackgroundTasks,
        body: Lifting | None = None,
        reason: Annotated[Short, Query(description="instead of a body")] = "",
    ) -> dict[str, Any]:
        why = body.reason if body else reason
        if len(why) < 3:
            raise HTTPException(422, "reason: missing; say why it is lifted")
        lifted = suppress.lift(ctx, suppression_id, "api", why)
        noted(who, "suppression.lift", f"{suppression_id} {audit.masked(lifted.number)}", why)
        then.add_task(notify)
        return lifted.as_json()

    # -- segments --------------------------------------------------------------------------

    @routes.get("/segments", tags=["segments"],
                summary="How sources, campaigns, lists, countries or months do")  # fmt: skip
    def segments(
        _who: Reads,
        by: By = "source",
        connector: Annotated[str, Query(max_length=40)] = "",
        limit: Annotated[int, Query(ge=1, le=10_000)] = 200,
    ) -> dict[str, Any]:
        return {"segments": queries.listed(ctx, by, limit, _plain(connector))}

    @routes.get("/segments/shared", tags=["segments"], summary="Numbers that many contacts hold")
    def shared(_who: Reads) -> dict[str, Any]:
        return {"numbers": queries.placeholders(ctx, 1000)}

    @routes.get("/isolations", tags=["segments"],
                summary="Segments that were set apart, the newest first")  # fmt: skip
    def isolations(_who: Reads) -> dict[str, Any]:
        return {"isolations": [one.as_json() for one in isolation.history(ctx, 1000)]}

    @routes.post("/isolations", status_code=201, tags=["segments"], summary="Set a segment apart")
    def set_apart(who: Rescans, body: Isolating) -> dict[str, Any]:
        made = isolation.isolate(ctx, body.connector, body.by, body.value, body.reason, who=who)
        if made is None:
            raise HTTPException(409, "It is isolated already.")
        noted(who, "segment.isolate", f"{made.connector} {made.name}", body.reason)
        return made.as_json()

    @routes.delete("/isolations/{isolation_id}", tags=["segments"], summary="Let a segment go")
    def let_go(
        who: Rescans, isolation_id: RowId, reason: Annotated[Short, Query(min_length=3)]
    ) -> dict[str, Any]:
        made = isolation.release(ctx, isolation_id, who, reason)
        noted(who, "segment.release", f"{made.connector} {made.name}", reason)
        return made.as_json()

    @routes.post("/campaign-outcomes", tags=["segments"],
                 summary="Import what became of campaigns' messages")  # fmt: skip
    def campaign_outcomes(_who: Reports, body: list[Outcome]) -> dict[str, int]:
        if len(body) > MOST_OUTCOMES:
            raise HTTPException(413, f"At most {MOST_OUTCOMES} at once.")
        return {"kept": outcomes.keep(ctx, [one.model_dump(mode="json") for one in body])}

    # -- the whole -------------------------------------------------------------------------

    @routes.get("/overview", tags=["system"], summary="How everything stands")
    def whole(_who: Reads) -> dict[str, Any]:
        return overview(ctx)

    @routes.get("/spend", tags=["system"], summary="What lookups cost, budgets, providers")
    def spend(_who: Reads, days: Annotated[int, Query(ge=1, le=3660)] = 30) -> dict[str, Any]:
        with ctx.store.read() as connection:
            verification = ctx.settings.verification
            return spend_report.report(connection, ctx.line, verification, ctx.now(), days)

    @routes.get("/settings", tags=["system"],
                summary="What is in force and where it comes from; secrets are masked")  # fmt: skip
    def settings(_who: Administers) -> dict[str, Any]:
        return {"settings": [asdict(one) for one in shown(ctx.settings)]}

    @routes.get("/alerts", tags=["system"], summary="What needs a person now")
    def alerts(_who: Reads) -> dict[str, Any]:
        return {"alerts": notifier.standing(ctx, 1000)}

    @routes.get("/audit", tags=["system"], summary="What people and tokens did, in parts")
    def audit_log(
        _who: Administers,
        before: Annotated[int | None, Query(ge=0, le=2**62)] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> dict[str, Any]:
        return {"entries": audit.entries(ctx.store, before, limit)}

    @routes.get("/tokens", tags=["system"], summary="Tokens, without their secrets")
    def token_list(_who: Administers) -> dict[str, Any]:
        return {"tokens": [one.as_json() for one in tokens.listed(ctx.store)]}

    @routes.post("/tokens", status_code=201, tags=["system"],
                 summary="Make a token; its secret is shown this once")  # fmt: skip
    def make_token(who: Administers, body: TokenRequest) -> dict[str, Any]:
        secret, made = tokens.make(ctx.store, body.name, body.scopes, who, ctx.now())
        noted(who, "token.make", f"{made.id} {made.name}")
        return {"token": secret, **made.as_json()}

    @routes.delete("/tokens/{token_id}", tags=["system"], summary="Revoke a token")
    def revoke(who: Administers, token_id: RowId) -> dict[str, bool]:
        if not tokens.revoke(ctx.store, token_id, ctx.now()):
            raise HTTPException(404, "There is no such token in force.")
        noted(who, "token.revoke", str(token_id))
        return {"revoked": True}

    return routes


def _plain(text: str) -> str:
    """A name in an address; what is no text names nothing, and PostgreSQL would not take it."""
    if "\x00" in text or any("\ud800" <= c <= "\udfff" for c in text):
        raise HTTPException(404, "There is nothing of that name.")
    return text


def _note_touched(ctx: Context, body: RescanRequest) -> int:
    """Put the records named on the list of those to be looked at soon; how many they are. Raises
    422, and keeps none of them, where one is of an object that is not read."""
    by_object = _by_object(ctx, body)
    with ctx.store.write() as connection:
        for name, ids in by_object.items():
            changed_records.record(connection, body.connector, name, ids, ctx.now())
    return sum(map(len, by_object.values()))


def _by_object(ctx: Context, body: RescanRequest) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    connector = ctx.open(body.connector)
    for record_id in dict.fromkeys(body.ids):
        name = connector.object_of(record_id)
        found.setdefault(name, []).append(record_id)
    return found


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
        try:
            return segment(key, value)
        except ScopeError as error:
            raise HTTPException(422, f"segment: write KEY=VALUE. {error}") from None
    if body.older_than:
        try:
            age: Any = parse_duration(body.older_than)
        except ValueError as error:
            raise HTTPException(422, f"older_than: {error}") from None
        return Scope("older_than", age_seconds=int(age.total_seconds()))
    return Scope("everything")

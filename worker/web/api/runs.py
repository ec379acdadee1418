"""Routes for runs: open, list, pause, resume, cancel and undo them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, BackgroundTasks, HTTPException, Query
from pydantic import AwareDatetime, BaseModel, BeforeValidator, Field

from config.settings import parse_duration
from connectors.errors import ConnectorError
from worker.context import Context
from worker.feedback import records
from worker.feedback.sources.submitted_reports import Short
from worker.queries.search import near_segments
from worker.store import changed_records
from worker.sync.runs import control, forecast, lifecycle, removal_holds
from worker.sync.runs import report as reporting
from worker.sync.runs.model import RunActiveError, RunOptions
from worker.sync.runs.scope import Scope
from worker.sync.undo import undo as undoing
from worker.web.api.dependencies import (
    AuditNote,
    ConnectorName,
    ReadToken,
    ReasonBody,
    RecheckCaller,
    RescanToken,
    StrictBody,
    parse_number,
    require_text,
)
from worker.web.api.responses import answers, errors
from worker.web.api.schemas import runs as run_schemas
from worker.web.queue import Queue
from worker.web.scopes import ScopeError, segment


def _as_list(given: Any) -> Any:
    return [given] if isinstance(given, str) else given


class RescanRequest(StrictBody):
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


class ActionBody(ReasonBody):
    ids: list[Short] = Field(
        [], max_length=1000, description="of an undo: only the records with these ids"
    )


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
    matches: bool | None = Field(
        None,
        description="whether our index holds a contact in the scope; null where it cannot tell. A "
        "run is opened all the same, since the CRM may have one that we do not know yet",
    )
    message: str = Field("", description="what to do where nothing matches, in a sentence")
    near: list[str] = Field([], description="segments with a like name, where nothing matches")


def router(ctx: Context, queue: Queue) -> APIRouter:
    """Return the routes of runs and rescans.

    Long, because each route is a function inside that shares the context; none of them is.
    """
    routes = APIRouter()
    notify = queue.reports
    note = AuditNote(ctx)

    @routes.post("/rescans", status_code=202, summary="Rescan contacts", responses=errors(409, 502))
    def rescans(
        caller: RecheckCaller, body: RescanRequest, background: BackgroundTasks
    ) -> RunOpened:
        """A token with the scope `recheck` may name `ids`, and nothing else. The records are put
        on the list of those to be looked at soon: no run is opened for each call, and the answer
        does not wait for the CRM. An id that is on the list already stays there once."""
        who = caller.name
        if body.connector not in ctx.settings.active_connectors:
            raise HTTPException(422, f"{body.connector} is not connected.")
        if not caller.allows("rescan"):
            if not body.only_ids:
                raise HTTPException(403, "The token's scope recheck takes only ids.")
            waiting = _queue_records(ctx, body)
            background.add_task(notify)
            return RunOpened(run=None, waiting=waiting)
        scope = _scope(body)
        if body.accept_removals and scope.kind != "everything":
            raise HTTPException(422, "accept_removals is for all contacts: give no ids, numbers, "
                                "segment or older_than.")  # fmt: skip
        try:
            run_id = lifecycle.open_run(
                ctx,
                body.connector,
                scope,
                RunOptions(
                    dry_run=body.dry_run,
                    force=body.force,
                    opened_by=who,
                    purpose=body.reason,
                    accept_removals=body.accept_removals,
                ),
            )
        except RunActiveError:
            if not body.only_ids:
                raise
            # A workflow of a CRM asks once: what it asks for is not lost to a sync under way.
            waiting = _queue_records(ctx, body)
            background.add_task(notify)
            return RunOpened(run=None, waiting=waiting)
        if not body.dry_run:
            action = "removals.accept" if body.accept_removals else "run.start"
            note(who, action, f"{run_id} {body.connector}: {scope}", body.reason)
        queue.go_on(run_id)
        return _opened(ctx, run_id, body.connector, scope)

    @routes.get("/removals", summary="Removals that wait for approval", responses=errors())
    def held_removals(_who: ReadToken) -> HeldRemovalsList:
        """Accept them with `POST /api/rescans` and `accept_removals`."""
        with ctx.store.read() as connection:
            removals = [HeldRemovals(**hold.as_json()) for hold in removal_holds.load(connection)]
        return HeldRemovalsList(removals=removals)

    @routes.get("/runs", summary="The latest runs, newest first", **answers(run_schemas.RunList))
    def run_list(
        _who: ReadToken,
        connector: Annotated[str, Query(max_length=40)] = "",
        state: Annotated[
            Literal[
                "", "running", "paused", "done", "failed", "stopped", "cancelled", "all_failed"
            ],
            Query(description="all_failed: those that are done and whose records all failed"),
        ] = "",
        reports: bool = False,
        before: AwareDatetime | None = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> dict[str, Any]:
        recent = lifecycle.recent(ctx, limit, require_text(connector), reports, state, before)
        return {"runs": reporting.summaries(ctx, recent)}

    @routes.get(
        "/runs/{run_id}",
        summary="What a run has done so far",
        **answers(run_schemas.RunResult, 404),
    )
    def run(_who: ReadToken, run_id: str) -> dict[str, Any]:
        return reporting.result(ctx, run_id)

    @routes.get(
        "/runs/{run_id}/writes",
        summary="A run's writes, with the values before and after, page by page",
        **answers(run_schemas.RunWrites, 404),
    )
    def run_writes(
        _who: ReadToken,
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

    @routes.post(
        "/runs/{run_id}/{action}",
        status_code=202,
        summary="Pause, resume, cancel or undo a run",
        responses=errors(404, 409),
    )
    def change_state(
        who: RescanToken, run_id: str, action: Literal["pause", "resume", "cancel", "undo"],
        body: ActionBody | None = None,
    ) -> RunOpened:  # fmt: skip
        """`run`: the run itself, or, of an undo, the run that undoes it. `ids`, for an undo alone:
        the records to which it is limited."""
        only = body.ids if body else []
        if only and action != "undo":
            raise HTTPException(422, "ids: only an undo can be limited to some records")
        why = body.reason if body else ""
        try:
            moved = lifecycle.load(ctx, run_id).id
            if action == "pause":
                control.pause(ctx, moved, who)
            elif action == "cancel":
                control.cancel(ctx, moved, who)
            elif action == "resume":
                kind = lifecycle.resume(ctx, moved).kind
                queue.undo(moved) if kind == "undo" else queue.go_on(moved)
            else:
                of, moved = moved, undoing.begin(ctx, moved, by=who, why=why, only=only)
                queue.undo(moved)
                note(who, "run.undo", " ".join([of, *only]), why)
                return RunOpened(run=moved)
        except ConnectorError as error:  # the run does not allow it, or its CRM is away
            raise HTTPException(409, str(error)) from None
        note(who, f"run.{action}", moved, why)
        return RunOpened(run=moved)

    return routes


def _opened(ctx: Context, run_id: str, connector: str, scope: Scope) -> RunOpened:
    """Say so where the scope of a run matches nothing, and which segment may have been meant."""
    matches = forecast.matches(ctx, connector, scope)
    if matches is not False:
        return RunOpened(run=run_id, matches=matches)
    near = []
    if scope.kind == "segment":
        segments = near_segments(ctx, scope.values[0], connector, scope.key)
        near = [f"{segment.by}={segment.value}" for segment in segments]
    message = f"No contact of {connector} that we know is in the scope: {scope}."
    if near:
        message += f" Did you mean {' or '.join(near)}?"
    return RunOpened(run=run_id, matches=False, message=message, near=near)


def _queue_records(ctx: Context, body: RescanRequest) -> int:
    """Put the records named on the list of those to be looked at soon; how many they are. Raises
    422, and keeps none of them, where one is of an object that is not read."""
    by_object = _by_object(ctx, body)
    with ctx.store.write() as connection:
        for name, ids in by_object.items():
            changed_records.record(connection, body.connector, name, ids, ctx.now())
    return sum(map(len, by_object.values()))


def _by_object(ctx: Context, body: RescanRequest) -> dict[str, list[str]]:
    by_object: dict[str, list[str]] = {}
    connector = ctx.open(body.connector)
    for text in dict.fromkeys(body.ids):
        record_id = records.without_object(connector, text)
        by_object.setdefault(connector.object_of(text), []).append(record_id)
    return by_object


def _scope(body: RescanRequest) -> Scope:
    given = [bool(body.ids), bool(body.numbers), bool(body.segment), bool(body.older_than)]
    if sum(given) > 1:
        raise HTTPException(422, "Give one of ids, numbers, segment and older_than.")
    if body.ids:
        return Scope("ids", tuple(dict.fromkeys(body.ids)))
    if body.numbers:
        return Scope("numbers", tuple(dict.fromkeys(map(parse_number, body.numbers))))
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

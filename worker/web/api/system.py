"""Routes for the whole: overview, spend, settings, alerts, audit log, tokens."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query
from pydantic import Field

from config.effective import describe
from worker.access import audit, tokens
from worker.alerts import notifier
from worker.context import Context
from worker.feedback.sources.submitted_reports import Short
from worker.ops import pausing
from worker.queries.overview import overview
from worker.verification import spend_report
from worker.web.api.dependencies import (
    AdminToken,
    AuditNote,
    ReadToken,
    ReasonBody,
    RowId,
    StrictBody,
)
from worker.web.api.responses import answers
from worker.web.api.schemas import system as system_schemas


class TokenRequest(StrictBody):
    name: Annotated[Short, Field(min_length=1, max_length=120)]
    scopes: list[
        Literal["read", "recheck", "scrub", "verify", "rescan", "feedback", "suppress", "admin"]
    ] = Field(min_length=1)


def router(ctx: Context) -> APIRouter:
    """Return the routes of the overview, settings, access and the audit log.

    Long, because each route is a function inside that shares the context; none of them is.
    """
    routes = APIRouter()
    note = AuditNote(ctx)

    @routes.get("/overview", summary="The overview", **answers(system_schemas.Overview))
    def read_overview(_who: ReadToken) -> dict[str, Any]:
        return overview(ctx)

    @routes.post(
        "/pause",
        summary="Pause everything that writes or sends; reports are still received",
        **answers(system_schemas.PauseState),
    )
    def pause_all(who: AdminToken, body: ReasonBody | None = None) -> dict[str, Any]:
        reason = body.reason if body else ""
        return {"paused": pausing.pause_all(ctx, who, reason).as_json()}

    @routes.post(
        "/resume",
        summary="Resume what was paused; 409 where nothing is",
        **answers(system_schemas.PauseState, 409),
    )
    def resume_all(who: AdminToken) -> dict[str, Any]:
        if pausing.resume_all(ctx, who) is None:
            raise HTTPException(409, "Nothing is paused.")
        return {"paused": None}

    @routes.get(
        "/spend",
        summary="Cost of lookups, budgets, and the state of providers",
        **answers(system_schemas.Spend),
    )
    def spend(_who: ReadToken, days: Annotated[int, Query(ge=1, le=3660)] = 30) -> dict[str, Any]:
        with ctx.store.read() as connection:
            verification = ctx.settings.verification
            return spend_report.report(connection, ctx.providers, verification, ctx.now(), days)

    @routes.get(
        "/settings",
        summary="Settings in effect and where they come from; secrets are masked",
        **answers(system_schemas.Settings),
    )
    def settings(_who: AdminToken) -> dict[str, Any]:
        return {"settings": [asdict(setting) for setting in describe(ctx.settings)]}

    @routes.get("/alerts", summary="Open alerts", **answers(system_schemas.Alerts))
    def alerts(_who: ReadToken) -> dict[str, Any]:
        return {"alerts": notifier.active(ctx, 1000)}

    @routes.get("/audit", summary="The audit log, page by page", **answers(system_schemas.AuditLog))
    def audit_log(
        _who: AdminToken,
        before: Annotated[int | None, Query(ge=0, le=2**62)] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> dict[str, Any]:
        return {"entries": audit.entries(ctx.store, before, limit)}

    @routes.get(
        "/tokens", summary="Tokens, without their secrets", **answers(system_schemas.Tokens)
    )
    def token_list(_who: AdminToken) -> dict[str, Any]:
        return {"tokens": [token.as_json() for token in tokens.list_tokens(ctx.store)]}

    @routes.post(
        "/tokens",
        summary="Create a token; its secret is shown only once",
        **answers(system_schemas.NewToken, status=201),
    )
    def make_token(who: AdminToken, body: TokenRequest) -> dict[str, Any]:
        secret, created = tokens.make(ctx.store, body.name, body.scopes, who, ctx.now())
        note(who, "token.make", f"{created.id} {created.name}")
        return {"token": secret, **created.as_json()}

    @routes.delete(
        "/tokens/{token_id}", summary="Revoke a token", **answers(system_schemas.Revoked, 404)
    )
    def revoke(who: AdminToken, token_id: RowId) -> dict[str, bool]:
        if not tokens.revoke(ctx.store, token_id, ctx.now()):
            raise HTTPException(404, "There is no such active token.")
        note(who, "token.revoke", str(token_id))
        return {"revoked": True}

    return routes

"""Routes for the keys with which forms have numbers verified."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field

from worker.capture import keys
from worker.capture.keys import KeyValues
from worker.capture.model import CaptureKey
from worker.context import Context
from worker.feedback.sources.submitted_reports import Short
from worker.web.api.dependencies import AdminToken, AuditNote, StrictBody, require_text
from worker.web.api.responses import answers
from worker.web.api.schemas import capture as capture_schemas

_LONGEST_ROTATION = 30 * 24  # hours
Rate = Annotated[int, Field(ge=1, le=keys.MAX_RATE)]
Money = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=6)]
Origins = Annotated[list[Short], Field(min_length=1, max_length=50)]


class CaptureKeyChange(StrictBody):
    """Change a key; what is left out stays. `per_minute`, `per_address`: numbers a minute, in all
    and for one visitor. `day_budget`, `month_budget`: money for lookups, both or neither; 0:
    nothing is paid for."""

    origins: Origins | None = None
    per_minute: Rate | None = None
    per_address: Rate | None = None
    day_budget: Money | None = None
    month_budget: Money | None = None

    @property
    def key_values(self) -> KeyValues:
        return KeyValues(
            None if self.origins is None else tuple(self.origins), self.per_minute,
            self.per_address, self.day_budget, self.month_budget,
        )  # fmt: skip


class NewCaptureKey(CaptureKeyChange):
    """Add a key. `origins`: of the pages that may show it, such as https://www.example.com."""

    name: Annotated[str, Field(max_length=32)]
    origins: Origins


class CaptureKeyRotation(StrictBody):
    """`keep_hours`: for so long, the former key counts as well: pages are kept in caches."""

    keep_hours: int = Field(24, ge=0, le=_LONGEST_ROTATION)


def router(ctx: Context) -> APIRouter:
    """Return the routes of capture keys."""
    routes = APIRouter(prefix="/capture-keys")
    note = AuditNote(ctx)

    def described(key: CaptureKey) -> dict[str, Any]:
        return keys.described(ctx, key)

    @routes.get("", summary="All capture keys", **answers(capture_schemas.CaptureKeys))
    def list_keys(_who: AdminToken) -> dict[str, Any]:
        return {"capture_keys": [described(key) for key in keys.all_keys(ctx)]}

    @routes.post("", summary="Add a capture key", **answers(capture_schemas.CaptureKey, status=201))
    def add(who: AdminToken, body: NewCaptureKey) -> dict[str, Any]:
        key = keys.add(ctx, body.name, body.key_values, "api")
        note(who, "capture_key.add", key.name, ", ".join(key.origins))
        return described(key)

    @routes.get("/{name}", summary="One capture key", **answers(capture_schemas.CaptureKey, 404))
    def show(_who: AdminToken, name: str) -> dict[str, Any]:
        return described(keys.find(ctx, require_text(name)))

    @routes.patch(
        "/{name}",
        summary="Change the origins, rates or budget of a capture key",
        **answers(capture_schemas.CaptureKey, 404),
    )
    def change(who: AdminToken, name: str, body: CaptureKeyChange) -> dict[str, Any]:
        key = keys.change(ctx, require_text(name), body.key_values)
        note(who, "capture_key.change", key.name)
        return described(key)

    @routes.delete(
        "/{name}",
        summary="Remove a capture key; forms with it work as without it",
        **answers(capture_schemas.RemovedCaptureKey, 404),
    )
    def remove(who: AdminToken, name: str) -> dict[str, str]:
        key = keys.remove(ctx, require_text(name))
        note(who, "capture_key.remove", key.name)
        return {"removed": key.name}

    @routes.post(
        "/{name}/pause",
        summary="Answer nothing to forms with this key for now",
        **answers(capture_schemas.CaptureKey, 404),
    )
    def pause(who: AdminToken, name: str) -> dict[str, Any]:
        key = keys.pause(ctx, require_text(name))
        note(who, "capture_key.pause", key.name)
        return described(key)

    @routes.post(
        "/{name}/resume",
        summary="Answer forms with this key again",
        **answers(capture_schemas.CaptureKey, 404),
    )
    def resume(who: AdminToken, name: str) -> dict[str, Any]:
        key = keys.resume(ctx, require_text(name))
        note(who, "capture_key.resume", key.name)
        return described(key)

    @routes.post(
        "/{name}/rotate",
        summary="Give a capture key a new text",
        **answers(capture_schemas.CaptureKey, 404),
    )
    def rotate(
        who: AdminToken, name: str, body: CaptureKeyRotation | None = None
    ) -> dict[str, Any]:
        hours = (body or CaptureKeyRotation()).keep_hours
        key = keys.rotate(ctx, require_text(name), timedelta(hours=hours))
        note(who, "capture_key.rotate", key.name)
        return described(key)

    return routes

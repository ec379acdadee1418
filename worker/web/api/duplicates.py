"""Routes for contacts that share a number."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query

from worker.context import Context
from worker.duplicates import listing
from worker.duplicates.listing import CursorError
from worker.duplicates.rules import Kind
from worker.web.api.dependencies import ReadToken, require_text
from worker.web.api.responses import answers
from worker.web.api.schemas import duplicates as schemas


def router(ctx: Context) -> APIRouter:
    routes = APIRouter()

    @routes.get(
        "/duplicates",
        summary="Contacts that share a number, why, and what may be merged",
        **answers(schemas.Duplicates, 404),
    )
    def duplicates(
        _who: ReadToken,
        connector: Annotated[str, Query(max_length=40)] = "",
        kind: Kind | None = None,
        after: Annotated[str, Query(max_length=400)] = "",
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> dict[str, Any]:
        """The largest groups first, as the workers counted them last; no CRM is asked. `after`: as
        the page before said."""
        name = require_text(connector)
        try:
            page = listing.list_groups(ctx, name, kind, after, limit)
        except CursorError as error:
            raise HTTPException(404, str(error)) from None
        counts = {one.value: number for one, number in listing.counts(ctx, name).items()}
        groups = [group.as_json() for group in page.groups]
        return {"groups": groups, "counts": counts, "after": page.after}

    return routes

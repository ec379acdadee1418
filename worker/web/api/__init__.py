"""The HTTP API, for dialers and other tools; `Authorization: Bearer ADMIN_TOKEN`.

A module for each subject. `dependencies` has what the routes share, `responses` and `schemas` what
the OpenAPI document says of their answers.
"""

from __future__ import annotations

from fastapi import APIRouter

from worker.capture.captures import Captures
from worker.context import Context
from worker.web.api import (
    capture_keys,
    duplicates,
    endpoints,
    feedback,
    numbers,
    runs,
    scrub,
    segments,
    suppressions,
    system,
    verify,
)
from worker.web.queue import Queue


def router(ctx: Context, queue: Queue, captures: Captures) -> APIRouter:
    """Return all routes under /api."""
    routes = APIRouter(prefix="/api")
    routes.include_router(feedback.router(ctx, queue), tags=["feedback"])
    routes.include_router(runs.router(ctx, queue), tags=["runs"])
    routes.include_router(numbers.router(ctx), tags=["numbers"])
    routes.include_router(verify.router(ctx, captures), tags=["capture"])
    routes.include_router(capture_keys.router(ctx), tags=["capture"])
    routes.include_router(scrub.router(ctx), tags=["scrub"])
    routes.include_router(suppressions.router(ctx, queue), tags=["suppressions"])
    routes.include_router(endpoints.router(ctx, queue), tags=["endpoints"])
    routes.include_router(segments.router(ctx), tags=["segments"])
    routes.include_router(duplicates.router(ctx), tags=["segments"])
    routes.include_router(system.router(ctx), tags=["system"])
    return routes

"""Lists with an authority: how old each is, how many numbers it holds, and what its files did.

Files are imported on the command line: a registry's files have up to ten million numbers, and more
than a page should take. The page says which command to run, and asks where a file stopped at the
guard.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

from worker.context import Context
from worker.registries.history import imports_of
from worker.registries.model import ImportState, Registry, UnknownRegistryError, load_all, load_one
from worker.web.auth import Viewer
from worker.web.render import page

_KINDS = {"whole": "whole list", "changes": "changes"}


def router(ctx: Context) -> APIRouter:
    """Return the routes of the pages of registries. Each is a function inside that shares the
    context."""
    routes = APIRouter(prefix="/registries", include_in_schema=False)

    @routes.get("")
    def listed(request: Request, me: Viewer) -> Response:
        with ctx.store.read() as connection:
            found = load_all(connection, ctx.settings)
            entries = [_shown(ctx, each, imports_of(connection, each)) for each in found]
        return page(request, "registries.html", me, here="suppressions", entries=entries)

    @routes.get("/{name}")
    def show(request: Request, me: Viewer, name: str) -> Response:
        with ctx.store.read() as connection:
            try:
                registry = load_one(connection, ctx.settings, name)
            except UnknownRegistryError:
                raise HTTPException(404, "There is no such registry.") from None
            history = imports_of(connection, registry)
        return page(
            request, "registry.html", me, here="suppressions", history=history, kinds=_KINDS,
            **_shown(ctx, registry, history),
        )  # fmt: skip

    return routes


def _shown(ctx: Context, registry: Registry, history: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the pages show of a registry. `last`: the last import that counted; `question`:
    the latest one, if it was refused and nothing was imported since."""
    done = (ImportState.DONE, ImportState.IN_FORCE)
    latest = history[0] if history else None
    return {
        "registry": registry,
        "stale": registry.is_stale(ctx.now()),
        "days": (ctx.now() - registry.as_of).days if registry.as_of else None,
        "last": next((each for each in history if each["state"] in done), None),
        "question": latest if latest and latest["state"] == ImportState.REFUSED else None,
    }

"""Where the parts of the API live: by date, and by number until 2027.

A path of an unknown version is a 404. Rules that an admin sets (required properties) hold for
writes from 2026-09 on: HubSpot's changelog, "CRM API write validation enforcement".
"""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from sandbox.service import Handler

DATED = ("2026-03", "2026-09")
_ANY = "{version:" + "|".join(DATED) + "}"

Route = Callable[[str, Handler], web.RouteDef]


def both(route: Route, numbered: str, dated: str, handler: Handler) -> list[web.RouteDef]:
    """A call under its old path and under those of all dated versions (`{}` in `dated`)."""
    return [route(numbered, handler), route(dated.replace("{}", _ANY), handler)]


def version_of(request: web.Request) -> str:
    """The dated version that was asked, "" for a numbered one."""
    return str(request.match_info.get("version", ""))


def enforces_rules(request: web.Request) -> bool:
    """Whether writes of this version are held to the rules that an admin has set."""
    return version_of(request) >= "2026-09"

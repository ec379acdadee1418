"""Lists of contacts, and who is on them."""

from __future__ import annotations

from aiohttp import web

from sandbox.hubspot.answers import error
from sandbox.hubspot.portal import Portal
from sandbox.hubspot.versions import Route, both
from sandbox.service import Allowed, Handler, answer
from sandbox.table import Record


class Lists:
    def __init__(self, portal: Portal) -> None:
        self.portal = portal

    def routes(self, allowed: Allowed) -> list[web.RouteDef]:
        read = "crm.lists.read"

        def at(route: Route, rest: str, handler: Handler, scope: str = read) -> list[web.RouteDef]:
            paths = f"/crm/v3/lists{rest}", f"/crm/lists/{{}}{rest}"
            return both(route, *paths, allowed(scope, handler))

        return [
            *at(web.post, "/search", self.search_lists),
            *at(web.get, "/object-type-id/0-1/name/{name}", self.get_list),
            *at(web.get, "/{list:[0-9]+}", self.get_list),
            *at(web.get, "/{list:[0-9]+}/memberships", self.members),
        ]

    async def search_lists(self, _request: web.Request) -> web.Response:
        lists = [_list(list_id, entry) for list_id, entry in self.portal.lists.items()]
        return answer({"lists": lists, "offset": len(lists), "hasMore": False, "total": len(lists)})

    async def get_list(self, request: web.Request) -> web.Response:
        wanted = request.match_info.get("list"), request.match_info.get("name")
        for list_id, entry in self.portal.lists.items():
            if wanted in ((list_id, None), (None, entry["name"])):
                return answer({"list": _list(list_id, entry)})
        return error("List does not exist.", "OBJECT_NOT_FOUND", 404)

    async def members(self, request: web.Request) -> web.Response:
        entry = self.portal.lists.get(request.match_info["list"])
        if entry is None:
            return error("List does not exist.", "OBJECT_NOT_FOUND", 404)
        limit = min(250, int(request.query.get("limit", "100")))
        start = int(request.query.get("after", "0"))
        page = entry["members"][start : start + limit]
        body: Record = {
            "total": len(entry["members"]),
            "results": [
                {"recordId": record_id, "membershipTimestamp": "2024-05-01T12:00:00.000Z"}
                for record_id in page
            ],
        }
        if start + limit < len(entry["members"]):
            body["paging"] = {"next": {"after": str(start + limit)}}
        return answer(body)


def _list(list_id: str, entry: Record) -> Record:
    return {
        "listId": list_id,
        "listVersion": 1,
        "name": entry["name"],
        "objectTypeId": "0-1",
        "processingStatus": "COMPLETE",
        "processingType": "MANUAL",
        "createdAt": "2024-05-01T12:00:00.000Z",
        "updatedAt": "2024-05-01T12:00:00.000Z",
        "additionalProperties": {"hs_list_size": str(len(entry["members"]))},
    }

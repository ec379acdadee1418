"""Lists of contacts: those that somebody fills, those that follow a filter, and who is on them.

Sources: HubSpot's OpenAPI document `lists` of 2026-09 and its guides "Lists" and "List filters": a
filter's root is an OR of ANDs, each branch names all four of its members, an operation has to fit
the property's type. That a name is taken is told with 400 and `ILS.DUPLICATE_LIST_NAMES` (public
programs key on it). Of the operations this stand-in knows those of checkboxes and options, and
whether a property is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from sandbox.hubspot.answers import error
from sandbox.hubspot.portal import Portal, iso
from sandbox.hubspot.versions import Route, both
from sandbox.service import Allowed, Handler, answer
from sandbox.table import Record

_LONG_AGO = "2024-05-01T12:00:00.000Z"
_BRANCH = ("filterBranchOperator", "filterBranchType", "filterBranches", "filters")
_KINDS = {"BOOL": "bool", "ENUMERATION": "enumeration"}
_OPERATORS = {
    "BOOL": ("IS_EQUAL_TO", "IS_NOT_EQUAL_TO"),
    "ENUMERATION": ("IS_ANY_OF", "IS_NONE_OF"),
    "ALL_PROPERTY": ("IS_KNOWN", "IS_UNKNOWN"),
}


class Malformed(Exception):
    """A filter that the API refuses."""


class Lists:
    def __init__(self, portal: Portal) -> None:
        self.portal = portal

    def routes(self, allowed: Allowed) -> list[web.RouteDef]:
        read, write = "crm.lists.read", "crm.lists.write"

        def at(route: Route, rest: str, handler: Handler, scope: str = read) -> list[web.RouteDef]:
            paths = f"/crm/v3/lists{rest}", f"/crm/lists/{{}}{rest}"
            return both(route, *paths, allowed(scope, handler))

        return [
            *at(web.post, "", self.create_list, write),
            *at(web.post, "/search", self.search_lists),
            *at(web.get, "/object-type-id/0-1/name/{name}", self.get_list),
            *at(web.get, "/{list:[0-9]+}", self.get_list),
            *at(web.delete, "/{list:[0-9]+}", self.delete_list, write),
            *at(web.get, "/{list:[0-9]+}/memberships", self.members),
        ]

    async def create_list(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        lacking = [key for key in ("name", "objectTypeId", "processingType") if not body.get(key)]
        if lacking:
            return error(f"Some required fields were not set: {lacking}", "VALIDATION_ERROR")
        kind, branch = body["processingType"], body.get("filterBranch")
        if kind not in ("DYNAMIC", "MANUAL", "SNAPSHOT") or body["objectTypeId"] != "0-1":
            return error(f"Invalid list definition: {kind}", "VALIDATION_ERROR")
        if (kind == "MANUAL") != (branch is None):
            return error(f"A {kind} list and its filter do not fit.", "VALIDATION_ERROR")
        try:
            if branch is not None:
                self._check_root(branch)
        except Malformed as malformed:
            return error(f"The list's filters are invalid: {malformed}", "VALIDATION_ERROR")
        name = body["name"]
        if any(entry["name"] == name for entry in self.portal.lists.values()):
            return error(
                f"A list with the name '{name}' already exists.",
                "VALIDATION_ERROR",
                subCategory="ILS.DUPLICATE_LIST_NAMES",
            )
        list_id = str(max(map(int, self.portal.lists), default=0) + 1)
        new_list = {"name": name, "kind": kind, "filter": branch, "members": []}
        self.portal.lists[list_id] = {**new_list, "created": iso(self.portal.clock.now())}
        return answer({"list": {**self._list(list_id, True), "processingStatus": "PROCESSING"}})

    async def search_lists(self, _request: web.Request) -> web.Response:
        lists = [self._list(list_id) for list_id in self.portal.lists]
        return answer({"lists": lists, "offset": len(lists), "hasMore": False, "total": len(lists)})

    async def get_list(self, request: web.Request) -> web.Response:
        wanted = request.match_info.get("list"), request.match_info.get("name")
        with_filters = request.query.get("includeFilters") == "true"
        for list_id, entry in self.portal.lists.items():
            if wanted in ((list_id, None), (None, entry["name"])):
                return answer({"list": self._list(list_id, with_filters)})
        return error("List does not exist.", "OBJECT_NOT_FOUND", 404)

    async def delete_list(self, request: web.Request) -> web.Response:
        if self.portal.lists.pop(request.match_info["list"], None) is None:
            return error("List does not exist.", "OBJECT_NOT_FOUND", 404)
        return web.Response(status=204)

    async def members(self, request: web.Request) -> web.Response:
        if request.match_info["list"] not in self.portal.lists:
            return error("List does not exist.", "OBJECT_NOT_FOUND", 404)
        members = self.on(request.match_info["list"])
        limit = min(250, int(request.query.get("limit", "100")))
        start = int(request.query.get("after", "0"))
        body: Record = {
            "total": len(members),
            "results": [
                {"recordId": record_id, "membershipTimestamp": _LONG_AGO}
                for record_id in members[start : start + limit]
            ],
        }
        if start + limit < len(members):
            body["paging"] = {"next": {"after": str(start + limit)}}
        return answer(body)

    def on(self, list_id: str) -> list[str]:
        """Who is on a list at this moment."""
        entry = self.portal.lists[list_id]
        branch = entry.get("filter")
        if branch is None or entry["kind"] != "DYNAMIC":
            return list(entry["members"])
        return [
            record["id"]
            for record in self.portal.table.after_id(None)
            if not record["archived"] and _passes(branch, record["properties"])
        ]

    def _list(self, list_id: str, with_filters: bool = False) -> Record:
        entry = self.portal.lists[list_id]
        shown: Record = {
            "listId": list_id,
            "listVersion": 1,
            "name": entry["name"],
            "objectTypeId": "0-1",
            "processingStatus": "COMPLETE",
            "processingType": entry.get("kind", "MANUAL"),
            "createdAt": entry.get("created", _LONG_AGO),
            "updatedAt": entry.get("created", _LONG_AGO),
            "size": len(self.on(list_id)),
            "additionalProperties": {"hs_list_size": str(len(self.on(list_id)))},
        }
        if with_filters and entry.get("filter") is not None:
            shown["filterBranch"] = entry["filter"]
        return shown

    # -- filters -------------------------------------------------------------------------

    def _check_root(self, branch: Any) -> None:
        self._check_branch(branch, "OR")
        if branch["filters"] or not branch["filterBranches"]:
            raise Malformed("the root holds AND branches, and no filters of its own")
        for child in branch["filterBranches"]:
            self._check_branch(child, "AND")
            if child["filterBranches"]:
                raise Malformed("branches go no deeper here")
            for condition in child["filters"]:
                self._check_filter(condition)

    @staticmethod
    def _check_branch(branch: Any, kind: str) -> None:
        lacking = [k for k in _BRANCH if k not in branch] if isinstance(branch, dict) else _BRANCH
        if lacking:
            raise Malformed(f"a filter branch lacks {', '.join(lacking)}")
        if {branch["filterBranchType"], branch["filterBranchOperator"]} != {kind}:
            raise Malformed(f"an {kind} branch is wanted, not {branch['filterBranchType']}")

    def _check_filter(self, condition: Mapping[str, Any]) -> None:
        if condition.get("filterType") != "PROPERTY":
            raise Malformed(f"filter type {condition.get('filterType')} is not known here")
        definition = self.portal.properties.get(condition.get("property", ""))
        if definition is None:
            raise Malformed(f"property {condition.get('property')} does not exist")
        operation = condition.get("operation") or {}
        kind, operator = operation.get("operationType"), operation.get("operator")
        if operator not in _OPERATORS.get(str(kind), ()):
            raise Malformed(f"operation {kind} {operator} is not known here")
        if kind in _KINDS and definition["type"] != _KINDS[str(kind)]:
            raise Malformed(f"{kind} does not fit a property of type {definition['type']}")
        if not isinstance(operation.get("includeObjectsWithNoValueSet"), bool):
            raise Malformed("includeObjectsWithNoValueSet is missing")
        values = operation.get("values")
        texts = isinstance(values, list) and all(isinstance(v, str) for v in values) and values
        if kind == "BOOL" and not isinstance(operation.get("value"), bool):
            raise Malformed("value has to be true or false")
        if kind == "ENUMERATION" and not texts:
            raise Malformed("values has to be a list of texts")


def _passes(branch: Mapping[str, Any], properties: Mapping[str, Any]) -> bool:
    parts = [_passes(child, properties) for child in branch["filterBranches"]]
    parts += [_holds(condition, properties) for condition in branch["filters"]]
    return any(parts) if branch["filterBranchType"] == "OR" else all(parts)


def _holds(condition: Mapping[str, Any], properties: Mapping[str, Any]) -> bool:
    operation, value = condition["operation"], properties.get(condition["property"])
    positive = operation["operator"] in ("IS_KNOWN", "IS_EQUAL_TO", "IS_ANY_OF")
    if operation["operationType"] == "ALL_PROPERTY":
        return bool(value) == positive
    if not value:
        return bool(operation["includeObjectsWithNoValueSet"])
    if operation["operationType"] == "BOOL":
        wanted: bool = operation["value"]
        return ((str(value) == "true") == wanted) == positive
    chosen = {part.strip() for part in str(value).split(";")}
    return bool(chosen & set(operation["values"])) == positive

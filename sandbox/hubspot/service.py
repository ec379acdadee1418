"""The HTTP face of the account: objects, search, batches, properties, lists, calls, limits."""

from __future__ import annotations

import itertools
import time
import uuid
from collections import Counter, deque
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
from aiohttp import web

from sandbox.hubspot.portal import ALWAYS, Invalid, Portal, iso, prop
from sandbox.service import Handler, Service, answer
from sandbox.table import Record

TOKEN = "sandbox-private-app-token"
DEFAULT = ("email", "firstname", "lastname")
SEARCH_CAP = 10_000


def error(message: str, category: str, status: int = 400, **more: Any) -> web.Response:
    return answer(
        {
            "status": "error",
            "message": message,
            "correlationId": str(uuid.uuid4()),
            "category": category,
            **more,
        },
        status,
    )


class HubSpotService(Service):
    """`ten_second_limit`, `daily_limit`, `search_per_second`: 0 turns a limit off.

    `scopes`: what the token may do; a missing one gives the true 403.
    """

    name = "hubspot"

    def __init__(
        self,
        portal: Portal,
        ten_second_limit: int = 0,
        daily_limit: int = 250_000,
        search_per_second: int = 0,
    ) -> None:
        super().__init__()
        self.portal = portal
        self.clock = portal.clock
        self.ten_second_limit = ten_second_limit
        self.daily_limit = daily_limit
        self.search_per_second = search_per_second
        self.used = 0
        self.refused: Counter[str] = Counter()  # calls over a limit, by its policy
        self.recent: deque[float] = deque()
        self.recent_searches: deque[float] = deque()
        self.scopes = {
            "crm.objects.contacts.read",
            "crm.objects.contacts.write",
            "crm.schemas.contacts.read",
            "crm.schemas.contacts.write",
            "crm.lists.read",
        }
        self.tokens = {TOKEN}

    def routes(self) -> list[web.RouteDef]:
        contacts = "/crm/v3/objects/contacts"
        read, write = "crm.objects.contacts.read", "crm.objects.contacts.write"
        schema, change = "crm.schemas.contacts.read", "crm.schemas.contacts.write"
        properties = "/crm/v3/properties/{object:contacts|0-1}"
        return [
            web.get(contacts, self.allowed(read, self.list_contacts)),
            web.post(contacts, self.allowed(write, self.create_contact)),
            web.post(contacts + "/search", self.allowed(read, self.search)),
            web.post(contacts + "/batch/read", self.allowed(read, self.batch_read)),
            web.post(contacts + "/batch/update", self.allowed(write, self.batch_update)),
            web.post(contacts + "/merge", self.allowed(write, self.merge)),
            web.get(contacts + "/{id}", self.allowed(read, self.get_contact)),
            web.patch(contacts + "/{id}", self.allowed(write, self.update_contact)),
            web.delete(contacts + "/{id}", self.allowed(write, self.archive_contact)),
            web.get(properties, self.allowed(schema, self.list_properties)),
            web.post(properties, self.allowed(change, self.create_property)),
            web.post(properties + "/batch/create", self.allowed(change, self.create_properties)),
            web.get(properties + "/groups", self.allowed(schema, self.list_groups)),
            web.post(properties + "/groups", self.allowed(change, self.create_group)),
            web.get(properties + "/{name}", self.allowed(schema, self.get_property)),
            web.patch(properties + "/{name}", self.allowed(change, self.update_property)),
            web.post("/crm/v3/lists/search", self.allowed("crm.lists.read", self.search_lists)),
            web.get(
                "/crm/v3/lists/object-type-id/0-1/name/{name}",
                self.allowed("crm.lists.read", self.get_list),
            ),
            web.get("/crm/v3/lists/{list}", self.allowed("crm.lists.read", self.get_list)),
            web.get(
                "/crm/v3/lists/{list}/memberships", self.allowed("crm.lists.read", self.members)
            ),
            web.get("/crm/v3/objects/calls", self.allowed(read, self.list_calls)),
            web.post("/crm/v3/objects/calls", self.allowed(write, self.create_call)),
            web.post("/crm/v3/objects/calls/search", self.allowed(read, self.search_calls)),
            web.get("/calling/v1/dispositions", self.allowed(read, self.list_dispositions)),
            web.post(
                "/crm/v4/associations/calls/contacts/batch/read",
                self.allowed(read, self.contacts_of_calls),
            ),
        ]

    # -- access and limits ---------------------------------------------------------------

    def allowed(self, scope: str, handler: Handler) -> Handler:
        async def checked(request: web.Request) -> web.StreamResponse:
            token = request.headers.get("Authorization", "").removeprefix("Bearer ")
            if token not in self.tokens:
                return error(
                    "Authentication credentials not found. This API supports OAuth 2.0 "
                    "authentication and you can find more details at "
                    "https://developers.hubspot.com/docs/methods/auth/oauth-overview",
                    "INVALID_AUTHENTICATION",
                    401,
                )
            if scope not in self.scopes:
                detail = {
                    "message": f"One or more of the following scopes are required. [{scope}]",
                    "context": {"requiredGranularScopes": [scope]},
                }
                return error(
                    "This app hasn't been granted all required scopes to make this call. Read more "
                    "about required scopes here: https://developers.hubspot.com/scopes.",
                    "MISSING_SCOPES",
                    403,
                    errors=[detail],
                )
            is_search = request.path.endswith("/search")
            refused = self._over_limit(is_search)
            if refused is not None:
                return refused
            response = await handler(request)
            if not is_search:  # true of the real service: search answers carry no such headers
                response.headers.update(self._limit_headers())
            return response

        return checked

    def _over_limit(self, is_search: bool) -> web.Response | None:
        now = time.monotonic()
        while self.recent and self.recent[0] <= now - 10:
            self.recent.popleft()
        while self.recent_searches and self.recent_searches[0] <= now - 1:
            self.recent_searches.popleft()
        policy, text = "", ""
        if self.used >= self.daily_limit:
            policy, text = "DAILY", "You have reached your daily limit."
        elif self.ten_second_limit and len(self.recent) >= self.ten_second_limit:
            policy, text = (
                "TEN_SECONDLY_ROLLING",
                "You have reached your ten_secondly_rolling limit.",
            )
        elif (
            is_search
            and self.search_per_second
            and len(self.recent_searches) >= self.search_per_second
        ):
            policy, text = "SECONDLY", "You have reached your secondly limit."
        if policy:
            self.refused[policy] += 1
            return answer(
                {
                    "status": "error",
                    "message": text,
                    "errorType": "RATE_LIMIT",
                    "correlationId": str(uuid.uuid4()),
                    "policyName": policy,
                },
                429,
                self._limit_headers(),
            )
        self.used += 1
        self.recent.append(now)
        if is_search:
            self.recent_searches.append(now)
        return None

    def _limit_headers(self) -> dict[str, str]:
        """Of the limits that are on; one that is off is not told of."""
        headers = {}
        if self.daily_limit:
            headers["X-HubSpot-RateLimit-Daily"] = str(self.daily_limit)
            left = max(0, self.daily_limit - self.used)
            headers["X-HubSpot-RateLimit-Daily-Remaining"] = str(left)
        if limit := self.ten_second_limit:
            headers["X-HubSpot-RateLimit-Interval-Milliseconds"] = "10000"
            headers["X-HubSpot-RateLimit-Max"] = str(limit)
            headers["X-HubSpot-RateLimit-Remaining"] = str(max(0, limit - len(self.recent)))
        return headers

    # -- contacts ------------------------------------------------------------------------

    def _show(self, record: Record, names: list[str] | None) -> Record:
        wanted = list(dict.fromkeys([*(names or DEFAULT), *ALWAYS]))
        known = [name for name in wanted if name in self.portal.properties]
        shown: Record = {
            "id": record["id"],
            "properties": {name: record["properties"].get(name) for name in known},
            "createdAt": iso(record["created"]),
            "updatedAt": iso(record["updated"]),
            "archived": record["archived"],
        }
        if record["archived"]:
            shown["archivedAt"] = iso(record["updated"])
        return shown

    async def list_contacts(self, request: web.Request) -> web.Response:
        limit = int(request.query.get("limit", "10"))
        if not 1 <= limit <= 100:
            return error(
                f"Invalid input JSON on line 1: limit must be between 1 and 100, was {limit}",
                "VALIDATION_ERROR",
            )
        names = [
            name for given in request.query.getall("properties", []) for name in given.split(",")
        ]
        archived = request.query.get("archived") == "true"
        start = request.query.get("after")
        # `after` is the first id of the next page.
        after = str(int(start) - 1) if start else None
        matching = (r for r in self.portal.table.after_id(after) if r["archived"] == archived)
        page = list(itertools.islice(matching, limit + 1))
        body: Record = {"results": [self._show(record, names) for record in page[:limit]]}
        if len(page) > limit:
            cursor = page[limit]["id"]
            link = f"{request.scheme}://{request.host}{request.path}?limit={limit}&after={cursor}"
            body["paging"] = {"next": {"after": cursor, "link": link}}
        return answer(body)

    async def search(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        limit = int(body.get("limit") or 10)
        after = int(body.get("after") or 0)
        groups = body.get("filterGroups") or []
        if limit > 200:
            return error("The maximum page size is 200", "VALIDATION_ERROR")
        if after + limit > SEARCH_CAP:
            return error(
                f"Search is limited to {SEARCH_CAP} results; the requested page ends at "
                f"{after + limit}",
                "VALIDATION_ERROR",
            )
        if len(groups) > 5 or any(len(group.get("filters", [])) > 6 for group in groups):
            return error(
                "There were too many filter groups or filters in the request", "VALIDATION_ERROR"
            )
        for group in groups:
            for item in group.get("filters", []):
                if item["propertyName"] not in self.portal.properties:
                    return error(
                        f"There was a problem with the request: property "
                        f'"{item["propertyName"]}" does not exist',
                        "VALIDATION_ERROR",
                    )
        names = body.get("properties") or None
        answered: Record
        if (in_order := self._by_id(groups, body.get("sorts") or [])) is not None:
            total, records = in_order
            wanted = itertools.islice(records, after, after + limit)
            answered = {"total": total, "results": [self._show(r, names) for r in wanted]}
            if after + limit < total:
                answered["paging"] = {"next": {"after": str(after + limit)}}
            return answer(answered)
        found = [
            record
            for record in self._candidates(groups)
            if not record["archived"]
            and (not groups or any(self._matches(record, group) for group in groups))
        ]
        for sort in reversed(body.get("sorts") or []):
            name = sort["propertyName"] if isinstance(sort, dict) else sort
            down = isinstance(sort, dict) and sort.get("direction") == "DESCENDING"
            found.sort(key=lambda r, n=name: self._sort_key(r, n), reverse=down)
        page = found[after : after + limit]
        answered = {"total": len(found), "results": [self._show(record, names) for record in page]}
        if after + limit < len(found):
            answered["paging"] = {"next": {"after": str(after + limit)}}
        return answer(answered)

    def _by_id(self, groups: list[Record], sorts: list[Any]) -> tuple[int, Iterator[Record]] | None:
        """What a search for ids below or above one matches, from the index; None for others."""
        filters = [item for group in groups for item in group.get("filters", [])]
        if len(groups) > 1 or len(filters) > 1 or (filters and len(sorts) != 1):
            return None
        down = False
        for sort in sorts:
            name = sort["propertyName"] if isinstance(sort, dict) else sort
            down = isinstance(sort, dict) and sort.get("direction") == "DESCENDING"
            if name != "hs_object_id":
                return None
        low = high = None
        for item in filters:
            if item["propertyName"] != "hs_object_id" or item["operator"] not in ("LT", "GT"):
                return None
            low = int(item["value"]) + 1 if item["operator"] == "GT" else None
            high = int(item["value"]) - 1 if item["operator"] == "LT" else None
        table = self.portal.table.by_id
        count = (len(table) if high is None else table.bisect_right(high)) - (
            0 if low is None else table.bisect_left(low)
        )
        hidden = sum(
            (low is None or key >= low) and (high is None or key <= high)
            for key in self.portal.archived
        )
        keys = table.irange(low, high, reverse=down)
        return count - hidden, (table[key] for key in keys if not table[key]["archived"])

    def _candidates(self, groups: list[Record]) -> Any:
        """Records that can match at all, by the index over time where the filters allow it."""
        moments = []
        for group in groups:
            bounds = [
                _moment(item["value"])
                for item in group.get("filters", [])
                if item["propertyName"] == "lastmodifieddate" and item["operator"] in ("GT", "GTE")
            ]
            if not bounds:
                return self.portal.table.after_id(None)
            moments.append(max(bounds))
        return (
            self.portal.table.since(min(moments)) if moments else self.portal.table.after_id(None)
        )

    def _sort_key(self, record: Record, name: str) -> Any:
        kind = self.portal.properties.get(name, {}).get("type")
        value = record["properties"].get(name)
        if kind == "number":
            return float(value) if value else float("-inf")
        return str(value or "")

    def _matches(self, record: Record, group: Record) -> bool:
        return all(self._holds(record, item) for item in group.get("filters", []))

    def _holds(self, record: Record, item: Record) -> bool:
        name, operator = item["propertyName"], item["operator"]
        held = record["properties"].get(name)
        if operator == "HAS_PROPERTY":
            return held not in (None, "")
        if operator == "NOT_HAS_PROPERTY":
            return held in (None, "")
        if held in (None, ""):
            return False  # every other operator needs a value, also NEQ and NOT_IN
        kind = self.portal.properties[name]["type"]
        if kind == "datetime":
            left: Any = _moment(held)
            parse: Any = _moment
        elif kind == "number":
            left, parse = float(held), float
        else:
            left, parse = str(held).lower(), lambda text: str(text).lower()
        if operator in ("IN", "NOT_IN"):
            inside: bool = left in [parse(value) for value in item.get("values", [])]
            return inside if operator == "IN" else not inside
        value = parse(item.get("value"))
        if operator == "BETWEEN":
            return bool(value <= left <= parse(item["highValue"]))
        if operator in ("CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"):
            contained = str(value).strip("*") in str(left)
            return bool(contained == (operator == "CONTAINS_TOKEN"))
        return bool(
            {
                "EQ": left == value,
                "NEQ": left != value,
                "LT": left < value,
                "LTE": left <= value,
                "GT": left > value,
                "GTE": left >= value,
            }[operator]
        )

    async def get_contact(self, request: web.Request) -> web.Response:
        archived = request.query.get("archived") == "true"
        record = self.portal.find(request.match_info["id"], archived)
        if record is None:
            return error("resource not found", "OBJECT_NOT_FOUND", 404)
        names = request.query.get("properties", "")
        return answer(self._show(record, names.split(",") if names else None))

    async def create_contact(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        try:
            values = self.portal.clean(body.get("properties", {}))
        except Invalid as invalid:
            return self._invalid([invalid])
        record = self.portal.find(self.portal.create(values))
        assert record is not None
        return answer(self._show(record, list(values)), 201)

    async def update_contact(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        try:
            values = self.portal.clean(body.get("properties", {}))
            record = self.portal.update(request.match_info["id"], values)
        except Invalid as invalid:
            return self._invalid([invalid])
        except KeyError:
            return error("resource not found", "OBJECT_NOT_FOUND", 404)
        return answer(self._show(record, list(values)))

    async def archive_contact(self, request: web.Request) -> web.Response:
        self.portal.archive(request.match_info["id"])
        return web.Response(status=204)

    async def merge(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        record = self.portal.merge(body["primaryObjectId"], body["objectIdToMerge"])
        if record is None:
            return error("resource not found", "OBJECT_NOT_FOUND", 404)
        return answer(self._show(record, None))

    @staticmethod
    def _invalid(problems: list[Invalid]) -> web.Response:
        entries = orjson.dumps([problem.entry() for problem in problems]).decode()
        return error(f"Property values were not valid: {entries}", "VALIDATION_ERROR")

    async def batch_read(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        if refused := self._too_many(body):
            return refused
        started = self.portal.clock.now()
        found: dict[str, Record] = {}
        missing = []
        for item in body["inputs"]:
            record = self.portal.find(str(item["id"]))
            if record is None:
                missing.append(str(item["id"]))
            else:
                found[record["id"]] = self._show(record, body.get("properties") or None)
        return self._batch_answer(list(found.values()), missing, started)

    async def batch_update(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        if refused := self._too_many(body):
            return refused
        started = self.portal.clock.now()
        ids = [str(item["id"]) for item in body["inputs"]]
        if len(set(ids)) < len(ids):
            return error("Duplicate IDs found in batch input", "VALIDATION_ERROR")
        cleaned = []
        for item in body["inputs"]:  # one bad value refuses the whole batch, nothing is written
            try:
                cleaned.append((str(item["id"]), self.portal.clean(item["properties"])))
            except Invalid as invalid:
                return self._invalid([invalid])
        written, missing = [], []
        for record_id, values in cleaned:
            try:
                record = self.portal.update(record_id, values)
            except KeyError:
                missing.append(record_id)
            else:
                written.append(self._show(record, list(values)))
        return self._batch_answer(written, missing, started)

    @staticmethod
    def _too_many(body: Record) -> web.Response | None:
        if len(body.get("inputs", [])) > 100:
            return error(
                f"The maximum number of inputs is 100, got {len(body['inputs'])}",
                "VALIDATION_ERROR",
            )
        return None

    def _batch_answer(
        self, results: list[Record], missing: list[str], started: datetime
    ) -> web.Response:
        body: Record = {
            "status": "COMPLETE",
            "results": results,
            "startedAt": iso(started),
            "completedAt": iso(self.portal.clock.now()),
        }
        if not missing:
            return answer(body)
        body["numErrors"] = 1
        body["errors"] = [
            {
                "status": "error",
                "category": "OBJECT_NOT_FOUND",
                "message": "Could not get some CONTACT objects, they may be deleted or not exist. "
                "Check that ids are valid.",
                "context": {"ids": missing},
                "errors": [],
                "links": {},
            }
        ]
        return answer(body, 207)

    # -- properties ----------------------------------------------------------------------

    async def list_properties(self, _request: web.Request) -> web.Response:
        return answer({"results": list(self.portal.properties.values())})

    async def get_property(self, request: web.Request) -> web.Response:
        found = self.portal.properties.get(request.match_info["name"])
        if found is None:
            name = request.match_info["name"]
            return error(f'Property "{name}" does not exist', "OBJECT_NOT_FOUND", 404)
        return answer(found)

    async def create_property(self, request: web.Request) -> web.Response:
        made = self._make_property(orjson.loads(await request.read()))
        return made if isinstance(made, web.Response) else answer(made, 201)

    async def create_properties(self, request: web.Request) -> web.Response:
        started = self.portal.clock.now()
        body = orjson.loads(await request.read())
        results, errors = [], []
        for item in body["inputs"]:
            made = self._make_property(item)
            if isinstance(made, web.Response):
                problem = orjson.loads(made.body)  # type: ignore[arg-type]
                errors.append(
                    {
                        "status": "error",
                        "category": problem["category"],
                        "message": problem["message"],
                        "context": {"name": [item.get("name", "")]},
                        "errors": [],
                        "links": {},
                    }
                )
            else:
                results.append(made)
        answered: Record = {
            "status": "COMPLETE",
            "results": results,
            "startedAt": iso(started),
            "completedAt": iso(self.portal.clock.now()),
        }
        if errors:
            answered.update(numErrors=len(errors), errors=errors)
        return answer(answered, 207 if errors else 201)

    def _make_property(self, body: Record) -> Record | web.Response:
        name = body.get("name", "")
        if name in self.portal.properties:
            return error(f"A property named '{name}' already exists.", "OBJECT_ALREADY_EXISTS", 409)
        if body.get("groupName") not in self.portal.groups:
            return error(
                f"Property group '{body.get('groupName')}' does not exist.", "VALIDATION_ERROR"
            )
        options = tuple(option["value"] for option in body.get("options", []))
        if body["type"] == "bool" and options != ("true", "false"):
            return error(
                "Property of type bool must have exactly the options true and false",
                "VALIDATION_ERROR",
            )
        made = prop(
            name,
            body["label"],
            body["type"],
            body["fieldType"],
            body["groupName"],
            options,
            own=False,
            description=body.get("description", ""),
        )
        self.portal.properties[name] = made
        return made

    async def update_property(self, request: web.Request) -> web.Response:
        found = self.portal.properties.get(request.match_info["name"])
        if found is None:
            return error("Property does not exist", "OBJECT_NOT_FOUND", 404)
        body = orjson.loads(await request.read())
        if "options" in body:
            found["options"] = [
                {"displayOrder": i, "description": "", **option}
                for i, option in enumerate(body["options"])
            ]
        for key in ("label", "description", "groupName"):
            found[key] = body.get(key, found[key])
        return answer(found)

    async def list_groups(self, _request: web.Request) -> web.Response:
        return answer({"results": list(self.portal.groups.values())})

    async def create_group(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        if body["name"] in self.portal.groups:
            return error(
                f"A property group named '{body['name']}' already exists.",
                "OBJECT_ALREADY_EXISTS",
                409,
            )
        made = {
            "name": body["name"],
            "label": body["label"],
            "displayOrder": body.get("displayOrder", -1),
            "archived": False,
        }
        self.portal.groups[body["name"]] = made
        return answer(made, 201)

    # -- lists and calls -----------------------------------------------------------------

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

    async def create_call(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        stamp = self.portal.clock.now()
        record_id = str(500_000 + len(self.portal.calls))
        values = {
            **body.get("properties", {}),
            "hs_object_id": record_id,
            "hs_createdate": iso(stamp),
            "hs_lastmodifieddate": iso(stamp),
        }
        record = {
            "id": record_id,
            "created": stamp,
            "updated": stamp,
            "archived": False,
            "properties": values,
            "contacts": [str(entry["to"]["id"]) for entry in body.get("associations", [])],
        }
        self.portal.calls.put(record_id, record, stamp)
        return answer(self._show_call(record), 201)

    async def list_dispositions(self, _request: web.Request) -> web.Response:
        return answer(
            [{"id": key, "label": label, "deleted": False}
             for key, label in self.portal.dispositions.items()]
        )  # fmt: skip

    async def contacts_of_calls(self, request: web.Request) -> web.Response:
        """As the official document has it; a call without contacts is left out, and told."""
        asked = [str(entry["id"]) for entry in orjson.loads(await request.read())["inputs"]]
        kind = {"category": "HUBSPOT_DEFINED", "typeId": 194, "label": None}
        results, lacking = [], []
        for call_id in asked:
            record = self.portal.calls.get(call_id)
            there = record.get("contacts", ()) if record else ()
            if not there:
                lacking.append(call_id)
                continue
            to = [{"toObjectId": one, "associationTypes": [kind]} for one in there]
            results.append({"from": {"id": call_id}, "to": to})
        now = iso(self.portal.clock.now())
        body: Record = {
            "status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now,
        }  # fmt: skip
        if lacking:
            body["numErrors"] = len(lacking)
            body["errors"] = [{
                "status": "error", "category": "OBJECT_NOT_FOUND",
                "message": f"No contact is associated with call {call_id}.",
                "context": {"fromObjectId": [call_id], "fromObjectType": ["call"],
                            "toObjectType": ["contact"]},
                "errors": [], "links": {},
            } for call_id in lacking]  # fmt: skip
        return answer(body, 207 if lacking else 200)

    async def list_calls(self, _request: web.Request) -> web.Response:
        return answer({"results": [self._show_call(c) for c in self.portal.calls.after_id(None)]})

    async def search_calls(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        bounds = [
            _moment(item["value"])
            for group in body.get("filterGroups", [])
            for item in group.get("filters", [])
            if item["propertyName"] == "hs_lastmodifieddate"
        ]
        found = (
            self.portal.calls.since(max(bounds))
            if bounds
            else list(self.portal.calls.after_id(None))
        )
        if any(
            item["operator"] == "HAS_PROPERTY" and item["propertyName"] == "hs_call_disposition"
            for group in body.get("filterGroups", [])
            for item in group.get("filters", [])
        ):
            found = [c for c in found if c["properties"].get("hs_call_disposition")]
        limit, start = int(body.get("limit") or 10), int(body.get("after") or 0)
        page = found[start : start + limit]
        shown: Record = {"total": len(found), "results": [self._show_call(c) for c in page]}
        if start + limit < len(found):
            shown["paging"] = {"next": {"after": str(start + limit)}}
        return answer(shown)

    @staticmethod
    def _show_call(record: Record) -> Record:
        return {
            "id": record["id"],
            "properties": record["properties"],
            "createdAt": iso(record["created"]),
            "updatedAt": iso(record["updated"]),
            "archived": record["archived"],
        }

    # -- what people and HubSpot itself do -----------------------------------------------

    def act(self, object_name: str, record_id: str, action: dict[str, Any]) -> Any:
        """Actions: `set` (a person edits), `delete`, `merge_into`, `late` (seconds, with `values`:
        indexed now with an older stamp), `drop_property`, `options` (of a property), `revoke`
        (a scope), `get`.
        """
        if "set" in action:
            self.portal.update(record_id, action["set"])
        if action.get("delete"):
            self.portal.archive(record_id)
        if "merge_into" in action:
            self.portal.merge(action["merge_into"], record_id)
        if "late" in action:
            record = self.portal.find(record_id)
            assert record is not None
            changed = {**record, "properties": {**record["properties"], **action["values"]}}
            stamp = datetime.fromtimestamp(time.time() - action["late"], UTC)
            self.portal._put(changed, stamp)
        if "drop_property" in action:
            del self.portal.properties[action["drop_property"]]
        if "options" in action:
            target = self.portal.properties[action["property"]]
            target["options"] = [o for o in target["options"] if o["value"] in action["options"]]
        if "revoke" in action:
            self.scopes.discard(action["revoke"])
        found = self.portal.find(record_id) if record_id.isdigit() else None
        return {**found["properties"], "id": found["id"]} if found else None


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


def _moment(text: Any) -> datetime:
    text = str(text)
    if text.lstrip("-").isdigit():
        return datetime.fromtimestamp(int(text) / 1000, UTC)
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)

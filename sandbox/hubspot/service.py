"""The HTTP face of the account: contacts, batches, search, access and limits."""

from __future__ import annotations

import itertools
import time
import uuid
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from aiohttp import web

from sandbox.hubspot import forms
from sandbox.hubspot.account import Account
from sandbox.hubspot.answers import error
from sandbox.hubspot.app_calls import AppCalls
from sandbox.hubspot.calls import Calls
from sandbox.hubspot.lists import Lists
from sandbox.hubspot.more_objects import MoreObjects, ObjectPortal
from sandbox.hubspot.portal import Invalid, Portal, Rule, iso
from sandbox.hubspot.properties import Properties
from sandbox.hubspot.search import Search
from sandbox.hubspot.subscriptions import Subscriptions
from sandbox.hubspot.tasks import Tasks
from sandbox.hubspot.versions import Route, both, enforces_rules, version_of
from sandbox.service import Handler, Service, answer
from sandbox.table import Record

TOKEN = "sandbox-private-app-token"
DEFAULT = ("email", "firstname", "lastname")


class HubSpotService(Service):
    """`ten_second_limit`, `daily_limit`, `search_per_second`: 0 turns a limit off.

    `scopes`: what the token may do; a missing one gives the true 403. `search_lag`: seconds until
    searches see a change of a contact or a call.
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
        self.searching = Search(portal.table, portal.properties, portal.clock, portal.archived)
        self.properties, self.lists, self.calls = Properties(portal), Lists(portal), Calls(portal)
        self.tasks = Tasks(portal)
        self.subscriptions = Subscriptions(portal)
        self.clock = portal.clock
        self.ten_second_limit = ten_second_limit
        self.daily_limit = daily_limit
        self.search_per_second = search_per_second
        self.multi_status = False  # whether a batch is answered record by record
        self.stuck_cursor = False  # whether lists go on handing out the same cursor
        self.used = 0
        self.recent: deque[float] = deque()
        self.recent_searches: deque[float] = deque()
        self.scopes = {
            "crm.objects.contacts.read",
            "crm.objects.contacts.write",
            "crm.schemas.contacts.read",
            "crm.schemas.contacts.write",
            "crm.lists.read",
            "communication_preferences.read",
            "oauth",  # of every token
        }
        self.tokens = {TOKEN}
        self.app_calls = AppCalls(portal.id)
        self.account = Account(portal, self.tokens, self.scopes)
        self.more = MoreObjects(self.allowed, lambda portal: HubSpotService(portal))

    @property
    def search_lag(self) -> float:
        """Seconds until a change shows up in searches."""
        return self.searching.index.lag

    @search_lag.setter
    def search_lag(self, seconds: float) -> None:
        self.searching.index.lag = self.calls.searching.index.lag = seconds

    def routes(self) -> list[web.RouteDef]:
        read, write = "crm.objects.contacts.read", "crm.objects.contacts.write"

        def at(scope: str, route: Route, rest: str, handler: Handler) -> list[web.RouteDef]:
            paths = f"/crm/v3/objects/contacts{rest}", f"/crm/objects/{{}}/contacts{rest}"
            return both(route, *paths, self.allowed(scope, handler))

        return [
            *at(read, web.get, "", self.list_contacts),
            *at(write, web.post, "", self.create_contact),
            *at(read, web.post, "/search", self.search),
            *at(read, web.post, "/batch/read", self.batch_read),
            *at(write, web.post, "/batch/update", self.batch_update),
            *at(write, web.post, "/merge", self.merge),
            *at(write, web.post, "/gdpr-delete", self.gdpr_delete),
            *at(read, web.get, "/{id}", self.get_contact),
            *at(write, web.patch, "/{id}", self.update_contact),
            *at(write, web.delete, "/{id}", self.archive_contact),
            *self.properties.routes(self.allowed),
            *self.lists.routes(self.allowed),
            *self.account.routes(self.allowed),
            *self.app_calls.routes(self.allowed),
            *self.calls.routes(self.allowed),
            *self.tasks.routes(self.allowed),
            *self.subscriptions.routes(self.allowed),
            *self.more.routes(),
        ]

    def install(self, portal: ObjectPortal) -> None:
        """Give the account another object, with its records, and our token the rights to it."""
        self.more.add(portal)
        self.scopes |= portal.scopes
        self.account.others.append(portal)
        self.calls.others.append(portal)
        if portal.task_link:
            self.tasks.targets[portal.task_link] = portal

    def route_name(self, request: web.Request) -> str:
        """With the version that was asked, so that the counters tell the old paths apart."""
        return super().route_name(request).replace("{version}", version_of(request))

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
            remaining = max(0, self.daily_limit - self.used)
            headers["X-HubSpot-RateLimit-Daily-Remaining"] = str(remaining)
        if limit := self.ten_second_limit:
            headers["X-HubSpot-RateLimit-Interval-Milliseconds"] = "10000"
            headers["X-HubSpot-RateLimit-Max"] = str(limit)
            headers["X-HubSpot-RateLimit-Remaining"] = str(max(0, limit - len(self.recent)))
        return headers

    # -- contacts ------------------------------------------------------------------------

    def _show(self, record: Record, names: list[str] | None) -> Record:
        wanted = list(dict.fromkeys([*(names or DEFAULT), *self.portal.always]))
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
        if start and self.stuck_cursor:
            return answer({"results": [], "paging": {"next": {"after": start, "link": ""}}})
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
        body = orjson.loads(await request.read() or b"{}")
        return self.searching.answered(body, self._show)

    async def get_contact(self, request: web.Request) -> web.Response:
        archived = request.query.get("archived") == "true"
        record = self.portal.find(request.match_info["id"], archived)
        if record is None:
            return error("resource not found", "OBJECT_NOT_FOUND", 404)
        names = request.query.get("properties", "")
        return answer(self._show(record, names.split(",") if names else None))

    async def create_contact(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        if refused := forms.refusal(body, forms.CREATE):
            return refused
        try:
            values = self.portal.clean(body["properties"])
        except Invalid as invalid:
            return self._invalid([invalid])
        record = self.portal.find(self.portal.create(values))
        assert record is not None
        return answer(self._show(record, list(values)), 201)

    async def update_contact(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        if refused := forms.refusal(body, forms.UPDATE):
            return refused
        try:
            values = self.portal.clean(body["properties"])
            if enforces_rules(request):
                self.portal.check_required(request.match_info["id"], values)
            record = self.portal.update(request.match_info["id"], values, "INTEGRATION")
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
        if refused := forms.refusal(body, forms.MERGE):
            return refused
        record = self.portal.merge(body["primaryObjectId"], body["objectIdToMerge"])
        if record is None:
            return error("resource not found", "OBJECT_NOT_FOUND", 404)
        return answer(self._show(record, None))

    async def gdpr_delete(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        if refused := forms.refusal(body, forms.GDPR_DELETE):
            return refused
        self.portal.erase(body["objectId"])
        return web.Response(status=204)

    @staticmethod
    def _invalid(problems: list[Invalid]) -> web.Response:
        """A rule on required properties is told by `errors` alone, a bad value by both."""
        details = [problem.detail() for problem in problems]
        if any(problem.code.startswith("MISSING_") for problem in problems):
            text = "The property values provided are invalid"
            return error(text, "VALIDATION_ERROR", errors=details)
        entries = orjson.dumps([problem.entry() for problem in problems]).decode()
        text = f"Property values were not valid: {entries}"
        return error(text, "VALIDATION_ERROR", errors=details)

    async def batch_read(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        history = body.get("propertiesWithHistory") or []
        most = 50 if history else 100  # HubSpot's guide: fewer records where history is asked for
        if refused := forms.refusal(body, forms.BATCH_READ) or self._too_many(body, most):
            return refused
        started = self.portal.clock.now()
        archived = request.query.get("archived") == "true"
        if body.get("idProperty") not in (None, "hs_object_id", "email"):
            text = f"The property {body['idProperty']} is not a unique property"
            return error(text, "VALIDATION_ERROR")
        find = self.portal.find_address if body.get("idProperty") == "email" else self.portal.find
        records: dict[str, Record] = {}
        missing = []
        for item in body["inputs"]:
            record = find(str(item["id"]), archived)
            if record is None:
                missing.append(str(item["id"]))
            else:
                shown = self._show(record, body.get("properties") or None)
                if history:
                    known = [name for name in history if name in self.portal.properties]
                    shown["propertiesWithHistory"] = {
                        name: self.portal.history(record, name) for name in known
                    }
                records[record["id"]] = shown
        return self._batch_answer(list(records.values()), missing, started)

    async def batch_update(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        if refused := forms.refusal(body, forms.BATCH_UPDATE) or self._too_many(body):
            return refused
        started = self.portal.clock.now()
        ids = [str(item["id"]) for item in body["inputs"]]
        if len(set(ids)) < len(ids):
            return error("Duplicate IDs found in batch input", "VALIDATION_ERROR")
        cleaned, refusals = [], []
        ruled: list[tuple[str, Rule]] = []
        marked = all("objectWriteTraceId" in update for update in body["inputs"])
        for item in body["inputs"]:
            rule = self.portal.rules.get(str(item["id"]))
            if rule is not None and rule.refuses(item["properties"]):
                if not (self.multi_status and marked):
                    return self._refused_by(rule)
                ruled.append((item["objectWriteTraceId"], rule))
                continue
            try:
                values = self.portal.clean(item["properties"])
                if enforces_rules(request):
                    self.portal.check_required(str(item["id"]), values)
            except Invalid as invalid:
                # One that is refused refuses the whole batch, and nothing is written; but where
                # each input has a mark of its own and the account answers one by one.
                if not (self.multi_status and marked):
                    return self._invalid([invalid])
                refusals.append((item["objectWriteTraceId"], invalid))
            else:
                cleaned.append((str(item["id"]), values))
        written, missing = [], []
        for record_id, values in cleaned:
            try:
                record = self.portal.update(record_id, values, "INTEGRATION")
            except KeyError:
                missing.append(record_id)
            else:
                written.append(self._show(record, list(values)))
        return self._batch_answer(written, missing, started, refusals, ruled)

    @staticmethod
    def _refused_by(rule: Rule) -> web.Response:
        if rule.name:
            invalid = Invalid(rule.code, rule.name, rule.message)
            return HubSpotService._invalid([invalid])
        return error(rule.message, rule.category, rule.status)

    @staticmethod
    def _too_many(body: Record, most: int = 100) -> web.Response | None:
        if len(body["inputs"]) > most:
            return error(
                f"The maximum number of inputs is {most}, got {len(body['inputs'])}",
                "VALIDATION_ERROR",
            )
        return None

    def _batch_answer(
        self,
        results: list[Record],
        missing: list[str],
        started: datetime,
        refusals: Sequence[tuple[str, Invalid]] = (),
        ruled: Sequence[tuple[str, Rule]] = (),
    ) -> web.Response:
        body: Record = {
            "status": "COMPLETE",
            "results": results,
            "startedAt": iso(started),
            "completedAt": iso(self.portal.clock.now()),
        }
        errors = [
            {
                "status": "error",
                "category": "VALIDATION_ERROR",
                "message": invalid.message,
                "context": {"objectWriteTraceId": [mark]},
                "errors": [invalid.detail()],
                "links": {},
            }
            for mark, invalid in refusals
        ]
        for mark, rule in ruled:
            named = Invalid(rule.code, rule.name, rule.message)
            errors.append(
                {
                    "status": "error",
                    "category": rule.category,
                    "message": rule.message,
                    "context": {"objectWriteTraceId": [mark]} if rule.marked else {},
                    "errors": [named.detail()] if rule.name else [],
                    "links": {},
                }
            )
        if missing:
            errors.append(
                {
                    "status": "error",
                    "category": "OBJECT_NOT_FOUND",
                    "message": "Could not get some CONTACT objects, they may be deleted or not "
                    "exist. Check that ids are valid.",
                    "context": {"ids": missing},
                    "errors": [],
                    "links": {},
                }
            )
        if not errors:
            return answer(body)
        return answer({**body, "numErrors": len(errors), "errors": errors}, 207)

    # -- what people and HubSpot itself do -----------------------------------------------

    def act(self, object_name: str, record_id: str, action: dict[str, Any]) -> Any:
        """Actions: `set` (a person edits), `delete`, `undelete`, `merge_into` (the contact that is
        the primary), `erase` (a GDPR deletion), `late` (seconds, with `values`: indexed now with an
        older stamp), `drop_property`, `archive_property`, `options` (of a property), `revoke` (a
        scope), `get`. Of calls: see `Calls.act`.
        """
        if object_name == "calls":
            return self.calls.act(record_id, action)
        if object_name == "tasks":
            return self.tasks.act(record_id, action)
        if "set" in action:
            self.portal.update(record_id, action["set"])
        if action.get("delete"):
            self.portal.archive(record_id)
        if action.get("undelete"):
            self.portal.restore(record_id)
        if action.get("erase"):
            self.portal.erase(record_id)
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
        if name := action.get("archive_property"):
            self.portal.archived_properties[name] = self.portal.properties.pop(name)
        if "options" in action:
            target = self.portal.properties[action["property"]]
            target["options"] = [o for o in target["options"] if o["value"] in action["options"]]
        if "revoke" in action:
            self.scopes.discard(action["revoke"])
        record = self.portal.find(record_id) if record_id.isdigit() else None
        return {**record["properties"], "id": record["id"]} if record else None

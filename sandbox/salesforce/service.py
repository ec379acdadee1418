"""The HTTP face of the org: sessions, limits, and the parts that answer each kind of request."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from sandbox.salesforce.bulk import Bulk
from sandbox.salesforce.describe import Describe
from sandbox.salesforce.login import Login
from sandbox.salesforce.org import Org
from sandbox.salesforce.queries import Queries
from sandbox.salesforce.records import Records
from sandbox.salesforce.rest import error, render
from sandbox.salesforce.schema import ADMIN
from sandbox.salesforce.tooling import Tooling
from sandbox.service import Handler, Service, answer

TOKEN = "sandbox-session-token"


class SalesforceService(Service):
    """`public_keys`: username -> PEM public key, for the JWT bearer flow.

    `daily_limit`: what `/limits` and `Sforce-Limit-Info` count against.
    """

    name = "salesforce"

    def __init__(
        self, org: Org, public_keys: dict[str, str] | None = None, daily_limit: int = 100_000
    ) -> None:
        super().__init__()
        self._org = org
        self.clock = org.clock
        self.daily_limit = daily_limit
        self.tokens = {TOKEN}
        self.login = Login(org, self.tokens, public_keys or {})
        self.queries = Queries(org)
        self.records = Records(org)
        self.bulk = Bulk(org)
        self._describe = Describe(org)
        self._tooling = Tooling(org)
        self.used = 0
        self.under_way = 0
        self.concurrent_limit = 0  # of requests at once; 0: any number

    @property
    def org(self) -> Org:
        """Not to be replaced: each part has it."""
        return self._org

    @property
    def page_limit(self) -> int:
        """What the org makes of a larger batchSize: a setting that both CRMs have."""
        return self.queries.page_limit

    @page_limit.setter
    def page_limit(self, records: int) -> None:
        self.queries.page_limit = records

    def routes(self) -> list[web.RouteDef]:
        data = "/services/data/{version:v\\d\\d\\.0}"
        return [
            *self.login.routes(),
            web.get("/services/data{slash:/?}", self.versions),
            web.get(data + "{slash:/?}", self.signed_in(self.resources)),
            web.get(data + "/limits{slash:/?}", self.signed_in(self.limits)),
            *self.queries.routes(data, self.signed_in),
            *self._describe.routes(data, self.signed_in),
            *self._tooling.routes(data, self.signed_in),
            *self.records.routes(data, self.signed_in),
            *self.bulk.routes(data, self.signed_in),
            *self.org.sharing.routes(data, self.signed_in),
        ]

    def signed_in(self, handler: Handler) -> Handler:
        async def checked(request: web.Request) -> web.StreamResponse:
            token = request.headers.get("Authorization", "").removeprefix("Bearer ")
            if token not in self.tokens:
                return error("INVALID_SESSION_ID", "Session expired or invalid", 401)
            self.used += 1
            if self.under_way >= self.concurrent_limit > 0:
                return error(
                    "REQUEST_LIMIT_EXCEEDED",
                    "ConcurrentRequests (Concurrent API Requests) Limit exceeded.",
                    403,
                )
            if self.used > self.daily_limit:
                return error("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", 403)
            self.under_way += 1
            try:
                response = await handler(request)
            finally:
                self.under_way -= 1
            response.headers["Sforce-Limit-Info"] = f"api-usage={self.used}/{self.daily_limit}"
            return response

        return checked

    async def versions(self, _request: web.Request) -> web.Response:
        """The one resource that needs no session, and whose answer has no `Sforce-Limit-Info`."""
        return answer(
            [
                {"label": f"Release {n}", "url": f"/services/data/v{n}.0", "version": f"{n}.0"}
                for n in range(31, 69)
            ]
        )

    async def resources(self, request: web.Request) -> web.Response:
        """What a version of the API offers; only the members that a client may look for."""
        base = f"/services/data/{request.match_info['version']}"
        names = ("sobjects", "query", "queryAll", "limits", "jobs", "composite", "tooling")
        return answer(
            {**{name: f"{base}/{name}" for name in names}, "identity": self.login.identity(request)}
        )

    async def limits(self, _request: web.Request) -> web.Response:
        remaining = max(0, self.daily_limit - self.used)
        return answer(
            {
                "DailyApiRequests": {"Max": self.daily_limit, "Remaining": remaining},
                "DailyBulkV2QueryJobs": {"Max": 10_000, "Remaining": self.bulk.query_jobs_left},
                "DailyBulkApiBatches": {"Max": 15_000, "Remaining": 15_000},
            }
        )

    # -- what people and the CRM itself do -----------------------------------------------

    def act(self, object_name: str, record_id: str, action: dict[str, Any]) -> Any:
        """Actions: `set` (a person edits), `lock` (times), `refuse` (a validation rule's message),
        `delete`, `undelete`, `merge_into` (id of the surviving record), `convert` (a lead, into the
        contact of that id), `hide` (from our user), `late` (an edit that was committed now
        with a stamp that many seconds old), `expire_sessions`, `calm` (other clients' requests
        end), `field` (change its definition),
        `drop_field`, `get`.
        """
        if action.get("expire_sessions"):
            self.tokens.clear()
        if action.get("calm"):
            self.under_way = 0
        if "set" in action:
            self.org.update(object_name, record_id, action["set"], by=ADMIN)
        if "late" in action:
            record = dict(self.org.find(object_name, record_id) or {}, **action["values"])
            stamp = datetime.now(UTC) - timedelta(seconds=action["late"])
            record["SystemModstamp"] = record["LastModifiedDate"] = stamp
            self.org.tables[object_name].put(record_id, record, stamp)
        if "lock" in action:
            self.org.locks[record_id] = int(action["lock"])
        if "refuse" in action:
            self.org.refusals[record_id] = action["refuse"]
        if action.get("delete"):
            self.org.delete(object_name, record_id)
        if action.get("undelete"):
            self.org.undelete(object_name, record_id)
        if "hide" in action:  # a change of sharing
            self.org.sharing.hide([record_id])
        if "convert" in action:
            self.org.convert(record_id, action["convert"])
        if "merge_into" in action:
            self.org.delete(object_name, record_id, master=action["merge_into"])
        if "field" in action:
            info = self.org.schema[object_name][1][action["field"]]
            for key, value in action["change"].items():
                setattr(info, key, tuple(value) if isinstance(value, list) else value)
        if "drop_field" in action:
            del self.org.schema[object_name][1][action["drop_field"]]
        stored = self.org.find(object_name, record_id) if object_name in self.org.schema else None
        if stored is None:
            return None
        return {key: render(value) for key, value in stored.items() if not key.startswith("_")}

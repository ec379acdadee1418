"""The HTTP face of the org: OAuth, REST query and collections, describe, limits, Tooling."""

from __future__ import annotations

import re
import time
import uuid
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import orjson
from aiohttp import web

from sandbox.salesforce import rights, search, soql
from sandbox.salesforce.automation import TRIGGER_CHUNK, WriteOptions
from sandbox.salesforce.bulk import Bulk
from sandbox.salesforce.org import Org, Refused, is_unreadable
from sandbox.salesforce.rest import check_names, error, matching, ordered, parent, render
from sandbox.salesforce.schema import ADMIN
from sandbox.service import Handler, Service, answer
from sandbox.table import Record

CLIENT_ID = "sandbox-consumer-key"
CLIENT_SECRET = "sandbox-consumer-secret"
TOKEN = "sandbox-session-token"
MAX_COLLECTION = 200
MAX_BATCH = 2000
MAX_SUBREQUESTS, MAX_QUERIES = 25, 5  # of a composite request
_QUERY_URL = re.compile(r"/services/data/(?P<version>v\d\d\.0)/(?P<kind>query|queryAll)/?")
# Objects with page layouts, of those that the stand-in has.
LAID_OUT = ("Account", "Campaign", "CampaignMember", "Case", "Contact", "Lead", "Task", "User")


class SalesforceService(Service):
    """`public_keys`: username -> PEM public key, for the JWT bearer flow.

    `daily_limit`: what `/limits` and `Sforce-Limit-Info` count against.
    """

    name = "salesforce"

    def __init__(
        self, org: Org, public_keys: dict[str, str] | None = None, daily_limit: int = 100_000
    ) -> None:
        super().__init__()
        self.org = org
        self.clock = org.clock
        self.public_keys = public_keys or {}
        self.daily_limit = daily_limit
        self.bulk = Bulk(org)
        self.page_limit = MAX_BATCH  # what the org makes of a larger batchSize
        self.tokens = {TOKEN}
        self.scopes = ["api"]
        self.run_as_user = True  # of the client credentials flow
        self.shared_login = False  # as login.salesforce.com is
        self.used = 0
        self.under_way = 0
        self.concurrent_limit = 0  # of requests at once; 0: any number
        self.query_most = 0  # records that a REST query can sort before it times out; 0: any number
        self.cursors: dict[str, tuple[soql.Query, list[str], int]] = {}

    @property
    def bulk_seconds(self) -> float:
        """What a Bulk job takes; a setting."""
        return self.bulk.seconds

    @bulk_seconds.setter
    def bulk_seconds(self, seconds: float) -> None:
        self.bulk.seconds = seconds

    @property
    def bulk_at_once(self) -> int:
        """How many Bulk jobs the org works on at the same time; 0: any number. A setting."""
        return self.bulk.at_once

    @bulk_at_once.setter
    def bulk_at_once(self, jobs: int) -> None:
        self.bulk.at_once = jobs

    def routes(self) -> list[web.RouteDef]:
        data = "/services/data/{version:v\\d\\d\\.0}"
        return [
            web.post("/services/oauth2/token", self.token),
            web.get("/services/oauth2/userinfo", self.userinfo),
            web.get("/services/data{slash:/?}", self.versions),
            web.get(data + "{slash:/?}", self.signed_in(self.resources)),
            web.get(data + "/limits{slash:/?}", self.signed_in(self.limits)),
            web.get(data + "/{kind:query|queryAll}{slash:/?}", self.signed_in(self.query)),
            web.get(data + "/{kind:query|queryAll}/{locator}", self.signed_in(self.query_more)),
            web.get(data + "/sobjects{slash:/?}", self.signed_in(self.describe_global)),
            web.get(data + "/sobjects/{object}/describe{slash:/?}", self.signed_in(self.describe)),
            web.post(data + "/parameterizedSearch{slash:/?}", self.signed_in(self.search)),
            web.post(data + "/composite{slash:/?}", self.signed_in(self.composite)),
            web.patch(data + "/composite/sobjects{slash:/?}", self.signed_in(self.update_many)),
            web.post(data + "/composite/sobjects{slash:/?}", self.signed_in(self.create_many)),
            web.delete(data + "/composite/sobjects{slash:/?}", self.signed_in(self.delete_many)),
            web.post(
                data + "/tooling/sobjects/CustomField{slash:/?}", self.signed_in(self.create_field)
            ),
            web.delete(
                data + "/tooling/sobjects/CustomField/{id}", self.signed_in(self.delete_field)
            ),
            web.get(data + "/tooling/query{slash:/?}", self.signed_in(self.tooling_query)),
            web.post(data + "/sobjects/{object}{slash:/?}", self.signed_in(self.create_one)),
            web.get(data + "/sobjects/{object}/{id}", self.signed_in(self.get_one)),
            web.patch(data + "/sobjects/{object}/{id}", self.signed_in(self.update_one)),
            web.delete(data + "/sobjects/{object}/{id}", self.signed_in(self.delete_one)),
            *self.bulk.routes(data, self.signed_in),
            *self.org.sharing.routes(data, self.signed_in),
        ]

    # -- sessions ------------------------------------------------------------------------

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

    async def token(self, request: web.Request) -> web.Response:
        form = await request.post()
        grant = str(form.get("grant_type", ""))
        if grant == "client_credentials":
            if form.get("client_id") != CLIENT_ID:
                return answer(
                    {
                        "error": "invalid_client_id",
                        "error_description": "client identifier invalid",
                    },
                    400,
                )
            if form.get("client_secret") != CLIENT_SECRET:
                return answer(
                    {"error": "invalid_client", "error_description": "invalid client credentials"},
                    400,
                )
            problem = self._refuse_client_credentials()
            if problem:
                return answer({"error": "invalid_grant", "error_description": problem}, 400)
        elif grant == "urn:ietf:params:oauth:grant-type:jwt-bearer":
            problem = self._check_assertion(str(form.get("assertion", "")))
            if problem:
                return answer({"error": "invalid_grant", "error_description": problem}, 400)
        else:
            return answer(
                {
                    "error": "unsupported_grant_type",
                    "error_description": "grant type not supported",
                },
                400,
            )
        token = f"{self.org.id}!{uuid.uuid4().hex}"
        self.tokens.add(token)
        return answer(
            {
                "access_token": token,
                "scope": " ".join(self.scopes),
                "instance_url": f"{request.scheme}://{request.host}",
                "id": self._identity(request),
                "token_type": "Bearer",
                "issued_at": str(int(time.time() * 1000)),
            }
        )

    def _refuse_client_credentials(self) -> str | None:
        if self.shared_login:
            return "request not supported on this domain"
        return None if self.run_as_user else "no client credentials user enabled"

    def _check_assertion(self, assertion: str) -> str | None:
        """The reason to refuse a JWT bearer assertion, as Salesforce words it; None if good."""
        try:
            claims = jwt.decode(assertion, options={"verify_signature": False})
            key = self.public_keys.get(str(claims.get("sub")))
            if key is None:
                return "user hasn't approved this consumer"
            jwt.decode(
                assertion,
                key,
                algorithms=["RS256"],
                options={"verify_aud": False},
                issuer=CLIENT_ID,
            )
        except jwt.ExpiredSignatureError:
            return "expired authorization code"
        except jwt.InvalidTokenError:
            return "invalid assertion"
        if not claims.get("aud"):
            return "audience is invalid"
        if claims["exp"] > time.time() + 180 + 30:
            return "expiration is too far in the future"
        return None

    def _identity(self, request: web.Request) -> str:
        """The URL that names our user, as a login and the list of resources give it."""
        return f"{request.scheme}://{request.host}/id/{self.org.id}/{self.org.integration_user}"

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
            {**{name: f"{base}/{name}" for name in names}, "identity": self._identity(request)}
        )

    async def userinfo(self, request: web.Request) -> web.StreamResponse:
        """Refuses a token whose scopes are too few with a text, as it does an invalid one."""
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self.tokens or not {"openid", "id", "full"} & set(self.scopes):
            return web.Response(status=403, text="Bad_OAuth_Token")
        user = self.org.find("User", self.org.integration_user) or {}
        return answer(
            {
                "sub": f"https://login.salesforce.com/id/{self.org.id}/{user['Id']}",
                "user_id": user["Id"],
                "organization_id": self.org.id,
                "preferred_username": user["Username"],
                "name": user["Name"],
            }
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

    # -- reading -------------------------------------------------------------------------

    async def describe(self, request: web.Request) -> web.Response:
        name = request.match_info["object"]
        if name not in self.org.schema:
            return error("NOT_FOUND", "The requested resource does not exist", 404)
        fields = self.org.schema[name][1]
        return answer(
            {
                **self._outline(name),
                "childRelationships": [],
                "recordTypeInfos": [],
                "fields": [info.describe() for info in fields.values() if info.readable],
                "urls": {"sobject": f"/services/data/v62.0/sobjects/{name}"},
            }
        )

    async def describe_global(self, _request: web.Request) -> web.Response:
        """REST API Developer Guide, "Describe Global": the outline of each object, no fields."""
        names = sorted(self.org.schema)
        outlines = [self._outline(name) for name in names]
        return answer({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": outlines})

    def _outline(self, name: str) -> Record:
        people_see_it = name in LAID_OUT or name.endswith("__c")
        return {
            "name": name,
            "label": name,
            "labelPlural": f"{name}s",
            "keyPrefix": self.org.schema[name][0],
            "custom": name.endswith("__c"),
            "customSetting": False,
            "deprecatedAndHidden": False,
            "createable": True,
            "updateable": True,
            "queryable": True,
            "deletable": True,
            "retrieveable": True,
            "searchable": people_see_it,
            "replicateable": True,
            "layoutable": people_see_it,
            "triggerable": people_see_it,
        }

    async def query(self, request: web.Request) -> web.Response:
        kind, version = request.match_info["kind"], request.match_info["version"]
        return self._query(request.query.get("q", ""), kind, version, self._batch_size(request))

    async def composite(self, request: web.Request) -> web.Response:
        """Several queries in one call: of what else a composite request may hold, there is nothing
        here. REST API Developer Guide, "Send Multiple Requests Using Composite": up to 25
        subrequests, 5 of them queries; all of them count as one call. The words of refusals are
        not documented."""
        body = orjson.loads(await request.read())
        parts = body.get("compositeRequest")
        if not isinstance(parts, list) or not parts:
            return error("JSON_PARSER_ERROR", "compositeRequest is missing or empty")
        if len(parts) > MAX_SUBREQUESTS:
            return error("INVALID_INPUT", f"at most {MAX_SUBREQUESTS} subrequests are allowed")
        if len({part["referenceId"] for part in parts}) < len(parts):
            return error("INVALID_INPUT", "each referenceId must be unique")
        links = [urlsplit(part["url"]) for part in parts]
        matches = [_QUERY_URL.fullmatch(link.path) for link in links]
        if sum(match is not None for match in matches) > MAX_QUERIES:
            return error("INVALID_INPUT", f"at most {MAX_QUERIES} queries are allowed")
        results = []
        for part, link, match in zip(parts, links, matches, strict=True):
            if match is None or part["method"] != "GET":
                told = error("INVALID_HTTP_REQUEST", "the stand-in has queries alone here")
            else:
                text = "".join(parse_qs(link.query).get("q", ()))
                told = self._query(text, match["kind"], match["version"], self.page_limit)
            results.append({
                "body": orjson.loads(told.text or "null"), "httpHeaders": {},
                "httpStatusCode": told.status, "referenceId": part["referenceId"],
            })  # fmt: skip
        return answer({"compositeResponse": results})

    def _query(self, text: str, kind: str, version: str, size: int) -> web.Response:
        try:
            query = soql.parse(text)
            check_names(self.org, text, query)
        except soql.SoqlError as problem:
            return error(problem.code, problem.message)
        everything = kind == "queryAll"
        if 0 < self.query_most < sum(1 for _ in matching(self.org, query, everything)):
            return error("QUERY_TIMEOUT", "Your query request was running for too long.")
        records = matching(self.org, query, everything)
        if query.count_only:
            return answer({"totalSize": sum(1 for _ in records), "done": True, "records": []})
        ids = [record["Id"] for record in ordered(query, records)]
        if query.offset or query.limit is not None:
            end = None if query.limit is None else query.offset + query.limit
            ids = ids[query.offset : end]
        locator = "01g5g00000" + uuid.uuid4().hex[:8].upper()
        self.cursors[locator] = (query, ids, size)
        return self._page(version, locator, 0)

    async def query_more(self, request: web.Request) -> web.Response:
        locator, _, start = request.match_info["locator"].partition("-")
        if locator not in self.cursors or not start.isdigit():
            return error("INVALID_QUERY_LOCATOR", "invalid query locator")
        return self._page(request.match_info["version"], locator, int(start))

    async def search(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        return search.parameterized(self.org, body, request.match_info["version"])

    def _batch_size(self, request: web.Request) -> int:
        option = request.headers.get("Sforce-Query-Options", "").lower().partition("batchsize=")[2]
        wanted = max(200, int(option)) if option.isdigit() else MAX_BATCH
        return min(self.page_limit, wanted)

    def _page(self, version: str, locator: str, start: int) -> web.Response:
        query, ids, size = self.cursors[locator]
        table = self.org.tables[query.object]
        records = [table.get(record_id) for record_id in ids[start : start + size]]
        rows = [self._row(query, record, version) for record in records if record is not None]
        body: dict[str, Any] = {"totalSize": len(ids), "done": start + size >= len(ids)}
        if not body["done"]:
            body["nextRecordsUrl"] = f"/services/data/{version}/query/{locator}-{start + size}"
        else:
            self.cursors.pop(locator, None)
        body["records"] = rows
        return answer(body)

    def _row(self, query: soql.Query, record: Record, version: str) -> Record:
        url = f"/services/data/{version}/sobjects/{query.object}/{record['Id']}"
        row: Record = {"attributes": {"type": query.object, "url": url}}
        for name in query.fields:
            head, _, rest = name.partition(".")
            if rest:
                above = parent(self.org, record, head)
                row[head] = above and {"attributes": {"type": head}, rest: above.get(rest)}
            else:
                row[name] = render(record.get(name))
        return row

    async def get_one(self, request: web.Request) -> web.Response:
        name, record_id = request.match_info["object"], request.match_info["id"]
        record = self.org.find(name, record_id) if name in self.org.schema else None
        if record is None or record["IsDeleted"] or not self.org.sharing.shows(record):
            return error("NOT_FOUND", "The requested resource does not exist", 404)
        fields = self.org.schema[name][1]
        row = {key: render(record.get(key)) for key, info in fields.items() if info.readable}
        version = request.match_info["version"]
        url = f"/services/data/{version}/sobjects/{name}/{record_id}"
        return answer({"attributes": {"type": name, "url": url}, **row})

    # -- writing -------------------------------------------------------------------------

    async def update_many(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        records = body.get("records", [])
        if len(records) > MAX_COLLECTION:
            return error(
                "EXCEEDED_ID_LIMIT",
                f"record limit reached. cannot submit more than {MAX_COLLECTION} records into this "
                "call",
            )
        for record in records:
            problem = self._unknown_column(record) or self._refused_whole(record)
            if problem:
                return problem
        options = WriteOptions.of(request.headers)
        results: list[dict[str, Any]] = []
        seen: set[str] = set()
        for start in range(0, len(records), TRIGGER_CHUNK):
            chunk = records[start : start + TRIGGER_CHUNK]
            if refusal := self.org.automation.trigger_refuses(len(chunk)):
                refused = Refused("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", refusal)
                results += [_failed(refused) for _ in chunk]
                continue
            results += [self._update_of_many(record, seen, options) for record in chunk]
        return answer(results)

    def _update_of_many(
        self, record: Record, seen: set[str], options: WriteOptions
    ) -> dict[str, Any]:
        values = {k: v for k, v in record.items() if k.lower() not in ("attributes", "id")}
        record_id = record.get("id") or record.get("Id") or ""
        try:
            if record_id in seen:
                raise Refused("DUPLICATE_VALUE", f"Duplicate id in list: {record_id}")
            seen.add(record_id)
            self.org.update(
                record["attributes"]["type"],
                record_id,
                values,
                by=self.org.integration_user,
                options=options,
            )
        except Refused as refused:
            return _failed(refused)
        return {"id": record_id, "success": True, "errors": []}

    def _unknown_column(self, record: Record) -> web.Response | None:
        object_name = record.get("attributes", {}).get("type", "")
        if object_name not in self.org.schema:
            return error("INVALID_TYPE", f"sObject type '{object_name}' is not supported.")
        for name in record:
            info = self.org.schema[object_name][1].get(name)
            if name.lower() not in ("attributes", "id") and (info is None or not info.readable):
                return error(
                    "INVALID_FIELD", f"No such column '{name}' on sobject of type {object_name}"
                )
        return None

    def _refused_whole(self, record: Record) -> web.Response | None:
        """A record for which the org refuses the whole call (mautic/mautic issue 3048: a value that
        is not of its field's type answers 400 JSON_PARSER_ERROR)."""
        fields = self.org.schema[record["attributes"]["type"]][1]
        for name, value in record.items():
            if name in fields and is_unreadable(fields[name], value):
                return error(
                    "JSON_PARSER_ERROR",
                    f"Cannot deserialize instance of double from VALUE_STRING value {value} or "
                    "request may be missing a required field at [line:1, column:1]",
                )
        rule = self.org.automation.rules.get(str(record.get("id") or record.get("Id") or ""))
        if rule is None or not rule.whole_call or not rule.refuses(record):
            return None
        return error(rule.code, rule.message)

    async def create_many(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        if len(body.get("records", [])) > MAX_COLLECTION:
            text = f"record limit reached. cannot submit more than {MAX_COLLECTION} records"
            return error("EXCEEDED_ID_LIMIT", text)
        results = []
        for record in body.get("records", []):
            name = record.pop("attributes")["type"]
            try:
                record_id = self._create(name, record)
                results.append({"id": record_id, "success": True, "errors": []})
            except Refused as refused:
                results.append(_failed(refused))
        return answer(results)

    async def delete_many(self, request: web.Request) -> web.Response:
        """REST API Developer Guide, "Delete Multiple Records": up to 200 ids, in the address."""
        ids = [name for name in request.query.get("ids", "").split(",") if name]
        if not 0 < len(ids) <= MAX_COLLECTION:
            return error("EXCEEDED_ID_LIMIT", f"between 1 and {MAX_COLLECTION} ids are needed")
        prefixes = {prefix: name for name, (prefix, _fields) in self.org.schema.items()}
        results: list[dict[str, Any]] = []
        for record_id in ids:
            name = prefixes.get(record_id[:3], "")
            record = self.org.find(name, record_id) if name else None
            if record is None:
                refused = Refused("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
                results.append(_failed(refused))
            elif record["IsDeleted"]:
                results.append(_failed(Refused("ENTITY_IS_DELETED", "entity is deleted")))
            else:
                self.org.delete(name, record_id)
                results.append({"id": record_id, "success": True, "errors": []})
        return answer(results)

    async def create_one(self, request: web.Request) -> web.Response:
        name = request.match_info["object"]
        if name not in self.org.schema:
            return error("NOT_FOUND", "The requested resource does not exist", 404)
        try:
            record_id = self._create(name, orjson.loads(await request.read()))
        except Refused as refused:
            return error(refused.code, refused.message, 400, refused.fields)
        return answer({"id": record_id, "success": True, "errors": []}, 201)

    def _create(self, name: str, values: Record) -> str:
        right = rights.TO_CREATE.get(name)
        if right and right not in self.org.rights:
            raise Refused(
                "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id"
            )
        if name == "FieldPermissions":
            self.org.grant(
                values["Field"],
                values.get("PermissionsRead", False),
                values.get("PermissionsEdit", False),
            )
        return self.org.create(name, values, by=self.org.integration_user)

    async def update_one(self, request: web.Request) -> web.Response:
        name, record_id = request.match_info["object"], request.match_info["id"]
        try:
            self.org.update(
                name,
                record_id,
                orjson.loads(await request.read()),
                by=self.org.integration_user,
                options=WriteOptions.of(request.headers),
            )
        except Refused as refused:
            return error(refused.code, refused.message, 400, refused.fields)
        return web.Response(status=204)

    async def delete_one(self, request: web.Request) -> web.Response:
        name, record_id = request.match_info["object"], request.match_info["id"]
        right = rights.TO_CREATE.get(name)
        if right and right not in self.org.rights:
            text = "insufficient access rights on object id"
            return error("INSUFFICIENT_ACCESS_OR_READONLY", text, 400)
        stored = self.org.find(name, record_id) if name in self.org.tables else None
        if stored is None or stored["IsDeleted"]:
            return error("NOT_FOUND", "The requested resource does not exist", 404)
        if name == "PermissionSet" and self._assigned(record_id):
            # Source: Object Reference, "PermissionSet": none that is assigned can be deleted.
            text = "This permission set is assigned to users and can't be deleted."
            return error("DEPENDENCY_EXISTS", text, 400)
        self.org.delete(name, record_id)
        return web.Response(status=204)

    def _assigned(self, set_id: str) -> bool:
        rows = self.org.tables["PermissionSetAssignment"].after_id(None)
        return any(row["PermissionSetId"] == set_id and not row["IsDeleted"] for row in rows)

    async def create_field(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        if rights.CUSTOMIZE not in self.org.rights:
            return error("INSUFFICIENT_ACCESS", "insufficient access rights on object id", 403)
        object_name, _, name = str(body.get("FullName", "")).partition(".")
        if object_name not in self.org.schema:
            return error("INVALID_TYPE", f"Entity {object_name} not found")
        try:
            self.org.add_custom_field(object_name, name, body.get("Metadata") or {})
        except Refused as refused:
            return error(refused.code, refused.message, 400, refused.fields)
        return answer(
            {
                "id": _field_id(object_name, name),
                "success": True,
                "errors": [],
                "warnings": [],
                "infos": [],
            },
            201,
        )

    async def delete_field(self, request: web.Request) -> web.Response:
        """Refused while other metadata uses the field (Salesforce Help, "Delete Fields")."""
        if rights.CUSTOMIZE not in self.org.rights:
            return error("INSUFFICIENT_ACCESS", "insufficient access rights on object id", 403)
        for object_name, (_prefix, fields) in self.org.schema.items():
            for name, info in fields.items():
                if not info.custom or _field_id(object_name, name) != request.match_info["id"]:
                    continue
                if user := self.org.references.get(f"{object_name}.{name}"):
                    text = f"This custom field is referenced elsewhere in salesforce.com. : {user}"
                    return error("DEPENDENCY_EXISTS", text)
                self.org.drop_custom_field(object_name, name)
                return web.Response(status=204)
        return error("NOT_FOUND", "The requested resource does not exist", 404)

    async def tooling_query(self, request: web.Request) -> web.Response:
        """A custom field with its metadata, whatever its field-level security: of one record, as
        the Tooling API gives `Metadata` for no more than that. It knows a standard object by its
        name and a custom one by its id, which a query of CustomObject tells."""
        text = request.query.get("q", "")
        of_object = re.fullmatch(
            r"SELECT Id FROM CustomObject WHERE DeveloperName = '(\w+)' AND NamespacePrefix = null",
            text,
        )
        asked = re.fullmatch(
            r"SELECT (?:Id, )?Metadata FROM CustomField WHERE TableEnumOrId = '(\w*)' "
            r"AND DeveloperName = '(\w+)'(?: AND NamespacePrefix = null)?",
            text,
        )
        records: list[Record] = []
        if of_object is not None:
            name = f"{of_object.group(1)}__c"
            records = [{"Id": _object_id(name)}] if name in self.org.schema else []
        elif asked is not None:
            table, name = asked.group(1), f"{asked.group(2)}__c"
            for object_name, (_prefix, fields) in self.org.schema.items():
                known_as = _object_id(object_name) if object_name.endswith("__c") else object_name
                if known_as == table and name in fields:
                    metadata = fields[name].metadata
                    records = [{"Id": _field_id(object_name, name), "Metadata": metadata}]
        else:
            return error("MALFORMED_QUERY", "this stand-in does not know such a query")
        count = len(records)
        return answer({"size": count, "totalSize": count, "done": True, "records": records})

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


def _field_id(object_name: str, name: str) -> str:
    """The same for the same name, as no test asks for more."""
    return f"00N5g{zlib.crc32(f'{object_name}.{name}'.encode()):010d}"


def _object_id(name: str) -> str:
    return f"01I5g{zlib.crc32(name.encode()):010d}"


def _failed(refused: Refused) -> Record:
    return {
        "success": False,
        "errors": [
            {"statusCode": refused.code, "message": refused.message, "fields": refused.fields}
        ],
    }

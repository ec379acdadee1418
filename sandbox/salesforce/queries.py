"""Reading by SOQL in the org: queries and their pages, composite requests of queries, search.

Source: REST API Developer Guide, "Query", "Query All", "Parameterized Search".
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
from aiohttp import web

from sandbox.salesforce import search, soql
from sandbox.salesforce.org import Org
from sandbox.salesforce.rest import check_names, error, matching, ordered, parent, render
from sandbox.service import Handler, answer
from sandbox.table import Record

MAX_BATCH = 2000
MAX_SUBREQUESTS, MAX_QUERIES = 25, 5  # of a composite request
_QUERY_URL = re.compile(r"/services/data/(?P<version>v\d\d\.0)/(?P<kind>query|queryAll)/?")


class Queries:
    def __init__(self, org: Org) -> None:
        self.org = org
        self.page_limit = MAX_BATCH  # what the org makes of a larger batchSize
        self.query_most = 0  # records that a REST query can sort before it times out; 0: any number
        self.cursors: dict[str, tuple[soql.Query, list[str], int]] = {}

    def routes(self, data: str, signed_in: Callable[[Handler], Handler]) -> list[web.RouteDef]:
        return [
            web.get(data + "/{kind:query|queryAll}{slash:/?}", signed_in(self.query)),
            web.get(data + "/{kind:query|queryAll}/{locator}", signed_in(self.query_more)),
            web.post(data + "/parameterizedSearch{slash:/?}", signed_in(self.search)),
            web.post(data + "/composite{slash:/?}", signed_in(self.composite)),
        ]

    async def query(self, request: web.Request) -> web.Response:
        kind, version = request.match_info["kind"], request.match_info["version"]
        return self._query(request.query.get("q", ""), kind, version, self._batch_size(request))

    async def query_more(self, request: web.Request) -> web.Response:
        locator, _, start = request.match_info["locator"].partition("-")
        if locator not in self.cursors or not start.isdigit():
            return error("INVALID_QUERY_LOCATOR", "invalid query locator")
        return self._page(request.match_info["version"], locator, int(start))

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

    async def search(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        return search.parameterized(self.org, body, request.match_info["version"])

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

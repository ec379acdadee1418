"""Send several SOQL queries in one call, by the REST API's Composite resource.

All of them count as one call towards the org's limit; at most five queries go into one. The queries
stand in the body, so that what they ask for, such as an email address, is in no address of a
request. Each has an answer of its own, and one that is refused costs the others nothing.

Source: REST API Developer Guide, "Send Multiple Requests Using Composite" ("up to 25 subrequests
in a single call. Up to 5 of these subrequests can be sObject Collections or query operations, ...
The entire series of requests counts as a single call toward your API limits").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from connectors.errors import SchemaChangedError
from connectors.http.client import ContradictionError
from connectors.http.consistency import QueryCheck
from connectors.salesforce.errors import translate
from connectors.salesforce.queries import Queries

_AT_ONCE = 5

Rows = list[Mapping[str, Any]]


def run(queries: Queries, version: str, soqls: Sequence[str]) -> list[Rows | SchemaChangedError]:
    """Return all rows of each query, in their order; the error of one that names an object or a
    field that the org does not show us. `version`: of the API, such as "62.0". Raises
    `ConnectorError` for any other refusal."""
    results: list[Rows | SchemaChangedError] = []
    for start in range(0, len(soqls), _AT_ONCE):
        results += _run(queries, version, soqls[start : start + _AT_ONCE])
    return results


def _run(queries: Queries, version: str, soqls: Sequence[str]) -> list[Rows | SchemaChangedError]:
    base = f"/services/data/v{version}/query/?q="
    requests = [
        {"method": "GET", "url": base + quote(soql, safe=""), "referenceId": f"query{place}"}
        for place, soql in enumerate(soqls)
    ]
    body = {"allOrNone": False, "compositeRequest": requests}
    parts: list[tuple[QueryCheck, Any]] = []

    def check(answer: Any) -> None:
        parts[:] = _checked(answer, [request["referenceId"] for request in requests])

    queries.call("read", "composite/", "POST", json=body, check=check)
    return [
        part if isinstance(part, SchemaChangedError) else _all_rows(queries, part, query_check)
        for query_check, part in parts
    ]


def _checked(answer: Any, references: Sequence[str]) -> list[tuple[QueryCheck, Any]]:
    """Return each query's answer or error, with what checks its next pages. Raises what a refusal
    means, so that a passing one is tried again."""
    entries = {entry["referenceId"]: entry for entry in answer["compositeResponse"]}
    if entries.keys() != {*references}:
        raise ContradictionError("a composite call was answered about other queries than asked")
    parts: list[tuple[QueryCheck, Any]] = []
    for reference in references:
        entry, query_check = entries[reference], QueryCheck()
        if entry["httpStatusCode"] >= 400:
            error = translate(entry["httpStatusCode"], entry["body"], "query/")
            if not isinstance(error, SchemaChangedError):
                raise error
            parts.append((query_check, error))
            continue
        query_check(entry["body"])
        parts.append((query_check, entry["body"]))
    return parts


def _all_rows(queries: Queries, first: Any, check: QueryCheck) -> Rows:
    rows: Rows = []
    answer = first
    while True:
        rows += answer["records"]
        if answer["done"]:
            return rows
        answer = queries.next_page(answer, check)

"""What the REST and the Bulk face of the org share: errors, and the records that a query means."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from aiohttp import web

from sandbox.salesforce import rights, soql
from sandbox.salesforce.org import Org
from sandbox.salesforce.schema import FieldInfo, relation_of
from sandbox.service import answer
from sandbox.table import Record


def error(
    code: str, message: str, status: int = 400, fields: list[str] | None = None
) -> web.Response:
    body: dict[str, Any] = {"message": message, "errorCode": code}
    if fields:
        body["fields"] = fields
    return answer([body], status)


def render(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}+0000"
    return value


def parent(org: Org, record: Record, relation: str) -> Record | None:
    lookup = _lookup_of(org, record, relation)
    target = lookup.refers_to if lookup is not None else relation
    key = lookup.name if lookup is not None else f"{relation}Id"
    return org.find(target, record[key]) if target in org.tables and record.get(key) else None


def _lookup_of(org: Org, record: Record, relation: str) -> FieldInfo | None:
    """The lookup that a relation's name means, where the object of the record says so."""
    prefix = record["Id"][:3]
    for of_object, fields in org.schema.values():
        for info in fields.values() if of_object == prefix else ():
            if info.refers_to and relation_of(info.name) == relation:
                return info
    return None


def check_names(org: Org, text: str, query: soql.Query) -> None:
    schema = org.schema.get(query.object)
    right = rights.TO_SEE.get(query.object)
    if schema is None or not org.sees(query.object) or (right and right not in org.rights):
        raise soql.SoqlError(
            "INVALID_TYPE",
            soql.located(
                text,
                query.object_at,
                f"sObject type '{query.object}' is not supported. If you are attempting to use "
                "a custom object, be sure to append the '__c' after the entity name. Please "
                "reference your WSDL or the describe call for the appropriate names.",
            ),
        )
    sorted_by = {name for name, _descending, _nulls in query.order}
    for name, at in query.mentioned:
        info = schema[1].get(name)
        if info is not None and info.encrypted and name in query.tested | sorted_by:
            what = "filtered" if name in query.tested else "sorted"
            raise soql.SoqlError(
                "INVALID_FIELD",
                soql.located(text, at, f"field '{name}' can not be {what} in a query call"),
            )
        head, _, rest = name.partition(".")
        lookups = {f"{head}Id", f"{head[:-1]}c" if head.endswith("__r") else ""}
        known = not lookups.isdisjoint(schema[1]) if rest else name in schema[1]
        if not known or (not rest and not schema[1][name].readable):
            raise soql.SoqlError(
                "INVALID_FIELD",
                soql.located(
                    text,
                    at,
                    f"No such column '{name}' on entity '{query.object}'. If you are "
                    "attempting to use a custom field, be sure to append the '__c' after the "
                    "custom field name. Please reference your WSDL or the describe call for "
                    "the appropriate names.",
                ),
            )


def matching(org: Org, query: soql.Query, everything: bool) -> Iterator[Record]:
    """Records of the query, by id; deleted ones with `everything` (queryAll) alone."""
    table = org.tables[query.object]
    bounds = query.lower_bounds
    if isinstance(bounds.get("SystemModstamp"), datetime):
        records: Iterator[Record] = iter(table.since(bounds["SystemModstamp"]))
    else:
        after = bounds.get("Id")
        records = table.after_id(after if isinstance(after, str) else None)
    matched = (
        record
        for record in records
        if (everything or not record["IsDeleted"])
        and query.test(record)
        and org.sharing.shows(record)
    )
    by_id = query.order == (("Id", False, False),)
    return islice(matched, query.offset + query.limit) if by_id and query.limit else matched


def ordered(query: soql.Query, records: Iterator[Record]) -> list[Record]:
    rows = list(records)
    for name, descending, nulls_last in reversed(query.order):
        filled = [row for row in rows if row.get(name) is not None]
        empty = [row for row in rows if row.get(name) is None]
        filled.sort(key=lambda row: row[name], reverse=descending)
        rows = filled + empty if nulls_last else empty + filled
    return rows

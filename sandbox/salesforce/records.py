"""Reading and writing records of the org: one by its id, or up to 200 in one collections call.

Source: REST API Developer Guide, "sObject Rows" and "sObject Collections".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import web

from sandbox.salesforce import rights
from sandbox.salesforce.automation import TRIGGER_CHUNK, WriteOptions
from sandbox.salesforce.org import Org, Refused, is_unreadable
from sandbox.salesforce.rest import error, render
from sandbox.service import Handler, answer
from sandbox.table import Record

MAX_COLLECTION = 200


class Records:
    def __init__(self, org: Org) -> None:
        self.org = org

    def routes(self, data: str, signed_in: Callable[[Handler], Handler]) -> list[web.RouteDef]:
        return [
            web.patch(data + "/composite/sobjects{slash:/?}", signed_in(self.update_many)),
            web.post(data + "/composite/sobjects{slash:/?}", signed_in(self.create_many)),
            web.delete(data + "/composite/sobjects{slash:/?}", signed_in(self.delete_many)),
            web.post(data + "/sobjects/{object}{slash:/?}", signed_in(self.create_one)),
            web.get(data + "/sobjects/{object}/{id}", signed_in(self.get_one)),
            web.patch(data + "/sobjects/{object}/{id}", signed_in(self.update_one)),
            web.delete(data + "/sobjects/{object}/{id}", signed_in(self.delete_one)),
        ]

    # -- many at once --------------------------------------------------------------------

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

    # -- one -----------------------------------------------------------------------------

    async def get_one(self, request: web.Request) -> web.Response:
        name, record_id = request.match_info["object"], request.match_info["id"]
        record = self.org.find(name, record_id) if self.org.sees(name) else None
        if record is None or record["IsDeleted"] or not self.org.sharing.shows(record):
            return error("NOT_FOUND", "The requested resource does not exist", 404)
        fields = self.org.schema[name][1]
        row = {key: render(record.get(key)) for key, info in fields.items() if info.readable}
        version = request.match_info["version"]
        url = f"/services/data/{version}/sobjects/{name}/{record_id}"
        return answer({"attributes": {"type": name, "url": url}, **row})

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
        if name == "ObjectPermissions":
            self.org.check_object_permissions(values)
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
        rows = self.org.living("PermissionSetAssignment")
        return any(row["PermissionSetId"] == set_id for row in rows)


def _failed(refused: Refused) -> Record:
    return {
        "success": False,
        "errors": [
            {"statusCode": refused.code, "message": refused.message, "fields": refused.fields}
        ],
    }

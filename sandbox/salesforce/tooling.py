"""Custom fields of the org by the Tooling API: made, deleted, and read with their metadata."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable

import orjson
from aiohttp import web

from sandbox.salesforce import rights
from sandbox.salesforce.org import Org, Refused
from sandbox.salesforce.rest import error
from sandbox.service import Handler, answer
from sandbox.table import Record


class Tooling:
    def __init__(self, org: Org) -> None:
        self.org = org

    def routes(self, data: str, signed_in: Callable[[Handler], Handler]) -> list[web.RouteDef]:
        fields = data + "/tooling/sobjects/CustomField"
        return [
            web.post(fields + "{slash:/?}", signed_in(self.create_field)),
            web.delete(fields + "/{id}", signed_in(self.delete_field)),
            web.get(data + "/tooling/query{slash:/?}", signed_in(self.query)),
        ]

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

    async def query(self, request: web.Request) -> web.Response:
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


def _field_id(object_name: str, name: str) -> str:
    """The same for the same name, as no test asks for more."""
    return f"00N5g{zlib.crc32(f'{object_name}.{name}'.encode()):010d}"


def _object_id(name: str) -> str:
    return f"01I5g{zlib.crc32(name.encode()):010d}"

"""Calls that people logged, how they went, and with whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web

from sandbox.hubspot.answers import error
from sandbox.hubspot.portal import Portal, iso, prop
from sandbox.hubspot.search import Search
from sandbox.hubspot.versions import both
from sandbox.service import Allowed, answer
from sandbox.table import Record

if TYPE_CHECKING:
    from sandbox.hubspot.more_objects import ObjectPortal

_ALWAYS = ("hs_createdate", "hs_object_id", "hs_lastmodifieddate")
_PROPERTIES = (
    prop("hs_object_id", "Record ID", "number", "number", read_only=True),
    prop("hs_createdate", "Object create date/time", "datetime", "date", read_only=True),
    prop("hs_lastmodifieddate", "Object last modified date/time", "datetime", "date",
         read_only=True),
    prop("hs_timestamp", "Activity date", "datetime", "date"),
    prop("hs_call_disposition", "Call outcome", "enumeration", "select"),
    prop("hs_call_direction", "Call direction", "enumeration", "select",
         options=("INBOUND", "OUTBOUND")),
    prop("hs_call_status", "Call status", "enumeration", "select"),
    prop("hs_call_to_number", "To Number"),
    prop("hs_call_from_number", "From Number"),
    prop("hs_call_title", "Call Title"),
)  # fmt: skip
# Association types from a call, by the type id of the other object; those of custom objects are the
# account's own. Source: HubSpot's guide "Associations", association types.
_LINKS = {"0-1": 194, "0-2": 182, "0-3": 206, "0-5": 220}


class Calls:
    """`options_listed`: whether the outcomes are options of their property as well."""

    def __init__(self, portal: Portal) -> None:
        self.portal = portal
        self.others: list[ObjectPortal] = []  # objects beside contacts that calls are logged on
        self.options_listed = True
        self.properties: dict[str, Record] = {
            definition["name"]: definition for definition in _PROPERTIES
        }
        self.searching = Search(portal.calls, self.properties, portal.clock)

    def routes(self, allowed: Allowed) -> list[web.RouteDef]:
        read, write = "crm.objects.contacts.read", "crm.objects.contacts.write"
        calls = "/crm/v3/objects/calls", "/crm/objects/{}/calls"
        searches = f"{calls[0]}/search", f"{calls[1]}/search"
        of_calls, of = "calls/{to}/batch/read", "{object:calls|0-48}/{name}"
        associations = f"/crm/v4/associations/{of_calls}", f"/crm/associations/{{}}/{of_calls}"
        return [
            *both(web.get, *calls, allowed(read, self.list_calls)),
            *both(web.post, *calls, allowed(write, self.create_call)),
            *both(web.post, *searches, allowed(read, self.search_calls)),
            *both(web.patch, f"{calls[0]}/{{id}}", "/crm/objects/{}/calls/{id}",
                  allowed(write, self.update_call)),
            *both(web.get, f"/crm/v3/properties/{of}", f"/crm/properties/{{}}/{of}",
                  allowed(read, self.get_call_property)),
            *both(web.post, *associations, allowed(read, self.records_of_calls)),
            web.get("/calling/v1/dispositions", allowed(read, self.list_dispositions)),
        ]  # fmt: skip

    def log(
        self, values: Record, contacts: list[str], stamp: datetime | None = None,
        others: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> str:  # fmt: skip
        """Somebody logs a call with these contacts, and on the records of other objects (type id ->
        ids); its id."""
        stamp = stamp or self.portal.clock.now()
        record_id = str(500_000 + len(self.portal.calls))
        record: Record = {
            "id": record_id,
            "created": stamp,
            "archived": False,
            "properties": {**values, "hs_object_id": record_id, "hs_createdate": iso(stamp)},
            "contacts": contacts,
            "others": {type_id: list(ids) for type_id, ids in others.items()},
        }
        self._put(record, stamp)
        return record_id

    def edit(self, record_id: str, values: Record, stamp: datetime | None = None) -> Record:
        """Somebody changes a logged call. Raises `KeyError`."""
        record = self.portal.calls.get(record_id)
        if record is None:
            raise KeyError(record_id)
        changed = {**record, "properties": {**record["properties"], **values}}
        self._put(changed, stamp or self.portal.clock.now())
        return changed

    def _put(self, record: Record, stamp: datetime) -> None:
        record["updated"] = stamp
        record["properties"]["hs_lastmodifieddate"] = iso(stamp)
        self.portal.calls.put(record["id"], record, stamp)

    def act(self, record_id: str, action: Record) -> Any:
        """Actions: `set` (a person edits the call), `associate` (with a contact; that leaves the
        time of its last change as it was), `get`."""
        if "set" in action:
            self.edit(record_id, action["set"])
        record = self.portal.calls.get(record_id)
        if record is not None and "associate" in action:
            record["contacts"].append(str(action["associate"]))
        return record and {**record["properties"], "id": record["id"]}

    async def create_call(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        contacts = [str(entry["to"]["id"]) for entry in body.get("associations", [])]
        record = self.portal.calls.get(self.log(body.get("properties", {}), contacts))
        assert record is not None
        return answer(self._show_call(record, None), 201)

    async def update_call(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        try:
            record = self.edit(request.match_info["id"], body.get("properties", {}))
        except KeyError:
            return error("resource not found", "OBJECT_NOT_FOUND", 404)
        return answer(self._show_call(record, list(body.get("properties", {}))))

    async def get_call_property(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        definition = self.properties.get(name)
        if definition is None:
            return error(f'Property "{name}" does not exist', "OBJECT_NOT_FOUND", 404)
        if name == "hs_call_disposition" and self.options_listed:
            definition = {**definition, "options": [
                {"label": label, "value": key, "displayOrder": place, "hidden": False,
                 "description": ""}
                for place, (key, label) in enumerate(self.portal.dispositions.items())
            ]}  # fmt: skip
        return answer(definition)

    async def list_dispositions(self, _request: web.Request) -> web.Response:
        return answer(
            [{"id": key, "label": label, "deleted": False}
             for key, label in self.portal.dispositions.items()]
        )  # fmt: skip

    async def records_of_calls(self, request: web.Request) -> web.Response:
        """As the official document has it; a call without records is left out, and told."""
        to_name = request.match_info["to"]
        of = next((portal for portal in self.others if to_name in portal.names), None)
        if of is None and to_name not in ("contacts", "0-1"):
            return error(f"Unable to infer object type from: {to_name}", "VALIDATION_ERROR")
        asked = [str(entry["id"]) for entry in orjson.loads(await request.read())["inputs"]]
        type_id, singular = (of.type_id, to_name) if of else ("0-1", "contact")
        kind = {"category": "HUBSPOT_DEFINED", "typeId": _LINKS.get(type_id, 1), "label": None}
        results, lacking = [], []
        for call_id in asked:
            record = self.portal.calls.get(call_id)
            there = () if record is None else (
                record["others"].get(type_id, ()) if of else record["contacts"])  # fmt: skip
            if not there:
                lacking.append(call_id)
                continue
            to = [{"toObjectId": contact_id, "associationTypes": [kind]} for contact_id in there]
            results.append({"from": {"id": call_id}, "to": to})
        now = iso(self.portal.clock.now())
        body: Record = {
            "status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now,
        }  # fmt: skip
        if lacking:
            body["numErrors"] = len(lacking)
            body["errors"] = [{
                "status": "error", "category": "OBJECT_NOT_FOUND",
                "message": f"No {singular} is associated with call {call_id}.",
                "context": {"fromObjectId": [call_id], "fromObjectType": ["call"],
                            "toObjectType": [singular]},
                "errors": [], "links": {},
            } for call_id in lacking]  # fmt: skip
        return answer(body, 207 if lacking else 200)

    async def list_calls(self, _request: web.Request) -> web.Response:
        shown = [self._show_call(record, None) for record in self.portal.calls.after_id(None)]
        return answer({"results": shown})

    async def search_calls(self, request: web.Request) -> web.Response:
        return self.searching.answered(orjson.loads(await request.read()), self._show_call)

    @staticmethod
    def _show_call(record: Record, names: list[str] | None) -> Record:
        values = record["properties"]
        wanted = values if names is None else dict.fromkeys([*names, *_ALWAYS])
        return {
            "id": record["id"],
            "properties": {name: values.get(name) for name in wanted},
            "createdAt": iso(record["created"]),
            "updatedAt": iso(record["updated"]),
            "archived": record["archived"],
        }

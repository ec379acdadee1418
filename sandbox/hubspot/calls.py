"""Calls that people logged, how they went, and with whom."""

from __future__ import annotations

import orjson
from aiohttp import web

from sandbox.hubspot.answers import moment
from sandbox.hubspot.portal import Portal, iso
from sandbox.hubspot.versions import both
from sandbox.service import Allowed, answer
from sandbox.table import Record


class Calls:
    def __init__(self, portal: Portal) -> None:
        self.portal = portal

    def routes(self, allowed: Allowed) -> list[web.RouteDef]:
        read, write = "crm.objects.contacts.read", "crm.objects.contacts.write"
        calls = "/crm/v3/objects/calls", "/crm/objects/{}/calls"
        searches = f"{calls[0]}/search", f"{calls[1]}/search"
        of_calls = "calls/contacts/batch/read"
        associations = f"/crm/v4/associations/{of_calls}", f"/crm/associations/{{}}/{of_calls}"
        return [
            *both(web.get, *calls, allowed(read, self.list_calls)),
            *both(web.post, *calls, allowed(write, self.create_call)),
            *both(web.post, *searches, allowed(read, self.search_calls)),
            *both(web.post, *associations, allowed(read, self.contacts_of_calls)),
            web.get("/calling/v1/dispositions", allowed(read, self.list_dispositions)),
        ]

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
            moment(item["value"])
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

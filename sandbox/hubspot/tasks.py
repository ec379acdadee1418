"""Tasks, and the records that they are about.

Sources: HubSpot's guide "Tasks"; OpenAPI documents `objects` and `associations` of 2026-09. A batch
takes 100; one bad input refuses it whole.
"""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web

from sandbox.hubspot import forms
from sandbox.hubspot.answers import error
from sandbox.hubspot.portal import Portal, iso
from sandbox.hubspot.versions import both
from sandbox.service import Allowed, Handler, answer
from sandbox.table import Record

OWNERS = ("7001", "7002")  # of the account
_TO_CONTACT = 204
_MOST = 100
_STATUSES = ("NOT_STARTED", "COMPLETED")
_KNOWN = frozenset(
    "hs_timestamp hs_task_subject hs_task_body hs_task_status hs_task_priority hs_task_type "
    "hs_task_reminders hubspot_owner_id".split()
)
_ASSOCIATION: forms.Form = {
    "to!": {"id!": str},
    "types!": [{"associationCategory!": str, "associationTypeId!": int}],
}
_VALUES: forms.Form = {"*": (str, type(None))}
_CREATE: forms.Form = {
    "inputs!": [
        {"properties!": _VALUES, "associations!": [_ASSOCIATION], "objectWriteTraceId": str}
    ]
}
_IDS: forms.Form = {"inputs!": [{"id!": str}]}


class Tasks:
    def __init__(self, portal: Portal) -> None:
        self.portal = portal
        self.by_id: dict[str, Record] = {}
        # By the association type from a task to a record, the records of that object.
        self.targets: dict[int, Portal] = {_TO_CONTACT: portal}

    def routes(self, allowed: Allowed) -> list[web.RouteDef]:
        read, write = "crm.objects.contacts.read", "crm.objects.contacts.write"
        links = "{object:contacts|companies|tickets}/tasks/batch/read"

        def batch(scope: str, what: str, handler: Handler) -> list[web.RouteDef]:
            numbered, dated = "/crm/v3/objects/tasks/batch", "/crm/objects/{}/tasks/batch"
            return both(web.post, f"{numbered}/{what}", f"{dated}/{what}", allowed(scope, handler))

        return [
            *batch(write, "create", self.create),
            *batch(read, "read", self.read),
            *batch(write, "archive", self.archive),
            *both(web.post, f"/crm/v4/associations/{links}", f"/crm/associations/{{}}/{links}",
                  allowed(read, self.tasks_of_contacts)),
        ]  # fmt: skip

    async def create(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        if refused := forms.refusal(body, _CREATE) or _too_many(body):
            return refused
        for item in body["inputs"]:
            if problem := self._problem(item):
                return error(problem, "VALIDATION_ERROR")
        made = []
        for item in body["inputs"]:
            record = self._make(item)
            mark = {k: item[k] for k in ("objectWriteTraceId",) if k in item}
            made.append({**_shown(record), **mark})
        return answer(self._complete(made), 201)

    def _problem(self, item: Record) -> str:
        values = item["properties"]
        if unknown := sorted(values.keys() - _KNOWN):
            return f'Property values were not valid: "{unknown[0]}" does not exist'
        if not values.get("hs_timestamp"):
            return "Error creating TASK. Some required properties were not set: hs_timestamp"
        if (owner := values.get("hubspot_owner_id")) and owner not in OWNERS:
            return f"Property values were not valid: {owner} was not a valid owner"
        if values.get("hs_task_status", _STATUSES[0]) not in _STATUSES:
            return "Property values were not valid: hs_task_status was not one of the options"
        for link in item["associations"]:
            for kind in link["types"]:
                target = self.targets.get(kind["associationTypeId"])
                if target is None:
                    return "One or more association types are not valid for this object"
                if target.find(str(link["to"]["id"])) is None:
                    return "One or more associations are not valid: the record does not exist"
        return ""

    def _make(self, item: Record) -> Record:
        stamp = self.portal.clock.now()
        task_id = str(600_000 + len(self.by_id))
        values = {"hs_task_status": _STATUSES[0], **item["properties"], "hs_object_id": task_id}
        record: Record = {
            "id": task_id, "created": stamp, "updated": stamp, "archived": False,
            "properties": values,
            "contacts": [str(link["to"]["id"]) for link in item["associations"]],
        }  # fmt: skip
        self.by_id[task_id] = record
        return record

    async def read(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        if refused := forms.refusal(body, forms.BATCH_READ) or _too_many(body):
            return refused
        found = [self.by_id.get(str(item["id"])) for item in body["inputs"]]
        there = [record for record in found if record is not None and not record["archived"]]
        shown = [_shown(record, body.get("properties")) for record in there]
        return answer(self._complete(shown))

    async def archive(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        if refused := forms.refusal(body, _IDS) or _too_many(body):
            return refused
        for item in body["inputs"]:
            if (record := self.by_id.get(str(item["id"]))) is not None:
                record["archived"] = True
        return web.Response(status=204)

    async def tasks_of_contacts(self, request: web.Request) -> web.Response:
        """A contact without tasks is left out, and told."""
        kind = {"category": "HUBSPOT_DEFINED", "typeId": 203, "label": None}
        results, lacking = [], []
        for entry in orjson.loads(await request.read())["inputs"]:
            contact = str(entry["id"])
            tasks = [t["id"] for t in self.by_id.values()
                     if contact in t["contacts"] and not t["archived"]]  # fmt: skip
            to = [{"toObjectId": task_id, "associationTypes": [kind]} for task_id in tasks]
            if to:
                results.append({"from": {"id": contact}, "to": to})
            else:
                lacking.append(contact)
        body = self._complete(results)
        if lacking:
            body["numErrors"] = len(lacking)
            body["errors"] = [{
                "status": "error", "category": "OBJECT_NOT_FOUND",
                "message": f"No task is associated with contact {contact}.",
                "context": {"fromObjectId": [contact]}, "errors": [], "links": {},
            } for contact in lacking]  # fmt: skip
        return answer(body, 207 if lacking else 200)

    def _complete(self, results: list[Record]) -> Record:
        now = iso(self.portal.clock.now())
        return {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}

    def act(self, task_id: str, action: Record) -> Any:
        """Actions: `set` (a person edits the task), `get`."""
        record = self.by_id.get(task_id)
        if record is not None and "set" in action:
            record["properties"] |= action["set"]
        return record and {**record["properties"], "id": record["id"]}


def _too_many(body: Record) -> web.Response | None:
    if len(body["inputs"]) <= _MOST:
        return None
    text = f"The maximum number of inputs is {_MOST}, got {len(body['inputs'])}"
    return error(text, "VALIDATION_ERROR")


def _shown(record: Record, names: list[str] | None = None) -> Record:
    values = record["properties"]
    return {
        "id": record["id"],
        "properties": {name: values.get(name) for name in names or values},
        "createdAt": iso(record["created"]),
        "updatedAt": iso(record["updated"]),
        "archived": record["archived"],
    }

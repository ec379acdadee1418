"""The communication preferences of an account: its subscription types, and who opted out of which.

A status is of an email address, whether or not a contact has it. What HubSpot shows of it in
contacts (`hs_email_optout`, and one property for each type) follows.

Sources: HubSpot's OpenAPI document `subscriptions` of 2026-09 (paths, scopes, forms, words); its
guide "Communication preferences" (the scopes of batches need Marketing Hub Enterprise, and a
contact that has not opted out of everything has no wide status). Not documented, and chosen here:
that a batch answers each address, also one with no status at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from aiohttp import web

from sandbox.hubspot.answers import error
from sandbox.hubspot.portal import Portal, iso, prop
from sandbox.hubspot.versions import DATED
from sandbox.service import Allowed, Handler, answer
from sandbox.table import Record

READ, BATCH_READ = "communication_preferences.read", "communication_preferences.statuses.batch.read"
_TYPES = {"7101": "Customer Service Communication", "7102": "Marketing Information",
          "7103": "One to One"}  # fmt: skip
_MOST = 100


class Subscriptions:
    def __init__(self, portal: Portal) -> None:
        self.portal = portal
        self.types: dict[str, str] = {}
        self.statuses: dict[tuple[str, str], str] = {}  # by address and type
        self.opted_out_of_all: set[str] = set()
        for type_id, name in _TYPES.items():
            self.add_type(type_id, name)

    def routes(self, allowed: Allowed) -> list[web.RouteDef]:
        version = "/communication-preferences/{version:" + "|".join(DATED) + "}"

        def get(rest: str, handler: Handler) -> web.RouteDef:
            return web.get(version + rest, allowed(READ, handler))

        def post(rest: str, handler: Handler) -> web.RouteDef:
            return web.post(version + rest, allowed(BATCH_READ, handler))

        return [
            get("/definitions", self.definitions),
            post("/statuses/batch/read", self.batch),
            post("/statuses/batch/unsubscribe-all/read", self.batch_of_all),
            get("/statuses/{address}", self.of_one),
            get("/statuses/{address}/unsubscribe-all", self.all_of_one),
        ]

    # -- what people do ------------------------------------------------------------------

    def add_type(self, type_id: str, name: str) -> None:
        self.types[type_id] = name
        label = f"Opted out of email: {name}"
        self.portal.properties[f"hs_email_optout_{type_id}"] = prop(
            f"hs_email_optout_{type_id}", label, "bool", "booleancheckbox", "emailinformation",
            ("true", "false"), read_only=True,
        )  # fmt: skip

    def remove_types(self) -> None:
        for type_id in self.types:
            del self.portal.properties[f"hs_email_optout_{type_id}"]
        self.types.clear()

    def opt_out(self, address: str, type_id: str = "") -> None:
        """Somebody unsubscribes an address from one type, or from everything ("")."""
        lower = address.lower()
        if type_id:
            self.statuses[lower, type_id] = "UNSUBSCRIBED"
        else:
            self.opted_out_of_all.add(lower)
        name = f"hs_email_optout_{type_id}" if type_id else "hs_email_optout"
        for record in list(self.portal.table.after_id(None)):
            if str(record["properties"].get("email") or "").lower() == lower:
                self.portal.update(record["id"], {name: "true"})

    # -- what the API answers ------------------------------------------------------------

    async def definitions(self, _request: web.Request) -> web.Response:
        now = iso(self.portal.clock.now())
        return self._answer(
            {
                "id": type_id, "name": name, "description": name, "isActive": True,
                "isDefault": True, "isInternal": name == "One to One", "createdAt": now,
                "updatedAt": now,
            }
            for type_id, name in self.types.items()
        )  # fmt: skip

    async def of_one(self, request: web.Request) -> web.Response:
        if refused := _refused_channel(request):
            return refused
        return self._answer(self._statuses(request.match_info["address"]))

    async def all_of_one(self, request: web.Request) -> web.Response:
        if refused := _refused_channel(request):
            return refused
        return self._answer(self._wide(request.match_info["address"]))

    async def batch(self, request: web.Request) -> web.Response:
        return await self._batch(request, "statuses")

    async def batch_of_all(self, request: web.Request) -> web.Response:
        return await self._batch(request, "wideStatuses")

    async def _batch(self, request: web.Request, key: str) -> web.Response:
        if refused := _refused_channel(request):
            return refused
        inputs = orjson.loads(await request.read()).get("inputs")
        is_list = isinstance(inputs, list) and all(isinstance(text, str) for text in inputs)
        if not is_list or not inputs or len(inputs) > _MOST:
            return error("Invalid input JSON on line 1: inputs", "VALIDATION_ERROR")
        of = self._statuses if key == "statuses" else self._wide
        return self._answer({"subscriberIdString": text, key: of(text)} for text in inputs)

    def _statuses(self, address: str) -> list[Record]:
        return [
            {
                "channel": "EMAIL", "source": "Somebody", "subscriberIdString": address,
                "status": self.statuses.get((address.lower(), type_id), "NOT_SPECIFIED"),
                "subscriptionId": int(type_id), "subscriptionName": name,
                "timestamp": iso(self.portal.clock.now()),
            }
            for type_id, name in self.types.items()
        ]  # fmt: skip

    def _wide(self, address: str) -> list[Record]:
        if address.lower() not in self.opted_out_of_all:
            return []
        return [
            {
                "channel": "EMAIL", "status": "UNSUBSCRIBED", "subscriberIdString": address,
                "wideStatusType": "PORTAL_WIDE", "timestamp": iso(self.portal.clock.now()),
            }
        ]  # fmt: skip

    def _answer(self, results: Iterable[Any]) -> web.Response:
        now = iso(self.portal.clock.now())
        return answer(
            {"status": "COMPLETE", "results": [*results], "startedAt": now, "completedAt": now}
        )


def _refused_channel(request: web.Request) -> web.Response | None:
    if request.query.get("channel") == "EMAIL":
        return None
    return error("channel is required, and EMAIL is the only one", "VALIDATION_ERROR")

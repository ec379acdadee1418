"""Objects with phones beside contacts: companies, tickets, leads, one of the account's own.

An account has them where a test asks for them.

An object is known by its name, its type id and, one of the account's own, by `p_NAME` and
`pPORTAL_NAME`; HubSpot answers 400 for any other (its words as developers report them). Sources:
HubSpot's guides to companies, tickets, leads and custom objects, and to their scopes; OpenAPI
documents `objects`, `companies` and `properties` of 2026-09.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

from aiohttp import web

from sandbox.hubspot.answers import error
from sandbox.hubspot.events import PORTAL_ID, Events
from sandbox.hubspot.portal import Portal, prop
from sandbox.hubspot.versions import Route, both
from sandbox.service import Allowed, answer
from sandbox.table import Record

_OBJECT = r"{object:(?!(?:contacts|calls|tasks|0-1|0-48)(?:/|$))[\w-]+}"


def _defaults(created: str, *own: Record) -> list[Record]:
    return [
        prop("hs_object_id", "Record ID", "number", "number", read_only=True),
        prop(created, "Create date", "datetime", "date", read_only=True),
        prop("hs_lastmodifieddate", "Last modified date", "datetime", "date", read_only=True),
        prop("hs_merged_object_ids", "Merged record IDs", "enumeration", "checkbox",
             read_only=True),
        {**prop("hubspot_owner_id", "Owner", "enumeration", "select"), "externalOptions": True},
        *own,
    ]  # fmt: skip


@dataclass
class ObjectPortal(Portal):
    """The records of one object. `names`: what it is called in paths."""

    names: ClassVar[tuple[str, ...]] = ()
    type_id: ClassVar[str] = ""
    scopes: ClassVar[frozenset[str]] = frozenset()
    display: ClassVar[str] = ""
    task_link: ClassVar[int] = 0  # the association type from a task; 0: none that accounts share
    event: ClassVar[str] = "object"
    modified_property: ClassVar[str] = "hs_lastmodifieddate"
    created_property: ClassVar[str] = "hs_createdate"
    phones: ClassVar[Mapping[str, str]] = {"phone": "Phone"}
    some: ClassVar[tuple[Record, ...]] = ()

    def _populate(self) -> None:
        self.events = Events(self.id, self.event, self.type_id)
        stamp = self.clock.now() - timedelta(days=30)
        self.ids = [self.create(dict(values), stamp) for values in self.some]


def _scopes(name: str) -> frozenset[str]:
    return frozenset(
        f"crm.{kind}.{name}.{right}" for kind in ("objects", "schemas") for right in RIGHTS
    )


RIGHTS = ("read", "write")


@dataclass
class Companies(ObjectPortal):
    names: ClassVar[tuple[str, ...]] = ("companies", "0-2")
    type_id: ClassVar[str] = "0-2"
    scopes: ClassVar[frozenset[str]] = _scopes("companies")
    event: ClassVar[str] = "company"
    task_link: ClassVar[int] = 192
    created_property: ClassVar[str] = "createdate"
    some: ClassVar[tuple[Record, ...]] = (
        {"name": "Harbour Rigging", "phone": "(415) 555-2642", "country": "United States"},
        {"name": "Nordlicht GmbH", "phone": "+49 30 22735140", "country": "Germany"},
        {"name": "Thames Instruments", "phone": "020 7219 4242", "country": "United Kingdom"},
    )

    @staticmethod
    def defaults() -> list[Record]:
        return _defaults(
            "createdate", prop("name", "Company name"), prop("domain", "Company Domain Name"),
            prop("phone", "Phone Number", "string", "phonenumber"),
            prop("country", "Country/Region"), prop("website", "Website URL"),
        )  # fmt: skip


@dataclass
class Tickets(ObjectPortal):
    names: ClassVar[tuple[str, ...]] = ("tickets", "0-5")
    type_id: ClassVar[str] = "0-5"
    scopes: ClassVar[frozenset[str]] = frozenset({"tickets"})
    event: ClassVar[str] = "ticket"
    task_link: ClassVar[int] = 230
    created_property: ClassVar[str] = "createdate"
    phones: ClassVar[Mapping[str, str]] = {"callback_phone": "Callback phone"}
    some: ClassVar[tuple[Record, ...]] = (
        {"subject": "Delivery", "callback_phone": "+1 415 555 2670"},
        {"subject": "Invoice", "callback_phone": "+44 20 7219 4270"},
    )

    @staticmethod
    def defaults() -> list[Record]:
        return _defaults(
            "createdate", prop("subject", "Ticket name"),
            prop("callback_phone", "Callback phone", "string", "phonenumber", own=False),
        )  # fmt: skip


@dataclass
class Leads(ObjectPortal):
    names: ClassVar[tuple[str, ...]] = ("leads", "0-136")
    type_id: ClassVar[str] = "0-136"
    scopes: ClassVar[frozenset[str]] = _scopes("leads")
    phones: ClassVar[Mapping[str, str]] = {"lead_phone": "Lead phone"}
    some: ClassVar[tuple[Record, ...]] = (
        {"hs_lead_name": "Kim Lindqvist", "lead_phone": "+1 415 555 2690"},
    )

    @staticmethod
    def defaults() -> list[Record]:
        return _defaults(
            "hs_createdate", prop("hs_lead_name", "Lead name"),
            prop("lead_phone", "Lead phone", "string", "phonenumber", own=False),
        )  # fmt: skip


@dataclass
class Sites(ObjectPortal):
    """An object of the account's own."""

    names: ClassVar[tuple[str, ...]] = ("2-7788", "p_sites", f"p{PORTAL_ID}_sites")
    type_id: ClassVar[str] = "2-7788"
    scopes: ClassVar[frozenset[str]] = _scopes("custom")
    display: ClassVar[str] = "site_name"
    phones: ClassVar[Mapping[str, str]] = {"gate_phone": "Gate phone"}
    some: ClassVar[tuple[Record, ...]] = (
        {"site_name": "North yard", "gate_phone": "+1 415 555 2681"},
        {"site_name": "South yard", "gate_phone": "+49 30 22735181"},
    )

    @staticmethod
    def defaults() -> list[Record]:
        return _defaults(
            "hs_createdate", prop("site_name", "Site name", own=False),
            prop("gate_phone", "Gate phone", "string", "phonenumber", own=False),
            prop("fax_number", "Fax number", "string", "phonenumber", own=False),
        )  # fmt: skip

    def schema(self) -> Record:
        """As the API of schemas has it."""
        name = self.names[1].removeprefix("p_")
        return {
            "id": self.type_id.removeprefix("2-"),
            "objectTypeId": self.type_id,
            "fullyQualifiedName": self.names[2],
            "name": name,
            "labels": {"singular": "Site", "plural": "Sites"},
            "primaryDisplayProperty": self.display,
            "requiredProperties": [self.display],
            "searchableProperties": [self.display],
            "metaType": "PORTAL_SPECIFIC",
            "archived": False,
            "properties": list(self.properties.values()),
            "associations": [],
        }


class MoreObjects:
    """The paths of all other objects. `allowed` checks the token's scopes and the limits; `face`
    makes what answers for one object as the account answers for contacts."""

    def __init__(self, allowed: Allowed, face: Callable[[ObjectPortal], Any]) -> None:
        self._allowed = allowed
        self._face = face
        self._faces: dict[str, Any] = {}
        self.portals: list[ObjectPortal] = []

    def add(self, portal: ObjectPortal) -> None:
        face = self._face(portal)
        self.portals.append(portal)
        self._faces |= dict.fromkeys(portal.names, face)

    def routes(self) -> list[web.RouteDef]:
        def at(route: Route, rest: str, right: str, handler: str) -> list[web.RouteDef]:
            paths = f"/crm/v3/objects/{_OBJECT}{rest}", f"/crm/objects/{{}}/{_OBJECT}{rest}"
            return both(route, *paths, self._of("objects", right, handler))

        def of_properties(route: Route, rest: str, right: str, handler: str) -> list[web.RouteDef]:
            paths = f"/crm/v3/properties/{_OBJECT}{rest}", f"/crm/properties/{{}}/{_OBJECT}{rest}"
            return both(route, *paths, self._of("schemas", right, f"properties.{handler}"))

        schemas = "/crm-object-schemas/v3/schemas", "/crm-object-schemas/{}/schemas"
        one = f"{schemas[0]}/{{object}}", f"{schemas[1]}/{{object}}"
        read = "crm.schemas.custom.read"
        return [
            *at(web.get, "", "read", "list_contacts"),
            *at(web.post, "", "write", "create_contact"),
            *at(web.post, "/search", "read", "search"),
            *at(web.post, "/batch/read", "read", "batch_read"),
            *at(web.post, "/batch/update", "write", "batch_update"),
            *at(web.post, "/merge", "write", "merge"),
            *at(web.get, "/{id}", "read", "get_contact"),
            *at(web.patch, "/{id}", "write", "update_contact"),
            *at(web.delete, "/{id}", "write", "archive_contact"),
            *of_properties(web.get, "", "read", "list_properties"),
            *of_properties(web.post, "", "write", "create_property"),
            *of_properties(web.post, "/batch/create", "write", "create_properties"),
            *of_properties(web.get, "/groups", "read", "list_groups"),
            *of_properties(web.post, "/groups", "write", "create_group"),
            *of_properties(web.delete, "/groups/{name}", "write", "archive_group"),
            *of_properties(web.get, "/{name}", "read", "get_property"),
            *of_properties(web.delete, "/{name}", "write", "archive_property"),
            *of_properties(web.patch, "/{name}", "write", "update_property"),
            *both(web.get, *schemas, self._allowed(read, self.list_schemas)),
            *both(web.get, *one, self._allowed(read, self.get_schema)),
        ]

    def _of(self, area: str, right: str, handler: str) -> Callable[..., Any]:
        async def answered(request: web.Request) -> web.StreamResponse:
            name = request.match_info["object"]
            face = self._faces.get(name)
            if face is None:
                return error(f"Unable to infer object type from: {name}", "VALIDATION_ERROR")
            target = face
            for part in handler.split("."):
                target = getattr(target, part)
            scopes = face.portal.scopes
            scope = next(
                (s for s in scopes if s.startswith(f"crm.{area}.") and s.endswith(right)),
                next(iter(scopes)),
            )
            allowed = await self._allowed(scope, target)(request)
            assert isinstance(allowed, web.StreamResponse)
            return allowed

        return answered

    async def list_schemas(self, _request: web.Request) -> web.Response:
        own = [portal.schema() for portal in self.portals if isinstance(portal, Sites)]
        return answer({"results": own})

    async def get_schema(self, request: web.Request) -> web.Response:
        for portal in self.portals:
            if isinstance(portal, Sites) and request.match_info["object"] in portal.names:
                return answer(portal.schema())
        return error("resource not found", "OBJECT_NOT_FOUND", 404)

"""The stand-in CRM's own contact page: what a CRM user sees of the flagged fields."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from jinja2 import Environment, PackageLoader

from sandbox.hubspot.service import HubSpotService
from sandbox.salesforce.rest import render
from sandbox.salesforce.service import SalesforceService
from sandbox.service import Service
from sandbox.table import Record

_PAGES = Environment(loader=PackageLoader("sandbox"), autoescape=True)
_PAGE = 50


@dataclass
class Card:
    object: str
    id: str
    name: str
    phones: list[dict[str, Any]]
    reason: str | None
    flags: list[str]
    rest: list[tuple[str, Any]]


def _salesforce_card(name: str, record: Record) -> Card:
    fields = ("Phone", "MobilePhone", "HomePhone", "OtherPhone")[: 4 if name == "Contact" else 2]
    flags = {
        "Wrong_Number__c": "Wrong number",
        "Phone_Do_Not_Contact__c": "Do not contact",
        "Phone_Do_Not_Call__c": "Do not call",
        "Phone_Do_Not_Text__c": "Do not text",
    }
    return Card(
        name,
        record["Id"],
        record.get("Name") or record["Id"],
        [
            {
                "name": f,
                "raw": record.get(f),
                "status": record.get(f"{f}_Status__c"),
                "e164": record.get(f"{f}_E164__c"),
                "line": record.get(f"{f}_Line_Type__c"),
            }
            for f in fields
        ],
        record.get("Phone_Hygiene_Reason__c"),
        [text for field, text in flags.items() if record.get(field)],
        [(key, render(value)) for key, value in sorted(record.items()) if key[0] != "_"],
    )


def _hubspot_card(record: Record) -> Card:
    values = record["properties"]
    flags = {
        f"hygiene_{flag}": flag.replace("_", " ").capitalize()
        for flag in ("wrong_number", "do_not_contact", "do_not_call", "do_not_text")
    }
    return Card(
        "contacts",
        record["id"],
        f"{values.get('firstname', '')} {values.get('lastname', '')}".strip() or record["id"],
        [
            {
                "name": f,
                "raw": values.get(f),
                "status": values.get(f"hygiene_{f}_status"),
                "e164": values.get(f"hygiene_{f}_e164"),
                "line": values.get(f"hygiene_{f}_line_type"),
            }
            for f in ("phone", "mobilephone")
        ],
        values.get("hygiene_reason"),
        [text for field, text in flags.items() if values.get(field) == "true"],
        sorted(values.items()),
    )


def add(app: web.Application, service: Service) -> None:
    """Give a stand-in its contact pages under /ui. Long: each route is a function inside."""
    look = {"crm": "HubSpot", "brand": "#c4421a"}
    if isinstance(service, SalesforceService):
        look = {"crm": "Salesforce", "brand": "#0b5cab"}

    def cards() -> Any:
        if isinstance(service, SalesforceService):
            for name in ("Contact", "Lead"):
                for record in service.org.tables[name].after_id(None):
                    if not record["IsDeleted"]:
                        yield _salesforce_card(name, record)
        elif isinstance(service, HubSpotService):
            for record in service.portal.table.after_id(None):
                if not record["archived"]:
                    yield _hubspot_card(record)

    def find_card(name: str, record_id: str) -> Card | None:
        if isinstance(service, SalesforceService):
            record = service.org.find(name, record_id) if name in service.org.schema else None
            return _salesforce_card(name, record) if record else None
        assert isinstance(service, HubSpotService)
        record = service.portal.find(record_id) if record_id.isdigit() else None
        return _hubspot_card(record) if record else None

    def page(template: str, **values: Any) -> web.Response:
        text = _PAGES.get_template(f"{template}.html").render(**look, **values)
        return web.Response(text=text, content_type="text/html")

    async def listing(request: web.Request) -> web.Response:
        status = request.query.get("status", "")
        start = int(request.query.get("start", "0"))
        wanted = (
            card
            for card in cards()
            if not status or any(p["status"] == status for p in card.phones)
        )
        shown = list(itertools.islice(wanted, start, start + _PAGE + 1))
        next_page = f"/ui?status={status}&start={start + _PAGE}" if len(shown) > _PAGE else ""
        statuses = ("valid", "invalid", "wrong_number", "do_not_contact", "unverified")
        return page("list", cards=shown[:_PAGE], more=next_page, statuses=statuses)

    async def detail(request: web.Request) -> web.Response:
        card = find_card(request.match_info["object"], request.match_info["id"])
        if card is None:
            raise web.HTTPNotFound(text="No such record.")
        return page("card", card=card)

    async def record(request: web.Request) -> web.StreamResponse:
        """The addresses that the CRMs' own user interfaces give a record."""
        name = request.match_info.get("object", "contacts")
        raise web.HTTPFound(f"/ui/{name}/{request.match_info['id']}")

    async def home(_request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound("/ui")

    app.router.add_get("/", home)
    app.router.add_get("/ui", listing)
    app.router.add_get("/ui/{object}/{id}", detail)
    app.router.add_get("/lightning/r/{object}/{id}/view", record)
    app.router.add_get("/contacts/record/0-1/{id}", record)

"""The stand-in CRM's own contact page: what a CRM user sees of the flagged fields."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from jinja2 import DictLoader, Environment

from sandbox.hubspot.service import HubSpotService
from sandbox.salesforce.service import SalesforceService, render
from sandbox.service import Service
from sandbox.table import Record

_BASE = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{{ crm }} (sandbox)</title>
<style>
:root { color-scheme: light dark; --line: #d8dde6; --soft: #f4f6f9; --text: #16325c; --brand: {{ brand }} }
@media (prefers-color-scheme: dark) { :root { --line: #3a4048; --soft: #22272e; --text: #dbe2ea } }
body { margin: 0; font: 15px/1.5 system-ui, sans-serif; color: var(--text) }
header { background: var(--brand); color: #fff; padding: .7rem 1.2rem }
header a { color: #fff; font-weight: 600; text-decoration: none }
main { max-width: 72rem; margin: 1rem auto; padding: 0 1rem }
nav a { margin-right: .9rem } a { color: inherit }
.scroll { overflow-x: auto } table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .45rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top }
th { font-weight: 600; font-size: .85em; white-space: nowrap }
td.key { width: 15rem; font-size: .9em; opacity: .85 }
.pill { display: inline-block; padding: 0 .55rem; border-radius: 1rem; font-size: .85em; white-space: nowrap }
.valid { background: #d5f2dd; color: #0b4a22 } .invalid, .wrong_number { background: #fbdada; color: #7c1313 }
.unreachable, .unverified { background: #fff0cc; color: #5d4300 } .do_not_contact { background: #e2dcf7; color: #37256f }
.flag { color: #b3261e; font-weight: 600 } h2 { font-size: 1.05rem; margin: 1.4rem 0 .3rem }
</style></head><body><header><a href="/ui">{{ crm }} &middot; sandbox</a></header><main>
{% block main %}{% endblock %}</main></body></html>"""

_LIST = """{% extends "base" %}{% block main %}<h1>Contacts</h1>
<nav aria-label="Filter"><a href="/ui">All</a>{% for s in statuses %}<a href="/ui?status={{ s }}">{{ s }}</a>{% endfor %}</nav>
<div class="scroll"><table><thead><tr><th>Name</th><th>Phone</th><th>Status</th><th>Reason</th></tr></thead><tbody>
{% for card in cards %}<tr><td><a href="/ui/{{ card.object }}/{{ card.id }}">{{ card.name }}</a></td>
<td>{% for p in card.phones if p.raw %}{{ p.raw }}<br>{% endfor %}</td>
<td>{% for p in card.phones if p.raw %}<span class="pill {{ p.status }}">{{ p.status or "–" }}</span><br>{% endfor %}</td>
<td>{{ card.reason or "" }}</td></tr>{% else %}<tr><td colspan="4">No contacts.</td></tr>{% endfor %}
</tbody></table></div>{% if more %}<p><a href="{{ more }}">Next page</a></p>{% endif %}{% endblock %}"""

_CARD = """{% extends "base" %}{% block main %}<h1>{{ card.name }}</h1>
{% for flag in card.flags %}<p class="flag">&#9873; {{ flag }}</p>{% endfor %}
<h2>Phone hygiene</h2><div class="scroll"><table><tbody>
{% for p in card.phones %}<tr><td class="key">{{ p.name }}</td><td>{{ p.raw or "–" }}</td>
<td>{% if p.status %}<span class="pill {{ p.status }}">{{ p.status }}</span>{% endif %}</td>
<td>{{ p.e164 or "" }}</td><td>{{ p.line or "" }}</td></tr>{% endfor %}</tbody></table></div>
<p>{{ card.reason or "Not checked yet." }}</p>
<h2>All fields</h2><div class="scroll"><table><tbody>{% for key, value in card.rest %}
<tr><td class="key">{{ key }}</td><td>{{ "" if value is none else value }}</td></tr>{% endfor %}
</tbody></table></div>{% endblock %}"""

_PAGES = Environment(
    loader=DictLoader({"base": _BASE, "list": _LIST, "card": _CARD}), autoescape=True
)
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
    flags = {"Wrong_Number__c": "Wrong number", "Phone_Do_Not_Contact__c": "Do not contact",
             "Phone_Do_Not_Call__c": "Do not call", "Phone_Do_Not_Text__c": "Do not text"}  # fmt: skip
    return Card(
        name, record["Id"], record.get("Name") or record["Id"],
        [{"name": f, "raw": record.get(f), "status": record.get(f"{f}_Status__c"),
          "e164": record.get(f"{f}_E164__c"), "line": record.get(f"{f}_Line_Type__c")}
         for f in fields],
        record.get("Phone_Hygiene_Reason__c"),
        [text for field, text in flags.items() if record.get(field)],
        [(key, render(value)) for key, value in sorted(record.items()) if key[0] != "_"],
    )  # fmt: skip


def _hubspot_card(record: Record) -> Card:
    held = record["properties"]
    flags = {f"hygiene_{flag}": flag.replace("_", " ").capitalize()
             for flag in ("wrong_number", "do_not_contact", "do_not_call", "do_not_text")}  # fmt: skip
    return Card(
        "contacts", record["id"],
        f"{held.get('firstname', '')} {held.get('lastname', '')}".strip() or record["id"],
        [{"name": f, "raw": held.get(f), "status": held.get(f"hygiene_{f}_status"),
          "e164": held.get(f"hygiene_{f}_e164"), "line": held.get(f"hygiene_{f}_line_type")}
         for f in ("phone", "mobilephone")],
        held.get("hygiene_reason"),
        [text for field, text in flags.items() if held.get(field) == "true"],
        sorted(held.items()),
    )  # fmt: skip


def add(app: web.Application, service: Service) -> None:
    """Give a stand-in its contact pages under /ui."""
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

    def one(name: str, record_id: str) -> Card | None:
        if isinstance(service, SalesforceService):
            record = service.org.find(name, record_id) if name in service.org.schema else None
            return _salesforce_card(name, record) if record else None
        assert isinstance(service, HubSpotService)
        record = service.portal.find(record_id) if record_id.isdigit() else None
        return _hubspot_card(record) if record else None

    def page(template: str, **values: Any) -> web.Response:
        text = _PAGES.get_template(template).render(**look, **values)
        return web.Response(text=text, content_type="text/html")

    async def listing(request: web.Request) -> web.Response:
        status = request.query.get("status", "")
        start = int(request.query.get("start", "0"))
        wanted = (
            card for card in cards() if not status or any(p["status"] == status for p in card.phones)
        )
        shown = list(itertools.islice(wanted, start, start + _PAGE + 1))
        more = f"/ui?status={status}&start={start + _PAGE}" if len(shown) > _PAGE else ""
        statuses = ("valid", "invalid", "wrong_number", "do_not_contact", "unverified")
        return page("list", cards=shown[:_PAGE], more=more, statuses=statuses)

    async def detail(request: web.Request) -> web.Response:
        card = one(request.match_info["object"], request.match_info["id"])
        if card is None:
            raise web.HTTPNotFound(text="No such record.")
        return page("card", card=card)

    async def home(_request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound("/ui")

    app.router.add_get("/", home)
    app.router.add_get("/ui", listing)
    app.router.add_get("/ui/{object}/{id}", detail)

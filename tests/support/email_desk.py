"""Somebody at work in the CRMs of a context that may send emails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from asking_support import TOML, index, request
from channel_services import Mail
from clocks import advance_clock
from constants import BRITISH
from crms import Crm

from sandbox.run import Sandbox
from worker.asking import campaigns
from worker.asking.model import Selection
from worker.asking.sending import send_due
from worker.context import Context

EMAIL = """
email_from = "Acme <numbers@acme.example>"
postal_address = "Acme, 1 Main Street, Springfield"
"""
KIM, LEE = "kim@example.com", "lee@example.com"
LONDON = "+442072193000"  # the Houses of Parliament
HUBSPOT_ALONE = TOML.replace("sms_price = 0.01\n", f"sms_price = 0.01\n{EMAIL}")
BOTH = HUBSPOT_ALONE.replace("[connectors.salesforce]\nenabled = false\n", "")
OPTED_OUT: dict[str, dict[str, Any]] = {
    "salesforce": {"HasOptedOutOfEmail": True}, "hubspot": {"hs_email_optout": "true"},
}  # fmt: skip
OPTED_IN: dict[str, dict[str, Any]] = {
    "salesforce": {"HasOptedOutOfEmail": False}, "hubspot": {"hs_email_optout": "false"},
}  # fmt: skip


@dataclass
class Desk:
    """Somebody at work in the CRMs of a context that may send emails."""

    ctx: Context
    sandbox: Sandbox
    mail: Mail

    def crm(self, name: str) -> Crm:
        return Crm.all(self.sandbox)[name]

    def contact(self, name: str, email: str = KIM, number: str = BRITISH, nth: int = 0) -> str:
        """A contact with a number and an address, in a CRM and in our index; its id."""
        crm = self.crm(name)
        record_id = crm.ids()[nth]
        if name == "salesforce":
            values = {"Phone": number, "MobilePhone": "", "HomePhone": "", "OtherPhone": "",
                      "MailingCountry": "Austria", "Email": email}  # fmt: skip
        else:
            values = {"phone": number, "mobilephone": "", "country": "Austria", "state": "",
                      "email": email}  # fmt: skip
        crm.act(record_id, {"set": values})
        self.know(name, crm.object, record_id, crm.phone, email, number)
        return record_id

    def stranger(
        self, name: str, email: str = KIM, values: Mapping[str, Any] | None = None, nth: int = 1
    ) -> str:
        """A record that was given an address since our last sync, and opted out; its id."""
        crm = self.crm(name)
        record_id = crm.ids()[nth]
        field = "Email" if name == "salesforce" else "email"
        crm.act(
            record_id, {"set": {field: email, **(OPTED_OUT[name] if values is None else values)}}
        )
        return record_id

    def know(
        self, name: str, object_name: str, record_id: str, field: str, email: str, number: str
    ) -> None:
        person = self.ctx.keys.person_aliases(email)[0] if email else ""
        at, statuses = (name, object_name), {field: "valid"}
        index(self.ctx, record_id, number, statuses, at, country="AT", person=person)

    def set(self, name: str, record_id: str, values: Mapping[str, Any], of: str = "") -> None:
        crm = self.crm(name)
        crm.service.act(of or crm.object, record_id, {"set": values})

    def start(self, name: str = "spring", connector: str = "") -> None:
        """Start a campaign by email; `connector`: whose contacts it asks ("" = all)."""
        selection = Selection(connector=connector)
        wanted = request(name=name, channel="email", budget=0, selection=selection)
        campaigns.start(self.ctx, wanted, "an admin")
        advance_clock(self.ctx, seconds=30)

    def send(self) -> int:
        advance_clock(self.ctx, seconds=30)
        return send_due(self.ctx)

    def reasons(self, name: str = "spring") -> dict[str, int]:
        campaign = campaigns.find(self.ctx, name)
        return campaigns.progress(self.ctx, [campaign.id])[campaign.id].reasons

    @property
    def emailed(self) -> list[str]:
        return [str(message["To"]) for message in self.mail.got]


OpenDesk = Callable[[str], Desk]  # by settings


def lead_of(desk: Desk) -> str:
    leads = desk.sandbox.salesforce.org.tables["Lead"].after_id(None)
    return str(next(r["Id"] for r in leads if not r["IsDeleted"]))

"""Objects with phones beside contacts and leads: companies' accounts, cases, an object of the org's
own. An org has them where a test asks for them.

Sources: Object Reference, "Account" and "Case" (`SuppliedPhone` is what a web form gave;
`ContactPhone` is the contact's, and read-only; `CaseNumber` is the name of a case), custom objects
(no `MasterRecordId`, since they cannot be merged). The prefix of the custom object's ids is the
stand-in's own.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sandbox.salesforce.schema import SYSTEM_FIELDS, fields_of
from sandbox.table import Table

if TYPE_CHECKING:
    from sandbox.salesforce.org import Org

PHONES = {
    "Account": ("Phone",),
    "Case": ("SuppliedPhone",),
    "Site__c": ("Phone__c", "Gate_Phone__c"),
}
_PREFIXES = {"Case": "500", "Site__c": "a01"}
_FIELDS = {
    "Account": (
        "BillingCountry:string:80", "BillingState:string:80", "Website:url:255", "Fax:phone:40",
        "AccountSource:picklist:255",
    ),
    "Case": (
        "!CaseNumber:string:30", "Subject:string:255", "Status:picklist:255", "Origin:picklist:255",
        "AccountId:reference:18", "ContactId:reference:18", "SuppliedName:string:80",
        "SuppliedEmail:email:80", "SuppliedPhone:phone:40", "!ContactPhone:phone:40",
        "!IsClosed:boolean", "OwnerId:reference:18",
    ),
    "Site__c": (
        "Name:string:80", "Phone__c:phone:40", "Gate_Phone__c:phone:40", "Account__c:reference:18",
        "OwnerId:reference:18",
    ),
}  # fmt: skip
_LOOKUPS = {
    ("Case", "AccountId"): "Account", ("Case", "ContactId"): "Contact",
    ("Site__c", "Account__c"): "Account",
}  # fmt: skip
_COMPANIES = (
    ("Harbour Rigging", "(415) 555-2642", "United States"),
    ("Nordlicht GmbH", "+49 30 22735140", "Germany"),
    ("Thames Instruments", "020 7219 4242", "United Kingdom"),
)


def install(org: Org, with_fields: bool = True) -> dict[str, list[str]]:
    """Give an org these objects, with three records each; return their ids, by object."""
    for name, rows in _FIELDS.items():
        prefix, fields = org.schema.get(name) or (_PREFIXES[name], fields_of(*SYSTEM_FIELDS))
        if name == "Account" and not org.person_accounts:
            fields = {key: info for key, info in fields.items() if not key.startswith("Person")}
        if name.endswith("__c"):
            del fields["MasterRecordId"]
        fields |= fields_of(*rows)
        for (of, key), target in _LOOKUPS.items():
            if of == name:
                fields[key].refers_to = target
        for info in fields.values():
            info.custom = info.custom or info.name.endswith("__c")
        org.schema[name] = prefix, fields
        if name not in org.tables:
            org.tables[name] = Table("SystemModstamp")
            org.start_numbering(name)
            org.sharing.permit(name)
        if with_fields:
            org.install_fields(name, PHONES[name])
    return _populate(org)


def let_accounts_be_members(org: Org) -> None:
    """Switch "Accounts as Campaign Members" on (Object Reference, "CampaignMember")."""
    prefix, fields = org.schema["CampaignMember"]
    org.schema["CampaignMember"] = prefix, {**fields, **fields_of("AccountId:reference:18")}


def _populate(org: Org) -> dict[str, list[str]]:
    stamp = org.clock.now() - timedelta(days=30)
    ids: dict[str, list[str]] = {name: [] for name in _FIELDS}

    def make(name: str, **values: Any) -> str:
        record_id = org.create(name, values, stamp)
        ids[name].append(record_id)
        return record_id

    for number, (company, phone, country) in enumerate(_COMPANIES):
        account = make(
            "Account", Name=company, Phone=phone, BillingCountry=country, AccountSource="Web"
        )
        make(
            "Case", CaseNumber=f"{1000 + number:08}", Subject="Delivery", Status="New",
            Origin="Web", AccountId=account, SuppliedName="Kim Lindqvist",
            SuppliedEmail=f"kim{number}@example.com", SuppliedPhone=f"(415) 555-267{number}",
        )  # fmt: skip
        make(
            "Site__c", Name=f"{company}, yard", Account__c=account,
            Phone__c=("(415) 555-2681", "030 22735181", "020 7219 4281")[number],
        )  # fmt: skip
    return ids

"""The fields of the CRMs that people and the worker write, and how each CRM says true."""

from __future__ import annotations

from typing import Any

PHONE_FIELDS = {
    ("salesforce", "Contact"): ("Phone", "MobilePhone"),
    ("salesforce", "Lead"): ("Phone", "MobilePhone"),
    ("hubspot", "contacts"): ("phone", "mobilephone"),
}
WRONG_NUMBER = {"salesforce": "Wrong_Number__c", "hubspot": "hygiene_wrong_number"}
STOPS = {
    "salesforce": ("Phone_Do_Not_Contact__c", "Phone_Do_Not_Call__c", "Phone_Do_Not_Text__c"),
    "hubspot": ("hygiene_do_not_contact", "hygiene_do_not_call", "hygiene_do_not_text"),
}
STOP_ALL = {crm: flags[0] for crm, flags in STOPS.items()}


def checkbox(crm: str, value: bool) -> Any:
    """Return the value of a checkbox as this CRM takes it."""
    return str(value).lower() if crm == "hubspot" else value


def is_true(value: Any) -> bool:
    return value in (True, "true")

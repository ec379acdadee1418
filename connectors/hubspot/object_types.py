"""The types of HubSpot's objects, and where they differ from contacts.

An object is named as the API's paths take it: a standard one by its name, one of the account's own
by its id (`2-123456`) or its name (`p_machines`, or `p62515_machines` in full).

Sources: HubSpot's guide "Understanding the CRM" (object type ids), its guides to companies, deals,
tickets, leads and custom objects (`hs_lastmodifieddate`, display properties, scopes), its guide
"Associations" (association types of tasks); OpenAPI documents `objects` and `companies` of 2026-09.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_CUSTOM = re.compile(r"2-\d{1,12}|p\d*_\w{1,100}", re.ASCII)
_STANDARD_ID = re.compile(r"0-\d{1,6}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ObjectType:
    """`id`: "" where only the account knows it. `modified`: the property that every change moves.
    `names`: what people recognise a record by. `task`: the association type from a task to it, None
    where there is none that all accounts have. `event`: begins the types of its webhook events.
    `scope`: what stands for it in the names of scopes."""

    name: str
    id: str = ""
    modified: str = "hs_lastmodifieddate"
    names: tuple[str, ...] = ()
    task: int | None = None
    event: str = "object"
    scope: str = "custom"


_STANDARD = (
    ObjectType(
        "contacts", "0-1", "lastmodifieddate", ("firstname", "lastname"), 204, "contact", "contacts"
    ),
    ObjectType("companies", "0-2", names=("name",), task=192, event="company", scope="companies"),
    ObjectType("deals", "0-3", names=("dealname",), task=216, event="deal", scope="deals"),
    ObjectType("tickets", "0-5", names=("subject",), task=230, event="ticket", scope="tickets"),
    ObjectType("leads", "0-136", names=("hs_lead_name",), scope="leads"),
)
STANDARD = {object_type.name: object_type for object_type in _STANDARD}


def object_type(name: str) -> ObjectType:
    """Return the type of an object by its name in the settings.

    >>> object_type("companies").id, object_type("2-123456").modified, object_type("p_sites").id
    ('0-2', 'hs_lastmodifieddate', '')
    """
    if name in STANDARD:
        return STANDARD[name]
    has_id = _STANDARD_ID.fullmatch(name) or name.startswith("2-")
    return ObjectType(name, name if has_id else "")


def is_object_name(name: str) -> bool:
    """Return whether an object can be named so: a typing error is told before anybody is asked.

    >>> is_object_name("companies"), is_object_name("p_sites"), is_object_name("Company")
    (True, True, False)
    """
    if name in STANDARD or _CUSTOM.fullmatch(name):
        return True
    known_ids = {of_type.id for of_type in _STANDARD}
    return _STANDARD_ID.fullmatch(name) is not None and name not in known_ids

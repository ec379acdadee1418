"""Find people by name or email with HubSpot's own search.

Source: HubSpot's guide "Search the CRM" and its OpenAPI document of 2026-09
(`PublicObjectSearchRequest`): `query` searches the text properties that are searchable by default
(of contacts: names, emails, phones, company) and takes up to 3,000 characters; filters compare
text without regard to case; a contact's further addresses are in `hs_additional_emails`. Five
searches a second are allowed: `Client.search` keeps to four.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.hubspot.client import OBJECT, Client
from connectors.records import FoundPerson

_SHORTEST = 2
_LONGEST = 3000  # characters of `query`


def find(client: Client, text: str, limit: int) -> list[FoundPerson]:
    """Return people in the order of HubSpot's search."""
    wanted = " ".join(text.split())[:_LONGEST]
    if len(wanted) < _SHORTEST:
        return []
    body: dict[str, Any] = {
        "filterGroups": [],
        "sorts": [],
        "properties": ["firstname", "lastname", "email"],
        "limit": limit,
        "after": "0",
    }
    if "@" in wanted:
        email = wanted.lower()
        body["filterGroups"] = [
            {"filters": [{"propertyName": "email", "operator": "EQ", "value": email}]},
            {"filters": [{"propertyName": "hs_additional_emails", "operator": "CONTAINS_TOKEN",
                          "value": email}]},
        ]  # fmt: skip
    else:
        body["query"] = wanted
    answer = client.search("read", OBJECT, body)
    return [_person(entry) for entry in answer["results"]][:limit]


def _person(entry: Mapping[str, Any]) -> FoundPerson:
    values = entry["properties"]
    name = " ".join(filter(None, (values.get("firstname"), values.get("lastname"))))
    return FoundPerson(OBJECT, str(entry["id"]), name, values.get("email") or "")

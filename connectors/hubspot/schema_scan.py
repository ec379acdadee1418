"""Look through an account's objects for phone properties, and how full they are.

It costs a call for the list of the account's own objects, one for each object, and a search for
each phone property and object that is counted.

Sources: HubSpot's guides "Custom objects" (GET `/crm-object-schemas/{version}/schemas`, scope
`crm.schemas.custom.read`) and "Properties".
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from connectors.errors import AuthError, ConnectorError, NotFoundError, QuotaError
from connectors.hubspot import properties as hubspot_properties
from connectors.hubspot.client import Client
from connectors.hubspot.object_types import STANDARD
from connectors.schema_scan import ScannedField, ScannedObject

_FAX = "of fax machines: left aside, since nobody is called or texted there"


def look(
    client: Client, object_name: str, name: str, sample: int, keep_reserve: bool = False
) -> tuple[int, list[str]]:
    """Return how many records hold a property ("": how many there are), and some of the values."""
    filled = [{"propertyName": name, "operator": "HAS_PROPERTY"}] if name else []
    body = {
        "filterGroups": [{"filters": filled}] if filled else [], "sorts": [],
        "properties": [name] if name else [], "limit": max(1, sample), "after": "0",
    }  # fmt: skip
    answer = client.search("other", object_name, body, keep_reserve=keep_reserve)
    values = [entry["properties"].get(name) for entry in answer["results"]] if sample else []
    return int(answer["total"]), [str(value) for value in values if value]


def scan(client: Client, watched: Mapping[str, Collection[str]]) -> Iterator[ScannedObject]:
    """Yield each object with phone properties, and each that could not be read. `watched`: the
    properties that the settings name, by object."""
    names = dict.fromkeys((*watched, *STANDARD))
    try:
        answer = client.request("other", "GET", client.paths.schemas(), keep_reserve=True)
    except (AuthError, NotFoundError) as error:
        problem = f"the account's own objects could not be listed: {error}"
        yield ScannedObject("custom objects", problem=problem)
    else:
        for entry in answer["results"]:
            if not {entry["objectTypeId"], f"p_{entry['name']}"} & names.keys():
                names[entry["objectTypeId"]] = None
    for place, name in enumerate(names):
        try:
            found = _object(client, name, watched.get(name, ()))
        except QuotaError as error:
            left = ", ".join([*names][place:])
            yield ScannedObject(left, problem=f"not looked at: {error}")
            return
        except ConnectorError as error:
            found = ScannedObject(name, problem=f"could not be read: {error}")
        if found.fields or found.problem:
            yield found


def _object(client: Client, name: str, watched: Collection[str]) -> ScannedObject:
    path = client.paths.properties(name)
    definitions = client.request("other", "GET", path, keep_reserve=True)["results"]
    phones = [entry for entry in definitions if _holds_phones(entry, watched)]
    if not phones:
        return ScannedObject(name)
    fields = [
        ScannedField(
            str(entry["name"]),
            str(entry.get("label") or entry["name"]),
            _count(client, name, str(entry["name"])),
            entry["name"] in watched,
            _FAX if entry["name"] not in watched and hubspot_properties.is_fax(entry) else "",
        )
        for entry in phones
    ]
    country = [entry["name"] for entry in definitions if entry["name"] == "country"]
    return ScannedObject(name, _count(client, name, ""), fields, country)


def _holds_phones(entry: Mapping[str, Any], watched: Collection[str]) -> bool:
    if entry["name"] in watched:
        return True
    ours = entry.get("groupName") == hubspot_properties.GROUP
    if ours or hubspot_properties.is_read_only(entry) or entry.get("archived"):
        return False
    return bool(entry["type"] == "phone_number" or entry["fieldType"] == "phonenumber")


def _count(client: Client, object_name: str, name: str) -> int | None:
    try:
        return look(client, object_name, name, 0, keep_reserve=True)[0]
    except QuotaError:
        raise
    except ConnectorError:
        return None

"""Phone fields of an org that nobody watches, for `hygiene crm check`.

Source: SOAP API Developer Guide, "DescribeSObjectResult" (fields of type `phone`; `calculated` for
formulas, which follow another field); Object Reference, Contact (`AssistantPhone`, `Fax`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from connectors.errors import ConnectorError
from connectors.fields import ObjectFields
from connectors.http.consistency import count_only
from connectors.records import SchemaProblem
from connectors.salesforce.call import Call

NOT_THEIRS = {
    "Fax": "of fax machines: left aside, since nobody is called or texted there",
    "PersonFax": "of fax machines: left aside, since nobody is called or texted there",
    "AssistantPhone": "of assistants, not of the person: left aside",
    "PersonAssistantPhone": "of assistants, not of the person: left aside",
    **dict.fromkeys(
        ("ContactPhone", "ContactMobile", "ContactFax"),
        "of a case's contact: they are watched on the contact",
    ),
}


def unwatched(call: Call, objects: Mapping[str, ObjectFields]) -> Iterator[SchemaProblem]:
    """Fields of the type phone that the settings do not name."""
    for name, wanted in objects.items():
        watched = {*wanted.phones, *wanted.names.values()}
        answer = call("other", f"sobjects/{name}/describe")
        for entry in answer["fields"]:
            field = entry["name"]
            if entry["type"] == "phone" and field not in watched and not entry.get("calculated"):
                yield SchemaProblem(name, field, _what(call, name, entry), blocks=False)


def _what(call: Call, name: str, entry: Mapping[str, Any]) -> str:
    field = entry["name"]
    soql = f"SELECT COUNT() FROM {name} WHERE {field} != null"
    try:
        count = call("other", "query/", params={"q": soql}, check=count_only)["totalSize"]
        usage = f"{count:,} records have one" if count else "no record has one yet"
    except ConnectorError:
        usage = "how many records have one could not be asked"
    label = f'"{entry.get("label") or field}" holds phone numbers ({usage})'
    if field in NOT_THEIRS:
        return f"{label}, {NOT_THEIRS[field]}"
    return (
        f"{label} and is not watched: add it to connectors.salesforce.objects.{name}.phones, or "
        "nobody checks these numbers and no opt-out finds them"
    )

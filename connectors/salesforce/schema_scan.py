"""Look through an org's schema for phone fields, and how full they are.

It costs one call for the list of objects, one for each object that people work with, and one for
each phone field and object that is counted. It stops at the reserve of the day's calls.

Sources: REST API Developer Guide, "Describe Global" (`layoutable`, `queryable`, `customSetting`,
`deprecatedAndHidden`); SOAP API Developer Guide, "DescribeSObjectResult" (fields of type `phone`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from connectors.errors import ConnectorError, QuotaError
from connectors.http.consistency import count_only
from connectors.salesforce.call import Call
from connectors.salesforce.unwatched_phones import NOT_THEIRS
from connectors.schema_scan import ScannedField, ScannedObject

_COUNTRIES = ("MailingCountry", "BillingCountry", "Country")
_OF_ACCOUNTS = "BillingCountry"


def scan(look: Call, watched: Mapping[str, Collection[str]]) -> Iterator[ScannedObject]:
    """Yield each object with phone fields, and each that could not be read. `look`: a call that is
    not made from the reserve of the day's calls. `watched`: phone fields that the settings name, by
    object."""
    outlines = look("other", "sobjects")["sobjects"]
    names = [entry["name"] for entry in outlines if entry["name"] in watched or _in_use(entry)]
    names.sort(key=lambda name: (name not in watched, name.endswith("__c"), name))
    for place, name in enumerate(names):
        try:
            found = _object(look, name, watched.get(name, ()))
        except QuotaError as error:
            yield ScannedObject(_some(names[place:]), problem=f"not looked at: {error}")
            return
        except ConnectorError as error:
            found = ScannedObject(name, problem=f"could not be read: {error}")
        if found.fields or found.problem:
            yield found


def _in_use(outline: Mapping[str, Any]) -> bool:
    """Whether people work with an object's records: it has page layouts, and can be changed."""
    usable = outline["queryable"] and outline["updateable"] and outline["layoutable"]
    return bool(usable and not outline["customSetting"] and not outline["deprecatedAndHidden"])


def _some(names: Sequence[str]) -> str:
    more = len(names) - 5
    return ", ".join(names[:5]) + (f" and {more} more" if more > 0 else "")


def _object(look: Call, name: str, watched: Collection[str]) -> ScannedObject:
    entries = look("other", f"sobjects/{name}/describe")["fields"]
    phones = [
        entry
        for entry in entries
        if entry["name"] in watched or (entry["type"] == "phone" and not entry.get("calculated"))
    ]
    if not phones:
        return ScannedObject(name)
    fields = [
        ScannedField(
            entry["name"],
            str(entry.get("label") or entry["name"]),
            _count(look, f"{name} WHERE {entry['name']} != null"),
            entry["name"] in watched,
            "" if entry["name"] in watched else NOT_THEIRS.get(entry["name"], ""),
        )
        for entry in phones
    ]
    return ScannedObject(name, _count(look, name), fields, _country(entries))


def _count(look: Call, of: str) -> int | None:
    try:
        params = {"q": f"SELECT COUNT() FROM {of}"}
        return int(look("other", "query/", params=params, check=count_only)["totalSize"])
    except QuotaError:
        raise
    except ConnectorError:
        return None  # a field that cannot be filtered by, or a query that takes too long


def _country(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what tells a record's country: a field of its own, else that of its account."""
    names = {entry["name"] for entry in entries}
    if own := [name for name in _COUNTRIES if name in names]:
        return own[:1]
    return [
        f"{entry['relationshipName']}.{_OF_ACCOUNTS}"
        for entry in entries
        if entry.get("relationshipName") and entry.get("referenceTo") == ["Account"]
    ][:1]

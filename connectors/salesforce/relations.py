"""Fields of the record above one: a case's country stands on its contact or its account.

A path is as SOQL has it: `Account.BillingCountry`, or `Site__r.Country__c` of a custom lookup.
Paths of one step are followed, where the lookup leads to one object. A change of the record above
does not touch the record below, so it counts when that one is read next.

Sources: SOQL and SOSL Reference, "Relationship Queries"; SOAP API Developer Guide,
"DescribeSObjectResult" (`relationshipName` and `referenceTo` of a field).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Entry = Mapping[str, Any]  # of a field, as a describe has it


def is_path(name: str) -> bool:
    """Return whether a field's name leads to the record above.

    >>> is_path("Account.BillingCountry"), is_path("BillingCountry")
    (True, False)
    """
    return name.count(".") == 1


def follow(
    path: str, entries: Mapping[str, Entry], entries_of: Callable[[str], Mapping[str, Entry]]
) -> Entry | None:
    """Return the field that a path leads to; None where there is none, or several objects could be
    meant. `entries`: the fields of the object that the path starts from; `entries_of`: of any."""
    relation, _, field = path.partition(".")
    for entry in entries.values():
        if entry.get("relationshipName") == relation:
            targets = entry.get("referenceTo") or []
            return entries_of(targets[0]).get(field) if len(targets) == 1 else None
    return None

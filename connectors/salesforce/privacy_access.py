"""Give our user the privacy records that are read before somebody is asked by email.

A permission set can: its object permissions give Read and View All, its field permissions the
fields. Read alone is not enough, since each of these objects has sharing: a consent that our user
does not see is an opt-out that it does not see. They are granted to the permission set of the
set-up, and only where emails are asked by; the set that is deployed for the integration user is
`crm/salesforce/privacy-records`.

A required field takes no field permission: whoever may read the object sees it. An org without
Data Protection and Privacy does not have `Individual`, and refuses its name as a value that its
list of objects does not have.

Sources: Object Reference, "ObjectPermissions" (`PermissionsViewAllRecords` needs
`PermissionsRead`), "FieldPermissions", "Individual" and "ContactPointTypeConsent" (Special Access
Rules: "available if Data Protection and Privacy is enabled"; Associated Objects: sharing),
"ContactPointEmail" and "ContactPointConsent" (the same), in each the properties of the fields
(required: not nillable). That the checkboxes of `Individual` take field permissions is seen in a
public org's permission set. Not confirmed: whether one of the four depends on another permission;
what a refused one says is passed on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from connectors.http.consistency import QueryCheck
from connectors.records import SetupResult
from connectors.salesforce.call import Call
from connectors.salesforce.consent_records import INDIVIDUAL, link_of
from connectors.salesforce.email_consents import COLUMNS

WHAT = "access to privacy records"
_REQUIRED = frozenset({"PartyId", "PrivacyConsentStatus", "EmailAddress", "ContactPointId"})
_NO_SUCH_VALUE = "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
_HELP = "docs/salesforce.md, Privacy records"

Rows = Sequence[Mapping[str, Any]]


def grant(call: Call, set_id: str, people: Sequence[str]) -> Iterator[SetupResult]:
    """Let a permission set read the privacy records. `people`: the objects that name them. Yields
    nothing in an org that has none."""
    has = {row["SobjectType"] for row in _query(call, _object_permissions(set_id))}
    lacking = [name for name in COLUMNS if name not in has]
    objects = [
        {"ParentId": set_id, "SobjectType": name, "PermissionsRead": True,
         "PermissionsViewAllRecords": True}
        for name in lacking
    ]  # fmt: skip
    refused = dict(zip(lacking, _create(call, "ObjectPermissions", objects), strict=True))
    absent = {name for name, error in refused.items() if error.startswith(_NO_SUCH_VALUE)}
    if INDIVIDUAL in absent:
        return
    failed = {name: error for name, error in refused.items() if error and name not in absent}
    for name, error in failed.items():
        yield _failed(name, error)
    readable = [name for name in COLUMNS if name not in {*absent, *failed}]
    created = len(lacking) > len(absent) + len(failed)
    for step in _grant_fields(call, set_id, field_permissions(people, readable)):
        created = created or step.done == "created"
        if step.done == "failed":
            yield step
    if readable:
        yield SetupResult(WHAT, "created" if created else "already there")


def field_permissions(people: Sequence[str], objects: Iterable[str] = COLUMNS) -> list[str]:
    """Return the fields that need a permission: of `people` those that name a privacy record, where
    a person account's follows that of its contact, and what is read of `objects`."""
    links = [f"{name}.{link_of(name)}" for name in people if name != "Account"]
    return links + [
        f"{name}.{field}" for name in objects for field in COLUMNS[name] if field not in _REQUIRED
    ]


def _grant_fields(call: Call, set_id: str, wanted: Sequence[str]) -> Iterator[SetupResult]:
    """Yield a step for each field that was granted, or refused for want of a right."""
    soql = f"SELECT Field FROM FieldPermissions WHERE ParentId = '{set_id}'"
    has = {row["Field"] for row in _query(call, soql)}
    lacking = [field for field in wanted if field not in has]
    records = [
        {"ParentId": set_id, "SobjectType": field.partition(".")[0], "Field": field,
         "PermissionsRead": True, "PermissionsEdit": False}
        for field in lacking
    ]  # fmt: skip
    for field, error in zip(lacking, _create(call, "FieldPermissions", records), strict=True):
        if not error:
            yield SetupResult(field, "created")
        elif not error.startswith(_NO_SUCH_VALUE):
            yield _failed(field, error)


def _failed(what: str, error: str) -> SetupResult:
    note = f"{error}. Grant it to our user by hand: {_HELP}"
    return SetupResult(f"access to {what}", "failed", note)


def _object_permissions(set_id: str) -> str:
    return (
        f"SELECT SobjectType FROM ObjectPermissions WHERE ParentId = '{set_id}' "
        "AND PermissionsRead = true AND PermissionsViewAllRecords = true"
    )


def _create(call: Call, kind: str, records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Create records; return why each was refused, "" where it was not."""
    if not records:
        return []
    marked = [{"attributes": {"type": kind}, **record} for record in records]
    body = {"allOrNone": False, "records": marked}
    answers = call("other", "composite/sobjects", method="POST", json=body)
    return [
        ""
        if answer["success"]
        else f"{answer['errors'][0]['statusCode']}: {answer['errors'][0]['message']}"
        for answer in answers
    ]


def _query(call: Call, soql: str) -> Rows:
    answer = call("other", "query/", params={"q": soql}, check=QueryCheck())
    records: Rows = answer["records"]
    return records

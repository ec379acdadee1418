"""Takes what `crm setup` made out of an org again: our custom fields, then our permission set.

A field is ours only if it has our description or our help text. One of our name that somebody else
made stays, also if it was adopted, and so does the org's own (`DoNotCall`). An org refuses to
delete a field that other metadata uses; that is reported, and the rest goes on. While a field of
ours stays, its permission set stays too.

Deleting waits in the org's list of deleted fields for 15 days, with the values.

Sources: Tooling API Developer Guide, "CustomField" (`TableEnumOrId`: the name of a standard object,
the id of a custom one; DELETE) and "CustomObject"; Salesforce Help, "Delete Fields"; SOAP API
Developer Guide, "StatusCode" (`DEPENDENCY_EXISTS`). "This custom field is referenced elsewhere in
salesforce.com" is from public reports (SFDO-Tooling/CumulusCI issues 124 and 142). Not confirmed:
which code comes with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import requests

from connectors.errors import ConnectorError, NotFoundError, QuotaError, UnavailableError
from connectors.fields import ObjectFields, spec_of
from connectors.http.consistency import QueryCheck
from connectors.records import OwnField, SetupResult
from connectors.salesforce.call import Call
from connectors.salesforce.setup import FIELD_DESCRIPTION, PERMISSION_SET, SET_DESCRIPTION, metadata
from connectors.salesforce.soql import quoted

_SET = f"permission set {PERMISSION_SET}"
_IN_USE = ("DEPENDENCY_EXISTS", "referenced elsewhere")
_CUSTOM = "__c"


def remove(call: Call, objects: Mapping[str, ObjectFields], dry_run: bool) -> Iterator[SetupResult]:
    """Fields first, then the access to them; yields a step for each thing that is there."""
    staying = False
    for name, wanted in objects.items():
        try:
            table = _table(call, name)
        except ConnectorError as error:
            yield _failed(name, "Customize Application", error)
            staying = True
            continue
        for canonical, field in wanted.names.items():
            step = _remove_field(call, OwnField(name, field, canonical), table, dry_run)
            if step is not None:
                staying |= step.done == "failed"
                yield step
    yield from _remove_set(call, staying, dry_run)


def _table(call: Call, object_name: str) -> str:
    """What `TableEnumOrId` is of an object; "" for a custom object that is not there."""
    if not object_name.endswith(_CUSTOM):
        return object_name
    namespace, name = _split(object_name)
    records = _tooling(
        call,
        f"SELECT Id FROM CustomObject WHERE DeveloperName = {quoted(name)} "
        f"AND NamespacePrefix = {namespace}",
    )
    return str(records[0]["Id"]) if records else ""


def _split(api_name: str) -> tuple[str, str]:
    """The namespace of a custom name, as SOQL has it, and the name within it.

    >>> _split("Site__c"), _split("acme__Site__c")
    (('null', 'Site'), ("'acme'", 'Site'))
    """
    namespace, _, name = api_name.removesuffix(_CUSTOM).rpartition("__")
    return quoted(namespace) if namespace else "null", name


def _remove_field(call: Call, own: OwnField, table: str, dry_run: bool) -> SetupResult | None:
    """None for a field that is not there."""
    what = f"{own.object}.{own.field}"
    if not own.field.endswith(_CUSTOM):
        return SetupResult(what, "left", "it is a field of the org's own")
    namespace, name = _split(own.field)
    try:
        records = _tooling(
            call,
            f"SELECT Id, Metadata FROM CustomField WHERE TableEnumOrId = {quoted(table)} "
            f"AND DeveloperName = {quoted(name)} AND NamespacePrefix = {namespace}",
        )
        if not records:
            return None
        if namespace != "null":
            return SetupResult(what, "left", "it is a field of an installed package")
        if problem := _foreign(own.key, records[0]["Metadata"]):
            return SetupResult(what, "left", problem)
        if dry_run:
            return SetupResult(what, "would be removed", own=own)
        _delete(call, f"tooling/sobjects/CustomField/{records[0]['Id']}")
    except ConnectorError as error:
        return _failed(what, "Customize Application", error)
    return SetupResult(what, "removed", own=own)


def _foreign(canonical: str, there: Mapping[str, Any]) -> str:
    """Why a field is not one that we made; "" for ours."""
    made = metadata(spec_of(canonical), canonical)
    if there.get("type") == made["type"] and (
        there.get("description") == FIELD_DESCRIPTION
        or (there.get("inlineHelpText") or "").strip() == made["inlineHelpText"]
    ):
        return ""
    return "crm setup did not create it; if nobody needs it, delete it by hand"


def _remove_set(call: Call, staying: bool, dry_run: bool) -> Iterator[SetupResult]:
    """The permission set, after its assignments: it cannot be deleted while somebody has it."""
    right = "View Setup and Configuration"
    try:
        sets = _query(
            call, f"SELECT Id, Description FROM PermissionSet WHERE Name = '{PERMISSION_SET}'"
        )
        if not sets:
            return
        if sets[0]["Description"] != SET_DESCRIPTION:
            yield SetupResult(_SET, "left", "its description is not ours; if nobody needs it, "
                              "delete it by hand")  # fmt: skip
            return
        if staying:
            yield SetupResult(_SET, "left", "it gives access to fields of ours that are still "
                              "there; run this again when they can be removed")  # fmt: skip
            return
        of_set = f"PermissionSetId = {quoted(sets[0]['Id'])}"
        assigned = _query(call, f"SELECT Id FROM PermissionSetAssignment WHERE {of_set}")
        users = f"with its {len(assigned)} assignments" if len(assigned) != 1 else (
            "with its assignment"
        )  # fmt: skip
        if dry_run:
            yield SetupResult(_SET, "would be removed", users)
            return
        right = "Assign Permission Sets"
        for row in assigned:
            _delete(call, f"sobjects/PermissionSetAssignment/{row['Id']}")
        right = "Manage Profiles and Permission Sets"
        _delete(call, f"sobjects/PermissionSet/{sets[0]['Id']}")
        yield SetupResult(_SET, "removed", users)
    except ConnectorError as error:
        yield _failed(_SET, right, error)


def _failed(what: str, right: str, error: ConnectorError) -> SetupResult:
    """A step that the org refuses; raises the error where the next steps could do no better."""
    if isinstance(error, (QuotaError, UnavailableError)):
        raise error
    if any(words in str(error) for words in _IN_USE):
        todo = "Take it out of what uses it, and run this again"
    else:
        todo = f"Our user needs the right '{right}' for this (docs/salesforce.md)"
    return SetupResult(what, "failed", f"{error}. {todo}")


def _delete(call: Call, path: str) -> None:
    """Delete, by an answer without a body (204). What is gone already is as good: an answer may
    have been lost."""

    def nothing(_response: requests.Response) -> None:
        return None

    try:
        call("other", path, method="DELETE", take=nothing)
    except NotFoundError:
        return


def _tooling(call: Call, soql: str) -> list[dict[str, Any]]:
    return _records(call, "tooling/query/", soql)


def _query(call: Call, soql: str) -> list[dict[str, Any]]:
    return _records(call, "query/", soql)


def _records(call: Call, path: str, soql: str) -> list[dict[str, Any]]:
    answer = call("other", path, params={"q": soql}, check=QueryCheck())
    records: list[dict[str, Any]] = answer["records"]
    return records

"""What the integration user can see in a Salesforce org, and what the org says was deleted.

A record that our user may not see is left out of every answer, as if it were not there. So a
record that is missing is deleted only where the org says so.

Sources: REST API Developer Guide, "Execute a SOQL Query that Includes Deleted Items" (queryAll
finds what was deleted or merged, while it is in the recycle bin) and "Record Count" (a cached count
of all records, which may be out of date, for users with "View Setup and Configuration";
`SELECT COUNT()` counts those that the user may see); Object Reference, ObjectPermissions
(`PermissionsViewAllRecords` shows all records regardless of sharing; only users with "View Setup
and Configuration" may read it), PermissionSet and PermissionSetAssignment (a profile's permissions
are in a permission set that the profile owns, and that its users are assigned to).

Not confirmed: whether an assignment of a permission set group always leads to a permission set that
has all of the group's ObjectPermissions; whether queryAll shows a deleted record to a user who
could not see it before; whether the record count includes converted leads as `SELECT COUNT()` does.
None of it removes a contact wrongly: what is not reported as deleted stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from connectors.base import AuthError, ConnectorError, NotThereError, SchemaError, Visibility
from connectors.salesforce_call import Call

_IDS = 200  # ids in one WHERE ... IN: keeps the URL well under 16 kB


def deleted(call: Call, object_name: str, ids: Sequence[str]) -> set[str]:
    """Those of these (valid) ids that are deleted, merged or, as leads, converted."""
    # A merged record is a deleted one with a MasterRecordId.
    gone = (
        "(IsDeleted = true OR IsConverted = true)" if object_name == "Lead" else "IsDeleted = true"
    )
    found: set[str] = set()
    for start in range(0, len(ids), _IDS):
        listed = ", ".join(f"'{record_id}'" for record_id in ids[start : start + _IDS])
        soql = f"SELECT Id FROM {object_name} WHERE Id IN ({listed}) AND {gone}"
        found.update(row["Id"] for row in _rows(call, soql, "read", "queryAll"))
    return found & set(ids)


def visibility(call: Call, objects: Sequence[str], user_id: Callable[[], str]) -> list[Visibility]:
    """How many records of each object our user sees, how many there are, and View All or not."""
    totals = _totals(call, objects)
    view_all = {*objects} if _sees_all_data(call) else _view_all(call, objects, user_id)
    found = []
    for name in objects:
        visible = int(
            call("other", "query/", params={"q": f"SELECT COUNT() FROM {name}"})["totalSize"]
        )
        has = None if view_all is None else name in view_all
        if has is None:
            advice = (
                "whether it has View All cannot be read: give it View Setup and Configuration, or "
                "look at its permission sets"
            )
        else:
            advice = (
                f"grant it in a permission set of the integration user (Object Settings > {name} > "
                "View All); contacts that it cannot see are not kept right"
            )
        found.append(Visibility(name, visible, totals.get(name), has, advice))
    return found


def _sees_all_data(call: Call) -> bool:
    """Whether our user has View All Data; it may ask that without any right to see the setup.

    Source: Object Reference, "UserPermissionAccess".
    """
    try:
        soql = "SELECT PermissionsViewAllData FROM UserPermissionAccess"
        return any(row["PermissionsViewAllData"] for row in _rows(call, soql))
    except (AuthError, NotThereError, SchemaError):
        return False


def _totals(call: Call, objects: Iterable[str]) -> Mapping[str, int]:
    """Records in the org, whoever may see them; nothing where our user may not know."""
    try:
        answer = call("other", "limits/recordCount", params={"sObjects": ",".join(objects)})
    except (AuthError, NotThereError):
        return {}
    return {entry["name"]: int(entry["count"]) for entry in answer["sObjects"]}


def _view_all(call: Call, objects: Sequence[str], user_id: Callable[[], str]) -> set[str] | None:
    """Objects of which our user sees all records regardless of sharing; None where it may not read
    its own permissions."""
    try:
        soql = (
            "SELECT PermissionSetId, PermissionSet.PermissionsViewAllData "
            f"FROM PermissionSetAssignment WHERE AssigneeId = '{user_id()}'"
        )
        assigned = list(_rows(call, soql))
        if any((row["PermissionSet"] or {}).get("PermissionsViewAllData") for row in assigned):
            return set(objects)
        sets = ", ".join(f"'{row['PermissionSetId']}'" for row in assigned)
        if not sets:
            return None
        listed = ", ".join(f"'{name}'" for name in objects)
        soql = (
            "SELECT SobjectType FROM ObjectPermissions WHERE PermissionsViewAllRecords = true "
            f"AND SobjectType IN ({listed}) AND ParentId IN ({sets})"
        )
        return {row["SobjectType"] for row in _rows(call, soql)}
    except (AuthError, NotThereError, SchemaError):
        return None


def _rows(
    call: Call, soql: str, purpose: Any = "other", operation: str = "query"
) -> Iterable[Mapping[str, Any]]:
    answer = call(purpose, f"{operation}/", params={"q": soql})
    while True:
        yield from answer["records"]
        if answer["done"]:
            return
        more = answer["nextRecordsUrl"].partition("/query/")[2]
        if not more:
            raise ConnectorError("salesforce: an answer of the query API has an unknown form")
        answer = call(purpose, f"query/{more}")

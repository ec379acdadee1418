"""What the integration user can see in a Salesforce org.

Sources: REST API Developer Guide, "Record Count" (a cached count
of all records, which may be out of date, for users with "View Setup and Configuration";
`SELECT COUNT()` counts those that the user may see); Object Reference, ObjectPermissions
(`PermissionsViewAllRecords` shows all records regardless of sharing; only users with "View Setup
and Configuration" may read it), PermissionSet and PermissionSetAssignment (a profile's permissions
are in a permission set that the profile owns, and that its users are assigned to).

Not confirmed: whether an assignment of a permission set group always leads to a permission set that
has all of the group's ObjectPermissions; whether the record count includes converted leads as
`SELECT COUNT()` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from connectors.errors import AuthError, NotFoundError, SchemaError
from connectors.http.consistency import QueryCheck, count_only, next_path, record_counts
from connectors.records import Visibility
from connectors.salesforce.call import Call


def visibility(call: Call, objects: Sequence[str], user_id: Callable[[], str]) -> list[Visibility]:
    """How many records of each object our user sees, how many there are, and View All or not."""
    totals = _totals(call, objects)
    view_all = {*objects} if _sees_all_data(call) else _view_all(call, objects, user_id)
    results = []
    for name in objects:
        count = {"q": f"SELECT COUNT() FROM {name}"}
        visible = call("other", "query/", params=count, check=count_only)["totalSize"]
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
        results.append(Visibility(name, visible, totals.get(name), has, advice))
    return results


def _sees_all_data(call: Call) -> bool:
    """Whether our user has View All Data; it may ask that without any right to see the setup.

    Source: Object Reference, "UserPermissionAccess".
    """
    try:
        soql = "SELECT PermissionsViewAllData FROM UserPermissionAccess"
        return any(row["PermissionsViewAllData"] for row in rows_of(call, soql))
    except (AuthError, NotFoundError, SchemaError):
        return False


def _totals(call: Call, objects: Iterable[str]) -> Mapping[str, int]:
    """Records in the org, whoever may see them; nothing where our user may not know."""
    try:
        asked = {"sObjects": ",".join(objects)}
        answer = call("other", "limits/recordCount", params=asked, check=record_counts)
    except (AuthError, NotFoundError):
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
        assigned = list(rows_of(call, soql))
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
        return {row["SobjectType"] for row in rows_of(call, soql)}
    except (AuthError, NotFoundError, SchemaError):
        return None


def rows_of(
    call: Call, soql: str, purpose: Any = "other", operation: str = "query"
) -> Iterable[Mapping[str, Any]]:
    check = QueryCheck()
    answer = call(purpose, f"{operation}/", params={"q": soql}, check=check)
    while True:
        yield from answer["records"]
        if answer["done"]:
            return
        answer = call(purpose, f"query/{next_path(answer)}", check=check)

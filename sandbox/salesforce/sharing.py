"""Sharing in the org: what the integration user may see, and what the org tells of that.

Sources: REST API Developer Guide, "Record Count"; Object Reference, ObjectPermissions,
PermissionSet and PermissionSetAssignment. A record that a user may not see is left out of its
queries, and an update of it is refused as if there were no such record (the code that an org gives
then is not confirmed).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from sandbox.salesforce.schema import CONSENT_SCHEMA
from sandbox.service import answer
from sandbox.table import Record

if TYPE_CHECKING:
    from sandbox.salesforce.org import Org

OBJECTS = ("Contact", "Lead", "Account")


class Sharing:
    """`view_all`: whether the integration user has View All. Without it, it does not see records in
    `hidden`, nor, of objects in `private`, those that somebody else owns."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self.hidden: set[str] = set()
        self.private: set[str] = set()
        self._grants: list[str] = []
        self._profile = ""

    def install(self) -> None:
        """The integration user's profile, as its permission set and what that permits."""
        values = {"Name": "Minimum_Access", "Label": "Minimum Access", "IsOwnedByProfile": True}
        profile = self._org.create("PermissionSet", values)
        user = self._org.integration_user
        self._org.create(
            "PermissionSetAssignment", {"PermissionSetId": profile, "AssigneeId": user}
        )
        self._profile = profile
        for name in OBJECTS:
            self.permit(name)

    def permit(self, object_name: str) -> None:
        """Let the profile see all records of an object."""
        permits = {
            "ParentId": self._profile, "SobjectType": object_name, "PermissionsRead": True,
            "PermissionsEdit": True, "PermissionsViewAllRecords": True,
        }  # fmt: skip
        self._grants.append(self._org.create("ObjectPermissions", permits))

    @property
    def view_all(self) -> bool:
        return all(
            self._org.tables["ObjectPermissions"].by_id[grant]["PermissionsViewAllRecords"]
            for grant in self._grants
        )

    @view_all.setter
    def view_all(self, granted: bool) -> None:
        for grant in self._grants:
            self._org.update("ObjectPermissions", grant, {"PermissionsViewAllRecords": granted})

    def permits(self, object_name: str, permission: str = "PermissionsRead") -> bool:
        """Whether a permission set that the integration user is assigned to permits something of an
        object, or its profile does."""
        org = self._org
        assigned = {
            row["PermissionSetId"]
            for row in org.living("PermissionSetAssignment")
            if row["AssigneeId"] == org.integration_user
        } & {row["Id"] for row in org.living("PermissionSet")}
        return any(
            row["ParentId"] in assigned and row["SobjectType"] == object_name and row[permission]
            for row in org.living("ObjectPermissions")
        )

    def hide(self, ids: Iterable[str]) -> None:
        """Take these records out of the integration user's sight, and View All with it."""
        self.hidden |= set(ids)
        self.view_all = False

    def shows(self, record: Record) -> bool:
        """Whether the integration user sees a record."""
        if not (self.hidden or self.private):
            return True
        prefix = record["Id"][:3]
        object_name = next(
            (name for name in self.private if self._org.schema[name][0] == prefix), None
        )
        if object_name in CONSENT_SCHEMA:
            all_of_them = self.permits(object_name, "PermissionsViewAllRecords")
            return all_of_them or record.get("OwnerId") == self._org.integration_user
        if self.view_all:
            return True
        if record["Id"] in self.hidden:
            return False
        return object_name is None or record.get("OwnerId") == self._org.integration_user

    def routes(self, data: str, signed_in: Callable[..., Any]) -> list[web.RouteDef]:
        return [web.get(data + "/limits/recordCount", signed_in(self.record_count))]

    async def record_count(self, request: web.Request) -> web.Response:
        """All records that are not deleted, whoever may see them."""
        asked = request.query.get("sObjects", "")
        names = asked.split(",") if asked else [*self._org.tables]
        return answer(
            {
                "sObjects": [
                    {
                        "count": sum(
                            not record["IsDeleted"]
                            for record in self._org.tables[name].after_id(None)
                        ),
                        "name": name,
                    }
                    for name in names
                    if name in self._org.tables
                ]
            }
        )

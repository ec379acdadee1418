"""What the integration user may do in the org's setup.

Sources: Object Reference, "FieldPermissions" and "ObjectPermissions" (View Setup and
Configuration), "PermissionSet" (Manage Profiles and Permission Sets), "PermissionSetAssignment"
(Assign Permission Sets); Metadata API Developer Guide, "CustomField" (Customize Application). An
object that a user may not see does not exist for it.
"""

from __future__ import annotations

VIEW_SETUP = "View Setup and Configuration"
MANAGE_SETS = "Manage Profiles and Permission Sets"
ASSIGN_SETS = "Assign Permission Sets"
CUSTOMIZE = "Customize Application"
ALL = (VIEW_SETUP, MANAGE_SETS, ASSIGN_SETS, CUSTOMIZE)

TO_SEE = {
    "FieldPermissions": VIEW_SETUP,
    "ObjectPermissions": VIEW_SETUP,
    "PermissionSet": VIEW_SETUP,
    "PermissionSetAssignment": VIEW_SETUP,
}
TO_CREATE = {
    "FieldPermissions": MANAGE_SETS,
    "ObjectPermissions": MANAGE_SETS,
    "PermissionSet": MANAGE_SETS,
    "PermissionSetAssignment": ASSIGN_SETS,
}

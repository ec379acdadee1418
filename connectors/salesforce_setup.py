"""Creates the worker's custom fields in an org, and gives the integration user access to them.

Custom fields through the Tooling API; a permission set of their own, its field permissions and
its assignment through the REST API. Every step is skipped where it is done already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from connectors.base import ConnectorError, SetupStep
from connectors.fields import FieldSpec, ObjectFields, spec_of
from connectors.salesforce_call import Call

PERMISSION_SET = "Phone_Hygiene"
_BATCH = 200


def provision(
    call: Call, objects: Mapping[str, ObjectFields], user_id: Callable[[], str]
) -> Iterator[SetupStep]:
    """Fields first, then access to them; yields a step for each thing done or found done.

    `user_id`: whom the permission set is given to.
    """
    ours: list[str] = []
    for name, wanted in objects.items():
        answer = call("other", f"sobjects/{name}/describe")
        there = {entry["name"]: entry for entry in answer["fields"]}
        for canonical, field in wanted.names.items():
            spec = spec_of(canonical)
            qualified = f"{name}.{field}"
            if not field.endswith("__c"):
                yield _standard(qualified, field in there)
                continue
            ours.append(qualified)
            if field in there:
                yield _existing(qualified, spec, there[field])
            else:
                yield _create(call, qualified, metadata(spec, canonical))
    yield from _grant(call, ours, user_id)


def metadata(spec: FieldSpec, canonical: str) -> dict[str, Any]:
    """The Metadata of a CustomField for the Tooling API."""
    phone = canonical.partition("/")[2].removesuffix("__c")
    made: dict[str, Any] = {
        "label": spec.label.replace("{phone}", phone)[:40],
        "inlineHelpText": spec.help,
        "description": "Written by the phone hygiene worker.",
    }
    if spec.kind == "bool":
        return {**made, "type": "Checkbox", "defaultValue": "false"}
    if spec.kind == "datetime":
        return {**made, "type": "DateTime"}
    if spec.kind == "url":
        return {**made, "type": "Url"}
    if spec.kind == "text":
        return {**made, "type": "Text", "length": spec.length}
    values = [{"fullName": v, "label": v, "default": False} for v in spec.values]
    value_set = {"restricted": True, "valueSetDefinition": {"sorted": False, "value": values}}
    return {**made, "type": "Picklist", "valueSet": value_set}


def _standard(qualified: str, there: bool) -> SetupStep:
    if there:
        return SetupStep(qualified, "already there")
    return SetupStep(qualified, "failed", "not a custom field, and our user cannot see it")


def _existing(qualified: str, spec: FieldSpec, entry: Mapping[str, Any]) -> SetupStep:
    if spec.kind == "picklist" and entry.get("restrictedPicklist"):
        held = {value["value"] for value in entry["picklistValues"] if value["active"]}
        if lacking := sorted(set(spec.values) - held):
            return SetupStep(
                qualified,
                "failed",
                f"add the values {', '.join(lacking)} in Setup > Object Manager > Fields",
            )
    return SetupStep(qualified, "already there")


def _create(call: Call, qualified: str, meta: dict[str, Any]) -> SetupStep:
    try:
        call(
            "other",
            "tooling/sobjects/CustomField",
            method="POST",
            json={"FullName": qualified, "Metadata": meta},
        )
    except ConnectorError as error:
        if "DUPLICATE_DEVELOPER_NAME" in str(error):
            return SetupStep(qualified, "already there", "it was hidden from our user")
        return SetupStep(qualified, "failed", str(error))
    return SetupStep(qualified, "created")


def _grant(call: Call, fields: list[str], user_id: Callable[[], str]) -> Iterator[SetupStep]:
    found = _query(call, f"SELECT Id FROM PermissionSet WHERE Name = '{PERMISSION_SET}'")
    if found:
        set_id = found[0]["Id"]
        yield SetupStep(f"permission set {PERMISSION_SET}", "already there")
    else:
        made = call(
            "other",
            "sobjects/PermissionSet",
            method="POST",
            json={
                "Name": PERMISSION_SET,
                "Label": "Phone Hygiene",
                "Description": "Read and write the fields of the phone hygiene worker.",
            },
        )
        set_id = made["id"]
        yield SetupStep(f"permission set {PERMISSION_SET}", "created")
    held = _query(
        call, f"SELECT Field, PermissionsEdit FROM FieldPermissions WHERE ParentId = '{set_id}'"
    )
    granted = {row["Field"] for row in held if row["PermissionsEdit"]}
    lacking = [field for field in fields if field not in granted]
    for start in range(0, len(lacking), _BATCH):
        batch = lacking[start : start + _BATCH]
        records = [
            {
                "attributes": {"type": "FieldPermissions"},
                "ParentId": set_id,
                "SobjectType": field.partition(".")[0],
                "Field": field,
                "PermissionsRead": True,
                "PermissionsEdit": True,
            }
            for field in batch
        ]
        answers = call(
            "other",
            "composite/sobjects",
            method="POST",
            json={"allOrNone": False, "records": records},
        )
        for field, answer in zip(batch, answers, strict=True):
            if not answer["success"]:
                problem = answer["errors"][0]["message"]
                yield SetupStep(f"access to {field}", "failed", problem)
    yield SetupStep(f"access to {len(fields)} fields", "created" if lacking else "already there")
    user = user_id()
    assigned = _query(
        call,
        f"SELECT Id FROM PermissionSetAssignment WHERE PermissionSetId = '{set_id}' "
        f"AND AssigneeId = '{user}'",
    )
    if not assigned:
        call(
            "other",
            "sobjects/PermissionSetAssignment",
            method="POST",
            json={"PermissionSetId": set_id, "AssigneeId": user},
        )
    yield SetupStep(
        f"permission set {PERMISSION_SET} for our user", "already there" if assigned else "created"
    )


def _query(call: Call, soql: str) -> list[dict[str, Any]]:
    answer = call("other", "query/", params={"q": soql})
    records: list[dict[str, Any]] = answer["records"]
    return records

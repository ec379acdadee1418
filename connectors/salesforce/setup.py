"""Creates the worker's custom fields in an org, and gives the integration user access to them.

Custom fields through the Tooling API; a permission set of their own, its field permissions and
its assignment through the REST API. Every step is skipped where it is done already.

A field of our name that we did not make is not ours: it is reported and left alone, until the
operator says that it is to be used (`adopt`). Ours are known by their help text, or by the access
that our permission set gives to them already.

Sources: Tooling API and Metadata API Developer Guides, "CustomField"; Object Reference,
"FieldPermissions", "PermissionSet" and "PermissionSetAssignment". Not confirmed: whether the
Tooling API would take a JSON boolean for `defaultValue`, which its WSDL says is a string.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from connectors.errors import ConnectorError, QuotaError, UnavailableError
from connectors.fields import TYPES, FieldSpec, ObjectFields, spec_of
from connectors.http.consistency import QueryCheck
from connectors.labels import words_of
from connectors.records import OwnField, SetupResult
from connectors.salesforce import privacy_access
from connectors.salesforce.call import Call
from connectors.salesforce.soql import quoted

PERMISSION_SET = "Phone_Hygiene"
SET_DESCRIPTION = "Read and write the fields of the phone hygiene worker."
FIELD_DESCRIPTION = "Written by the phone hygiene worker."
_BATCH = 200
# Of a CustomField's metadata -> the type that a describe names.
_DESCRIBED = {
    "Checkbox": "boolean", "Text": "string", "Picklist": "picklist", "DateTime": "datetime",
    "Url": "url", "TextArea": "textarea", "Phone": "phone",
}  # fmt: skip
# The org's own checkboxes that can carry what we say of calls, by object.
# Source: Object Reference, Contact and Lead (`DoNotCall`); of person accounts public metadata.
OWN_DO_NOT_CALL = {
    "Contact": "DoNotCall", "Lead": "DoNotCall", "Account": "PersonDoNotCall",
}  # fmt: skip


_OURS = "Phone_Do_Not_Call__c"  # where an object has no field of its own


def own_do_not_call(fields: ObjectFields) -> str:
    """Return the object's own field for "Do Not Call", "" where it has none: a company's account, a
    case and a custom object have none."""
    if fields.object == "Account" and fields.owner == "organisation":
        return ""
    return OWN_DO_NOT_CALL.get(fields.object, "")


def with_own_do_not_call(fields: ObjectFields) -> ObjectFields:
    """Return the configured fields with the object's own name for "Do Not Call".

    It has another name on a person account than on a contact. Where an object has none, ours is
    used.
    """
    own = own_do_not_call(fields) or _OURS
    names = {key: own if name == "DoNotCall" else name for key, name in fields.names.items()}
    return replace(fields, names=names)


def provision(
    call: Call,
    objects: Mapping[str, ObjectFields],
    user_id: Callable[[], str],
    adopt: Collection[str] = (),
    names_people: Sequence[str] = (),
) -> Iterator[SetupResult]:
    """Fields first, then access to them; yields a step for each thing done or found done.

    `user_id`: whom the permission set is given to. `adopt`: fields ("Contact.Best_Phone__c") that
    somebody else made and that are to be used all the same. `names_people`: objects whose privacy
    records are to be read (`privacy_access`).
    """
    try:
        set_id, granted = _permission_set(call)
    except ConnectorError as error:
        yield _lacks(f"permission set {PERMISSION_SET}", "View Setup and Configuration", error)
        return  # what we may adopt is told by it
    ours: list[str] = []
    for name, wanted in objects.items():
        answer = call("other", f"sobjects/{name}/describe")
        there = {entry["name"]: entry for entry in answer["fields"]}
        for canonical, field in wanted.names.items():
            spec = spec_of(canonical)
            qualified = f"{name}.{field}"
            known = there.get(field)
            if not field.endswith("__c"):
                if known is not None and not known["updateable"]:
                    ours.append(qualified)  # its access is ours to give, the field is the org's
                yield _standard(qualified, known is not None)
                continue
            definition = metadata(spec, canonical)
            if known is None and (step := _create(call, qualified, definition)) is not None:
                if step.done != "failed":
                    ours.append(qualified)
                    step = replace(step, own=OwnField(name, field, canonical))
                yield step
                continue
            known = known or _hidden(call, name, field)
            used = qualified in granted or qualified in adopt
            stranger = _stranger(qualified, spec, known, definition, used)
            if stranger is None:
                ours.append(qualified)
            yield stranger or _existing(qualified, spec, known)
        yield from _offer(name, there, wanted)
    right = "Manage Profiles and Permission Sets"
    try:
        set_id, step = _made_set(call, set_id)
        yield step
        yield from _grant(call, set_id, granted, ours)
        if names_people:
            yield from privacy_access.grant(call, set_id, names_people)
        right = "Assign Permission Sets"
        yield _assign(call, set_id, user_id())
    except ConnectorError as error:
        yield _lacks(f"permission set {PERMISSION_SET}", right, error)


def _lacks(what: str, right: str, error: ConnectorError) -> SetupResult:
    """A step that our user may not do; raises the error where that is not why it failed.

    Source: Object Reference, "FieldPermissions", "PermissionSet" and "PermissionSetAssignment" (the
    rights that each needs); that an object one may not see is told as INVALID_TYPE.
    """
    if isinstance(error, (QuotaError, UnavailableError)):
        raise error
    return SetupResult(
        what,
        "failed",
        f"{error}. Our user needs the right '{right}' for the set-up (README, step 1); it can be "
        "taken away again afterwards",
    )


def metadata(spec: FieldSpec, canonical: str) -> dict[str, Any]:
    """The Metadata of a CustomField for the Tooling API."""
    phone = words_of(canonical.partition("/")[2])
    definition: dict[str, Any] = {
        "label": spec.label.replace("{phone}", phone)[:40],
        "inlineHelpText": spec.help,
        "description": FIELD_DESCRIPTION,
    }
    if spec.kind == "bool":
        return {**definition, "type": "Checkbox", "defaultValue": "false"}
    if spec.kind == "datetime":
        return {**definition, "type": "DateTime"}
    if spec.kind == "url":
        return {**definition, "type": "Url"}
    if spec.kind == "text":
        return {**definition, "type": "Text", "length": spec.length}
    values = [{"fullName": v, "label": v, "default": False} for v in spec.values]
    value_set = {"restricted": True, "valueSetDefinition": {"sorted": False, "value": values}}
    return {**definition, "type": "Picklist", "valueSet": value_set}


def _standard(qualified: str, there: bool) -> SetupResult:
    if there:
        return SetupResult(qualified, "already there")
    return SetupResult(qualified, "failed", "not a custom field, and our user cannot see it")


def _offer(
    object_name: str, there: Mapping[str, Mapping[str, Any]], wanted: ObjectFields
) -> Iterator[SetupResult]:
    """The org's own "Do Not Call", where it is not in use for ours."""
    own = own_do_not_call(wanted)
    if own in there and own not in wanted.names.values():
        yield SetupResult(
            f"{object_name}.{own}",
            "offered",
            'the org\'s own field can carry our "do not call", so that whoever looks at it heeds '
            'it too: connectors.salesforce.fields.do_not_call = "DoNotCall"',
        )


def _stranger(
    qualified: str,
    spec: FieldSpec,
    entry: Mapping[str, Any],
    definition: Mapping[str, Any],
    used: bool,
) -> SetupResult | None:
    """What is to be said of a field of our name that is not ours; None where it is.

    `definition`: as we would make it. `used`: it was given to us, or is to be. Ours has our help
    text, or none and our label, as where somebody made it by hand from our documents.
    """
    kind = entry.get("type", "")
    if kind not in TYPES[spec.kind]:
        return SetupResult(
            qualified,
            "failed",
            f"there is a field of that name, of type {kind or 'unknown'} and not {spec.kind}; it "
            f"is left alone. Give ours another name: connectors.salesforce.fields.{spec.name}",
        )
    help_text = (entry.get("inlineHelpText") or "").strip()
    by_hand = not help_text and _same_label(entry.get("label"), definition["label"])
    if used or by_hand or help_text == definition["inlineHelpText"]:
        return None
    says = f'its help text says "{help_text[:80]}"' if help_text else "it has no help text"
    return SetupResult(
        qualified,
        "failed",
        f"there is a field of that name that we did not make ({says}); it is left alone. Give "
        f"ours another name (connectors.salesforce.fields.{spec.name}), or, if nobody else "
        f"writes to it, use it: hygiene crm setup salesforce --adopt {qualified}",
    )


def _same_label(label: object, ours: str) -> bool:
    def plain(text: str) -> str:
        return "".join(ch for ch in text.casefold() if ch.isalnum())

    return plain(str(label)) == plain(ours)


def _existing(qualified: str, spec: FieldSpec, entry: Mapping[str, Any]) -> SetupResult:
    """What is to be said of a field of ours that is there."""
    if spec.kind == "picklist" and entry.get("restrictedPicklist"):
        active = {value["value"] for value in entry["picklistValues"] if value["active"]}
        if lacking := sorted(set(spec.values) - active):
            return SetupResult(
                qualified,
                "failed",
                f"add the values {', '.join(lacking)} in Setup > Object Manager > Fields",
            )
    return SetupResult(qualified, "already there", entry.get("note", ""))


def _create(call: Call, qualified: str, meta: dict[str, Any]) -> SetupResult | None:
    """Make a field; None where there is one of that name, hidden from our user."""
    try:
        call(
            "other",
            "tooling/sobjects/CustomField",
            method="POST",
            json={"FullName": qualified, "Metadata": meta},
        )
    except ConnectorError as error:
        if "DUPLICATE_DEVELOPER_NAME" in str(error):
            return None
        return _lacks(qualified, "Customize Application", error)
    return SetupResult(qualified, "created")


def _hidden(call: Call, object_name: str, field: str) -> Mapping[str, Any]:
    """A field that a describe does not show us, in the words of a describe; {} where that cannot be
    seen either. Who may customize the org sees it whatever its field-level security."""
    soql = (
        f"SELECT Metadata FROM CustomField WHERE TableEnumOrId = {quoted(object_name)} "
        f"AND DeveloperName = {quoted(field.removesuffix('__c'))}"
    )
    try:
        path = "tooling/query/"
        records = call("other", path, params={"q": soql}, check=QueryCheck())["records"]
    except ConnectorError:
        return {}
    if not records:
        return {}
    meta = records[0]["Metadata"]
    return {
        "type": _DESCRIBED.get(meta["type"], meta["type"]),
        "inlineHelpText": meta.get("inlineHelpText"),
        "label": meta.get("label"),
        "note": "it was hidden from our user",
    }


def _permission_set(call: Call) -> tuple[str, set[str]]:
    """The id of our permission set ("" where there is none yet), and the fields that it lets our
    user edit."""
    sets = _query(call, f"SELECT Id FROM PermissionSet WHERE Name = '{PERMISSION_SET}'")
    if not sets:
        return "", set()
    set_id = sets[0]["Id"]
    permissions = _query(
        call,
        "SELECT SobjectType, Field, PermissionsEdit FROM FieldPermissions "
        f"WHERE ParentId = '{set_id}'",
    )
    return set_id, {row["Field"] for row in permissions if row["PermissionsEdit"]}


def _made_set(call: Call, set_id: str) -> tuple[str, SetupResult]:
    """The id of our permission set, which is made where there is none."""
    what = f"permission set {PERMISSION_SET}"
    if set_id:
        return set_id, SetupResult(what, "already there")
    created = call(
        "other",
        "sobjects/PermissionSet",
        method="POST",
        json={"Name": PERMISSION_SET, "Label": "Phone Hygiene", "Description": SET_DESCRIPTION},
    )
    return created["id"], SetupResult(what, "created")


def _grant(call: Call, set_id: str, granted: set[str], fields: list[str]) -> Iterator[SetupResult]:
    """Let the permission set edit these fields."""
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
                yield SetupResult(f"access to {field}", "failed", problem)
    yield SetupResult(f"access to {len(fields)} fields", "created" if lacking else "already there")


def _assign(call: Call, set_id: str, user: str) -> SetupResult:
    """Give our user the permission set."""
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
    return SetupResult(
        f"permission set {PERMISSION_SET} for our user", "already there" if assigned else "created"
    )


def _query(call: Call, soql: str) -> list[dict[str, Any]]:
    answer = call("other", "query/", params={"q": soql}, check=QueryCheck())
    records: list[dict[str, Any]] = answer["records"]
    return records

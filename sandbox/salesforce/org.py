"""The data and the rules of a pretended Salesforce org: objects, fields, records, validation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.population import Person, people
from sandbox.salesforce import rights
from sandbox.salesforce.automation import BY_A_PERSON, Automation, WriteOptions
from sandbox.salesforce.people import account_of, contact_of, lead_of
from sandbox.salesforce.schema import (
    ADMIN,
    CONSENT_SCHEMA,
    CONSENT_VALUES,
    LINE_TYPES,
    NUMBERS,
    ORG_ID,
    SCHEMA,
    STATUSES,
    FieldInfo,
    full_id,
    is_permissionable,
)
from sandbox.salesforce.sharing import Sharing
from sandbox.table import Clock, Record, Table

_CONSENT_NEEDS = ("Name", "PartyId", "PrivacyConsentStatus", "CaptureContactPointType",
                  "CaptureDate", "CaptureSource")  # fmt: skip

# Members of a CustomField that the stand-in knows, with their types in the Metadata API's WSDL.
_CUSTOM_FIELD: dict[str, type] = {
    "type": str, "label": str, "description": str, "inlineHelpText": str, "defaultValue": str,
    "length": int, "valueSet": dict, "required": bool, "unique": bool, "externalId": bool,
    "trackHistory": bool, "visibleLines": int, "precision": int, "scale": int,
}  # fmt: skip


# Checkboxes of a person account that are those of the contact beside it.
_PERSON_CHECKBOXES = {
    "PersonDoNotCall": "Do Not Call", "PersonHasOptedOutOfEmail": "Email Opt Out",
}  # fmt: skip
_CHECKED = frozenset({"Task"})  # what our user creates of these is checked field by field


def _close(object_name: str, record: Record) -> None:
    """A task is closed by its status."""
    if object_name == "Task":
        record["IsClosed"] = record["Status"] == "Completed"


class Refused(Exception):
    """A record-level refusal: Salesforce's statusCode, message and fields."""

    def __init__(self, code: str, message: str, fields: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.fields = list(fields)


@dataclass
class Org:
    """One org. `with_fields`: whether the worker's custom fields were set up already. `behind`: so
    many people came before and are not held; those that are held come now. `id`: its own; a copy
    of an org has another one, and records with the very ids of the first."""

    contacts: int = 200
    leads: int | None = None
    seed: int = 7
    with_fields: bool = True
    person_accounts: int = 0  # more than 0 turns the feature on
    behind: int = 0
    id: str = ORG_ID
    clock: Clock = field(default_factory=Clock)
    automation: Automation = field(default_factory=Automation)

    def __post_init__(self) -> None:
        self.schema = {
            name: (prefix, {key: FieldInfo(**vars(info)) for key, info in fields.items()})
            for name, (prefix, fields) in SCHEMA.items()
        }
        self.tables = {name: Table("SystemModstamp") for name in self.schema}
        self.locks: dict[str, int] = {}
        self.refusals: dict[str, str] = {}
        self.rights = list(rights.ALL)  # of the integration user, in the setup
        self.read_only: set[str] = set()  # the integration user may not edit these
        # Record -> when it was updated last, and which client said so; None: a person.
        self.clients: dict[str, tuple[datetime, str | None]] = {}
        self.references: dict[str, str] = {}  # "Contact.X__c" -> the metadata that uses it
        self.integration_user = ""
        self.sharing = Sharing(self)
        if self.person_accounts:
            flag = "IsPersonAccount"
            for name in ("Contact", "Account"):
                self.schema[name][1][flag] = FieldInfo(flag, "boolean", flag, updateable=False)
            for own, label in _PERSON_CHECKBOXES.items():
                self.schema["Account"][1][own] = FieldInfo(own, "boolean", label)
            self.schema["Account"][1]["PersonContactId"] = FieldInfo(
                "PersonContactId", "reference", "PersonContactId", 18, updateable=False
            )
        self._numbers = dict.fromkeys(self.schema, self.behind)
        if self.with_fields:
            self._install_fields()
        self._populate()

    def enable_data_protection(self, granted: bool = True) -> None:
        """Turn on Data Protection and Privacy: the objects are there, and records name theirs.
        `granted`: whether an admin has let our user see all of them."""
        for name, (prefix, fields) in CONSENT_SCHEMA.items():
            own = {key: FieldInfo(**vars(info)) for key, info in fields.items()}
            for field_name, values in CONSENT_VALUES.items():
                if field_name in own:
                    own[field_name].restricted, own[field_name].values = True, values
            self.schema[name] = prefix, own
            self.tables[name] = Table("SystemModstamp")
            self._numbers[name] = 0
        for name in ("Contact", "Lead"):
            link = FieldInfo("IndividualId", "reference", "Individual ID", 18)
            self.schema[name][1]["IndividualId"] = link
        if granted:
            for name in CONSENT_SCHEMA:
                self.sharing.permit(name)
            return
        for name in CONSENT_SCHEMA:
            for info in self.schema[name][1].values():
                info.readable = not is_permissionable(name, info.name)
        for name in ("Contact", "Lead"):
            self.schema[name][1]["IndividualId"].readable = False

    def sees(self, object_name: str) -> bool:
        """Whether there is such an object for the integration user. One that it may not read does
        not exist for it; its profile has the objects that are in every org."""
        if object_name not in self.schema:
            return False
        return object_name not in CONSENT_SCHEMA or self.sharing.permits(object_name)

    # -- more objects --------------------------------------------------------------------

    def start_numbering(self, object_name: str) -> None:
        self._numbers[object_name] = 0

    # -- records -------------------------------------------------------------------------

    def create(
        self, object_name: str, values: Record, stamp: datetime | None = None, by: str = ADMIN
    ) -> str:
        prefix, fields = self.schema[object_name]
        if object_name in _CHECKED and by == self.integration_user:
            values = {name: self._check(fields, name, value) for name, value in values.items()}
            self._check_references(values)
        if object_name == "ContactPointTypeConsent":
            if lacking := [name for name in _CONSENT_NEEDS if not values.get(name)]:
                text = f"Required fields are missing: [{', '.join(lacking)}]"
                raise Refused("REQUIRED_FIELD_MISSING", text, lacking)
            values = {name: self._check(fields, name, value) for name, value in values.items()}
            if not self.find("Individual", values["PartyId"]):
                text = f"Party ID: id value of incorrect type: {values['PartyId']}"
                raise Refused("FIELD_INTEGRITY_EXCEPTION", text, ["PartyId"])
        self._numbers[object_name] += 1
        record_id = full_id(prefix, self._numbers[object_name])
        stamp = stamp or self.clock.now()
        record: Record = {
            "Id": record_id,
            "IsDeleted": False,
            "CreatedDate": stamp,
            "LastModifiedDate": stamp,
            "LastModifiedById": by,
            "SystemModstamp": stamp,
        }
        for info in fields.values():
            if info.type == "boolean":
                record.setdefault(info.name, False)
        if "OwnerId" in fields:
            record["OwnerId"] = ADMIN
        if object_name == "ContactPointTypeConsent":
            record["CreatedById"] = by
        if object_name == "Task":  # what the org fills in by its defaults
            record |= {"Status": "Not Started", "Priority": "Normal", "CreatedById": by}
        record.update({k: v for k, v in values.items() if v not in ("", None)})
        self._name(record)
        _close(object_name, record)
        self.tables[object_name].put(record_id, record, stamp)
        return record_id

    def _check_references(self, values: Record) -> None:
        """What a task names has to be there. Source: SOAP API Developer Guide, "StatusCode"."""
        if owner := values.get("OwnerId"):
            user = self.find("User", owner)
            if user is None:
                text = "Assigned To ID: id value of incorrect type: " + owner
                raise Refused("FIELD_INTEGRITY_EXCEPTION", text, ["OwnerId"])
            if not user["IsActive"]:
                text = "Operation owner is inactive"
                raise Refused("INACTIVE_OWNER_OR_USER", text, ["OwnerId"])
        if what := values.get("WhatId"):
            prefixes = {prefix: name for name, (prefix, _fields) in self.schema.items()}
            name = prefixes.get(what[:3])
            if name is None or name in ("Contact", "Lead") or self.find(name, what) is None:
                text = f"Related To ID: id value of incorrect type: {what}"
                raise Refused("FIELD_INTEGRITY_EXCEPTION", text, ["WhatId"])
        if who := values.get("WhoId"):
            name = {"003": "Contact", "00Q": "Lead"}.get(who[:3])
            person = self.find(name, who) if name else None
            if person is None:
                text = f"Name ID: id value of incorrect type: {who}"
                raise Refused("FIELD_INTEGRITY_EXCEPTION", text, ["WhoId"])
            if person["IsDeleted"]:
                raise Refused("ENTITY_IS_DELETED", "entity is deleted")

    def update(
        self,
        object_name: str,
        record_id: str,
        values: Record,
        by: str = ADMIN,
        options: WriteOptions = BY_A_PERSON,
    ) -> None:
        """Change a record as a user or the API does; raises `Refused` with the true codes."""
        record = self.find(object_name, record_id)
        if record is None:
            raise Refused("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        if by == self.integration_user and not self.sharing.shows(record):
            raise Refused("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        if record["IsDeleted"]:
            raise Refused("ENTITY_IS_DELETED", "entity is deleted")
        if record.get("IsConverted"):
            raise Refused("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
        if self.locks.get(record_id, 0) > 0:
            self.locks[record_id] -= 1
            raise Refused(
                "UNABLE_TO_LOCK_ROW",
                f"unable to obtain exclusive access to this record or 1 records: {record_id}",
            )
        if by == self.integration_user and record_id in self.read_only:
            raise Refused(
                "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id"
            )
        if by == self.integration_user:
            self._refuse_by_rule(record["Id"], values, options)
        fields = self.schema[object_name][1]
        clean = {name: self._check(fields, name, value) for name, value in values.items()}
        if by == self.integration_user and record_id in self.refusals:
            raise Refused("FIELD_CUSTOM_VALIDATION_EXCEPTION", self.refusals[record_id])
        record = {**record, **clean}
        if owner := self.automation.new_owner(object_name, options.auto_assign):
            record["OwnerId"] = owner
        stamp = self.clock.now()
        record["LastModifiedDate"] = record["SystemModstamp"] = stamp
        record["LastModifiedById"] = by
        self.clients[record["Id"]] = stamp, options.client
        self._name(record)
        _close(object_name, record)
        self.tables[object_name].put(record["Id"], record, stamp)
        if record.get("IsPersonAccount"):
            self._touch_other_half(object_name, record, by, stamp)

    def _touch_other_half(self, object_name: str, record: Record, by: str, stamp: datetime) -> None:
        """A person account and its contact are modified together, whichever of them is written.

        Sources: Change Data Capture Developer Guide, "Updating a Person Account"; SOAP API
        Developer Guide, "Person Account Record Types" (the contact can be changed, but neither made
        nor deleted by itself).
        """
        other = "Account" if object_name == "Contact" else "Contact"
        id_of_other = record["AccountId" if other == "Account" else "PersonContactId"]
        changed = {"LastModifiedDate": stamp, "SystemModstamp": stamp, "LastModifiedById": by}
        half = {**(self.find(other, id_of_other) or {}), **changed}
        for of_account in _PERSON_CHECKBOXES:  # one checkbox, under two names
            of_contact = of_account.removeprefix("Person")
            here, there = (
                (of_contact, of_account) if object_name == "Contact" else (of_account, of_contact)
            )
            half[there] = record[here]
        self.tables[other].put(id_of_other, half, stamp)

    def _refuse_by_rule(self, record_id: str, values: Record, options: WriteOptions) -> None:
        if record_id in self.automation.in_approval:
            raise Refused("ENTITY_IS_LOCKED", "the entity is locked for editing")
        if record_id in self.automation.forbidden:
            raise Refused(
                "TXN_SECURITY_NO_ACCESS",
                "The operation you requested isn't allowed due to a security policy in your "
                "organization. Contact your administrator.",
            )
        if record_id in self.automation.duplicates and not options.allow_duplicates:
            raise Refused("DUPLICATES_DETECTED", "Use one of these records?")
        rule = self.automation.rules.get(record_id)
        if rule is not None and rule.refuses(values):
            raise Refused(rule.code, rule.message, rule.names)

    def find(self, object_name: str, record_id: str) -> Record | None:
        table = self.tables[object_name]
        if len(record_id) == 15:
            return next((r for r in table.after_id(None) if r["Id"].startswith(record_id)), None)
        return table.get(record_id)

    def delete(self, object_name: str, record_id: str, master: str | None = None) -> None:
        record = dict(self.find(object_name, record_id) or {})
        stamp = self.clock.now()
        record.update(
            IsDeleted=True, MasterRecordId=master, SystemModstamp=stamp, LastModifiedDate=stamp
        )
        self.tables[object_name].put(record_id, record, stamp)
        if master and (winner := self.find(object_name, master)):
            # A merge is an update of the winner too, which the caller may have given values.
            self.tables[object_name].put(
                master, {**winner, "SystemModstamp": stamp, "LastModifiedDate": stamp}, stamp
            )

    def undelete(self, object_name: str, record_id: str) -> None:
        record = dict(self.find(object_name, record_id) or {})
        stamp = self.clock.now()
        record.update(
            IsDeleted=False, MasterRecordId=None, SystemModstamp=stamp, LastModifiedDate=stamp
        )
        self.tables[object_name].put(record_id, record, stamp)

    def convert(self, lead_id: str, contact_id: str) -> None:
        record = dict(self.find("Lead", lead_id) or {})
        stamp = self.clock.now()
        record.update(
            IsConverted=True,
            ConvertedContactId=contact_id,
            Status="Closed - Converted",
            SystemModstamp=stamp,
            LastModifiedDate=stamp,
        )
        self.tables["Lead"].put(lead_id, record, stamp)

    def _check(self, fields: dict[str, FieldInfo], name: str, value: Any) -> Any:
        info = fields.get(name)
        if info is None or not info.readable:
            raise Refused("INVALID_FIELD", f"No such column '{name}' on sobject of type", [name])
        if not info.updateable:
            raise Refused(
                "INVALID_FIELD_FOR_INSERT_UPDATE",
                "Unable to create/update fields: "
                f"{name}. Please check the security settings of this field and verify that it is "
                "read/write for your profile or permission set.",
                [name],
            )
        if value is None or value == "":
            return False if info.type == "boolean" else None
        if info.type == "boolean" and not isinstance(value, bool):
            raise Refused("JSON_PARSER_ERROR", f"Cannot deserialize instance of boolean: {value}")
        if info.type in NUMBERS:
            return _number(info, value)
        if info.restricted and value not in info.values:
            raise Refused(
                "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
                f"{info.label}: bad value for restricted picklist field: {value}",
                [name],
            )
        if info.type == "datetime":
            return datetime.fromisoformat(str(value).replace("Z", "+00:00")).astimezone(UTC)
        if info.length and isinstance(value, str) and len(value) > info.length:
            raise Refused(
                "STRING_TOO_LONG",
                f"{info.label}: data value too large: {value[:80]} (max length={info.length})",
                [name],
            )
        return value

    @staticmethod
    def _name(record: Record) -> None:
        if "LastName" in record:
            record["Name"] = f"{record.get('FirstName') or ''} {record['LastName']}".strip()

    def _add_person_account(self, someone: Person, stamp: datetime) -> None:
        """An account that is a person, and the contact that the org keeps beside it."""
        contact = self.create("Contact", {**contact_of(someone), "IsPersonAccount": True}, stamp)
        account = self.create("Account", {**account_of(someone), "PersonContactId": contact}, stamp)
        record = {**(self.find("Contact", contact) or {}), "AccountId": account}
        self.tables["Contact"].put(contact, record, stamp)

    # -- fields --------------------------------------------------------------------------

    def add_custom_field(
        self, object_name: str, name: str, metadata: dict[str, Any], visible: bool = False
    ) -> None:
        kind = {
            "Text": "string",
            "Checkbox": "boolean",
            "Picklist": "picklist",
            "DateTime": "datetime",
            "Url": "url",
            "Number": "double",
            "Currency": "currency",
            "Percent": "percent",
        }.get(metadata.get("type", ""))
        if kind is None:
            raise Refused("INVALID_TYPE", f"invalid field type {metadata.get('type')}")
        if name in self.schema[object_name][1]:
            raise Refused(
                "DUPLICATE_DEVELOPER_NAME",
                f"There is already a field named {name.removesuffix('__c')} on {object_name}.",
            )
        self._check_metadata(kind, metadata)
        if kind in NUMBERS and not {"precision", "scale"} <= metadata.keys():
            raise Refused("FIELD_INTEGRITY_EXCEPTION", "Must specify 'precision' and 'scale'")
        if kind == "string" and not metadata.get("length"):
            raise Refused("FIELD_INTEGRITY_EXCEPTION", "Must specify 'length' for a Text")
        values = metadata.get("valueSet") or {}
        definition = values.get("valueSetDefinition") or {}
        self.schema[object_name][1][name] = FieldInfo(
            name,
            kind,
            metadata.get("label", name),
            int(metadata.get("length") or 0),
            custom=True,
            readable=visible,
            updateable=visible,
            restricted=bool(values.get("restricted")),
            values=tuple(v["fullName"] for v in definition.get("value", [])),
            help=metadata.get("inlineHelpText") or "",
            metadata=metadata,
        )
        if kind == "boolean":
            for record in self.tables[object_name].by_id.values():
                record.setdefault(name, False)

    def drop_custom_field(self, object_name: str, name: str) -> None:
        """Delete a field, the access to it, and what records have in it. One that is made under
        its name later is another field, and empty."""
        del self.schema[object_name][1][name]
        for record in self.tables[object_name].by_id.values():
            record.pop(name, None)
        permissions = self.tables["FieldPermissions"].by_id
        qualified = f"{object_name}.{name}"
        for row in [row for row in permissions.values() if row["Field"] == qualified]:
            self.delete("FieldPermissions", row["Id"])

    @staticmethod
    def _check_metadata(kind: str, metadata: dict[str, Any]) -> None:
        """Refuse what the Metadata API's documents do not name for a CustomField.

        Source: Metadata API Developer Guide, "CustomField"; in its WSDL `defaultValue` is a string.
        """
        if unknown := sorted(set(metadata) - set(_CUSTOM_FIELD)):
            raise Refused(
                "JSON_PARSER_ERROR",
                f'Unrecognized field "{unknown[0]}" (Class CustomFieldMetadata), not marked as '
                "ignorable",
            )
        for name, value in metadata.items():
            if not isinstance(value, _CUSTOM_FIELD[name]):
                raise Refused(
                    "JSON_PARSER_ERROR",
                    f"Cannot deserialize instance of {_CUSTOM_FIELD[name].__name__} from value "
                    f"{value} for {name}",
                )
        if kind == "boolean" and metadata.get("defaultValue") not in ("true", "false"):
            raise Refused("FIELD_INTEGRITY_EXCEPTION", "Must specify 'defaultValue' for a Checkbox")
        if len(metadata.get("label", "")) > 40:
            raise Refused("STRING_TOO_LONG", "Label: data value too large (max length=40)")

    def grant(self, qualified: str, read: bool, edit: bool) -> None:
        object_name, name = qualified.split(".", 1)
        info = self.schema[object_name][1].get(name) if object_name in self.schema else None
        if info is None or not is_permissionable(object_name, name):
            raise Refused(
                "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
                f"Field Name: bad value for restricted picklist field: {qualified}",
                ["Field"],
            )
        info.readable = read or edit
        info.updateable = edit

    def check_object_permissions(self, values: Record) -> None:
        """Refuse object permissions that a permission set cannot have.

        Source: Object Reference, "ObjectPermissions". The words are those of public reports.
        """
        name = values["SobjectType"]
        if name not in self.schema:
            raise Refused(
                "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
                f"SObject Type Name: bad value for restricted picklist field: {name}",
                ["SobjectType"],
            )
        if not values.get("PermissionsRead"):
            text = f"Permission View All {name} depends on permission(s): Read {name}"
            raise Refused("FIELD_INTEGRITY_EXCEPTION", text)
        for row in self.living("ObjectPermissions"):
            if (row["ParentId"], row["SobjectType"]) == (values["ParentId"], name):
                raise Refused("DUPLICATE_VALUE", f"duplicate value found: {row['Id']}")

    def living(self, object_name: str) -> Iterator[Record]:
        """Yield the records of an object that are not deleted."""
        records = self.tables[object_name].after_id(None)
        return (record for record in records if not record["IsDeleted"])

    def _install_fields(self) -> None:
        phones = {
            "Contact": ("Phone", "MobilePhone", "HomePhone", "OtherPhone"),
            "Lead": ("Phone", "MobilePhone"),
        }
        if self.person_accounts:
            phones["Account"] = ("Phone", "PersonMobilePhone")
        for object_name, names in phones.items():
            self.install_fields(object_name, names)

    def install_fields(self, object_name: str, phones: Iterable[str]) -> None:
        """Create the worker's custom fields on an object, those that it lacks."""
        pick = {"type": "Picklist"}
        status = {
            **pick,
            "valueSet": {
                "restricted": True,
                "valueSetDefinition": {"value": [{"fullName": value} for value in STATUSES]},
            },
        }
        line = {
            **pick,
            "valueSet": {
                "restricted": True,
                "valueSetDefinition": {"value": [{"fullName": value} for value in LINE_TYPES]},
            },
        }
        check = {"type": "Checkbox", "defaultValue": "false"}
        wanted: dict[str, dict[str, Any]] = {}
        for phone in phones:
            base = phone.removesuffix("__c")
            wanted[f"{base}_Status__c"] = status
            wanted[f"{base}_E164__c"] = {"type": "Text", "length": 40}
            wanted[f"{base}_Line_Type__c"] = line
        for name in (
            "Wrong_Number__c",
            "Phone_Do_Not_Contact__c",
            "Phone_Do_Not_Call__c",
            "Phone_Do_Not_Text__c",
            "Recheck_Phone__c",
        ):
            wanted[name] = check
        wanted["Phone_Hygiene_Run__c"] = {"type": "Text", "length": 40}
        wanted["Phone_Hygiene_Reason__c"] = {"type": "Text", "length": 255}
        wanted["Phone_Checked_At__c"] = {"type": "DateTime"}
        wanted["Best_Phone__c"] = {"type": "Text", "length": 40}
        wanted["Proposed_Phone__c"] = {"type": "Text", "length": 40}
        there = self.schema[object_name][1]
        for name, metadata in wanted.items():
            if name in there:
                continue
            label = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.removesuffix("__c"))
            self.add_custom_field(
                object_name, name, {"label": label.replace("_", " ")[:40], **metadata}, visible=True
            )

    # -- people --------------------------------------------------------------------------

    def _populate(self) -> None:
        leads = self.leads if self.leads is not None else self.contacts // 4
        start = self.clock.now() - timedelta(days=400)
        step = timedelta(days=390) / max(1, self.contacts + leads)
        names = {"admin": "Admin", "worker": "Worker"}
        _admin, user = (
            self.create("User", {"Username": f"{login}@sandbox.example", "Name": name,
                                 "IsActive": True}, start)
            for login, name in names.items()
        )  # fmt: skip
        self.integration_user = user
        for object_name in self.automation.assignment_rules:
            rule = {"Name": "Standard", "SobjectType": object_name, "Active": True}
            self.create("AssignmentRule", rule, start)
        self.create("UserPermissionAccess", {"PermissionsViewAllData": False}, start)
        self.sharing.install()
        campaigns = [
            self.create("Campaign", {"Name": name, "IsActive": True}, start)
            for name in ("Spring webinar", "Expo 2025", "List A17")
        ]
        for someone in people(self.seed + 1, self.person_accounts):
            self._add_person_account(someone, start)
        everyone = people(self.seed, self.contacts + leads, self.behind)
        for number, someone in enumerate(everyone):
            stamp = self.clock.now() if self.behind else start + step * number
            is_lead = number >= self.contacts
            record_id = self.create(
                "Lead" if is_lead else "Contact",
                lead_of(someone) if is_lead else contact_of(someone),
                stamp,
            )
            if number % 5 == 0:
                who = "LeadId" if is_lead else "ContactId"
                self.create(
                    "CampaignMember",
                    {"CampaignId": campaigns[number % 3], who: record_id, "Status": "Sent"},
                    stamp,
                )


def is_unreadable(info: FieldInfo, value: Any) -> bool:
    """Whether a JSON value cannot be read as of this field's type, so that the whole call fails."""
    if info.type not in NUMBERS or value in (None, ""):
        return False
    try:
        _number(info, value)
    except Refused as refused:
        return refused.code == "JSON_PARSER_ERROR"
    return False


def _number(info: FieldInfo, value: Any) -> float:
    """A text that holds a number is taken as one."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise Refused(
            "JSON_PARSER_ERROR",
            f"Cannot deserialize instance of double from VALUE_STRING value {value} or request may "
            "be missing a required field",
        ) from None
    if not abs(number) < 1e18:
        raise Refused(
            "NUMBER_OUTSIDE_VALID_RANGE",
            f"{info.label}: value outside of valid range on numeric field: {value}",
            [info.name],
        )
    return int(number) if info.type == "int" else number

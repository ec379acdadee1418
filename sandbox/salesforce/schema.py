"""The objects and fields of a new Salesforce org, and how ids and fields are described."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

STATUSES = ("valid", "invalid", "unreachable", "wrong_number", "do_not_contact", "unverified")
LINE_TYPES = ("mobile", "landline", "voip", "toll_free", "premium", "pager", "other", "unknown")


@lru_cache(10_000)
def full_id(prefix: str, number: int) -> str:
    """An 18-character id with its case checksum, as Salesforce makes them."""
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = alphabet[rest] + digits
    short = prefix + "5g0000" + digits.rjust(6, "0")
    suffix = ""
    for start in (0, 5, 10):
        bits = sum(1 << i for i, ch in enumerate(short[start : start + 5]) if ch.isupper())
        suffix += "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"[bits]
    return short + suffix


ORG_ID = full_id("00D", 1)
ADMIN = full_id("005", 1)  # the first user of an org

# Source: SOAP API Developer Guide, "Field Types".
NUMBERS = frozenset(("double", "currency", "percent", "int"))
_SOAP_TYPES = {
    "boolean": "xsd:boolean", "datetime": "xsd:dateTime", "date": "xsd:date", "id": "tns:ID",
    "reference": "tns:ID", "int": "xsd:int", **dict.fromkeys(NUMBERS - {"int"}, "xsd:double"),
}  # fmt: skip

_REQUIRED = frozenset(
    "Id Name LastName Company Status IsConverted CreatedDate LastModifiedDate LastModifiedById "
    "SystemModstamp OwnerId".split()
)


@dataclass
class FieldInfo:
    name: str
    type: str
    label: str = ""
    length: int = 0
    custom: bool = False
    updateable: bool = True
    readable: bool = True
    restricted: bool = False
    encrypted: bool = False  # by Shield, with the probabilistic scheme
    calculated: bool = False  # a formula, which nobody can write to
    values: tuple[str, ...] = ()
    help: str = ""
    refers_to: str = ""  # of a lookup, the object whose records it names
    metadata: dict[str, Any] = field(default_factory=dict)  # of a custom field, as it was made

    def describe(self) -> dict[str, Any]:
        """Return the describe entry. Long because it has all keys of the real one."""
        return {
            "aggregatable": True,
            "aiPredictionField": False,
            "autoNumber": False,
            "byteLength": self.length * 3,
            "calculated": self.calculated,
            "calculatedFormula": None,
            "cascadeDelete": False,
            "caseSensitive": False,
            "compoundFieldName": None,
            "controllerName": None,
            "createable": self.updateable,
            "custom": self.custom,
            "defaultValue": False if self.type == "boolean" else None,
            "defaultValueFormula": None,
            "defaultedOnCreate": self.type == "boolean",
            "dependentPicklist": False,
            "deprecatedAndHidden": False,
            "digits": 0,
            "displayLocationInDecimal": False,
            "encrypted": False,
            "externalId": False,
            "extraTypeInfo": None,
            "filterable": not self.encrypted,
            "filteredLookupInfo": None,
            "formulaTreatNullNumberAsZero": False,
            "groupable": not self.encrypted,
            "highScaleNumber": False,
            "htmlFormatted": False,
            "idLookup": False,
            "inlineHelpText": self.help or None,
            "label": self.label or self.name,
            "length": self.length,
            "mask": None,
            "maskType": None,
            "name": self.name,
            "nameField": self.name in ("Name", "CaseNumber"),
            "namePointing": False,
            "nillable": self.type != "boolean" and self.name not in _REQUIRED,
            "permissionable": True,
            "picklistValues": [
                {
                    "active": True,
                    "defaultValue": False,
                    "label": value,
                    "validFor": None,
                    "value": value,
                }
                for value in self.values
            ],
            "polymorphicForeignKey": False,
            "precision": 0,
            "queryByDistance": False,
            "referenceTargetField": None,
            "referenceTo": [self.refers_to] if self.refers_to else [],
            "relationshipName": relation_of(self.name) if self.refers_to else None,
            "relationshipOrder": None,
            "restrictedDelete": False,
            "restrictedPicklist": self.restricted,
            "scale": 0,
            "searchPrefilterable": False,
            "soapType": _SOAP_TYPES.get(self.type, "xsd:string"),
            "sortable": not self.encrypted,
            "type": self.type,
            "unique": False,
            "updateable": self.updateable,
            "writeRequiresMasterRead": False,
        }


def relation_of(lookup: str) -> str:
    """The name by which a query follows a lookup.

    >>> relation_of("AccountId"), relation_of("Account__c")
    ('Account', 'Account__r')
    """
    return f"{lookup[:-1]}r" if lookup.endswith("__c") else lookup.removesuffix("Id")


def fields_of(*rows: str) -> dict[str, FieldInfo]:
    """Rows like "Phone:phone:40"; a leading "!" marks a field that cannot be written."""
    fields = {}
    for row in rows:
        name, kind, *length = row.split(":")
        read_only = name.startswith("!")
        name = name.lstrip("!")
        size = int(length[0]) if length else 0
        fields[name] = FieldInfo(name, kind, name, size, updateable=not read_only)
    return fields


SYSTEM_FIELDS = (
    "!Id:id:18",
    "!IsDeleted:boolean",
    "!MasterRecordId:reference:18",
    "!CreatedDate:datetime",
    "!LastModifiedDate:datetime",
    "!LastModifiedById:reference:18",
    "!SystemModstamp:datetime",
)
SCHEMA: dict[str, tuple[str, dict[str, FieldInfo]]] = {
    "Contact": (
        "003",
        fields_of(
            *SYSTEM_FIELDS,
            "AccountId:reference:18",
            "FirstName:string:40",
            "LastName:string:80",
            "!Name:string:121",
            "Email:email:80",
            "Title:string:128",
            "Phone:phone:40",
            "MobilePhone:phone:40",
            "HomePhone:phone:40",
            "OtherPhone:phone:40",
            "Fax:phone:40",
            "MailingCountry:string:80",
            "MailingState:string:80",
            "MailingCity:string:40",
            "OtherCountry:string:80",
            "LeadSource:picklist:255",
            "DoNotCall:boolean",
            "HasOptedOutOfEmail:boolean",
            "EmailBouncedDate:datetime",
            "EmailBouncedReason:string:255",
            "Description:textarea:32000",
            "!LastActivityDate:date",
            "OwnerId:reference:18",
        ),
    ),
    "Lead": (
        "00Q",
        fields_of(
            *SYSTEM_FIELDS,
            "FirstName:string:40",
            "LastName:string:80",
            "!Name:string:121",
            "Company:string:255",
            "Email:email:80",
            "Website:url:255",
            "Title:string:128",
            "Phone:phone:40",
            "MobilePhone:phone:40",
            "Fax:phone:40",
            "Country:string:80",
            "State:string:80",
            "City:string:40",
            "LeadSource:picklist:255",
            "Status:picklist:255",
            "AnnualRevenue:currency",
            "!LastActivityDate:date",
            "DoNotCall:boolean",
            "HasOptedOutOfEmail:boolean",
            "EmailBouncedDate:datetime",
            "EmailBouncedReason:string:255",
            "!IsConverted:boolean",
            "!ConvertedContactId:reference:18",
            "!ConvertedAccountId:reference:18",
            "OwnerId:reference:18",
        ),
    ),
    "Account": (
        "001",
        fields_of(
            *SYSTEM_FIELDS,
            "FirstName:string:40",
            "LastName:string:80",
            "Name:string:255",
            "Phone:phone:40",
            "PersonMobilePhone:phone:40",
            "PersonHomePhone:phone:40",
            "PersonEmail:email:80",
            "PersonEmailBouncedDate:datetime",
            "PersonEmailBouncedReason:string:255",
            "PersonMailingCountry:string:80",
            "PersonMailingState:string:80",
            "PersonLeadSource:picklist:255",
            "OwnerId:reference:18",
        ),
    ),
    "Campaign": (
        "701",
        fields_of(
            *SYSTEM_FIELDS,
            "Name:string:80",
            "Type:picklist:255",
            "Status:picklist:255",
            "IsActive:boolean",
        ),
    ),
    "CampaignMember": (
        "00v",
        fields_of(
            *SYSTEM_FIELDS,
            "CampaignId:reference:18",
            "ContactId:reference:18",
            "LeadId:reference:18",
            "Status:picklist:255",
        ),
    ),
    "Task": (
        "00T",
        fields_of(
            *SYSTEM_FIELDS,
            "WhoId:reference:18",
            "WhatId:reference:18",
            "OwnerId:reference:18",
            "Subject:combobox:255",
            "Status:picklist:255",
            "Priority:picklist:20",
            "!IsClosed:boolean",
            "!CreatedById:reference:18",
            "CallDisposition:string:255",
            "CallType:picklist:40",
            "CallDurationInSeconds:int",
            "TaskSubtype:picklist:40",
            "ActivityDate:date",
            "Description:textarea:32000",
        ),
    ),
    "User": (
        "005",
        fields_of(*SYSTEM_FIELDS, "Username:string:80", "Name:string:121", "IsActive:boolean"),
    ),
    "AssignmentRule": (
        "01Q",
        fields_of(*SYSTEM_FIELDS, "Name:string:120", "SobjectType:picklist:40", "Active:boolean"),
    ),
    "UserPermissionAccess": (
        "000",
        fields_of(
            *SYSTEM_FIELDS, "PermissionsViewAllData:boolean", "PermissionsModifyAllData:boolean"
        ),
    ),
    "PermissionSet": (
        "0PS",
        fields_of(
            *SYSTEM_FIELDS,
            "Name:string:80",
            "Label:string:80",
            "Description:string:255",
            "IsOwnedByProfile:boolean",
            "PermissionsViewAllData:boolean",
        ),
    ),
    "ObjectPermissions": (
        "110",
        fields_of(
            *SYSTEM_FIELDS,
            "ParentId:reference:18",
            "SobjectType:picklist",
            "PermissionsRead:boolean",
            "PermissionsEdit:boolean",
            "PermissionsViewAllRecords:boolean",
        ),
    ),
    "FieldPermissions": (
        "01k",
        fields_of(
            *SYSTEM_FIELDS,
            "ParentId:reference:18",
            "SobjectType:picklist",
            "Field:picklist",
            "PermissionsRead:boolean",
            "PermissionsEdit:boolean",
        ),
    ),
    "PermissionSetAssignment": (
        "0Pa",
        fields_of(*SYSTEM_FIELDS, "PermissionSetId:reference:18", "AssigneeId:reference:18"),
    ),
}


# Where Data Protection and Privacy is enabled. Source: Object Reference, "Individual",
# "ContactPointTypeConsent", "ContactPointEmail" and "ContactPointConsent". The prefixes of their
# ids are the stand-in's own.
CONSENT_SCHEMA: dict[str, tuple[str, dict[str, FieldInfo]]] = {
    "Individual": (
        "0PK",
        fields_of(
            *SYSTEM_FIELDS,
            "FirstName:string:40",
            "LastName:string:80",
            "!Name:string:121",
            "HasOptedOutSolicit:boolean",
            "HasOptedOutProcessing:boolean",
            "HasOptedOutProfiling:boolean",
            "HasOptedOutTracking:boolean",
            "HasOptedOutGeoTracking:boolean",
            "ShouldForget:boolean",
            "OwnerId:reference:18",
        ),
    ),
    "ContactPointEmail": (
        "9Vl",
        fields_of(
            *SYSTEM_FIELDS,
            "ParentId:reference:18",
            "EmailAddress:email:80",
            "EmailLatestBounceDateTime:datetime",
            "OwnerId:reference:18",
        ),
    ),
    "ContactPointConsent": (
        "0ZZ",
        fields_of(
            *SYSTEM_FIELDS,
            "Name:string:255",
            "ContactPointId:reference:18",
            "PrivacyConsentStatus:picklist:255",
            "EffectiveFrom:datetime",
            "EffectiveTo:datetime",
            "OwnerId:reference:18",
        ),
    ),
    "ContactPointTypeConsent": (
        "1CT",
        fields_of(
            *SYSTEM_FIELDS,
            "!CreatedById:reference:18",
            "Name:string:255",
            "PartyId:reference:18",
            "ContactPointType:picklist:255",
            "EngagementChannelTypeId:reference:18",
            "DataUsePurposeId:reference:18",
            "PrivacyConsentStatus:picklist:255",
            "CaptureContactPointType:picklist:255",
            "CaptureDate:datetime",
            "CaptureSource:string:255",
            "EffectiveFrom:datetime",
            "EffectiveTo:datetime",
            "OwnerId:reference:18",
        ),
    ),
}
_NEVER_HIDDEN = {
    "ContactPointTypeConsent": {"PartyId", "PrivacyConsentStatus"},
    "ContactPointEmail": {"EmailAddress"},
    "ContactPointConsent": {"ContactPointId", "PrivacyConsentStatus"},
}


def is_permissionable(object_name: str, name: str) -> bool:
    """Whether field-level security can hide a field: not one that is required of every record.

    Source: Object Reference, the properties of each field (not nillable, with no default).
    """
    required = _REQUIRED | _NEVER_HIDDEN.get(object_name, set()) | {"IsDeleted", "CreatedById"}
    return name not in required


CONSENT_VALUES = {
    "PrivacyConsentStatus": ("NotSeen", "Seen", "OptIn", "OptInPending", "OptOut", "OptOutPending"),
    "ContactPointType": ("Email", "MailingAddress", "Phone", "Social", "Web"),
    "CaptureContactPointType": ("Email", "MailingAddress", "Phone", "Social", "Web"),
}

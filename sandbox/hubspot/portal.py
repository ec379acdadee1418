"""The data and the rules of a pretended HubSpot account: properties, contacts, lists, calls."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from sandbox.hubspot.events import PORTAL_ID, Events
from sandbox.lazy_table import LazyTable
from sandbox.population import Person, people, person
from sandbox.table import Clock, Record, Table

STATUSES = ("valid", "invalid", "unreachable", "wrong_number", "do_not_contact", "unverified")
LINE_TYPES = ("mobile", "landline", "voip", "toll_free", "premium", "pager", "other", "unknown")
SOURCES = {
    "Web": "ORGANIC_SEARCH",
    "Trade Show": "OFFLINE",
    "Purchased List": "OTHER_CAMPAIGNS",
    "Partner Referral": "REFERRALS",
    "Phone Inquiry": "DIRECT_TRAFFIC",
    "Other": "PAID_SEARCH",
}


@dataclass(frozen=True)
class Rule:
    """Something of the account that refuses updates of a record by the API.

    `sets`: it refuses an update that sets one of these properties; empty: any update. `name`: the
    property that the answer names; "" = none, and the answer has a message alone. `marked`: whether
    an answer record by record names the record.
    """

    message: str
    code: str = ""
    sets: frozenset[str] = frozenset()
    name: str = ""
    status: int = 400
    category: str = "VALIDATION_ERROR"
    marked: bool = True

    def refuses(self, names: Collection[str]) -> bool:
        return not self.sets or not self.sets.isdisjoint(names)


class Invalid(Exception):
    """A property value that the API refuses; `code` as in HubSpot's validation errors."""

    def __init__(self, code: str, name: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.name = name
        self.message = message

    def detail(self) -> dict[str, Any]:
        """As in `errors` of an answer."""
        context = {"propertyName": [self.name]}
        return {"message": self.message, "code": self.code, "context": context}

    def entry(self) -> dict[str, Any]:
        return {
            "isValid": False,
            "message": self.message,
            "error": self.code,
            "name": self.name,
            "localizedErrorMessage": self.message,
            "portalId": PORTAL_ID,
        }


# Outcomes of calls that every account has, with their ids, and one of this account's own.
DISPOSITIONS = {
    "9d9162e7-6cf3-4944-bf63-4dff82258764": "Busy",
    "f240bbac-87c9-4f6e-bf70-924b57d47db7": "Connected",
    "a4c4c377-d246-4b32-a13b-75a56a4cd0ff": "Left live message",
    "b2cf5968-551e-4856-9783-52b3da59a7d0": "Left voicemail",
    "73a0d17f-1163-4015-bdd5-ec830791da20": "No answer",
    "17b47fee-58de-441e-a44c-c6300d46f273": "Wrong number",
    "0f7a1c52-2c5e-4f0e-9f0a-5c1d7c2b9e11": "Do not call",
}


def prop(  # a parameter for each attribute of a property
    name: str,
    label: str,
    kind: str = "string",
    field_type: str = "text",
    group: str = "contactinformation",
    options: tuple[str, ...] = (),
    own: bool = True,
    read_only: bool = False,
    description: str = "",
    calculated: bool = False,
) -> Record:
    """A property as the API shows it. `own`: of HubSpot. One of the customer's has no
    `hubspotDefined` and no `readOnlyOptions`, as recorded (docs/hubspot-facts.md)."""
    changes = {"archivable": not own, "readOnlyDefinition": own, "readOnlyValue": read_only}
    definition = {
        "name": name,
        "label": label,
        "type": kind,
        "fieldType": field_type,
        "description": description,
        "groupName": group,
        "options": [
            {"label": value, "value": value, "displayOrder": i, "hidden": False}
            for i, value in enumerate(options)
        ],
        "displayOrder": -1,
        "calculated": calculated,
        "externalOptions": False,
        "archived": False,
        "hasUniqueValue": False,
        "hidden": False,
        "formField": own,
        "dataSensitivity": "non_sensitive",
        "createdAt": "2019-08-06T02:41:08.029Z",
        "updatedAt": "2019-08-06T02:41:08.029Z",
        "modificationMetadata": changes,
    }
    if own:
        definition["hubspotDefined"] = True
        changes["readOnlyOptions"] = True
    return definition


_DEFAULTS = [
    prop("email", "Email"),
    prop("hs_additional_emails", "Additional email addresses", "enumeration", "checkbox"),
    prop("firstname", "First Name"),
    prop("lastname", "Last Name"),
    prop("company", "Company Name"),
    prop("phone", "Phone Number", "string", "phonenumber"),
    prop("mobilephone", "Mobile Phone Number", "string", "phonenumber"),
    prop("fax", "Fax Number", "string", "phonenumber"),
    prop("hs_whatsapp_phone_number", "WhatsApp Phone Number", "string", "phonenumber"),
    # What HubSpot itself reads of the numbers; nobody can write to these.
    prop(
        "hs_calculated_phone_number",
        "Calculated Phone Number with country code",
        "string",
        "phonenumber",
        read_only=True,
        calculated=True,
    ),
    prop(
        "hs_calculated_mobile_number",
        "Calculated Mobile Number with country code",
        "string",
        "phonenumber",
        read_only=True,
        calculated=True,
    ),
    prop(
        "hs_searchable_calculated_phone_number",
        "Calculated Phone Number without country code",
        read_only=True,
        calculated=True,
    ),
    prop("country", "Country/Region"),
    prop("hs_country_region_code", "Country/Region Code"),
    prop("state", "State/Region"),
    prop("hs_state_code", "State/Region Code"),
    prop("website", "Website URL"),
    prop("annualrevenue", "Annual Revenue"),
    prop("closedate", "Close Date", "datetime", "date"),
    prop("notes_last_contacted", "Last Contacted", "datetime", "date", read_only=True),
    prop(
        "lifecyclestage",
        "Lifecycle Stage",
        "enumeration",
        "radio",
        options=("subscriber", "lead", "customer"),
    ),
    prop(
        "hs_analytics_source",
        "Original Traffic Source",
        "enumeration",
        "select",
        "analyticsinformation",
        tuple(SOURCES.values()),
        read_only=True,
    ),
    prop(
        "hs_analytics_source_data_1",
        "Original Traffic Source Drill-Down 1",
        "string",
        "text",
        "analyticsinformation",
        read_only=True,
    ),
    # What HubSpot's own emails have shown of the address; HubSpot alone sets these.
    prop("hs_email_optout", "Unsubscribed from all email", "bool", "booleancheckbox",
         "emailinformation", ("true", "false"), read_only=True, calculated=True),
    prop("hs_email_bad_address", "Invalid email address", "bool", "booleancheckbox",
         "emailinformation", ("true", "false"), read_only=True, calculated=True),
    prop("hs_email_quarantined", "Email Address Quarantined", "bool", "booleancheckbox",
         "emailinformation", ("true", "false"), read_only=True, calculated=True),
    prop("hs_object_id", "Record ID", "number", "number", read_only=True),
    prop("createdate", "Create Date", "datetime", "date", read_only=True),
    {**prop("hubspot_owner_id", "Contact owner", "enumeration", "select"), "externalOptions": True},
    prop("lastmodifieddate", "Last Modified Date", "datetime", "date", read_only=True),
    prop("hs_merged_object_ids", "Merged record IDs", "enumeration", "checkbox", read_only=True),
]  # fmt: skip
_FIRST_ID, _ID_STEP = 100_000_000, 51  # the first contact's id is one step on
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)


def iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")[:23] + "Z"


@dataclass
class Portal:
    """One account. `with_fields`: whether the worker's own properties were set up already.
    `behind`: so many people came before and are not held; those that are held come now.
    `lazy`: contacts are made when they are asked for, and what is written to them is forgotten."""

    contacts: int = 200
    seed: int = 7
    with_fields: bool = True
    id: int = PORTAL_ID
    clock: Clock = field(default_factory=Clock)
    behind: int = 0
    lazy: bool = False
    # Where other objects differ from contacts: see `more_objects`.
    created_property: ClassVar[str] = "createdate"
    modified_property: ClassVar[str] = "lastmodifieddate"
    phones: ClassVar[Mapping[str, str]] = {"phone": "Phone", "mobilephone": "Mobile phone"}

    def __post_init__(self) -> None:
        self.properties: dict[str, Record] = {p["name"]: dict(p) for p in self.defaults()}
        self.groups: dict[str, Record] = {
            name: {"name": name, "label": label, "displayOrder": -1, "archived": False}
            for name, label in (
                ("contactinformation", "Contact information"),
                ("analyticsinformation", "Analytics History"),
                ("emailinformation", "Email Information"),
            )
        }
        self.table = self._lazy_table() if self.lazy else Table(self.modified_property, key=int)
        self.archived: set[int] = set()
        self.events = Events(self.id)
        # An admin's rules: a property that has a value -> one that the record must have then; and
        # a property -> what its values must match.
        self.required_when: dict[str, str] = {}
        self.value_rules: dict[str, str] = {}
        self.rules: dict[str, Rule] = {}  # by record
        self.merges_make_new_ids = True  # as since January 2025; before, the primary lived on
        # Whether a batch read by address finds a contact by a further address of it.
        self.finds_further_addresses = True
        self.merged: dict[str, str] = {}
        self.dispositions = dict(DISPOSITIONS)
        self.calls = Table("hs_lastmodifieddate", key=int)
        self.lists: dict[str, dict[str, Any]] = {}
        self.in_workflows: dict[str, list[str]] = {}  # property -> workflows that use it
        self.archived_properties: dict[str, Record] = {}
        # Of the plan: custom properties of one object, of all objects, and what the others have.
        self.property_limit = 1000
        self.overall_property_limit = 10_000
        self.properties_elsewhere = 0
        before = self.behind + (self.contacts if self.lazy else 0)
        self._next_id = _FIRST_ID + _ID_STEP * before
        if self.with_fields:
            self._install_properties()
        self._populate()

    @staticmethod
    def defaults() -> list[Record]:
        """Return the properties that every account has."""
        return _DEFAULTS

    @property
    def always(self) -> tuple[str, ...]:
        """The properties that every answer has."""
        return self.created_property, "hs_object_id", self.modified_property

    def create(self, values: Record, stamp: datetime | None = None) -> str:
        record_id = self._new_id()
        if stamp is None:
            stamp = self.clock.now()
            self.events.created(record_id, stamp)
        self._put(_record(record_id, values, stamp), stamp)
        return record_id

    def _new_id(self) -> str:
        self._next_id += _ID_STEP
        return str(self._next_id)

    def _put(self, record: Record, stamp: datetime) -> None:
        self._stamp(record, stamp)
        self.table.put(record["id"], record, stamp)

    def _stamp(self, record: Record, stamp: datetime) -> None:
        record["updated"] = stamp
        record["properties"].update(
            {
                "hs_object_id": record["id"],
                self.created_property: iso(record["created"]),
                self.modified_property: iso(stamp),
            }
        )

    def find(self, record_id: str, archived: bool = False) -> Record | None:
        """A record by id; the id of a merged one leads to the record it was merged into."""
        while record_id in self.merged:
            record_id = self.merged[record_id]
        record = self.table.get(record_id)
        return record if record is not None and record["archived"] == archived else None

    def find_address(self, address: str, archived: bool = False) -> Record | None:
        """A record by an email address, also by a further one of it, as a batch read with
        `idProperty` email finds it (what a public client has measured: docs/hubspot-facts.md)."""
        wanted = address.strip().lower()
        for record in self.table.after_id(None):
            values = record["properties"]
            further = (values.get("hs_additional_emails") or "").lower().split(";")
            further = further if self.finds_further_addresses else []
            if record["archived"] == archived and wanted in (
                (values.get("email") or "").lower(), *further
            ):  # fmt: skip
                return record
        return None

    @property
    def custom_properties(self) -> int:
        """How many of the plan's custom properties contacts have; archived ones do not count."""
        return sum(not entry.get("hubspotDefined") for entry in self.properties.values())

    def uses_of(self, name: str) -> list[tuple[str, str]]:
        """What uses a property, as type and name: workflows, by `in_workflows` (turned off or on),
        and lists that filter by it."""
        users = [("WORKFLOW", workflow) for workflow in self.in_workflows.get(name, ())]
        for entry in self.lists.values():
            branches = (entry.get("filter") or {}).get("filterBranches") or ()
            if any(test["property"] == name for branch in branches for test in branch["filters"]):
                users.append(("LIST", entry["name"]))
        return users

    @property
    def property_room(self) -> int:
        """How many more can be made."""
        used = self.custom_properties
        overall = self.overall_property_limit - self.properties_elsewhere - used
        return max(0, min(self.property_limit - used, overall))

    def clean(self, values: dict[str, Any]) -> dict[str, Any]:
        """Check values as the API does; raises `Invalid` for the first that is not."""
        cleaned = {}
        for name, value in values.items():
            definition = self.properties.get(name)
            if definition is None:
                raise Invalid("PROPERTY_DOESNT_EXIST", name, f'Property "{name}" does not exist')
            if definition["modificationMetadata"]["readOnlyValue"]:
                raise Invalid(
                    "READ_ONLY_VALUE",
                    name,
                    f'"{name}" is a read only property; its value cannot be set.',
                )
            text = "" if value is None else str(value)
            options = [option["value"] for option in definition["options"]]
            known = definition["externalOptions"] or text in options
            if definition["type"] == "enumeration" and text and not known:
                raise Invalid(
                    "INVALID_OPTION", name, f"{text} was not one of the allowed options: {options}"
                )
            if definition["type"] == "bool" and text not in ("", "true", "false"):
                raise Invalid("INVALID_BOOLEAN", name, f"{text} was not a valid boolean.")
            if definition["type"] == "number" and text and not _NUMBER.fullmatch(text):
                raise Invalid("INVALID_LONG", name, f"{text} was not a valid long.")
            if definition["type"] == "datetime" and text:
                text = _moment_text(name, text)
            rule = self.value_rules.get(name)
            if text and rule and not re.fullmatch(rule, text):
                raise Invalid("INVALID_REGEX", name, "Enter a value in the format asked for")
            if len(text) > 65_536:
                raise Invalid("VALUE_TOO_LONG", name, "Property value is too long")
            cleaned[name] = text or None
        return cleaned

    def check_required(self, record_id: str, values: dict[str, Any]) -> None:
        """Whether a record would have what the rules require of it; raises `Invalid` if not."""
        record = self.find(record_id)
        after = {**(record["properties"] if record else {}), **values}
        for trigger, required in self.required_when.items():
            if record and after.get(trigger) and not after.get(required):
                text = f"{required} is required because of a conditional property rule"
                problem = f"{text} based on [{trigger}]"
                raise Invalid("MISSING_CONDITIONAL_REQUIRED_PROPERTY", required, problem)

    def update(self, record_id: str, values: dict[str, Any], source: str = "CRM_UI") -> Record:
        """`source`: who does it, as the history of a property says: CRM_UI, INTEGRATION, ..."""
        record = self.find(record_id)
        if record is None:
            raise KeyError(record_id)
        stamp = self.clock.now()
        before = record["properties"]
        named = [name for name, value in values.items() if (before.get(name) or None) != value]
        history = dict(record["history"])
        for name in named:
            if self.properties.get(name, {}).get("type") == "bool":
                entry = (values[name] or "", stamp, source)
                history[name] = [entry, *history.get(name, ())]
        changed = {**record, "properties": {**before, **values}, "history": history}
        self._put(changed, stamp)
        if source != "INTEGRATION":
            self.events.changed(changed["id"], named, values, stamp)
        return changed

    def history(self, record: Record, name: str) -> list[Record]:
        """The values of a property, the latest first; of a merged contact, those of all that it was
        merged from. Kept for checkboxes; of others the value that counts."""
        kept = record["history"].get(name)
        if kept is None:
            value = record["properties"].get(name)
            kept = [(value, record["updated"], "CRM_UI")] if value else []
        return [
            {"value": value, "timestamp": iso(at), "sourceType": source, "sourceId": "userId:1"}
            for value, at, source in kept
        ]

    def archive(self, record_id: str) -> None:
        record = self.find(record_id)
        if record is not None:
            stamp = self.clock.now()
            changed = {**record, "archived": True, "properties": dict(record["properties"])}
            self._put(changed, stamp)
            self.archived.add(int(record["id"]))
            self.events.deleted(record["id"], stamp)

    def restore(self, record_id: str) -> None:
        """Out of the recycle bin, where a deleted contact stays for 90 days. Its modification date
        is set; no creation is announced.

        Sources: HubSpot's knowledge base, "Restore deleted records"; its developer forum,
        "Restoring recently deleted contacts" (thread 11963).
        """
        record = self.find(record_id, archived=True)
        if record is not None:
            restored = {**record, "archived": False, "properties": dict(record["properties"])}
            self._put(restored, self.clock.now())
            self.archived.discard(int(record["id"]))

    def erase(self, record_id: str) -> None:
        """A GDPR deletion: nothing is left, also not in the recycle bin."""
        record = self.find(record_id) or self.find(record_id, archived=True)
        if record is not None:
            self.table.take(record["id"])
            self.archived.discard(int(record["id"]))
            self.events.privacy_deleted(record["id"], self.clock.now())

    def merge(self, primary: str, other: str) -> Record | None:
        """Both ids lead to a new record from then on. The primary's values win, also an explicit
        "false"; where it has none, the other's are taken. The other's address becomes a further
        one. None where there are no two contacts.

        Sources: HubSpot's changelog, "Updated merge functionality for contacts and companies";
        its knowledge base, "Merge records".
        """
        first, second = self.find(primary), self.find(other)
        if first is None or second is None or first["id"] == second["id"]:
            return None
        stamp = self.clock.now()
        kept, given = first["properties"], second["properties"]
        values = {name: kept.get(name) or given.get(name) for name in (*given, *kept)}
        moved = sum(bool(value) and not kept.get(name) for name, value in given.items())
        ids = [
            part
            for record in (first, second)
            for part in (record["properties"].get("hs_merged_object_ids") or "").split(";")
            if part
        ]
        new_id = self._new_id() if self.merges_make_new_ids else first["id"]
        away = [record["id"] for record in (first, second) if record["id"] != new_id]
        values["hs_merged_object_ids"] = ";".join((*ids, *away))
        further = [
            address
            for given_by in (kept, given)
            for address in (given_by.get("hs_additional_emails") or "").split(";")
        ]
        addresses = dict.fromkeys((*further, given.get("email") or ""))
        values["hs_additional_emails"] = ";".join(
            address for address in addresses if address and address != values.get("email")
        )
        names = {*first["history"], *second["history"]}
        record: Record = {
            "id": new_id,
            "created": min(first["created"], second["created"]),
            "updated": stamp,
            "archived": False,
            "properties": {name: value for name, value in values.items() if value},
            "history": {
                name: sorted(
                    (*first["history"].get(name, ()), *second["history"].get(name, ())),
                    key=lambda entry: entry[1],
                    reverse=True,
                )
                for name in names
            },
        }
        for record_id in away:
            self.table.take(record_id)
            self.merged[record_id] = new_id
        self._put(record, stamp)
        self._move_associations(away, new_id)
        others = away if new_id == first["id"] else [second["id"]]
        self.events.merged(first["id"], others, new_id, moved, stamp)
        return record

    def _move_associations(self, away: list[str], new_id: str) -> None:
        for call in self.calls.after_id(None):
            if set(away) & set(call["contacts"]):
                moved = [
                    new_id if record_id in away else record_id for record_id in call["contacts"]
                ]
                call["contacts"] = list(dict.fromkeys(moved))
        for entry in self.lists.values():
            moved = [
                new_id if record_id in away else record_id for record_id in entry.get("members", ())
            ]
            entry["members"] = list(dict.fromkeys(moved))

    def _install_properties(self) -> None:
        group = "phone_hygiene"
        self.groups[group] = {
            "name": group,
            "label": "Phone hygiene",
            "displayOrder": -1,
            "archived": False,
        }
        wanted = []
        for phone, label in self.phones.items():
            wanted += [
                prop(
                    f"hygiene_{phone}_status",
                    f"{label} status",
                    "enumeration",
                    "select",
                    group,
                    STATUSES,
                    own=False,
                ),
                prop(f"hygiene_{phone}_e164", f"{label} E.164", group=group, own=False),
                prop(
                    f"hygiene_{phone}_line_type",
                    f"{label} line type",
                    "enumeration",
                    "select",
                    group,
                    LINE_TYPES,
                    own=False,
                ),
            ]
        for name in ("wrong_number", "do_not_contact", "do_not_call", "do_not_text", "recheck"):
            wanted.append(
                prop(
                    f"hygiene_{name}",
                    name.replace("_", " "),
                    "bool",
                    "booleancheckbox",
                    group,
                    ("true", "false"),
                    own=False,
                )
            )
        for name in ("run", "reason", "best_phone", "proposed_phone"):
            wanted.append(prop(f"hygiene_{name}", name, group=group, own=False))
        wanted.append(
            prop("hygiene_checked_at", "checked at", "datetime", "date", group, own=False)
        )
        self.properties.update({p["name"]: p for p in wanted})

    def _created_at(self) -> Callable[[int], datetime]:
        """When the contact of a number was created."""
        start = self.clock.now() - timedelta(days=400)
        step = timedelta(days=390) / max(1, self.contacts)
        return lambda number: self.clock.now() if self.behind else start + step * number

    def _lazy_table(self) -> LazyTable:
        created_at, first = self._created_at(), _FIRST_ID + _ID_STEP * (self.behind + 1)

        def make(number: int) -> Record:
            someone = person(self.seed + 1, self.behind + number)
            stamp = created_at(number)
            record = _record(str(first + _ID_STEP * number), _contact(someone), stamp)
            self._stamp(record, stamp)
            return record

        return LazyTable(self.modified_property, first, _ID_STEP, self.contacts, make)

    def _populate(self) -> None:
        if self.lazy:
            return
        created_at = self._created_at()
        ids = [
            self.create(_contact(someone), created_at(number))
            for number, someone in enumerate(people(self.seed + 1, self.contacts, self.behind))
        ]
        self.lists["1"] = {"name": "List A17", "members": ids[::5]}
        self.lists["2"] = {"name": "Newsletter", "members": ids[1::3]}


def _moment_text(name: str, text: str) -> str:
    try:
        if text.lstrip("-").isdigit():
            return iso(datetime.fromtimestamp(int(text) / 1000, UTC))
        return iso(datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC))
    except (ValueError, OverflowError):
        raise Invalid("INVALID_DATE", name, f"{text} was not a valid date.") from None


def _record(record_id: str, values: Record, stamp: datetime) -> Record:
    return {
        "id": record_id,
        "created": stamp,
        "updated": stamp,
        "archived": False,
        "properties": {name: value for name, value in values.items() if value},
        "history": {},
    }


def _contact(someone: Person) -> Record:
    work, mobile, _home, _other = someone.phones
    return {
        "firstname": someone.first,
        "lastname": someone.last,
        "company": someone.company,
        "email": someone.email,
        "phone": work,
        "mobilephone": mobile,
        "country": someone.country,
        "hs_analytics_source": SOURCES[someone.source],
        "hs_analytics_source_data_1": someone.campaign,
    }

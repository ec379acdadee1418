"""The fields that are written to a CRM: their canonical keys, kinds, labels and help texts.

A phone field has keys of its own (`status/Phone`); a contact has the rest. What a connector calls
them comes from the settings; what the CRM really has is checked here, for all connectors alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from config.connectors import FieldNames, ObjectMap, Owner
from config.owners import owner_of
from connectors.errors import SchemaError
from connectors.phone_values import NUMBER_TYPES, TEXT_TYPES
from connectors.records import CrmField, Role, SchemaProblem

STATUSES = ("valid", "invalid", "unreachable", "wrong_number", "do_not_contact", "unverified")
LINE_TYPES = ("mobile", "landline", "voip", "toll_free", "premium", "pager", "other", "unknown")

Kind = Literal["picklist", "text", "bool", "datetime", "url"]


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field of the contract. `label` may contain {phone}."""

    name: str
    kind: Kind
    label: str
    help: str
    values: tuple[str, ...] = ()
    length: int = 0
    optional: bool = False  # an account without it is set up all the same


PHONE_SPECS = (
    FieldSpec(
        "status",
        "picklist",
        "{phone} Status",
        "What is known of this phone number. Written by the phone hygiene worker.",
        STATUSES,
    ),
    FieldSpec(
        "e164",
        "text",
        "{phone} E.164",
        "The number in international form (E.164), as read from the phone field.",
        length=40,
    ),
    FieldSpec(
        "line_type",
        "picklist",
        "{phone} Line Type",
        "Kind of line: mobile, landline, voip, toll_free, premium, pager, other.",
        LINE_TYPES,
    ),
)
CONTACT_SPECS = (
    FieldSpec(
        "wrong_number",
        "bool",
        "Wrong Number",
        "A number here reaches somebody else. Tick it to report one, untick to correct us.",
    ),
    FieldSpec(
        "do_not_contact",
        "bool",
        "Phone Do Not Contact",
        "Suppressed for calls and texts. Do not use any number of this person.",
    ),
    FieldSpec("do_not_call", "bool", "Phone Do Not Call", "Suppressed for calls."),
    FieldSpec("do_not_text", "bool", "Phone Do Not Text", "Suppressed for texts."),
    FieldSpec("run", "text", "Phone Hygiene Run", "The run that wrote last.", length=40),
    FieldSpec(
        "reason",
        "text",
        "Phone Hygiene Reason",
        "Why the phone statuses are as they are.",
        length=255,
    ),
    FieldSpec("checked_at", "datetime", "Phone Checked At", "When the numbers were last checked."),
    FieldSpec(
        "best_phone",
        "text",
        "Best Phone",
        "The number most likely to reach this person.",
        length=40,
    ),
    FieldSpec(
        "recheck",
        "bool",
        "Recheck Phone",
        "Tick to have the numbers verified again; the worker unticks it.",
    ),
    FieldSpec(
        "proposed_phone",
        "text",
        "Proposed Phone",
        "A number that the person gave us instead of a wrong one. Put it into a phone field to "
        "take it over.",
        length=40,
        optional=True,
    ),
    FieldSpec(
        "isolated",
        "bool",
        "Phone Source Isolated",
        "The source, campaign or list that this record came from has too many bad numbers.",
        optional=True,
    ),
    FieldSpec(
        "calling_hours",
        "text",
        "Calling Hours",
        "When this person may be called, by law and by their local time. Empty: not to be called, "
        "or not known.",
        length=255,
        optional=True,
    ),
    FieldSpec(
        "confirm_link",
        "url",
        "Phone Confirm Link",
        "A page on which the person can confirm or correct the number.",
        length=255,
    ),
)
# Not on an organisation's record: nobody there can confirm anything for a person.
_OF_PEOPLE = frozenset({"confirm_link"})
SPECS = {spec.name: spec for spec in (*PHONE_SPECS, *CONTACT_SPECS)}
# Written to the phone field itself; only with `normalize = true`.


def key(name: str, phone: str = "") -> str:
    """`key("status", "Phone")` -> "status/Phone"; a contact's own field has no slash."""
    return f"{name}/{phone}" if phone else name


def spec_of(canonical: str) -> FieldSpec:
    return SPECS[canonical.partition("/")[0]]


@dataclass(frozen=True)
class ObjectFields:
    """One object's names: what to read, and canonical key -> CRM field for what is written."""

    object: str
    phones: tuple[str, ...]
    country: tuple[str, ...]
    state: str
    email: str
    website: str
    source: str
    campaign: str
    contact_value: str
    consent_date: str
    created: str
    names: Mapping[str, str]
    country_code: str = ""
    numbers: frozenset[str] = frozenset()  # phone fields that are fields of numbers
    owner: Owner = "person"  # of the numbers

    @property
    def read(self) -> tuple[str, ...]:
        """Every field that is read, each once."""
        names = (*self.phones, *self.beside, *self.names.values())
        return tuple(dict.fromkeys(names))

    @property
    def beside(self) -> tuple[str, ...]:
        """What is read beside phones and our own fields; a CRM may lack any of it."""
        where = (*self.country, self.country_code, self.state, self.email, self.website)
        extras = (self.source, self.campaign, self.contact_value, self.consent_date, self.created)
        return tuple(filter(None, (*where, *extras)))

    @property
    def roles(self) -> Mapping[str, Role]:
        """What each of these fields is for us."""
        roles: dict[str, Role] = dict.fromkeys(self.beside, "beside")
        roles.update(dict.fromkeys(filter(None, (self.state, self.website)), "context"))
        roles.update({self.email: "email"} if self.email else {})
        roles.update(dict.fromkeys(filter(None, (*self.country, self.country_code)), "country"))
        roles.update(dict.fromkeys(self.names.values(), "own"))
        roles.update(dict.fromkeys(self.phones, "phone"))
        return roles

    @property
    def canonical(self) -> Mapping[str, str]:
        """CRM field -> canonical key."""
        return {crm: canonical for canonical, crm in self.names.items()}

    def canonical_of(self, crm: str) -> str:
        """The canonical key of a CRM field, also of a phone field; "" for one that is not ours."""
        return self.canonical.get(crm) or (f"phone/{crm}" if crm in self.phones else "")


def configured(object_name: str, mapping: ObjectMap, names: FieldNames) -> ObjectFields:
    """What the settings ask for, before the CRM was asked what it has."""
    wanted: dict[str, str] = {}
    for spec in PHONE_SPECS:
        template = getattr(names, spec.name)
        if template:
            for phone in mapping.phones:
                base = phone.removesuffix("__c")
                wanted[key(spec.name, phone)] = template.replace("{phone}", base)
    owner = owner_of(object_name, mapping)
    for spec in CONTACT_SPECS:
        if owner == "organisation" and spec.name in _OF_PEOPLE:
            continue
        if name := getattr(names, spec.name):
            wanted[spec.name] = name
    _check_phones(object_name, mapping.phones, wanted)
    return ObjectFields(
        object_name,
        mapping.phones,
        mapping.country,
        mapping.state,
        mapping.email,
        mapping.website,
        mapping.source,
        mapping.campaign,
        mapping.contact_value,
        mapping.consent_date,
        mapping.created,
        wanted,
        mapping.country_code,
        owner=owner,
    )


def _check_phones(object_name: str, phones: tuple[str, ...], written: Mapping[str, str]) -> None:
    """A phone field is named once, and nothing else is written to it; raises `SchemaError`. CRMs
    tell no capitals apart in the names of fields."""
    seen: set[str] = set()
    ours = {name.casefold(): canonical for canonical, name in written.items()}
    for phone in phones:
        if phone.casefold() in seen:
            raise SchemaError(
                f"objects.{object_name}.phones in the TOML file: {phone} is listed twice"
            )
        seen.add(phone.casefold())
        if canonical := ours.get(phone.casefold()):
            raise SchemaError(
                f"objects.{object_name}.phones in the TOML file: {phone} is a phone field, and "
                f"`fields.{canonical.partition('/')[0]}` would be written to it; name another one"
            )


TYPES: dict[Kind, frozenset[str]] = {
    "picklist": frozenset({"picklist", "enumeration", "string", "text"}),
    "text": frozenset({"string", "text", "textarea", "phone", "phone_number", "url"}),
    "bool": frozenset({"boolean", "bool"}),
    "datetime": frozenset({"datetime"}),
    "url": frozenset({"url", "string", "text"}),
}


def fit(
    wanted: ObjectFields, crm_fields: Mapping[str, CrmField]
) -> tuple[ObjectFields, list[SchemaProblem]]:
    """What of `wanted` the CRM really has and lets us write, and what is wrong with the rest."""
    findings = list(_judge(wanted, crm_fields))
    blocked = {finding.field for finding in findings if finding.blocks}

    def there(name: str) -> str:
        return name if name in crm_fields else ""

    fitted = ObjectFields(
        wanted.object,
        tuple(name for name in wanted.phones if name in crm_fields and name not in blocked),
        tuple(filter(there, wanted.country)),
        there(wanted.state),
        there(wanted.email),
        there(wanted.website),
        there(wanted.source),
        there(wanted.campaign),
        there(wanted.contact_value),
        there(wanted.consent_date),
        there(wanted.created),
        {
            canonical: crm
            for canonical, crm in wanted.names.items()
            if crm not in blocked and crm in crm_fields
        },
        there(wanted.country_code),
        frozenset(name for name in wanted.phones if is_number(crm_fields.get(name))),
        wanted.owner,
    )
    return fitted, findings


def is_number(field: CrmField | None) -> bool:
    """Whether a phone field is a field of numbers."""
    return field is not None and field.type in NUMBER_TYPES


def unreadable(field: CrmField) -> str:
    """Why no phone numbers can be read from a field, "" where they can."""
    if field.calculated:
        return (
            "is a formula, and the CRM does not report its changes: phone numbers are not read from"
            " it; name the field that it is calculated from"
        )
    if field.type in TEXT_TYPES or field.type in NUMBER_TYPES:
        return ""
    kind = {"boolean": "checkbox", "bool": "checkbox"}.get(field.type, field.type)
    return f"is a {kind} field: phone numbers are read from phone, text and number fields"


def rewritable(field: CrmField) -> bool:
    """Whether a number in E.164 can be written to a phone field."""
    return field.writable and not is_number(field)


def _judge(wanted: ObjectFields, crm_fields: Mapping[str, CrmField]) -> Iterator[SchemaProblem]:
    for phone in wanted.phones:
        if phone not in crm_fields:
            yield SchemaProblem(
                wanted.object, phone, "this phone field is missing, or hidden from our user",
                cause="missing",
            )  # fmt: skip
        elif problem := unreadable(crm_fields[phone]):
            yield SchemaProblem(wanted.object, phone, problem, cause="unreadable")
        elif is_number(crm_fields[phone]):
            problem = (
                f"is a {crm_fields[phone].type} field, which keeps neither a leading + nor "
                "leading zeros: its digits are read, and it is never rewritten; use a phone or "
                "text field"
            )
            yield SchemaProblem(wanted.object, phone, problem, False)
    for name in wanted.beside:
        if name not in crm_fields:
            yield SchemaProblem(
                wanted.object, name, "missing, or hidden from our user; read without it", False,
                cause="missing",
            )  # fmt: skip
    for canonical, name in wanted.names.items():
        spec, field = spec_of(canonical), crm_fields.get(name)
        if field is None:
            problem = "missing, or hidden from our user"
            problem += "; done without it" if spec.optional else ""
            yield SchemaProblem(wanted.object, name, problem, not spec.optional, cause="missing")
        elif field.type not in TYPES[spec.kind]:
            problem = f"is a {field.type} field, not a {spec.kind}"
            yield SchemaProblem(wanted.object, name, problem, cause="unwritable")
        elif not field.writable:
            problem = "our user may read it, but not write it"
            yield SchemaProblem(wanted.object, name, problem, cause="unwritable")
        elif field.values is not None and (lacking := sorted({*spec.values} - {*field.values})):
            yield SchemaProblem(
                wanted.object, name, f"the picklist lacks the values {', '.join(lacking)}", False
            )
        elif spec.kind == "text" and 0 < field.length < (20 if spec.length == 40 else spec.length):
            yield SchemaProblem(
                wanted.object, name, f"holds {field.length} characters, {spec.length} are needed"
            )

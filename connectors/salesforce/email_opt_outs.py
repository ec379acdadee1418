"""Who has opted out of email, by the org's own checkbox "Email Opt Out".

Every org has it on contacts, leads and person accounts; field-level security may hide it from our
user, as it does by default for some profiles. A describe then leaves it out, and a query that names
it is refused. Other objects have none. Where an object's address is that of the record above it,
such as a case's `Contact.Email`, that record's checkbox counts.

Sources: Object Reference, "Contact" and "Lead" (`HasOptedOutOfEmail`, boolean, not nillable);
Salesforce Help, "Individually Opting Out of Email" (person accounts, field-level security). See
docs/salesforce-facts.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from connectors.errors import SchemaChangedError
from connectors.fields import ObjectFields
from connectors.records import EmailRefusal, Schema, SchemaProblem
from connectors.salesforce import relations
from connectors.salesforce.soql import Query, listed

_AT_ONCE = 200  # ids in one query
_CHECKBOX = "HasOptedOutOfEmail"
OWN = {"Contact": _CHECKBOX, "Lead": _CHECKBOX, "Account": f"Person{_CHECKBOX}"}
# Of the record above, by its field that holds the address.
_BESIDE_ADDRESS = {"Email": _CHECKBOX, "PersonEmail": f"Person{_CHECKBOX}"}
# That a schema holds this shows that it was asked for opt-outs too.
ASKED_TOO = "Id"

Rows = Callable[[str, Sequence[str]], Iterator[Mapping[str, Any]]]


def field_of(object_name: str, configured: ObjectFields | None) -> str:
    """Return the checkbox that counts for an object's records, "" where there is none."""
    if object_name == "Account" and configured is not None and configured.owner != "person":
        return ""  # a company's
    email = configured.email if configured is not None else ""
    if relations.is_path(email):
        relation, _, field = email.partition(".")
        beside = _BESIDE_ADDRESS.get(field, "")
        return f"{relation}.{beside}" if beside else ""
    return OWN.get(object_name, "")


def refusals(
    rows: Rows, object_name: str, field: str, ids: Sequence[str]
) -> dict[str, EmailRefusal]:
    """Return which of these records refuse emails. `rows`: all rows of a SOQL query, which may hold
    these ids and no others."""
    refused: dict[str, EmailRefusal] = {}
    for start in range(0, len(ids), _AT_ONCE):
        batch = ids[start : start + _AT_ONCE]
        soql = Query(object_name, ("Id", field), (f"Id IN {listed(batch)}",)).soql()
        by_short_id = {record_id[:15]: record_id for record_id in batch}
        try:
            for row in rows(soql, batch):
                if (refusal := refusal_of(row, field)) is not None:
                    refused[by_short_id[row["Id"][:15]]] = refusal
        except SchemaChangedError:  # "No such column": it is hidden from our user
            refused |= dict.fromkeys(batch, "unreadable")
    return refused


def refusal_of(row: Mapping[str, Any], field: str) -> EmailRefusal | None:
    """Return what a record says by this checkbox, of its own or of the record above it."""
    relation, dot, name = field.rpartition(".")
    above = row[relation] if dot else row
    if above is None:
        return None  # there is no record above, and so no address either
    value = above[name]
    if value is True:
        return "opted_out"
    return None if value is False else "unreadable"


def problems(
    schema: Schema, configured: Mapping[str, ObjectFields], has_person_accounts: bool
) -> list[SchemaProblem]:
    """Return the checkboxes of these objects that a schema lacks."""
    found = []
    for name, fields in configured.items():
        entries = schema.get(name, {})
        if name in OWN and fields.email in entries and not entries[fields.email].filterable:
            text = (
                "is encrypted in a way that allows no search for an address, so nobody is asked by "
                "email: a record that we have not read may have opted out; encrypt it with the "
                "deterministic scheme"
            )
            found.append(SchemaProblem(name, fields.email, text, blocks=False))
        field = field_of(name, fields)
        known = ASKED_TOO in entries and (name != "Account" or has_person_accounts)
        if not field or not known or field in entries:
            continue
        is_of_contact = name == "Account" or relations.is_path(field)
        grant = f"Contact.{_CHECKBOX}" if is_of_contact else f"{name}.{field}"
        text = (
            "our user cannot read who has opted out of email, so nobody is asked by email: grant "
            f"read access to {grant} (field-level security; the permission set Phone Hygiene "
            "Integration has it)"
        )
        found.append(SchemaProblem(name, field, text, blocks=False))
    return found

"""Make our fields of persons (`hygiene crm setup pipedrive`), and take them out again (`hygiene crm
remove pipedrive`); safe to repeat.

Flags and statuses come first: a plan has room for so many fields of a company's own, and says so
with 403 where it ends ("Responses", error for a limit that is reached). Pipedrive keeps nothing
with a field that tells who made it, hence the beginning of their names, "Hygiene:". What is named
otherwise is left, as somebody else may have made it.
Source: API reference, `POST /api/v2/personFields`. That version 2 deletes a field by its code, as
it reads one, we have from public connectors alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from connectors.errors import NotFoundError
from connectors.fields import TYPES, FieldSpec, ObjectFields, spec_of
from connectors.records import CrmField, OwnField, SetupResult
from phone_hygiene_pipedrive import person_fields
from phone_hygiene_pipedrive.client import Client, RefusedError

_OURS = "Hygiene:"
_FIRST = ("do_not_contact", "wrong_number", "do_not_call", "do_not_text", "status", "run", "reason")


def provision(client: Client, wanted: ObjectFields) -> Iterator[SetupResult]:
    entries = person_fields.definitions(client)
    there = person_fields.describe(wanted, entries)
    for canonical, name in sorted(wanted.names.items(), key=lambda item: _place(item[0])):
        spec = spec_of(canonical)
        try:
            if name in there:
                yield _existing(client, name, spec, there[name])
            elif person_fields.KEY.fullmatch(name):
                yield SetupResult(name, "failed", "there is no field with this key")
            else:
                client.post("other", "personFields", definition(spec, name))
                own = OwnField(wanted.object, name, canonical)
                yield SetupResult(name, "created", own=own)
        except RefusedError as error:
            yield SetupResult(name, "failed", f"{error}; our token needs an admin's rights")
            if error.status == 403:
                return


def _place(canonical: str) -> int:
    name = canonical.partition("/")[0]
    return _FIRST.index(name) if name in _FIRST else len(_FIRST)


def definition(spec: FieldSpec, name: str) -> dict[str, Any]:
    """The body of `POST /api/v2/personFields`."""
    if spec.kind in ("picklist", "bool"):
        labels = ["Yes"] if spec.kind == "bool" else [_label(value) for value in spec.values]
        options = [{"label": label} for label in labels]
        return {"field_name": name, "field_type": "enum", "options": options}
    return {"field_name": name, "field_type": "varchar"}


def _label(value: str) -> str:
    return value.replace("_", " ").capitalize()


def _existing(client: Client, name: str, spec: FieldSpec, entry: CrmField) -> SetupResult:
    if entry.type not in TYPES[spec.kind] or not entry.writable:
        return SetupResult(
            name,
            "failed",
            f"a {entry.type} field of this name is there and was left alone; rename it in "
            "Pipedrive, or name another one in connectors.pipedrive.fields",
        )
    options: Mapping[str, int] = entry.details["options"]
    lacking = [value for value in spec.values if entry.values is not None and value not in options]
    if not lacking:
        return SetupResult(name, "already there")
    path = f"personFields/{entry.details['key']}/options"
    client.post("other", path, [{"label": _label(value)} for value in lacking])
    return SetupResult(name, "changed", f"options were added: {', '.join(lacking)}")


def remove(client: Client, wanted: ObjectFields, dry_run: bool) -> Iterator[SetupResult]:
    """Yield a step for each of our fields that is there. Its values go with it."""
    entries = person_fields.definitions(client)
    for canonical, name in wanted.names.items():
        if found := person_fields.find(name, entries):
            yield _remove(client, OwnField(wanted.object, name, canonical), found[0], dry_run)


def _remove(client: Client, own: OwnField, entry: Mapping[str, Any], dry_run: bool) -> SetupResult:
    label = str(entry["field_name"])
    if not entry.get("is_custom_field") or not label.startswith(_OURS):
        text = f"its name does not begin with {_OURS}; if nobody needs it, delete it by hand"
        return SetupResult(own.field, "left", text)
    if dry_run:
        return SetupResult(own.field, "would be removed", own=own)
    try:
        client.delete("other", f"personFields/{entry['field_code']}")
    except NotFoundError:
        pass  # an answer may have been lost
    except RefusedError as error:
        return SetupResult(own.field, "failed", f"{error}; our token needs an admin's rights")
    return SetupResult(own.field, "removed", own=own)

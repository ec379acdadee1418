"""Lists that keep people with our flags out of HubSpot's own calls and messages.

HubSpot's API of communication preferences knows the channel EMAIL alone (OpenAPI document
`subscriptions` of 2026-09), so nobody can set an opt-out of its SMS or WhatsApp from outside. What
can be done is to give each send and each workflow a list of those to leave out; these are dynamic
lists of contacts with one of our flags. The steps that stay for people are in docs/feedback.md.

Sources: OpenAPI document `lists` of 2026-09 (ListCreateRequest, filter branches: an OR of ANDs,
each naming all of its members); that a name that is taken is told as `ILS.DUPLICATE_LIST_NAMES`:
public programs that key on it. The scope is `crm.lists.write`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from connectors.errors import AuthError, ConnectorError, NotFoundError, QuotaError, UnavailableError
from connectors.fields import STATUSES
from connectors.hubspot.client import Client
from connectors.hubspot.properties import Definition
from connectors.records import Caution, SetupResult

TEXT: Final = "Phone hygiene: do not text"
CALL: Final = "Phone hygiene: do not call"
# List -> the flags that put a contact on it.
LISTS: Final[Mapping[str, tuple[str, ...]]] = {
    TEXT: ("do_not_contact", "do_not_text", "wrong_number"),
    CALL: ("do_not_contact", "do_not_call", "wrong_number"),
}
_CONTACTS = "0-1"
Test = tuple[str, str, str, str]  # property, type of operation, operator, value


def provision(
    client: Client, names: Mapping[str, str], properties: Mapping[str, Definition]
) -> Iterator[SetupResult]:
    """Create the lists where they are missing.

    `names`: canonical key -> property, as the settings have them. `properties`: the account's, by
    name. Nothing here fails the set-up: what cannot be done is offered, with what to do by hand.
    """
    for name, flags in LISTS.items():
        yield _provide(client, name, flags, names, properties)


def _provide(
    client: Client,
    name: str,
    flags: tuple[str, ...],
    names: Mapping[str, str],
    properties: Mapping[str, Definition],
) -> SetupResult:
    what = f'list "{name}"'
    wanted = _flags(flags, names)
    lacking = [property_name for property_name in wanted if property_name not in properties]
    if lacking or not wanted:
        why = f"the properties {', '.join(lacking)} are missing" if lacking else "no flag is in use"
        return SetupResult(what, "offered", f"{why}; run the set-up again when they are there")
    new_list = definition(name, flags, names, properties)
    left_out = [flag for flag in flags if flag not in names]
    note = _left_out(left_out)
    try:
        existing = find(client, name)
        if existing is not None:
            if includes(existing, new_list["filterBranch"]):
                return SetupResult(what, "already there", note)
            return SetupResult(what, "offered", _other(new_list))
        client.post("other", client.paths.lists(), new_list)
    except (QuotaError, UnavailableError):
        raise
    except AuthError as error:
        return SetupResult(what, "offered", f"{error}. {_by_hand(new_list)}", new_list)
    except ConnectorError as error:
        if "DUPLICATE_LIST_NAMES" in str(error):
            return SetupResult(what, "offered", _other(new_list))
        return SetupResult(
            what, "offered", f"HubSpot did not take it: {error}. {_by_hand(new_list)}", new_list
        )
    return SetupResult(what, "created", f"{note}{'; ' if note else ''}{_NEXT}")


_NEXT = (
    "leave it out of each send and workflow (docs/feedback.md, HubSpot's own messages): nothing "
    "does that automatically"
)


def _left_out(flags: list[str]) -> str:
    if not flags:
        return ""
    listed = ", ".join(f"connectors.hubspot.fields.{flag}" for flag in flags)
    return f"without {listed}, which the settings leave out: such contacts may not be on it"


def _other(new_list: Mapping[str, Any]) -> str:
    return (
        "there is a list of that name with other filters; it is left alone. Rename it and run the "
        f"set-up again, or give it the filters: {_in_words(new_list)}"
    )


def _by_hand(new_list: Mapping[str, Any]) -> str:
    return (
        "Give the key the scopes crm.lists.read and crm.lists.write and run the set-up again, or "
        f"make the list by hand: an active list of contacts, {_in_words(new_list)}; then {_NEXT}"
    )


def _in_words(new_list: Mapping[str, Any]) -> str:
    return " or ".join(
        f"{name} is {'Yes' if value == 'true' else value.replace('|', ' or ')}"
        for name, _kind, _operator, value in sorted(_tests(new_list["filterBranch"]))
    )


def _flags(flags: tuple[str, ...], names: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Property -> the values that put a contact on the list; () for a checkbox.

    A flag that the settings leave out is made up for by the statuses, where these tell the same.
    """
    conditions: dict[str, tuple[str, ...]] = {names[flag]: () for flag in flags if flag in names}
    statuses = tuple(flag for flag in flags if flag not in names and flag in STATUSES)
    if statuses:
        conditions |= {
            property_name: statuses
            for key, property_name in names.items()
            if key.startswith("status/")
        }
    return conditions


def definition(
    name: str,
    flags: tuple[str, ...],
    names: Mapping[str, str],
    properties: Mapping[str, Definition],
) -> dict[str, Any]:
    """A ListCreateRequest: contacts of which any of our flags is set, now."""
    tests = [
        _filter(property_name, str(properties[property_name]["type"]), values)
        for property_name, values in _flags(flags, names).items()
    ]
    return {
        "name": name,
        "objectTypeId": _CONTACTS,
        "processingType": "DYNAMIC",
        "filterBranch": _branch("OR", [_branch("AND", [], [test]) for test in tests], []),
    }


def _branch(kind: str, branches: list[Any], filters: list[Any]) -> dict[str, Any]:
    return {
        "filterBranchType": kind,
        "filterBranchOperator": kind,
        "filterBranches": branches,
        "filters": filters,
    }


def _filter(name: str, kind: str, values: tuple[str, ...]) -> dict[str, Any]:
    """An operation has to fit the property's type: checkboxes are of type bool, or enumerations of
    `true` and `false`."""
    operation: dict[str, Any]
    if kind == "bool":
        operation = {"operationType": "BOOL", "operator": "IS_EQUAL_TO", "value": True}
    else:
        chosen = [*(values or ("true",))]
        operation = {"operationType": "ENUMERATION", "operator": "IS_ANY_OF", "values": chosen}
    operation["includeObjectsWithNoValueSet"] = False
    return {"filterType": "PROPERTY", "property": name, "operation": operation}


def find(client: Client, name: str) -> dict[str, Any] | None:
    """A list of contacts by its name, with its filters; None where there is none. Needs the scope
    crm.lists.read."""
    path = client.paths.lists("object-type-id", _CONTACTS, "name", quote(name, safe=""))
    try:
        answer = client.get("other", path, {"includeFilters": True})
    except NotFoundError:
        return None
    details: dict[str, Any] = answer["list"]
    return details


def includes(existing: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether everybody who passes `wanted` is on a list: somebody may have added more."""
    branch = existing.get("filterBranch")
    if existing.get("processingType") != "DYNAMIC" or not isinstance(branch, dict):
        return False
    return branch.get("filterBranchType") == "OR" and _tests(wanted) <= _tests(branch)


def is_of(existing: Mapping[str, Any], names: Collection[str]) -> bool:
    """Whether a list tests these properties and nothing else, as the lists that we make do."""
    branch = existing.get("filterBranch")
    if existing.get("processingType") != "DYNAMIC" or not isinstance(branch, dict):
        return False
    tests = _tests(branch)
    whole = len(tests) == len(branch.get("filterBranches") or ()) and not branch.get("filters")
    return bool(tests) and whole and all(test[0] in names for test in tests)


def _tests(branch: Mapping[str, Any]) -> set[Test]:
    """Of an OR of ANDs, the branches that are one test of a property's value."""
    tests: set[Test] = set()
    for child in branch.get("filterBranches") or ():
        filters = child.get("filters") or []
        if len(filters) != 1 or child.get("filterBranches"):
            continue
        operation = filters[0].get("operation") or {}
        values = operation.get("values")
        value = "|".join(sorted(values)) if values else str(operation.get("value")).lower()
        tests.add(
            (
                str(filters[0].get("property")),
                str(operation.get("operationType")),
                str(operation.get("operator")),
                value,
            )
        )
    return tests


def caution(client: Client) -> Caution:
    """What stays for people: HubSpot's own messages know nothing of our opt-outs."""
    text = (
        "an opt-out cannot be set on HubSpot's own SMS and WhatsApp from outside (its API knows "
        "EMAIL alone)"
    )
    try:
        there = find(client, TEXT) is not None
    except ConnectorError as error:
        return Caution(f'{text}: leave out who has our flags (docs/feedback.md). Whether the list '
                       f'"{TEXT}" is there cannot be told: {error}', False)  # fmt: skip
    if there:
        return Caution(f'{text}: leave the list "{TEXT}" out of each send and workflow', True)
    return Caution(
        f'{text}: hygiene crm setup hubspot makes the list "{TEXT}", which is to be left out of '
        "each send and workflow (docs/feedback.md)",
        False,
    )

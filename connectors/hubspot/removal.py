"""Takes what `crm setup` made out of a HubSpot account again: our lists, our properties, and their
group once it is empty.

A property is ours only if it is in our group; one that was adopted elsewhere stays. Lists go first,
since they use the properties. HubSpot archives: a property can be brought back for 90 days in its
settings, with the values that it had, and a list too. It refuses to archive a property that
something uses, and names what does; a workflow that is turned off counts too. That is reported, and
the rest goes on.

Sources: recorded answers of 2026-09 (docs/hubspot-facts.md), and HubSpot's OpenAPI documents
`properties` and `lists` of 2026-09 (DELETE, 204). Properties are archived one by one:
`batch/archive` answers 204 whatever becomes of each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from connectors.errors import AuthError, ConnectorError, NotFoundError, QuotaError, UnavailableError
from connectors.fields import TYPES, ObjectFields, spec_of
from connectors.hubspot import lists
from connectors.hubspot.client import OBJECT, Client
from connectors.hubspot.errors import RefusedCallError, RefusedValuesError
from connectors.hubspot.properties import GROUP, type_of
from connectors.records import OwnField, SetupResult

_IF_IN_USE = "If something uses it, take it out there, and run this again"

Properties = Mapping[str, Mapping[str, Any]]


def remove(client: Client, wanted: ObjectFields, dry_run: bool) -> Iterator[SetupResult]:
    """What there is of ours on one object; yields a step for each thing that is there."""
    if wanted.object == OBJECT:  # HubSpot's own messages go to contacts
        yield from _remove_lists(client, wanted, dry_run)
    there = _properties(client, wanted.object)
    gone: set[str] = set()
    for canonical, name in wanted.names.items():
        if name not in there:
            continue
        own = OwnField(wanted.object, name, canonical)
        step = _remove_property(client, own, there[name], dry_run)
        if step.own is not None:
            gone.add(name)
        yield step
    yield from _remove_group(client, wanted.object, gone if dry_run else set(), dry_run)


def _properties(client: Client, object_name: str) -> Properties:
    answer = client.get("other", client.paths.properties(object_name))
    return {entry["name"]: entry for entry in answer["results"]}


def _remove_property(
    client: Client, own: OwnField, entry: Mapping[str, Any], dry_run: bool
) -> SetupResult:
    if entry.get("groupName") != GROUP or type_of(entry) not in TYPES[spec_of(own.key).kind]:
        text = "crm setup did not create it; if nobody needs it, archive it by hand"
        return SetupResult(own.field, "left", text)
    if dry_run:
        return SetupResult(own.field, "would be removed", own=own)
    path = client.paths.properties(own.object, own.field)
    if problem := _delete(client, path):
        return SetupResult(own.field, "failed", problem)
    return SetupResult(own.field, "removed", own=own)


def _remove_group(
    client: Client, object_name: str, gone: set[str], dry_run: bool
) -> Iterator[SetupResult]:
    """`gone`: properties that a dry run has only named."""
    what = f"property group {GROUP}"
    groups = client.get("other", client.paths.properties(object_name, "groups"))["results"]
    if not any(group["name"] == GROUP for group in groups):
        return
    left = sorted(
        name
        for name, entry in _properties(client, object_name).items()
        if entry.get("groupName") == GROUP and name not in gone
    )
    if left:
        more = f" and {len(left) - 3} more" if len(left) > 3 else ""
        yield SetupResult(what, "left", f"it still holds {', '.join(left[:3])}{more}")
    elif dry_run:
        yield SetupResult(what, "would be removed")
    elif problem := _delete(client, client.paths.properties(object_name, "groups", GROUP)):
        yield SetupResult(what, "failed", problem)
    else:
        yield SetupResult(what, "removed")


# -- lists -----------------------------------------------------------------------------------


def _remove_lists(client: Client, wanted: ObjectFields, dry_run: bool) -> Iterator[SetupResult]:
    for name in lists.LISTS:
        what = f'list "{name}"'
        try:
            existing = lists.find(client, name)
        except AuthError as error:
            text = f"{error}. If there is such a list, delete it by hand"
            yield SetupResult(what, "not checked", text)
            continue
        if existing is None:
            continue
        if not lists.is_of(existing, wanted.canonical):
            yield SetupResult(what, "left", "its filters are not those that crm setup gave it; if "
                              "nobody needs it, delete it by hand")  # fmt: skip
        elif dry_run:
            yield SetupResult(what, "would be removed")
        elif problem := _delete(client, client.paths.lists(str(existing["listId"]))):
            yield SetupResult(what, "failed", problem)
        else:
            yield SetupResult(what, "removed")


def _delete(client: Client, path: str) -> str:
    """Archive one thing; return why HubSpot refuses and what to do, "" if it is gone."""
    try:
        client.request("other", "DELETE", path)
    except NotFoundError:
        return ""  # an answer may have been lost
    except (QuotaError, UnavailableError):
        raise  # the next could do no better
    except AuthError as error:
        return str(error)
    except RefusedCallError as error:
        if not error.in_use_by:
            return f"{error}. {_IF_IN_USE}"
        users = ", ".join(error.in_use_by[:5])
        more = f" and {len(error.in_use_by) - 5} more" if len(error.in_use_by) > 5 else ""
        return (
            f"it is used by {users}{more}. Take it out there (a workflow counts even if it is "
            "turned off), and run this again"
        )
    except (ConnectorError, RefusedValuesError) as error:
        return f"{error}. {_IF_IN_USE}"
    return ""

"""Read who is on a list of contacts, as HubSpot has them now."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from connectors.errors import InvalidRequestError, NotFoundError, UnavailableError
from connectors.http import consistency
from connectors.http.client import ContradictionError
from connectors.http.cursors import CursorGuard
from connectors.hubspot.client import OBJECT, Client
from connectors.hubspot.paging import next_cursor

log = logging.getLogger(__name__)

_PAGE = 250
_CONTACTS = "0-1"  # the object type of contacts


def members(client: Client, name: str) -> Iterator[tuple[str, str]]:
    """Read the members of a list of contacts. Needs the scope crm.lists.read.

    Nobody is handed on before the list is complete: who is missing would count as off the list.
    """
    try:
        record_ids = _members_of(client, name)
    except UnavailableError as error:
        if not isinstance(error.__cause__, ContradictionError):
            raise
        log.warning("%s; reading the list %s from its beginning", error, name)
        record_ids = _members_of(client, name)
    return ((OBJECT, record_id) for record_id in record_ids)


def _members_of(client: Client, name: str) -> Collection[str]:
    details = _list_details(client, name)
    check = consistency.MembersCheck()
    path = client.paths.lists(str(details["listId"]), "memberships")
    after, guard = None, CursorGuard("hubspot")
    while True:
        query: dict[str, str | int] = {"limit": _PAGE}
        if after:
            query["after"] = guard.check(after)
        after = next_cursor(client.get("read", path, query, check=check))
        if not after:
            break
    size, count = consistency.list_size(details), len(check.found)
    if size is not None and consistency.far_short(count, size):
        # What was counted before may be out of date by now.
        size = consistency.list_size(_list_details(client, name))
        if size is not None and consistency.far_short(count, size):
            what = f"the list {name!r} gave {count:,} members, and counts {size:,}"
            raise UnavailableError(
                f"hubspot: an answer contradicts itself: {what}; nothing was taken from it. "
                "Try again: hygiene sync hubspot"
            ) from ContradictionError(what)
    return check.found


def _list_details(client: Client, name: str) -> Mapping[str, Any]:
    lists = client.paths.lists
    by_id = name.isascii() and name.isdecimal()
    by_name = lists(f"object-type-id/{_CONTACTS}/name", quote(name, safe=""))
    check = consistency.list_details(name if by_id else "")
    path = lists(name) if by_id else by_name
    try:
        details: Mapping[str, Any] = client.get("other", path, check=check)["list"]
    except NotFoundError:
        details = {"objectTypeId": ""}
    if details.get("objectTypeId", _CONTACTS) != _CONTACTS:  # ids on it mean companies, say
        raise InvalidRequestError(f"hubspot: there is no contact list {name!r}")
    return details

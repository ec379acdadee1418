"""Calls that people logged in HubSpot, with their outcomes.

hs_call_disposition holds the id of an outcome; an account's own outcomes are listed by
/calling/v1/dispositions, and the usual ones have the same ids everywhere
(https://developers.hubspot.com/docs/guides/api/crm/engagements/calls).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.base import AuthError, CallOutcome, ConnectorError, NotThereError
from connectors.hubspot_client import DISPOSITIONS, Client

_PAGE = 100
_CAP = 10_000  # results of one search
_USUAL = {
    "9d9162e7-6cf3-4944-bf63-4dff82258764": "Busy",
    "f240bbac-87c9-4f6e-bf70-924b57d47db7": "Connected",
    "a4c4c377-d246-4b32-a13b-75a56a4cd0ff": "Left live message",
    "b2cf5968-551e-4856-9783-52b3da59a7d0": "Left voicemail",
    "73a0d17f-1163-4015-bdd5-ec830791da20": "No answer",
    "17b47fee-58de-441e-a44c-c6300d46f273": "Wrong number",
}
_PROPERTIES = (
    "hs_call_disposition", "hs_call_direction", "hs_call_to_number", "hs_call_from_number",
    "hs_timestamp", "hs_lastmodifieddate",
)  # fmt: skip


class CallLog:
    """Reads calls through the connector's client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def outcomes(self, since: datetime) -> Iterator[CallOutcome]:
        """Calls with an outcome that were logged or changed at or after `since`, oldest first."""
        names: Mapping[str, str] | None = None
        for page in self._pages(since):
            named = [row for row in page if row["properties"].get("hs_call_disposition")]
            if not named:
                continue
            if names is None:
                names = self._names()
            contacts = self._contacts([row["id"] for row in named])
            for row in named:
                yield from _outcomes(row, names, contacts.get(row["id"], ()))

    def _pages(self, since: datetime) -> Iterator[list[Mapping[str, Any]]]:
        start, after = since, 0
        while True:
            bound = {
                "propertyName": "hs_lastmodifieddate",
                "operator": "GTE",
                "value": str(int(start.timestamp() * 1000)),
            }
            request = {
                "filterGroups": [{"filters": [
                    bound,
                    {"propertyName": "hs_call_disposition", "operator": "HAS_PROPERTY"},
                ]}],
                "sorts": ["hs_lastmodifieddate"],
                "properties": list(_PROPERTIES),
                "limit": _PAGE,
                "after": str(after),
            }  # fmt: skip
            answer = self._client.search("read", "calls", request)
            found = answer["results"]
            yield found
            if not (answer.get("paging") or {}).get("next"):
                return
            after += len(found)
            if after + _PAGE > _CAP:  # go on with another search
                start, after = _moment(found[-1]["properties"]["hs_lastmodifieddate"]), 0

    def _names(self) -> Mapping[str, str]:
        """Outcome id -> what people call it."""
        try:
            listed = self._client.get("other", DISPOSITIONS)
        except (AuthError, NotThereError):
            return _USUAL
        if not isinstance(listed, list):
            raise ConnectorError("hubspot: the list of call outcomes has an unknown form")
        return {**_USUAL, **{str(one["id"]): str(one["label"]) for one in listed}}

    def _contacts(self, calls: Sequence[str]) -> dict[str, list[str]]:
        """Call -> the contacts that it is logged with."""
        answer = self._client.post(
            "read",
            self._client.paths.associations("calls/contacts/batch/read"),
            {"inputs": [{"id": one} for one in calls]},
        )
        return {
            str(entry["from"]["id"]): [str(one["toObjectId"]) for one in entry["to"]]
            for entry in answer["results"]
        }


def _outcomes(
    row: Mapping[str, Any], names: Mapping[str, str], contacts: Sequence[str]
) -> Iterator[CallOutcome]:
    """One for each contact of the call; one without a contact where it has none."""
    held = row["properties"]
    theirs = "from" if held.get("hs_call_direction") == "INBOUND" else "to"
    disposition = str(held["hs_call_disposition"])
    for record_id in contacts or ("",):
        yield CallOutcome(
            id=str(row["id"]),
            outcome=names.get(disposition, disposition),
            object="contacts" if record_id else "",
            record_id=record_id,
            number=held.get(f"hs_call_{theirs}_number") or "",
            at=_moment(held.get("hs_timestamp") or held["hs_lastmodifieddate"]),
            modified=_moment(held["hs_lastmodifieddate"]),
        )


def _moment(text: str) -> datetime:
    if text.isdigit():
        return datetime.fromtimestamp(int(text) / 1000, UTC)
    return datetime.fromisoformat(text.replace("Z", "+00:00"))

"""Calls that people logged in HubSpot, with their outcomes.

hs_call_disposition holds the id of an outcome. The usual six have the same ids in every account; an
account's own are named by /calling/v1/dispositions, of which no dated version exists and which is
unsupported from September 2027 on, and by the options of the property itself. Sources: HubSpot's
guides "Calls" (https://developers.hubspot.com/docs/guides/api/crm/engagements/calls) and "Calling
extensions", dispositions; see docs/hubspot-facts.md.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from config.feedback import Dispositions
from connectors.errors import AuthError, ConnectorError, QuotaError, UnavailableError
from connectors.http.client import ContradictionError
from connectors.http.consistency import associations
from connectors.hubspot.client import DISPOSITIONS, Client
from connectors.hubspot.search import by_id, milliseconds
from connectors.records import CallOutcome, OutcomeNames

log = logging.getLogger(__name__)

OBJECT: Final = "calls"
_PAGE = 200  # calls of one search
_SMALL_PAGE = 20  # of one where HubSpot does not manage that
_ASSOCIATIONS = 100  # calls in one question for their contacts, or the records of another object
_CONTACTS: Final = "contacts"
_OUTCOME: Final = "hs_call_disposition"
_MODIFIED: Final = "hs_lastmodifieddate"
_USUAL: Final[Mapping[str, str]] = {
    "9d9162e7-6cf3-4944-bf63-4dff82258764": "Busy",
    "f240bbac-87c9-4f6e-bf70-924b57d47db7": "Connected",
    "a4c4c377-d246-4b32-a13b-75a56a4cd0ff": "Left live message",
    "b2cf5968-551e-4856-9783-52b3da59a7d0": "Left voicemail",
    "73a0d17f-1163-4015-bdd5-ec830791da20": "No answer",
    "17b47fee-58de-441e-a44c-c6300d46f273": "Wrong number",
}
_PROPERTIES = (
    _OUTCOME, "hs_call_direction", "hs_call_to_number", "hs_call_from_number", "hs_timestamp",
    _MODIFIED,
)  # fmt: skip

_Record = tuple[str, str]  # object, id


class CallLog:
    """Reads calls through the connector's client. `objects`: those of the settings."""

    def __init__(
        self, client: Client, dispositions: Dispositions, objects: Iterable[str] = ()
    ) -> None:
        self._client = client
        self._dispositions = dispositions
        self._others = tuple(name for name in objects if name != _CONTACTS)
        self._names: OutcomeNames | None = None
        self._asked_options = False
        self._limit = _PAGE

    # -- names of outcomes ---------------------------------------------------------------

    def outcome_names(self) -> OutcomeNames:
        """Ask what the account's outcomes are called. Where HubSpot refuses that, what is known
        without is returned, with the reason. Raises `QuotaError`.

        A refusal of one list is not taken for a token that is no good: whatever is read next with
        that token raises `AuthError` by itself.
        """
        self._asked_options = False
        try:
            listed = self._listed()
        except QuotaError:
            raise
        except ConnectorError as error:
            options, problem = self._options()
            problem = f"{error}; {problem}" if problem else ""
            self._names = OutcomeNames({**_USUAL, **options}, problem)
            log.info("hubspot: the list of call outcomes is refused: %s", error)
        else:
            self._names = OutcomeNames({**_USUAL, **listed})
        return self._names

    def _listed(self) -> dict[str, str]:
        return _labels(self._client.get("other", DISPOSITIONS), "id")

    def _options(self) -> tuple[dict[str, str], str]:
        """Names by the options of the property, and why there are none."""
        self._asked_options = True
        path = self._client.paths.properties(OBJECT, _OUTCOME)
        try:
            answer = self._client.get("other", path)
            options = answer.get("options") if isinstance(answer, dict) else None
            labels = _labels(options, "value")
        except QuotaError:
            raise
        except ConnectorError as error:
            return {}, str(error)
        return labels, "" if labels else f"the property {_OUTCOME} has no options"

    def _with_options(self, names: OutcomeNames) -> OutcomeNames:
        """For an outcome that the list does not name (it may be archived): ask the options too."""
        if self._asked_options:
            return names
        options, _ = self._options()
        self._names = OutcomeNames({**options, **names.names}, names.problem)
        return self._names

    # -- calls ---------------------------------------------------------------------------

    def call_outcomes(self, since: datetime, only: str = "") -> Iterator[CallOutcome]:
        """Calls with an outcome that were logged or changed at or after `since`, by their ids;
        those of which the outcome says nothing come without whom they are about.

        A call with a contact is about the contact, although HubSpot logs it on their company too.
        One without a contact is about the records of our other objects that it is logged on.
        """
        names = self._names or self.outcome_names()
        for page in self._pages(since, only):
            if any(_disposition(row) not in names.names for row in page):
                names = self._with_options(names)
            telling = [row["id"] for row in page if self._tells(_disposition(row), names)]
            about = self._about(telling)
            for row in page:
                yield from _outcomes(row, names.names, about.get(row["id"], ()))

    def _tells(self, disposition: str, names: OutcomeNames) -> bool:
        named = names.names.get(disposition, "")
        return self._dispositions.meaning_of(named, disposition) not in ("", "harmless")

    def _pages(self, since: datetime, only: str) -> Iterator[list[Mapping[str, Any]]]:
        filters: list[dict[str, Any]] = [
            {"propertyName": _MODIFIED, "operator": "GTE", "value": milliseconds(since)},
            {"propertyName": _OUTCOME, "operator": "EQ", "value": only}
            if only
            else {"propertyName": _OUTCOME, "operator": "HAS_PROPERTY"},
        ]
        after: str | None = None
        while True:
            answer, ids = self._page(filters, after)
            yield answer["results"]
            if len(ids) >= answer["total"] and not (answer.get("paging") or {}).get("next"):
                return
            after = ids[-1] if ids else None
            if after is None:
                return

    def _page(
        self, filters: Sequence[Mapping[str, Any]], after: str | None
    ) -> tuple[Any, list[str]]:
        """The calls behind an id."""
        above = {"propertyName": "hs_object_id", "operator": "GT", "value": after}
        request: dict[str, Any] = {
            "filterGroups": [{"filters": [*filters, above] if after else [*filters]}],
            "sorts": ["hs_object_id"],
            "properties": list(_PROPERTIES),
            "limit": self._limit,
            "after": "0",
        }
        try:
            return by_id(self._client, OBJECT, request, above=after)
        except UnavailableError as error:
            if isinstance(error.__cause__, ContradictionError) or self._limit == _SMALL_PAGE:
                raise
            log.warning("%s; asking for %d calls at a time", error, _SMALL_PAGE)
        self._limit = _SMALL_PAGE  # what HubSpot did not manage once is not asked on every page
        return by_id(self._client, OBJECT, {**request, "limit": _SMALL_PAGE}, above=after)

    def _about(self, calls: Sequence[str]) -> dict[str, list[_Record]]:
        """Call -> the records that it is about."""
        about = self._logged_on(_CONTACTS, calls)
        without = [call_id for call_id in calls if not about.get(call_id)]
        for name in self._others:
            try:
                found = self._logged_on(name, without)
            except (AuthError, QuotaError, UnavailableError):
                raise
            except ConnectorError as error:  # contacts' calls do not wait for it
                log.warning("%s; calls that are logged on %s alone are left out", error, name)
                continue
            for call_id, records in found.items():
                about.setdefault(call_id, []).extend(records)
        return about

    def _logged_on(self, object_name: str, calls: Sequence[str]) -> dict[str, list[_Record]]:
        """Call -> the records of an object that it is logged on; calls without any are left out."""
        records: dict[str, list[_Record]] = {}
        for start in range(0, len(calls), _ASSOCIATIONS):
            batch = calls[start : start + _ASSOCIATIONS]
            answer = self._client.post(
                "read",
                self._client.paths.associations(f"calls/{object_name}/batch/read"),
                {"inputs": [{"id": call_id} for call_id in batch]},
                check=associations(batch),
            )
            for entry in answer["results"]:
                if linked := [(object_name, str(link["toObjectId"])) for link in entry["to"]]:
                    records[str(entry["from"]["id"])] = linked
        return records


def _labels(listed: Any, key: str) -> dict[str, str]:
    """Id -> label of a list of outcomes. Raises `ConnectorError` for another form."""
    if isinstance(listed, dict):
        listed = listed.get("results")
    if not isinstance(listed, list):
        raise ConnectorError("hubspot: the list of call outcomes has an unknown form")
    labels = {
        str(option[key]): str(option["label"]).strip()
        for option in listed
        if isinstance(option, dict) and option.get(key) and str(option.get("label") or "").strip()
    }
    if listed and not labels:
        raise ConnectorError("hubspot: the list of call outcomes has an unknown form")
    return labels


def _disposition(row: Mapping[str, Any]) -> str:
    return str(row["properties"].get(_OUTCOME) or "")


def _outcomes(
    row: Mapping[str, Any], names: Mapping[str, str], about: Sequence[_Record]
) -> Iterator[CallOutcome]:
    """One for each record that the call is about; one without where there is none."""
    properties = row["properties"]
    theirs = "from" if properties.get("hs_call_direction") == "INBOUND" else "to"
    if not (disposition := _disposition(row)):
        return
    for object_name, record_id in about or (("", ""),):
        yield CallOutcome(
            id=str(row["id"]),
            outcome=names.get(disposition, disposition),
            object=object_name,
            record_id=record_id,
            number=properties.get(f"hs_call_{theirs}_number") or "",
            at=_moment(properties.get("hs_timestamp") or properties[_MODIFIED]),
            modified=_moment(properties[_MODIFIED]),
            outcome_id=disposition,
            is_named=disposition in names,
        )


def _moment(text: str) -> datetime:
    if text.isdigit():
        return datetime.fromtimestamp(int(text) / 1000, UTC)
    return datetime.fromisoformat(text.replace("Z", "+00:00"))

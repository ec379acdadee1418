"""Write consents for phones as `ContactPointTypeConsent`, one record of ours for a person.

Source: Object Reference, "ContactPointTypeConsent"
(https://developer.salesforce.com/docs/platform/object-reference/references/standard-objects/object-contactpointtypeconsent.html):
`Name`, `PartyId`, `PrivacyConsentStatus`, `ContactPointType`, `CaptureContactPointType`,
`CaptureDate` and `CaptureSource` are required; `EffectiveFrom`, `EffectiveTo` and
`DataUsePurposeId` may be empty. REST API Developer Guide, "Create Multiple Records" and "Update
Multiple Records" (200 in a call, `allOrNone`).

The type Phone knows no difference between calls and texts. No `Individual` is made: a record that
names none gets no consent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from typing import Any

from connectors.consent_writes import ConsentChange, ConsentResult
from connectors.conversions import format_utc
from connectors.errors import UnansweredError
from connectors.http import unanswered
from connectors.http.response_guard import guards_response
from connectors.salesforce.call import Call
from connectors.salesforce.call_log import parse_time
from connectors.salesforce.consent_records import CONSENT, link_of, records_of
from connectors.salesforce.queries import Queries
from connectors.salesforce.soql import Query, listed, quoted

_STATUS = {"opt_out": "OptOut", "opt_in": "OptIn"}
_COLUMNS = ("Id", "PartyId", "PrivacyConsentStatus", "EffectiveTo")


class SalesforceConsentWriter:
    """Consents of one org. `source`: the `CaptureSource` by which our records are known;
    `purpose`: id of the `DataUsePurpose` that they are for, "" for none."""

    name = "salesforce"
    batch_size = 200

    def __init__(
        self, call: Call, source: str, purpose: str, objects: Sequence[str],
        living: Callable[[str], tuple[str, ...]],
    ) -> None:  # fmt: skip
        self._call, self._queries = call, Queries(call)
        self._source, self._purpose = source, purpose
        self._objects, self._living = objects, living

    @guards_response
    def parties(self, object_name: str, record_ids: Sequence[str]) -> dict[str, str]:
        link = link_of(object_name)
        query = Query(object_name, ("Id", link), (f"Id IN {listed(sorted(record_ids))}",))
        rows = self._queries.rows(query.soql(), among=record_ids)
        return {row["Id"]: row[link] for row in rows if row[link]}

    @guards_response
    def records_of(self, parties: Sequence[str]) -> Mapping[str, Sequence[tuple[str, str]]]:
        return records_of(self._queries, parties, self._objects, self._living)

    @guards_response
    def write(self, changes: Sequence[ConsentChange]) -> list[ConsentResult]:
        ours = self._ours([change.party for change in changes])
        results: dict[int, ConsentResult] = {}
        created: dict[int, dict[str, Any]] = {}
        updated: dict[int, dict[str, Any]] = {}
        for place, change in enumerate(changes):
            row = ours.get(change.party)
            if row is None and change.status == "opt_out":
                created[place] = self._new_record(change)
            elif row is None or self._says(row, change):
                results[place] = ConsentResult("same", row["Id"] if row else "")
            else:
                updated[place] = {"id": row["Id"], **self._values(change)}
        if created:
            answers = self._create([*created.values()])
            results |= dict(zip(created, answers, strict=True))
        if updated:
            answers = self._collection("PATCH", [*updated.values()])
            results |= dict(zip(updated, answers, strict=True))
        return [results[place] for place in range(len(changes))]

    def _ours(self, parties: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """Return our record of each person, the oldest if there are several."""
        tests = (
            "ContactPointType = 'Phone'", f"CaptureSource = {quoted(self._source)}",
            f"PartyId IN {listed(sorted(set(parties)))}",
        )  # fmt: skip
        found: dict[str, Mapping[str, Any]] = {}
        for row in self._queries.rows(Query(CONSENT, _COLUMNS, tests).soql()):
            found.setdefault(row["PartyId"], row)
        return found

    def _says(self, row: Mapping[str, Any], change: ConsentChange) -> bool:
        status, ends = row["PrivacyConsentStatus"], row["EffectiveTo"]
        if change.status == "ended":  # also where somebody has changed it to a consent
            ended = bool(ends) and parse_time(ends) <= change.at
            return ended or status not in ("OptOut", "OptOutPending")
        return not ends and status == _STATUS[change.status]

    def _values(self, change: ConsentChange) -> dict[str, Any]:
        at = format_utc(change.at.astimezone(UTC))
        if change.status == "ended":
            return {"attributes": {"type": CONSENT}, "EffectiveTo": at}
        return {
            "attributes": {"type": CONSENT},
            "PrivacyConsentStatus": _STATUS[change.status],
            "EffectiveFrom": at,
            "EffectiveTo": None,
            "CaptureDate": at,
        }

    def _new_record(self, change: ConsentChange) -> dict[str, Any]:
        purpose = {"DataUsePurposeId": self._purpose} if self._purpose else {}
        return {
            **self._values(change),
            "Name": f"Phone ({self._source})"[:255],
            "PartyId": change.party,
            "ContactPointType": "Phone",
            "CaptureContactPointType": "Phone",
            "CaptureSource": self._source,
            **purpose,
        }

    def _create(self, records: Sequence[dict[str, Any]]) -> list[ConsentResult]:
        try:
            with unanswered.not_repeated():
                return self._collection("POST", records)
        except UnansweredError:
            return [ConsentResult("unknown")] * len(records)

    def _collection(self, method: str, records: Sequence[dict[str, Any]]) -> list[ConsentResult]:
        body = {"allOrNone": False, "records": list(records)}
        answer = self._call("write", "composite/sobjects", method=method, json=body)
        if not isinstance(answer, list) or len(answer) != len(records):
            return [ConsentResult("unknown")] * len(records)
        return [_result(entry) for entry in answer]


def _result(entry: Mapping[str, Any]) -> ConsentResult:
    if entry.get("success") is True and entry.get("id"):
        return ConsentResult("written", str(entry["id"]))
    problem = (entry.get("errors") or [{}])[0]
    text = f"{problem.get('statusCode', '')}: {problem.get('message')}"
    return ConsentResult("refused", "", text)

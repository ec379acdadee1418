"""Read opt-outs from Salesforce's consent records: `ContactPointTypeConsent`, and `Individual`.

A contact, lead or person account names its `Individual`, and consents name that as their `PartyId`.
Read are consents for phones that say OptOut, or OptOutPending, and checkboxes of `Individual` that
the settings name. What says OptIn lifts nothing here.

Source: Object Reference, "ContactPointTypeConsent" (available where Data Protection and Privacy is
enabled; `PartyId`, `PrivacyConsentStatus` and `ContactPointType` are required, the latter unless an
engagement channel is named; `DataUsePurposeId` may be empty), "Individual" (`HasOptedOutSolicit`,
`ShouldForget`, ...), Contact and Lead (`IndividualId`), Account (`PersonIndividualId`).

An opt-out for one purpose counts as one for all: nobody here knows what a call is for. Consents
that name an engagement channel instead of a type are not read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.conversions import format_utc
from connectors.errors import ConnectorError
from connectors.records import ConsentOptOut, SchemaProblem
from connectors.salesforce.call import Call
from connectors.salesforce.call_log import batches, parse_time
from connectors.salesforce.queries import Queries
from connectors.salesforce.soql import Query, listed

CONSENT = "ContactPointTypeConsent"
INDIVIDUAL = "Individual"
_COLUMNS = ("Id", "PartyId", "PrivacyConsentStatus", "EffectiveFrom", "EffectiveTo",
            "LastModifiedDate", "CaptureSource", "CreatedById", "LastModifiedById")  # fmt: skip
_NEEDED = (*_COLUMNS, "ContactPointType")
OPT_OUT_STATUSES = ("OptOut", "OptOutPending")
_LINKS = {"Account": "PersonIndividualId"}  # of other objects it is IndividualId


def link_of(object_name: str) -> str:
    """Return the field of a record that names its `Individual`."""
    return _LINKS.get(object_name, "IndividualId")


def opt_outs(
    queries: Queries, since: datetime | None, checkboxes: Mapping[str, str],
    objects: Sequence[str], living: Callable[[str], tuple[str, ...]], now: datetime,
    own_source: str,
) -> Iterator[ConsentOptOut]:  # fmt: skip
    """Yield the opt-outs that stand, or those that were changed at or after `since`.

    `checkboxes`: of `Individual`, and the channels that each closes. `objects`: whose records are
    read; `living`: what tells records of an object that still count. `own_source`: the
    `CaptureSource` of what we write ourselves (`consent_writes`), which says nothing unless
    somebody has changed it.
    """
    changed = [f"SystemModstamp >= {format_utc(since, milliseconds=True)}"] if since else []
    statuses = f"PrivacyConsentStatus IN {listed(OPT_OUT_STATUSES)}"
    tests = ("ContactPointType = 'Phone'", statuses, *changed)
    for rows in batches(queries.rows_in_slices(Query(CONSENT, _COLUMNS, tests))):
        standing = [row for row in rows if row["PartyId"] and stands(row, now)
                    and not _is_untouched_own(row, own_source)]  # fmt: skip
        people = records_of(queries, [row["PartyId"] for row in standing], objects, living)
        for row in standing:
            what = f"the consent record for phones says {row['PrivacyConsentStatus']}"
            for object_name, record_id in people.get(row["PartyId"], ()):
                yield _opt_out(row, object_name, record_id, "call text", what)
    for field, channels in checkboxes.items():
        columns = ("Id", "LastModifiedDate")
        query = Query(INDIVIDUAL, columns, (f"{field} = true", *changed))
        for rows in batches(queries.rows_in_slices(query)):
            people = records_of(queries, [row["Id"] for row in rows], objects, living)
            for row in rows:
                for object_name, record_id in people.get(row["Id"], ()):
                    what = f"{field} is ticked in the privacy record (Individual)"
                    yield _opt_out(row, object_name, record_id, channels, what, f":{field}")


def stands(row: Mapping[str, Any], now: datetime) -> bool:
    """Whether a consent is in force now. One that begins later is found by a later read of all."""
    begins, ends = row["EffectiveFrom"], row["EffectiveTo"]
    return not (begins and parse_time(begins) > now) and not (ends and parse_time(ends) <= now)


def _is_untouched_own(row: Mapping[str, Any], own_source: str) -> bool:
    return bool(
        row["CaptureSource"] == own_source and row["CreatedById"] == row["LastModifiedById"]
    )


def _opt_out(
    row: Mapping[str, Any], object_name: str, record_id: str, channels: str, what: str,
    suffix: str = "",
) -> ConsentOptOut:  # fmt: skip
    changed = parse_time(row["LastModifiedDate"]).astimezone(UTC)
    return ConsentOptOut(f"{row['Id']}{suffix}", object_name, record_id, channels, changed, what)


def records_of(
    queries: Queries, individuals: Sequence[str], objects: Sequence[str],
    living: Callable[[str], tuple[str, ...]],
) -> dict[str, list[tuple[str, str]]]:  # fmt: skip
    """Map each individual to the records that name it: (object, id)."""
    found: dict[str, list[tuple[str, str]]] = {}
    wanted = sorted(set(individuals))
    for name in objects if wanted else ():
        link = link_of(name)
        tests = (*living(name), f"{link} IN {listed(wanted)}")
        for row in queries.rows(Query(name, ("Id", link), tests).soql()):
            found.setdefault(row[link], []).append((name, row["Id"]))
    return found


def problems(
    call: Call, checkboxes: Mapping[str, str], objects: Sequence[str]
) -> Iterator[SchemaProblem]:
    """Yield what stands in the way of reading consent records, for `hygiene crm check`."""
    needed: dict[str, Sequence[str]] = {CONSENT: _NEEDED}
    needed |= {name: (link_of(name),) for name in objects}
    if checkboxes:
        needed[INDIVIDUAL] = tuple(checkboxes)
    for name, fields in needed.items():
        try:
            entries = call("other", f"sobjects/{name}/describe")["fields"]
        except ConnectorError as error:
            if "NOT_FOUND" not in str(error):
                raise
            text = (
                "the org has no such object, or our user may not see it: turn on Data Protection "
                "and Privacy in Setup, or turn connectors.salesforce.consent_records off"
            )
            yield SchemaProblem(name, "", text, False, "missing")
            continue
        there = {entry["name"]: entry for entry in entries}
        for field in fields:
            if field not in there:
                text = "missing, or hidden from our user; no consent record can be read without it"
                yield SchemaProblem(name, field, text, False, "missing")
            elif name == INDIVIDUAL and there[field]["type"] != "boolean":
                yield SchemaProblem(name, field, "is no checkbox", False, "unreadable")

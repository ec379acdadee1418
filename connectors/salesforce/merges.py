"""Salesforce records that are gone: deleted, merged into another one, or converted leads.

A record that our user may not see is left out of every answer, as if it were not there. So a record
that is missing is gone only where the org says so.

A merge deletes the losing record and puts the id of the winner into its `MasterRecordId`; the
winner keeps its own values but for those that whoever merges chooses. `queryAll` finds the loser as
long as it is in the recycle bin (15 days). A winner may lose a later merge.

Accounts, contacts and leads can be merged in every org, and cases where the org lets people do so:
duplicates are then deleted, or closed and kept (Salesforce Help, "Merge Cases"). Those that are
kept are records like any other. Custom objects cannot be merged, and have no `MasterRecordId`.
Sources: REST API Developer Guide, "Execute a SOQL Query that Includes Deleted Items"; SOAP API
Developer Guide, "merge()" and "undelete()"; Object Reference, Lead (`ConvertedContactId`).

Not confirmed: whether queryAll shows a deleted record to a user who could not see it before. It
removes no contact wrongly: what is not reported as deleted stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.fields import ObjectFields
from connectors.records import Merge
from connectors.rows import TRUE
from connectors.salesforce.call import Call
from connectors.salesforce.soql import listed
from connectors.salesforce.visibility import rows_of

_IDS = 200  # ids in one WHERE ... IN: keeps the URL well under 16 kB
_CHAIN = 20  # merges after one another that are followed

Row = Mapping[str, Any]


def tombstones(object_name: str) -> tuple[str, ...]:
    """Columns that say whether a record is gone."""
    return ("IsDeleted", "IsConverted") if object_name == "Lead" else ("IsDeleted",)


@dataclass(frozen=True)
class Links:
    """Which columns of an object say in which record one lives on.

    `person_accounts`: whether accounts are read for the people among them; a lead that became one
    goes on as that. `never_merged`: objects that have no `MasterRecordId`.
    """

    person_accounts: bool = False
    never_merged: frozenset[str] = frozenset()

    def of(self, object_name: str) -> dict[str, str]:
        """Return the columns -> the object of the record that each names."""
        targets = {} if object_name in self.never_merged else {"MasterRecordId": object_name}
        if object_name == "Lead":
            targets["ConvertedContactId"] = "Contact"
            if self.person_accounts:
                targets["ConvertedAccountId"] = "Account"
        return targets


def merge_of(row: Row, links_: Mapping[str, str]) -> Merge | None:
    """Where a record that is gone lives on; None where it does not.

    A lead that became a contact at a company goes on as the contact, which is named first.
    """
    for column, object_name in links_.items():
        if into := row[column]:
            return Merge(str(row["Id"]), object_name, str(into))
    return None


def deleted(
    call: Call, object_name: str, ids: Sequence[str], links: Links
) -> dict[str, Merge | None]:
    """Those of these (valid) ids that are gone, each with where it lives on now."""
    merges = _gone(call, object_name, ids, links)
    for _ in range(_CHAIN):
        # A winner may have lost a later merge.
        onward = {
            merge.into_id: merge.into_object
            for merge in merges.values()
            if merge is not None and merge.into_id not in merges
        }
        next_merges: dict[str, Merge | None] = {}
        for name in {*onward.values()}:
            next_ids = [record_id for record_id, of in onward.items() if of == name]
            next_merges |= _gone(call, name, next_ids, links)
        if not next_merges:
            break
        for record_id, merge in merges.items():
            if merge is None:
                continue
            following = next_merges.get(merge.into_id, merge)
            if following is None or following.into_id == record_id:
                merges[record_id] = None  # whoever it lived on in was deleted
            else:
                merges[record_id] = Merge(record_id, following.into_object, following.into_id)
    return {record_id: merges[record_id] for record_id in ids if record_id in merges}


def _gone(
    call: Call, object_name: str, ids: Sequence[str], links: Links
) -> dict[str, Merge | None]:
    links_ = links.of(object_name)
    gone = " OR ".join(f"{column} = true" for column in tombstones(object_name))
    columns = ", ".join(("Id", *links_))
    merges: dict[str, Merge | None] = {}
    for start in range(0, len(ids), _IDS):
        batch = listed(ids[start : start + _IDS])
        soql = f"SELECT {columns} FROM {object_name} WHERE Id IN {batch} AND ({gone})"
        for row in rows_of(call, soql, "read", "queryAll"):
            merges[row["Id"]] = merge_of(row, links_)
    return merges


def flags_before_merge(
    call: Call,
    object_name: str,
    since: Mapping[str, datetime],
    flags: Sequence[str],
    fields: Mapping[str, ObjectFields],
    links: Links,
) -> dict[str, dict[str, list[datetime]]]:
    """Checkboxes of records that were merged into these, or converted to them: id -> flag -> when
    that record was last changed."""
    times: dict[str, dict[str, list[datetime]]] = {}
    for row, column, names in _losers(call, object_name, list(since), flags, fields, links):
        into, at = str(row[column]), datetime.fromisoformat(str(row["SystemModstamp"]))
        if into not in since or at <= since[into]:
            continue
        for flag, name in names.items():
            if row.get(name) in TRUE:
                times.setdefault(into, {}).setdefault(flag, []).append(at)
    return times


def _losers(
    call: Call,
    object_name: str,
    survivors: Sequence[str],
    flags: Sequence[str],
    fields: Mapping[str, ObjectFields],
    links: Links,
) -> Iterator[tuple[Row, str, Mapping[str, str]]]:
    """Records that live on in these, the column that says so, and what their flags are called."""
    for name, of_object in fields.items():
        names = {flag: of_object.names[flag] for flag in flags if flag in of_object.names}
        for column, into in links.of(name).items():
            if into != object_name or not names:
                continue
            columns = ", ".join(("Id", column, "SystemModstamp", *names.values()))
            for start in range(0, len(survivors), _IDS):
                batch = listed(survivors[start : start + _IDS])
                soql = f"SELECT {columns} FROM {name} WHERE {column} IN {batch}"
                for row in rows_of(call, soql, "read", "queryAll"):
                    yield row, column, names

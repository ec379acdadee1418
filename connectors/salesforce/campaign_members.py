"""Read who is a member of a campaign.

Accounts can be members where the org has "Accounts as Campaign Members" switched on; only then does
`CampaignMember` have the field `AccountId` (API 50.0 and later; Object Reference, "CampaignMember",
https://developer.salesforce.com/docs/platform/object-reference/references/standard-objects/object-campaignmember.html).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from connectors.errors import InvalidRequestError, SchemaChangedError
from connectors.salesforce.call_log import batches
from connectors.salesforce.queries import Queries
from connectors.salesforce.record_ids import PREFIXES, is_record_id
from connectors.salesforce.soql import Query, listed, quoted

_MEMBER = ("Id", "ContactId", "LeadId")


def members(
    queries: Queries,
    campaign: str,
    objects: Collection[str],
    accounts_of: Callable[[Iterable[str]], Mapping[str, str]],
) -> Iterator[tuple[str, str]]:
    """Yield (object, id) of a campaign's members: contacts, leads that are still leads, accounts.

    `campaign`: its name or id. `objects`: those that are read at all. `accounts_of`: returns the
    person accounts that contacts stand for.
    """
    by = "Id" if is_record_id(campaign) and campaign.startswith("701") else "Name"
    soql = f"SELECT Id FROM Campaign WHERE {by} = {quoted(campaign)}"
    ids = [row["Id"] for row in queries.rows(soql)]
    if not ids:
        raise InvalidRequestError(
            f"salesforce: there is no campaign {campaign!r} that our user may see"
        )
    of_campaign = f"CampaignId IN {listed(ids)}"
    for rows in batches(_rows(queries, of_campaign, "Account" in objects)):
        accounts = accounts_of(row["ContactId"] or "" for row in rows)
        for row in rows:
            # A contact's account is no member of its own.
            record_id = row["ContactId"] or row["LeadId"] or row.get("AccountId") or ""
            record_id = accounts.get(record_id, record_id)
            if (object_name := PREFIXES.get(record_id[:3], "")) in objects:
                yield object_name, record_id


def _rows(queries: Queries, of_campaign: str, with_accounts: bool) -> Iterator[Mapping[str, Any]]:
    """Yield the members. `with_accounts`: accounts are read, so they may be members, too."""
    if with_accounts:
        rows = queries.rows_in_slices(
            Query("CampaignMember", (*_MEMBER, "AccountId"), (of_campaign,))
        )
        try:
            first = next(rows, None)
        except SchemaChangedError:  # accounts cannot be members in this org
            pass
        else:
            if first is not None:
                yield first
            yield from rows
            return
    yield from queries.rows_in_slices(Query("CampaignMember", _MEMBER, (of_campaign,)))

"""Read who is a member of a campaign."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from connectors.errors import InvalidRequestError
from connectors.salesforce.call_log import batches
from connectors.salesforce.queries import Queries
from connectors.salesforce.record_ids import PREFIXES, is_record_id
from connectors.salesforce.soql import Query, listed, quoted


def members(
    queries: Queries,
    campaign: str,
    objects: Collection[str],
    accounts_of: Callable[[Iterable[str]], Mapping[str, str]],
) -> Iterator[tuple[str, str]]:
    """Yield (object, id) of a campaign's members: contacts, and leads that are still leads.

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
    query = Query(
        "CampaignMember", ("Id", "ContactId", "LeadId"), (f"CampaignId IN {listed(ids)}",)
    )
    for rows in batches(queries.rows_in_slices(query)):
        accounts = accounts_of(row["ContactId"] or "" for row in rows)
        for row in rows:
            record_id = row["ContactId"] or row["LeadId"] or ""
            record_id = accounts.get(record_id, record_id)
            if (object_name := PREFIXES.get(record_id[:3], "")) in objects:
                yield object_name, record_id

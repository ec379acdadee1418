"""Person accounts: people whom an org keeps as an account and a contact in one.

The account (001...) is what is read and written. What is logged about the person names the contact
that the org keeps beside it (003...): `Task.WhoId`, `CampaignMember.ContactId`, and whatever other
systems copied. `Account.PersonContactId` leads from one to the other.

Source: Salesforce Help, "Person Accounts"; Object Reference, Account (`PersonContactId`,
`IsPersonAccount`), Task (`WhoId`), CampaignMember (`ContactId`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from connectors.salesforce.soql import listed

CONTACT_ID = "PersonContactId"  # of an account: the id of the contact beside it
FLAG = "IsPersonAccount"  # of an account and of a contact, in orgs with person accounts
_AT_ONCE = 200  # ids in one query

Rows = Callable[[str], Iterator[Mapping[str, Any]]]  # all rows of a SOQL query


def accounts_of(rows: Rows, contact_ids: Iterable[str]) -> dict[str, str]:
    """The account of each of these contacts that is half of a person account."""
    wanted = sorted({contact_id for contact_id in contact_ids if contact_id.startswith("003")})
    accounts: dict[str, str] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        among = listed(wanted[start : start + _AT_ONCE])
        soql = f"SELECT Id, {CONTACT_ID} FROM Account WHERE {CONTACT_ID} IN {among}"
        accounts |= {row[CONTACT_ID]: row["Id"] for row in rows(soql)}
    return accounts

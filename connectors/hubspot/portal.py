"""Which account (portal) a token belongs to.

Source: the API's own document of 2026-09, Account Info (`/account-info/2026-09/details`, scope
`oauth`, which every token has).
"""

from __future__ import annotations

from connectors.errors import UnavailableError
from connectors.http.client import ContradictionError
from connectors.http.consistency import account_details
from connectors.hubspot.client import Client

_MOST_ASKED = 3  # times


def portal_of(client: Client) -> int:
    """Return the id of the account that our token belongs to; raises `ConnectorError`.

    Whoever asks keeps it for good, and takes no event of another account. So HubSpot is asked until
    it says the same twice, three times at most.
    """
    portals: list[int] = []
    for _ in range(_MOST_ASKED):
        answer = client.get("other", client.paths.account("details"), check=account_details)
        portal: int = answer["portalId"]
        if portal in portals:
            return portal
        portals.append(portal)
    what = f"the account details name the accounts {', '.join(map(str, portals))}"
    raise UnavailableError(
        f"hubspot: an answer contradicts itself: {what}; events are not compared with the account "
        "until they agree, and we ask HubSpot again automatically"
    ) from ContradictionError(what)

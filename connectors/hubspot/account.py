"""What HubSpot's API says of the account itself, and what it is told about our workflow action.

Sources: the API's own documents of 2026-09: Account Info (`/account-info/2026-09/details`, scope
`oauth`, which every token has) and Actions V4 (`/automation/actions/callbacks/2026-09/complete`,
scope `automation`). https://developers.hubspot.com/docs/api-reference/latest/overview
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connectors.errors import UnavailableError
from connectors.http.client import ContradictionError
from connectors.http.consistency import account_details
from connectors.hubspot.client import Client
from connectors.hubspot.connector import HubSpotConnector
from connectors.named import renamed_errors
from connectors.protocol import Connector

_MOST_ASKED = 3  # times
BATCH = 100  # completions in one call; HubSpot names no limit


@dataclass(frozen=True, slots=True)
class Completion:
    """The end of a workflow action that we had asked HubSpot to wait for."""

    callback: str
    outputs: Mapping[str, str]


def portal_id(connector: Connector) -> int:
    """The id of the account that our token belongs to; raises `ConnectorError`.

    Whoever asks keeps it for good, and takes no event of another account. So HubSpot is asked until
    it says the same twice, three times at most.
    """
    with renamed_errors(connector.name):
        return _portal_id(client_of(connector))


def _portal_id(client: Client) -> int:
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


def complete(connector: Connector, completions: Sequence[Completion]) -> None:
    """Let workflows go on, with the outputs of the action; raises `ConnectorError`."""
    inputs = [
        {
            "callbackId": completion.callback,
            "outputFields": dict(completion.outputs),
            "typedOutputs": {},
        }
        for completion in completions
    ]
    client = client_of(connector)
    with renamed_errors(connector.name):
        client.post("write", client.paths.workflow_callbacks("complete"), {"inputs": inputs})


def client_of(connector: Connector) -> Client:
    """Return the client of a connector to HubSpot."""
    assert isinstance(connector, HubSpotConnector)
    return connector.client

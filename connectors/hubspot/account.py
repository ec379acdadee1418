"""What HubSpot's API says of the account itself, and what it is told about our workflow action.

Sources: the API's own documents of 2026-09: Account Info (`/account-info/2026-09/details`, scope
`oauth`, which every token has) and Actions V4 (`/automation/actions/callbacks/2026-09/complete`,
scope `automation`). https://developers.hubspot.com/docs/api-reference/latest/overview
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connectors.hubspot.client import Client
from connectors.hubspot.connector import HubSpotConnector
from connectors.hubspot.portal import portal_of
from connectors.named import renamed_errors
from connectors.protocol import Connector

BATCH = 100  # completions in one call; HubSpot names no limit


@dataclass(frozen=True, slots=True)
class Completion:
    """The end of a workflow action that we had asked HubSpot to wait for."""

    callback: str
    outputs: Mapping[str, str]


def portal_id(connector: Connector) -> int:
    """The id of the account that our token belongs to; raises `ConnectorError`."""
    with renamed_errors(connector.name):
        return portal_of(client_of(connector))


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

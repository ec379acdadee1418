"""What HubSpot's API says of the account itself, and what it is told about our workflow action.

Sources: the API's own documents of 2026-09: Account Info (`/account-info/2026-09/details`, scope
`oauth`, which every token has) and Actions V4 (`/automation/actions/callbacks/2026-09/complete`,
scope `automation`). https://developers.hubspot.com/docs/api-reference/latest/overview
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connectors.base import Connector, ConnectorError
from connectors.hubspot import HubSpotConnector
from connectors.hubspot_client import Client

BATCH = 100  # completions in one call; HubSpot names no limit


@dataclass(frozen=True, slots=True)
class Completion:
    """The end of a workflow action that we had asked HubSpot to wait for."""

    callback: str
    outputs: Mapping[str, str]


def portal_id(connector: Connector) -> int:
    """The id of the account that our token belongs to; raises `ConnectorError`."""
    client = _client(connector)
    answer = client.get("other", client.paths.account("details"))
    found = answer.get("portalId") if isinstance(answer, dict) else None
    if not isinstance(found, int):
        raise ConnectorError("hubspot: the account details have an unknown form")
    return found


def complete(connector: Connector, completions: Sequence[Completion]) -> None:
    """Let workflows go on, with the outputs of the action; raises `ConnectorError`."""
    inputs = [
        {"callbackId": one.callback, "outputFields": dict(one.outputs), "typedOutputs": {}}
        for one in completions
    ]
    client = _client(connector)
    client.post("write", client.paths.workflow_callbacks("complete"), {"inputs": inputs})


def _client(connector: Connector) -> Client:
    assert isinstance(connector, HubSpotConnector)
    return connector.client

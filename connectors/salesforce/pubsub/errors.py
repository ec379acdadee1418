"""What the Pub/Sub API refuses, as the connector's errors with a line that says what to do.

The API's own code of an error stands in the trailer `error-code` (Pub/Sub API, "Handle Errors").
"""

from __future__ import annotations

import re
from typing import Any

from connectors.errors import AuthError, ConnectorError, QuotaError, UnavailableError

_PREFIX = "sfdc.platform.eventbus.grpc."
REPLAY_ID_CODES = frozenset(
    f"{_PREFIX}subscription.fetch.replayid.{what}" for what in ("corrupted", "validation.failed")
)
AUTH_CODE = f"{_PREFIX}service.auth.error"
DELIVERY_LIMIT_CODE = f"{_PREFIX}subscription.limit.exceeded"
CLIENT_LIMIT_CODE = f"{_PREFIX}concurrent.client.limit.exceeded"
_RPC_ID = re.compile(r"rpcId:\s*([\w-]{8,64})")


class ReplayIdError(ConnectorError):
    """Salesforce no longer knows the replay id: it is older than the retention of 72 hours, or the
    org has moved. What was missed has to be pulled."""


class ExpiredSessionError(UnavailableError):
    """The session that the stream was opened with is refused: a fresh one is tried next."""


def translate(error: Any, channel: str) -> ConnectorError:
    """Return the error for a `grpc.RpcError`."""
    status = str(getattr(error.code(), "name", "UNKNOWN"))
    details = str(error.details() or "")[:300]
    code = dict(error.trailing_metadata() or ()).get("error-code", "")
    code = code if isinstance(code, str) else ""
    where = f"salesforce: {channel}"
    rpc = _RPC_ID.search(details)
    told = f"{code or status}{f', rpcId {rpc.group(1)}' if rpc else ''}"
    if code in REPLAY_ID_CODES or (
        status == "INVALID_ARGUMENT" and "replay" in details.casefold().replace("_", " ")
    ):
        return ReplayIdError(f"{where}: the replay id is too old or unknown ({told})")
    if status == "UNAUTHENTICATED" or code == AUTH_CODE:
        return ExpiredSessionError(f"{where}: the session is refused ({told})")
    if code == DELIVERY_LIMIT_CODE:
        return QuotaError(
            f"{where}: the org's event deliveries of the last 24 hours are used up ({told}). "
            "Nothing is lost: changes are pulled on schedule. See docs/streaming.md, Limits"
        )
    if code == CLIENT_LIMIT_CODE or status == "RESOURCE_EXHAUSTED":
        return QuotaError(f"{where}: too many subscribers of this org ({told}); end others")
    if status == "PERMISSION_DENIED":
        return AuthError(
            f"{where}: our user may not subscribe ({told}). Give its permission set 'View All "
            "Records' of the object"
        )
    if status in ("NOT_FOUND", "INVALID_ARGUMENT"):
        return ConnectorError(
            f"{where}: the org has no such channel ({told}). Select the object in Setup > Change "
            "Data Capture, or correct connectors.salesforce.streaming.channels"
        )
    return UnavailableError(f"{where}: the stream was cut ({told})")

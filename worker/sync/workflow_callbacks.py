"""Complete HubSpot workflows that wait for a re-check, with what was found.

A workflow stops at our action (`worker.web.hubspot.step` answers BLOCK) until we complete it. If we
never do, it goes on by itself after an hour, without outputs.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from config import connections
from connectors.errors import AuthError, ConnectorError, QuotaError, UnavailableError
from connectors.hubspot import account
from connectors.hubspot.account import BATCH, Completion
from connectors.protocol import Connector
from worker.context import Context
from worker.feedback import rechecks
from worker.store import pause, setbacks
from worker.store.tables import contacts

log = logging.getLogger(__name__)
_ACTIVITY = "tell workflows of their re-checks"  # as an operator reads it

# From the most serious to the one with nothing to say: design, "Order of precedence".
PRECEDENCE = (
    "do_not_contact", "wrong_number", "invalid", "unreachable", "unverified", "valid",
)  # fmt: skip
# HubSpot cannot be told now, and may be later; any other refusal is about one callback.
_LATER = (AuthError, QuotaError, UnavailableError)


def complete(ctx: Context, connector: str) -> int:
    """Complete all workflows whose re-check was carried out; return how many.

    Never raises for a CRM that is away: the rest is tried again later.
    """
    completed = 0
    while connections.kind_of(connector) == "hubspot" and not pause.is_on(ctx.store):
        with ctx.store.read() as connection:
            rows = rechecks.callbacks_due(connection, connector, ctx.now(), BATCH)
        if not rows:
            break
        try:
            opened = ctx.open_own(connector)
            over = _complete(opened, {row.key: _completion(ctx, row) for row in rows})
        except ConnectorError as error:
            log.warning("%s: workflows wait for the outcome of %d re-checks: %s",
                        connector, len(rows), error)  # fmt: skip
            setbacks.note(ctx.store, connector, _ACTIVITY, error, ctx.now())
            with ctx.store.write() as connection:
                rechecks.postpone_callbacks(connection, [row.key for row in rows], ctx.now())
            break
        with ctx.store.write() as connection:
            rechecks.complete_callbacks(connection, over, ctx.now())
        setbacks.clear(ctx.store, connector, _ACTIVITY)
        completed += len(over)
    return completed


def outputs(
    ctx: Context, connector: str, object_name: str, record_id: str, field: str
) -> dict[str, str]:
    """Return what our action hands to the steps after it.

    That is the status of one phone field, or the most serious of all where `field` is "", and the
    reason as it stands in the record.
    """
    c = contacts.c
    query = sa.select(c.statuses, c.reason).where(
        c.connector == connector, c.object == object_name, c.record_id == record_id
    )
    with ctx.store.read() as connection:
        row = connection.execute(query).one_or_none()
    if row is None:
        return failed("HubSpot has no such contact (any more), or it holds no phone number.")
    return {
        "status": row.statuses.get(field) or "" if field else most_serious(row.statuses),
        "reason": row.reason or "",
        "hs_execution_state": "SUCCESS",
    }


def failed(reason: str) -> dict[str, str]:
    """Return the outputs of an action that could not be carried out; the workflow goes on."""
    return {"status": "", "reason": reason, "hs_execution_state": "FAIL_CONTINUE"}


def most_serious(statuses: Mapping[str, str | None]) -> str:
    """Return the status that matters most; "" where no field holds a number.

    >>> most_serious({"phone": "valid", "mobilephone": "wrong_number"})
    'wrong_number'
    """
    present = set(statuses.values())
    return next((status for status in PRECEDENCE if status in present), "")


def _completion(ctx: Context, row: Any) -> Completion:
    values = outputs(ctx, row.connector, row.object, row.record_id, row.field)
    return Completion(row.callback, values)


def _complete(connector: Connector, asked: Mapping[str, Completion]) -> Sequence[str]:
    """Complete callbacks; return the keys of those that are over.

    One that HubSpot refuses must not hold up the others: a workflow that was deleted, or whose hour
    is over, waits for nothing any more.
    """
    try:
        account.complete(connector, list(asked.values()))
    except _LATER:
        raise
    except ConnectorError as error:
        if len(asked) == 1:
            log.warning("%s: a workflow was not told of its re-check: %s", connector.name, error)
            return list(asked)
        return [key for single in _singly(asked) for key in _complete(connector, single)]
    return list(asked)


def _singly(asked: Mapping[str, Completion]) -> Iterable[Mapping[str, Completion]]:
    return ({key: completion} for key, completion in asked.items())

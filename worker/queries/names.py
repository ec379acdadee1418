"""Read names and phones as typed from the CRMs, for contacts that a person looks at.

They are read when they are needed and never stored. The calls count as the CRM's other calls do,
and are made only while more than the reserve of the day's calls is left.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import connectors
from config import connections
from connectors.errors import ConnectorError, QuotaError
from connectors.protocol import Connector
from connectors.records import TypedContact
from worker.context import Context
from worker.sync.runs import crm_quota

log = logging.getLogger(__name__)

_TRUSTED = timedelta(hours=1)  # how long what a run was told of the day's calls counts here
Key = tuple[str, str, str]  # (connector, object, record id)


@dataclass
class Names:
    """`found`: by CONNECTOR/OBJECT/ID. `problems`: why those of a connector could not be read, a
    sentence each, by the connector's name. `calls`: API calls that were made, by connector."""

    found: dict[str, TypedContact] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)


def read(ctx: Context, keys: Sequence[Key]) -> Names:
    """Read the names of these contacts. What cannot be read is told in `problems`: nothing of it
    is an error of the page that asks."""
    names = Names()
    groups: dict[str, dict[str, list[str]]] = {}
    for connector, object_name, record_id in dict.fromkeys(keys):
        groups.setdefault(connector, {}).setdefault(object_name, []).append(record_id)
    borrowed = ctx.borrow()
    try:
        for name, objects in groups.items():
            _read_from(borrowed, name, objects, names)
    finally:
        ctx.give_back(borrowed)
    return names


def _read_from(ctx: Context, name: str, objects: Mapping[str, Sequence[str]], names: Names) -> None:
    if name not in ctx.settings.active_connectors:
        names.problems[name] = "It is not connected."
        return
    if reason := _reserved(ctx, name):
        names.problems[name] = reason
        return
    connector: Connector | None = None
    before = sum(ctx.calls(name).values())
    try:
        connector = _open(ctx, name)
        before = before if not connector.is_file else 0
        for object_name, ids in objects.items():
            for contact in connector.read_names(object_name, ids):
                names.found[f"{name}/{object_name}/{contact.id}"] = contact
    except QuotaError:
        names.problems[name] = "Only the reserve of today's API calls is left."
    except ConnectorError as error:
        log.warning("names were not read: %s", error)
        names.problems[name] = "It does not answer, or refuses to."
    finally:
        if connector is not None and not connector.is_file:
            calls = sum(connector.calls.values()) - before
            names.calls[name] = names.calls.get(name, 0) + calls
            crm_quota.count_calls(ctx, name, calls)


def _open(ctx: Context, name: str) -> Connector:
    """Open a connector. A file is opened anew, since a run may have replaced it; and it is not
    closed, which would fold the journal of a run that still writes into it."""
    is_file = connections.is_file(name)
    opened = connectors.build(name, ctx.settings) if is_file else ctx.open(name)
    if not opened.is_file:
        return ctx.connector(name)
    opened.apply_schema(opened.describe())
    return opened


def _reserved(ctx: Context, name: str) -> str:
    """Return why no call may be made, by what a run was told lately; "" where one may."""
    quota = crm_quota.last_reported(ctx, name)
    if quota is None or ctx.now() - datetime.fromisoformat(quota["at"]) > _TRUSTED:
        return ""
    reserve = getattr(getattr(ctx.settings.connectors, name, None), "api_reserve", 0.0)
    if quota["limit"] and quota["remaining"] / quota["limit"] <= reserve:
        return (
            f"Only {quota['remaining']:,} of today's {quota['limit']:,} API calls are left, and "
            f"{reserve:.0%} are reserved for others."
        )
    return ""


def calls_needed(ctx: Context, counts: Mapping[tuple[str, str], int]) -> dict[str, int]:
    """Return how many API calls it takes at least to read the names of so many contacts, by
    connector. `counts`: by connector and object. A list on disk takes none."""
    needed: dict[str, int] = {}
    for (name, _object), number in counts.items():
        if name in ctx.settings.active_connectors:
            connector = ctx.open(name)
            each = (
                0
                if connector.is_file or not connector.names_size
                else -(-number // connector.names_size)
            )
            needed[name] = needed.get(name, 0) + each
    return {name: calls for name, calls in needed.items() if calls}

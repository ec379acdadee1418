"""The endpoints that events are sent to: added, changed, paused, and how each is doing.

Secrets are stored encrypted. A new one is shown once; while it is rotated, those before count as
well, so each event carries the signatures of all
(https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md). Those
before are kept one after the other, with a space between: a secret that was made and lost must not
take the place of the one that the endpoint knows.
"""

from __future__ import annotations

import base64
import logging
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, count
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config.errors import HygieneError
from config.event_names import EVENT_NAMES, WEBHOOK
from config.events import (
    EndpointSettings,
    name_problem,
    plain_http_problem,
    secret_variable,
    url_problem,
)
from config.redaction import register_secrets
from config.section import SettingsError
from worker.context import Context
from worker.events import egress, outgoing
from worker.events.egress import EgressRefusedError
from worker.events.model import FEED_TYPES, DeliveryState, EndpointState
from worker.events.systems import registry
from worker.store.encryption import decrypt, encrypt
from worker.store.pseudonyms import Keys
from worker.store.tables import endpoint_backfills, endpoints, event_deliveries

log = logging.getLogger(__name__)

BOTH_SECRETS_FOR = timedelta(days=1)  # after a rotation, unless said otherwise
_PURPOSE = "endpoint secret"
_LONGEST_ERROR = 255
_MOST_FORMER = 3  # secrets that sign beside the one in use
_BY_SETTINGS = "settings"
_NO_SECRET = {"secret": "", "number_key": ""}  # of a system


class EndpointError(HygieneError):
    """An endpoint cannot be added or changed like this; the message says what to do."""

    exit_code = 2
    http_status = 422


class NoSuchEndpointError(HygieneError):
    exit_code = 2
    http_status = 404

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no endpoint {name}; list them: hygiene endpoints list")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A system that events are sent to.

    `kind`: "webhook", or the name of a system (`worker.events.systems`), which has no `url`.
    `types`: of the events that it subscribes to; () = all. `hashes_numbers`: it gets a keyed hash
    instead of each number. `failures`: attempts that failed in a row.
    """

    id: int
    name: str
    kind: str
    url: str
    types: tuple[str, ...]
    state: EndpointState
    from_settings: bool
    hashes_numbers: bool
    created_at: datetime
    created_by: str
    failures: int
    failing_since: datetime | None
    retry_at: datetime | None
    error: str
    delivered_at: datetime | None
    former_until: datetime | None

    @property
    def health(self) -> str:
        """Its state in a word: one that is active may be "failing"."""
        failing = self.state == EndpointState.ACTIVE and self.failures
        return "failing" if failing else self.state.value

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "kind": self.kind,
            "url": self.url,
            "events": list(self.types) or list(EVENT_NAMES),
            "state": self.state,
            "from_settings": self.from_settings,
            "hash_numbers": self.hashes_numbers,
            "created_at": self.created_at.isoformat(),
            "created_by": self.created_by,
            "failures": self.failures,
            "failing_since": self.failing_since.isoformat() if self.failing_since else None,
            "retry_at": self.retry_at.isoformat() if self.retry_at else None,
            "error": self.error or None,
            "delivered_at": self.delivered_at.isoformat() if self.delivered_at else None,
            "former_secret_until": self.former_until.isoformat() if self.former_until else None,
        }


@dataclass(frozen=True, slots=True)
class Credentials:
    """What is shown once: the signing secret, and the key of hashed numbers ("": there is none)."""

    secret: str
    number_key: str


@dataclass(frozen=True, slots=True)
class Signing:
    """What signs the events of an endpoint now. `number_key`: as in `Credentials`."""

    secrets: tuple[str, ...]
    number_key: str


def add(
    ctx: Context, name: str, url: str, types: Sequence[str], hash_numbers: bool, by: str
) -> tuple[Endpoint, Credentials]:
    """Add a webhook; its events begin now. The credentials are shown this once.

    `name`: "" = one made of the address's host. Its `error` says what keeps events from it now, if
    that is seen. Raises `EndpointError`, also for an address that no event would be sent to.
    """
    if problem := url_problem(url):
        raise EndpointError(f"url: {problem}")
    name = name or _name_of(ctx, url)
    if problem := name_problem(name):
        raise EndpointError(f"name: {problem}")
    obstacle = _obstacle(ctx, url)
    shown = Credentials(_new_secret(), _new_number_key() if hash_numbers else "")
    keys = ctx.keys
    with ctx.store.write() as connection:
        _require_free(connection, name)
        values = _new_row(ctx, name, WEBHOOK, url, _checked_types(types), by)
        values |= {"error": obstacle}
        values |= {"secret": _sealed(keys, shown.secret)}
        values |= {"number_key": _sealed(keys, shown.number_key)}
        connection.execute(sa.insert(endpoints).values(**values))
        return _load(connection, name), shown


def _obstacle(ctx: Context, url: str) -> str:
    """Return what keeps events from an address at the moment: "" = nothing, as far as can be seen.

    Raises `EndpointError` for one that no event would be sent to (`egress.check`), and for plain
    http to a name without an address: nobody can tell yet whether it stays inside the networks
    that are allowed. Over https, such a name may get its address later. Each sending checks again.
    """
    allowed = ctx.settings.events.allow_addresses
    if problem := plain_http_problem(url, allowed):
        raise EndpointError(f"url: {problem}")
    try:
        egress.check(url, allowed, egress.resolve_soon)
    except EgressRefusedError as error:
        raise EndpointError(f"url: {error}") from error
    except OSError as error:
        parts = urlsplit(url)
        if parts.scheme == "http":
            raise EndpointError(
                f"url: {parts.hostname} has no address, and plain http goes only to addresses of "
                "events.allow_addresses: use https, or add it when its name has one"
            ) from error
        return egress.no_address(error)[:_LONGEST_ERROR]
    except ValueError as error:  # a name that no resolver takes
        raise EndpointError("url: not an address; its host is no name") from error
    return ""


def obstacle(ctx: Context, url: str) -> str:
    """Return what keeps events from an address at the moment: "" = nothing, as far as can be
    seen."""
    try:
        return _obstacle(ctx, url)
    except EndpointError as error:
        return str(error).removeprefix("url: ")[:_LONGEST_ERROR]


def _name_of(ctx: Context, url: str) -> str:
    """Return a free name that tells of the host of an address."""
    words = re.sub("[^a-z0-9]+", "-", (urlsplit(url).hostname or "").lower()).strip("-")
    name = (words if words[:1].isalpha() else f"endpoint-{words}")[:28].strip("-")
    with ctx.store.read() as connection:
        taken = set(connection.scalars(sa.select(endpoints.c.name)))
    others = (f"{name}-{place}" for place in count(2))
    return next(free for free in chain([name], others) if free not in taken)


def add_system(ctx: Context, name: str, kind: str, by: str) -> Endpoint:
    """Add a system, whose credentials are in the environment; its events begin now.

    One of another package stands in the settings. Raises `EndpointError`, with a line for each
    variable that is missing.
    """
    if problem := name_problem(name):
        raise EndpointError(f"name: {problem}")
    if kind not in registry.kinds():
        known = ", ".join(registry.kinds())
        raise EndpointError(f"kind: there is no {kind!r} to be added like this (known: {known})")
    try:
        registry.check(kind, ctx.settings)
    except SettingsError as error:
        raise EndpointError("\n".join(error.problems)) from error
    with ctx.store.write() as connection:
        _require_free(connection, name)
        values = _new_row(ctx, name, kind, "", FEED_TYPES, by) | _NO_SECRET
        connection.execute(sa.insert(endpoints).values(**values))
        return _load(connection, name)


def _require_free(connection: Connection, name: str) -> None:
    if connection.scalar(sa.select(endpoints.c.id).where(endpoints.c.name == name)):
        raise EndpointError(f"name: there is an endpoint {name} already; choose another name")


def _new_row(
    ctx: Context, name: str, kind: str, url: str, types: Sequence[str], by: str
) -> dict[str, Any]:
    return {
        "name": name, "kind": kind, "url": url, "types": list(types), "state": EndpointState.ACTIVE,
        "managed_by": "", "former_secret": "", "former_until": None,
        "created_at": ctx.now(), "created_by": by[:120],
        "failures": 0, "failing_since": None, "retry_at": None, "error": "", "delivered_at": None,
    }  # fmt: skip


def _checked_types(types: Sequence[str]) -> list[str]:
    for kind in types:
        if kind not in EVENT_NAMES:
            known = ", ".join(EVENT_NAMES)
            raise EndpointError(f"events: there is no event {kind!r} (known: {known})")
    chosen = list(dict.fromkeys(types))
    return [] if len(chosen) == len(EVENT_NAMES) else chosen


def all_endpoints(ctx: Context) -> list[Endpoint]:
    with ctx.store.read() as connection:
        rows = connection.execute(sa.select(endpoints).order_by(endpoints.c.name))
        return [_from_row(row) for row in rows]


def find(ctx: Context, name: str) -> Endpoint:
    """Return an endpoint by its name. Raises `NoSuchEndpointError`."""
    with ctx.store.read() as connection:
        return _load(connection, name)


def change(
    ctx: Context, name: str, url: str | None = None, types: Sequence[str] | None = None
) -> Endpoint:
    """Change an endpoint's address, or the events that it subscribes to from now on. A new address
    is checked as that of a new endpoint: see `add`."""
    values: dict[str, Any] = {}
    if url is not None and url != find(ctx, name).url:
        if problem := url_problem(url):
            raise EndpointError(f"url: {problem}")
        values |= {"url": url, "error": _obstacle(ctx, url)}
    if types is not None:
        values["types"] = _checked_types(types)
    with ctx.store.write() as connection:
        endpoint = _load_changeable(connection, name)
        _require_webhook(endpoint)
        if values:
            _update(connection, endpoint.id, **values)
        return _load(connection, name)


def pause(ctx: Context, name: str) -> Endpoint:
    """Send nothing to an endpoint for now. Its events are kept until it is resumed."""
    with ctx.store.write() as connection:
        endpoint = _load(connection, name)
        if endpoint.state == EndpointState.OFF:
            raise EndpointError(f"{name} is off: it answered that it is gone; resume or remove it")
        _update(connection, endpoint.id, state=EndpointState.PAUSED)
        return _load(connection, name)


def resume(ctx: Context, name: str) -> Endpoint:
    """Send to an endpoint again, beginning with all that it has not confirmed."""
    with ctx.store.write() as connection:
        endpoint = _load(connection, name)
        _update(
            connection, endpoint.id,
            state=EndpointState.ACTIVE, failures=0, failing_since=None, retry_at=None, error="",
        )  # fmt: skip
        outgoing.restart(connection, endpoint.id, ctx.now())
        return _load(connection, name)


def remove(ctx: Context, name: str) -> None:
    """Remove an endpoint with the log of its deliveries."""
    with ctx.store.write() as connection:
        endpoint = _load_changeable(connection, name)
        _delete(connection, endpoint.id)


def _delete(connection: Connection, endpoint_id: int) -> None:
    connection.execute(
        sa.delete(event_deliveries).where(event_deliveries.c.endpoint_id == endpoint_id)
    )
    connection.execute(
        sa.delete(endpoint_backfills).where(endpoint_backfills.c.endpoint_id == endpoint_id)
    )
    connection.execute(sa.delete(endpoints).where(endpoints.c.id == endpoint_id))


def rotate_secret(ctx: Context, name: str, keep_former: timedelta = BOTH_SECRETS_FOR) -> str:
    """Give an endpoint a new secret, which is returned this once. Events are signed with the former
    ones, too, until these end; with `keep_former` 0, at once. The key of hashed numbers stays."""
    secret = _new_secret()
    sealed = _sealed(ctx.keys, secret)
    with ctx.store.write() as connection:
        endpoint = _load_changeable(connection, name)
        _require_webhook(endpoint)
        row = connection.execute(sa.select(endpoints).where(endpoints.c.id == endpoint.id)).one()
        _update(
            connection, endpoint.id, secret=sealed,
            former_secret=_former(row, ctx.now()), former_until=ctx.now() + keep_former,
        )  # fmt: skip
    return secret


def _former(row: Any, now: datetime) -> str:
    """Return what signs beside a new secret, sealed: the one in use, and those that still do."""
    still = row.former_secret.split() if row.former_until and row.former_until > now else []
    return " ".join([row.secret, *still][:_MOST_FORMER])


def signing(connection: Connection, keys: Keys, endpoint_id: int, now: datetime) -> Signing | None:
    """Return what signs an endpoint's events; None if our key does not open its secret any more."""
    e = endpoints.c
    row = connection.execute(sa.select(endpoints).where(e.id == endpoint_id)).one()
    texts = [row.secret]
    if row.former_until is not None and row.former_until > now:
        texts += row.former_secret.split()
    opened = [decrypt(keys, _PURPOSE, text) for text in texts]
    number_key = decrypt(keys, _PURPOSE, row.number_key) if row.number_key else ""
    if opened[0] is None or number_key is None:
        return None
    known = tuple(secret for secret in opened if secret)
    register_secrets(known)
    return Signing(known, number_key)


def apply_settings(ctx: Context) -> None:
    """Bring the endpoints of `[events.endpoints]` in line with the settings; cheap to repeat."""
    wanted = ctx.settings.events.endpoints
    with ctx.store.read() as connection:
        rows = {row.name: row for row in connection.execute(sa.select(endpoints))}
    gone = [row for name, row in rows.items() if row.managed_by and name not in wanted]
    changed = {
        name: values
        for name, endpoint in wanted.items()
        if (values := _differing(ctx, name, endpoint, rows.get(name)))
    }
    if not gone and not changed:
        return
    for name, values in changed.items():
        if values.get("url"):
            values["error"] = obstacle(ctx, values["url"])
            if values["error"]:
                log.warning("no events reach endpoint %s yet: %s", name, values["error"])
    with ctx.store.write() as connection:
        for row in gone:
            _delete(connection, row.id)
        for name, values in changed.items():
            if name in rows and rows[name].kind == values.get("kind", rows[name].kind):
                _update(connection, rows[name].id, **values)
                continue
            if name in rows:  # another system has this name now: nothing of it is the former's
                _delete(connection, rows[name].id)
            endpoint = wanted[name]
            new = _new_row(ctx, name, endpoint.kind, endpoint.url, endpoint.events, "settings")
            connection.execute(sa.insert(endpoints).values(**new | _NO_SECRET | values))


def _differing(ctx: Context, name: str, endpoint: EndpointSettings, row: Any) -> dict[str, Any]:
    """Return what has to be written to bring an endpoint in line with its settings; {}: nothing."""
    types = FEED_TYPES if endpoint.kind != WEBHOOK else endpoint.events
    if row is not None and row.kind != endpoint.kind:
        row = None
    values: dict[str, Any] = {}
    if row is None or not row.managed_by or (row.url, tuple(row.types)) != (endpoint.url, types):
        values = {
            "kind": endpoint.kind, "url": endpoint.url, "types": list(types),
            "managed_by": _BY_SETTINGS,
        }  # fmt: skip
    if endpoint.kind != WEBHOOK:
        return values
    keys = ctx.keys
    given = ctx.settings.event_endpoint_secrets[secret_variable(name)]
    if row is None or decrypt(keys, _PURPOSE, row.secret) != given:
        values["secret"] = _sealed(keys, given)
        if row is not None:
            values |= {
                "former_secret": _former(row, ctx.now()),
                "former_until": ctx.now() + BOTH_SECRETS_FOR,
            }  # fmt: skip
    if row is None or bool(row.number_key) != endpoint.hash_numbers:
        key = _new_number_key() if endpoint.hash_numbers else ""
        values["number_key"] = _sealed(keys, key)
    return values


def number_key(ctx: Context, name: str) -> str:
    """Return the key with which an endpoint's numbers are hashed; "" if they are not. For an
    endpoint of the settings, whose key nobody has seen yet."""
    with ctx.store.read() as connection:
        endpoint = _load(connection, name)
        signs = signing(connection, ctx.keys, endpoint.id, ctx.now())
    return signs.number_key if signs else ""


def counts(ctx: Context, endpoint_id: int) -> dict[str, int]:
    """Return how many deliveries wait and how many are parked."""
    d = event_deliveries.c
    query = (
        sa.select(d.state, sa.func.count())
        .where(d.endpoint_id == endpoint_id, sa.text("state <> 'delivered'"))
        .group_by(d.state)
    )
    with ctx.store.read() as connection:
        counted = {row[0]: row[1] for row in connection.execute(query)}
    return {
        "pending": counted.get(DeliveryState.PENDING, 0),
        "parked": counted.get(DeliveryState.PARKED, 0),
    }


def _new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def _new_number_key() -> str:
    return secrets.token_hex(32)


def _sealed(keys: Keys, text: str) -> str:
    return encrypt(keys, _PURPOSE, text) if text else ""


def _load(connection: Connection, name: str) -> Endpoint:
    """Load an endpoint by its name, or by its id: a name begins with a letter."""
    by_id = name.isascii() and name.isdigit() and len(name) < 19
    which = endpoints.c.id == int(name) if by_id else endpoints.c.name == name
    row = connection.execute(sa.select(endpoints).where(which)).one_or_none()
    if row is None:
        raise NoSuchEndpointError(name)
    return _from_row(row)


def _load_changeable(connection: Connection, name: str) -> Endpoint:
    endpoint = _load(connection, name)
    if endpoint.from_settings:
        raise EndpointError(f"{name} is managed in the settings: change [events.endpoints.{name}]")
    return endpoint


def _require_webhook(endpoint: Endpoint) -> None:
    if endpoint.kind != WEBHOOK:
        raise EndpointError(
            f"{endpoint.name} is no webhook: the environment says how {endpoint.kind} is reached"
        )


def _update(connection: Connection, endpoint_id: int, **values: Any) -> None:
    connection.execute(sa.update(endpoints).where(endpoints.c.id == endpoint_id).values(**values))


def _from_row(row: Any) -> Endpoint:
    return Endpoint(
        row.id, row.name, row.kind, row.url, tuple(row.types), EndpointState(row.state),
        bool(row.managed_by), bool(row.number_key), row.created_at, row.created_by, row.failures,
        row.failing_since, row.retry_at, row.error, row.delivered_at, row.former_until,
    )  # fmt: skip

"""Capture keys: added, changed, paused, rotated, removed; and the one that a form shows."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from config.events import name_problem
from worker.capture.model import CaptureKey, CaptureKeyError, CaptureKeyState, NoSuchCaptureKeyError
from worker.context import Context
from worker.store.tables import capture_counts, capture_keys
from worker.verification import budget, spend

PREFIX = "hygpub_"  # tells a key, which is public, from a token, which is secret
KEEP_FORMER = timedelta(days=1)  # after a rotation: pages are kept in caches
PER_MINUTE, PER_ADDRESS = 120, 20  # by default
ALL_CAPTURES = "capture:"  # how the names of all captures begin in the books
MAX_RATE, _MOST_ORIGINS = 6000, 50
_LOCAL = ("localhost", "127.0.0.1", "::1")
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?")
_DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class KeyValues:
    """What can be set of a key; None = as it is, or the default of a new one."""

    origins: tuple[str, ...] | None = None
    per_minute: int | None = None
    per_address: int | None = None
    day_budget: Decimal | None = None
    month_budget: Decimal | None = None


def add(ctx: Context, name: str, values: KeyValues, by: str) -> CaptureKey:
    """Add a key. Without a budget it checks the form of numbers, and nothing is paid for.

    Raises `CaptureKeyError`.
    """
    if problem := name_problem(name):
        raise CaptureKeyError(f"name: {problem}")
    if not values.origins:
        raise CaptureKeyError("origins: name at least one, such as https://www.example.com")
    row = {
        "name": name, "key": _new_key(), "former_key": "", "former_until": None,
        "state": CaptureKeyState.ACTIVE, "per_minute": PER_MINUTE, "per_address": PER_ADDRESS,
        "day_budget": 0, "month_budget": 0, "created_at": ctx.now(), "created_by": by[:120],
    } | _checked(ctx, values, 0, 0)  # fmt: skip
    with ctx.store.write() as connection:
        if connection.scalar(sa.select(capture_keys.c.id).where(capture_keys.c.name == name)):
            raise CaptureKeyError(f"name: there is a capture key {name} already; choose another")
        connection.execute(sa.insert(capture_keys).values(**row))
        return _load(connection, name)


def all_keys(ctx: Context) -> list[CaptureKey]:
    with ctx.store.read() as connection:
        rows = connection.execute(sa.select(capture_keys).order_by(capture_keys.c.name))
        return [_from_row(row) for row in rows]


def find(ctx: Context, name: str) -> CaptureKey:
    """Return a key by its name. Raises `NoSuchCaptureKeyError`."""
    with ctx.store.read() as connection:
        return _load(connection, name)


def change(ctx: Context, name: str, values: KeyValues) -> CaptureKey:
    """Change what is given of a key. Raises `CaptureKeyError`."""
    with ctx.store.write() as connection:
        known = _load(connection, name)
        day, month = (budget.millionths(m) for m in (known.day_budget, known.month_budget))
        if changed := _checked(ctx, values, day, month):
            _update(connection, known.id, **changed)
        return _load(connection, name)


def pause(ctx: Context, name: str) -> CaptureKey:
    """Answer nothing to forms with this key, which then work as without it."""
    return _set(ctx, name, state=CaptureKeyState.PAUSED)


def resume(ctx: Context, name: str) -> CaptureKey:
    return _set(ctx, name, state=CaptureKeyState.ACTIVE)


def rotate(ctx: Context, name: str, keep_former: timedelta = KEEP_FORMER) -> CaptureKey:
    """Give a key a new text. The former one counts as well for a while; 0: no longer."""
    with ctx.store.write() as connection:
        known = _load(connection, name)
        kept = keep_former > timedelta(0)
        _update(
            connection, known.id, key=_new_key(), former_key=known.key if kept else "",
            former_until=ctx.now() + keep_former if kept else None,
        )  # fmt: skip
        return _load(connection, name)


def remove(ctx: Context, name: str) -> CaptureKey:
    """Remove a key with its counts. What it has spent stays in the books."""
    with ctx.store.write() as connection:
        known = _load(connection, name)
        connection.execute(sa.delete(capture_counts).where(capture_counts.c.key_id == known.id))
        connection.execute(sa.delete(capture_keys).where(capture_keys.c.id == known.id))
        return known


def shown(ctx: Context, text: str) -> CaptureKey | None:
    """Return the key that a form shows, also a former one that still counts; None if it is none."""
    if not text.startswith(PREFIX) or len(text) > 64:
        return None
    k = capture_keys.c
    is_former = sa.and_(k.former_key == text, k.former_until > ctx.now())
    with ctx.store.read() as connection:
        query = sa.select(capture_keys).where(sa.or_(k.key == text, is_former))
        row = connection.execute(query).first()
    return _from_row(row) if row is not None else None


def is_known_origin(ctx: Context, origin: str) -> bool:
    """Return whether pages of this origin may show some key: a browser asks so before it sends
    one."""
    return any(origin in key.origins for key in all_keys(ctx))


# -- money ---------------------------------------------------------------------------------


def run_id(key_id: int) -> str:
    """Return under which name the books have what a key has spent."""
    return f"{ALL_CAPTURES}{key_id}"


def spent(connection: Connection, key_id: int, now: datetime) -> dict[str, float]:
    """Return what a key has spent and reserved today and this month."""
    used = spend.used_by_part(connection, now, run_id(key_id))
    return {
        "spent_today": float(budget.money(used["day"].money)),
        "spent_this_month": float(budget.money(used["month"].money)),
    }


def described(ctx: Context, key: CaptureKey) -> dict[str, Any]:
    """Return a key with what it has spent, and its answers of today by what was answered."""
    now, c = ctx.now(), capture_counts.c
    query = sa.select(c.outcome, c.answers).where(c.key_id == key.id, c.day == budget.day_of(now))
    last = sa.select(sa.func.max(c.at)).where(c.key_id == key.id)
    with ctx.store.read() as connection:
        counts = {row.outcome: row.answers for row in connection.execute(query)}
        at: datetime | None = connection.scalar(last)
        is_rotated = key.former_until is not None and key.former_until > now
        return {
            **replace(key, former_until=key.former_until if is_rotated else None).as_json(),
            **spent(connection, key.id, now), "today": counts,
            "used_at": at.isoformat() if at else None,
        }  # fmt: skip


# -- checking what was given ---------------------------------------------------------------


def _checked(ctx: Context, given: KeyValues, day: int, month: int) -> dict[str, Any]:
    """Return the columns that are given; raises `CaptureKeyError` for what makes no sense.

    `day`, `month`: the budgets before, in millionths.
    """
    values: dict[str, Any] = {}
    if given.origins is not None:
        values["origins"] = _origins(given.origins)
    for name in ("per_minute", "per_address"):
        if (rate := getattr(given, name)) is not None:
            if not 1 <= rate <= MAX_RATE:
                raise CaptureKeyError(f"{name}: write a number from 1 to {MAX_RATE:,}")
            values[name] = rate
    if given.day_budget is not None or given.month_budget is not None:
        wanted_day = day if given.day_budget is None else budget.millionths(given.day_budget)
        wanted = month if given.month_budget is None else budget.millionths(given.month_budget)
        if bool(wanted_day) != bool(wanted) or min(wanted_day, wanted) < 0:
            raise CaptureKeyError(
                "budget: give one for the day and one for the month; 0 for both = nothing is paid"
            )
        _require_within(ctx, wanted_day, wanted)
        values |= {"day_budget": wanted_day, "month_budget": wanted}
    return values


def _require_within(ctx: Context, day: int, month: int) -> None:
    """Raise for a budget that is larger than those that it is inside of."""
    for where, caps in (
        ("capture.budget", ctx.settings.capture.budget),
        ("verification.budget", ctx.settings.verification.budget),
    ):
        for period, amount, cap in (("day", day, caps.day), ("month", month, caps.month)):
            if cap is not None and amount > budget.millionths(cap):
                raise CaptureKeyError(
                    f"budget: the {period} is over {where}.{period} ({cap}), inside of which it is"
                )


def _origins(given: Sequence[str]) -> list[str]:
    origins = list(dict.fromkeys(origin_of(text) for text in given))
    if not origins or len(origins) > _MOST_ORIGINS:
        raise CaptureKeyError(f"origins: name 1 to {_MOST_ORIGINS}")
    return origins


def origin_of(text: str) -> str:
    """Return an origin as browsers write it (RFC 6454, section 6.2). Raises `CaptureKeyError`.

    >>> origin_of("https://Www.Example.com:443/")
    'https://www.example.com'
    """
    problem = f"origins: {text[:100]!r} is not an origin; write one like https://www.example.com"
    try:
        parts = urlsplit(text.strip())
        host, port = (parts.hostname or "").encode("idna").decode("ascii"), parts.port
    except (ValueError, UnicodeError):
        raise CaptureKeyError(problem) from None
    if parts.scheme not in _DEFAULT_PORTS or parts.path not in ("", "/") or parts.query:
        raise CaptureKeyError(problem)
    if parts.username or parts.fragment or not (_HOST.fullmatch(host) or host == "::1"):
        raise CaptureKeyError(problem)
    if parts.scheme == "http" and host not in _LOCAL:
        raise CaptureKeyError(
            f"origins: {text[:100]!r} is not https; what is typed there can be read on its way"
        )
    shown_host = f"[{host}]" if ":" in host else host
    port_part = "" if port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{port}"
    return f"{parts.scheme}://{shown_host}{port_part}"


# -- rows ----------------------------------------------------------------------------------


def _new_key() -> str:
    return PREFIX + secrets.token_urlsafe(18)


def _set(ctx: Context, name: str, **values: Any) -> CaptureKey:
    with ctx.store.write() as connection:
        known = _load(connection, name)
        _update(connection, known.id, **values)
        return _load(connection, name)


def _update(connection: Connection, key_id: int, **values: Any) -> None:
    k = capture_keys.c
    connection.execute(sa.update(capture_keys).where(k.id == key_id).values(**values))


def _load(connection: Connection, name: str) -> CaptureKey:
    row = connection.execute(
        sa.select(capture_keys).where(capture_keys.c.name == name)
    ).one_or_none()
    if row is None:
        raise NoSuchCaptureKeyError(name)
    return _from_row(row)


def _from_row(row: Any) -> CaptureKey:
    return CaptureKey(
        row.id, row.name, row.key, row.former_until, CaptureKeyState(row.state),
        tuple(row.origins), row.per_minute, row.per_address, budget.money(row.day_budget),
        budget.money(row.month_budget), row.created_at, row.created_by,
    )  # fmt: skip

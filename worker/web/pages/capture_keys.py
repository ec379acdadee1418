"""The keys with which forms have numbers verified: what each may do, and what it has done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from config.events import name_problem
from worker.access import audit
from worker.access.model import Person
from worker.capture import keys
from worker.capture.keys import KeyValues
from worker.capture.model import CaptureKey, CaptureKeyError, NoSuchCaptureKeyError
from worker.capture.snippet import snippet
from worker.context import Context
from worker.web.auth import AdminForm, Form, Viewer
from worker.web.capture_script import script
from worker.web.render import page

# How long the former key counts, by hours.
_KEEP_FORMER = {
    "24": "for a day", "48": "for two days", "168": "for a week", "0": "no longer: it is misused",
}  # fmt: skip
_OUTCOMES = {
    "valid": "Valid", "invalid": "Invalid", "unknown": "Not known yet",
    "rate_limited": "Refused: too many", "wrong_origin": "Refused: wrong origin",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Entered:
    """What somebody entered into the form of a key."""

    name: str = ""
    origins: str = ""
    per_minute: str = str(keys.PER_MINUTE)
    per_address: str = str(keys.PER_ADDRESS)
    day_budget: str = "0"
    month_budget: str = "0"


def router(ctx: Context) -> APIRouter:
    """Return the routes of the pages of capture keys.

    Long, because each route is a function inside that shares the context; none of them is.
    """
    routes = APIRouter(prefix="/capture-keys", include_in_schema=False)
    currency = ctx.settings.verification.budget.currency

    def note(me: Person, action: str, target: str, why: str = "") -> None:
        audit.note(ctx.store, ctx.now(), me.name, action, target, why)

    def list_page(
        request: Request, me: Person, status: int = 200, problem: str = "",
        entered: _Entered = _Entered(),
    ) -> Response:  # fmt: skip
        entries = [keys.described(ctx, key) for key in keys.all_keys(ctx)]
        return page(
            request, "capture_keys.html", me, status, here="access", entries=entries,
            problem=problem, entered=entered, currency=currency,
        )  # fmt: skip

    def key_page(
        request: Request, me: Person, key: CaptureKey, status: int = 200, problem: str = "",
        entered: _Entered | None = None,
    ) -> Response:  # fmt: skip
        return page(
            request, "capture_key.html", me, status, here="access", key=keys.described(ctx, key),
            snippet=snippet(ctx.settings, key), script=script(), outcomes=_OUTCOMES,
            problem=problem, entered=entered or _entered_of(key), currency=currency,
            keep_former=_KEEP_FORMER, public_url=ctx.settings.public_url,
        )  # fmt: skip

    @routes.get("")
    def listed(request: Request, me: Viewer) -> Response:
        return list_page(request, me)

    @routes.post("")
    def add(request: Request, admin: AdminForm) -> Response:
        me, form = admin
        entered = _entered(form)
        try:
            key = keys.add(ctx, entered.name, _values(entered), me.name)
        except CaptureKeyError as error:
            return list_page(request, me, 422, str(error), entered)
        note(me, "capture_key.add", key.name, ", ".join(key.origins))
        return _back(key.name, "key-added")

    @routes.get("/{name}")
    def show(request: Request, me: Viewer, name: str) -> Response:
        return key_page(request, me, _find(ctx, name))

    @routes.post("/{name}/change")
    def change(request: Request, admin: AdminForm, name: str) -> Response:
        me, form = admin
        key, entered = _find(ctx, name), _entered(form)
        try:
            keys.change(ctx, name, _values(entered))
        except CaptureKeyError as error:
            return key_page(request, me, key, 422, str(error), entered)
        note(me, "capture_key.change", name)
        return _back(name, "key-changed")

    @routes.post("/{name}/pause")
    def pause(admin: AdminForm, name: str) -> Response:
        me, _form = admin
        keys.pause(ctx, _find(ctx, name).name)
        note(me, "capture_key.pause", name)
        return _back(name, "key-paused")

    @routes.post("/{name}/resume")
    def resume(admin: AdminForm, name: str) -> Response:
        me, _form = admin
        keys.resume(ctx, _find(ctx, name).name)
        note(me, "capture_key.resume", name)
        return _back(name, "key-resumed")

    @routes.post("/{name}/rotate")
    def rotate(admin: AdminForm, name: str) -> Response:
        me, form = admin
        hours = form.get("keep", "")
        if hours not in _KEEP_FORMER:
            raise HTTPException(422, "Choose how long the former key counts.")
        if form.get("former", "") != _find(ctx, name).key:
            # Sent twice, or by two people: the key that pages show would be forgotten too soon.
            raise HTTPException(409, "The key was changed a moment ago. Go back and reload.")
        keys.rotate(ctx, name, timedelta(hours=int(hours)))
        note(me, "capture_key.rotate", name)
        return _back(name, "key-rotated")

    @routes.post("/{name}/remove")
    def remove(admin: AdminForm, name: str) -> Response:
        me, _form = admin
        keys.remove(ctx, _find(ctx, name).name)
        note(me, "capture_key.remove", name)
        return RedirectResponse("/capture-keys?done=key-removed", 303)

    return routes


def _find(ctx: Context, name: str) -> CaptureKey:
    """Return a key; raises 404."""
    try:
        if not name_problem(name):
            return keys.find(ctx, name)
    except NoSuchCaptureKeyError:
        pass
    raise HTTPException(404, "There is no such capture key.")


def _back(name: str, done: str) -> Response:
    return RedirectResponse(f"/capture-keys/{name}?done={done}", 303)


def _entered(form: Form) -> _Entered:
    def field(name: str, most: int = 40) -> str:
        return form.get(name, "").strip()[:most]

    return _Entered(
        field("name"), field("origins", 20_000), field("per_minute"), field("per_address"),
        field("day_budget"), field("month_budget"),
    )  # fmt: skip


def _entered_of(key: CaptureKey) -> _Entered:
    return _Entered(
        key.name, "\n".join(key.origins), str(key.per_minute), str(key.per_address),
        f"{key.day_budget.normalize():f}", f"{key.month_budget.normalize():f}",
    )  # fmt: skip


def _values(entered: _Entered) -> KeyValues:
    """Return what was entered. Raises `CaptureKeyError`."""
    numbers: dict[str, Any] = {}
    for name in ("per_minute", "per_address"):
        text: str = getattr(entered, name)
        if not (text.isascii() and text.isdecimal() and len(text) < 10):
            raise CaptureKeyError(f"{name}: write a number from 1 to {keys.MAX_RATE:,}")
        numbers[name] = int(text)
    for name in ("day_budget", "month_budget"):
        numbers[name] = _money(name, getattr(entered, name))
    return KeyValues(tuple(entered.origins.split()), **numbers)


def _money(name: str, text: str) -> Decimal:
    try:
        amount = Decimal(text or "0")
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or not 0 <= amount <= 1_000_000:
        raise CaptureKeyError(f"{name}: write an amount such as 2.50")
    return amount

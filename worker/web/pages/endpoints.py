"""The systems that events are sent to: how each is doing, and what it was sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, BackgroundTasks, HTTPException, Query, Request
from fastapi.responses import RedirectResponse, Response

from config.event_names import EVENT_NAMES
from config.events import name_problem, secret_variable
from worker.access import audit
from worker.access.model import Person
from worker.context import Context
from worker.events import backfill, delivery_log
from worker.events import endpoints as directory
from worker.events.delivery_log import LoggedDelivery
from worker.events.endpoints import Credentials, Endpoint, EndpointError
from worker.events.model import DeliveryState, EndpointState, EventType
from worker.store.pseudonyms import ERASED_PREFIX
from worker.web.auth import AdminForm, Form, Viewer
from worker.web.encrypted_numbers import encrypt_number
from worker.web.queue import Queue
from worker.web.render import page

_LISTED = 50
_LOOKS = 120  # once a second, for so long, a page looks whether an event has been sent
_EVENT_WORDS = {
    "number.suppressed": "a number must not be contacted",
    "number.wrong": "a number reaches someone else",
    "number.lifted": "a suppression ended",
    "number.confirmed": "somebody said that the number is theirs",
    "number.status_changed": "a phone field got another status",
    "contact.flagged": "a flag of a contact was set or cleared",
}
# How long the former secret counts, by hours.
_KEEP_FORMER = {
    "24": "for a day", "48": "for two days", "168": "for a week", "0": "no longer: it has leaked",
}  # fmt: skip
_STATES = {"pending": "waiting", "delivered": "delivered", "parked": "parked"}
State = Literal["", "pending", "delivered", "parked"]
RowId = Annotated[int, Query(ge=0, le=2**62)]


@dataclass(frozen=True, slots=True)
class _Entered:
    """What somebody entered into the form of an endpoint."""

    name: str = ""
    url: str = ""
    events: tuple[str, ...] = EVENT_NAMES
    hash_numbers: bool = False


def router(ctx: Context, queue: Queue) -> APIRouter:
    """Return the routes of the pages of endpoints.

    Long, because each route is a function inside that shares the context; none of them is.
    """
    routes = APIRouter(prefix="/endpoints", include_in_schema=False)

    def note(me: Person, action: str, target: str, why: str = "") -> None:
        audit.note(ctx.store, ctx.now(), me.name, action, target, why)

    def list_page(
        request: Request, me: Person, status: int = 200, problem: str = "",
        entered: _Entered = _Entered(),
    ) -> Response:  # fmt: skip
        entries = [
            {"endpoint": endpoint, **directory.counts(ctx, endpoint.id)}
            for endpoint in directory.all_endpoints(ctx)
        ]
        return page(
            request, "endpoints.html", me, status, here="endpoints", entries=entries,
            problem=problem, entered=entered, event_words=_EVENT_WORDS,
        )  # fmt: skip

    def endpoint_page(
        request: Request, me: Person, endpoint: Endpoint, state: State = "", before: int = 0,
        status: int = 200, **values: Any,
    ) -> Response:  # fmt: skip
        entered = _Entered(endpoint.name, endpoint.url, endpoint.types or EVENT_NAMES)
        return page(
            request, "endpoint.html", me, status, here="endpoints",
            **_shown(ctx, endpoint, state, before),
            **{"watched": None, "replayed": -1, "problem": "", "entered": entered} | values,
            variable=secret_variable(endpoint.name), event_words=_EVENT_WORDS,
            keep_former=_KEEP_FORMER, former=_former(endpoint),
            yesterday=ctx.now().astimezone(UTC) - timedelta(days=1),
        )  # fmt: skip

    def secret_page(
        request: Request, me: Person, what: Literal["added", "rotated", "key"], endpoint: Endpoint,
        shown: Credentials,
    ) -> Response:  # fmt: skip
        """The only answer that holds a secret: to a form, so no address leads to it; and like every
        page it is kept in no cache."""
        return page(
            request, "endpoint_secret.html", me, here="endpoints", what=what, endpoint=endpoint,
            shown=shown, both=(endpoint.former_until or ctx.now()) > ctx.now(),
        )  # fmt: skip

    @routes.get("")
    def listed(request: Request, me: Viewer) -> Response:
        return list_page(request, me)

    @routes.post("")
    def add(request: Request, admin: AdminForm) -> Response:
        me, form = admin
        entered = _entered(form)
        try:
            endpoint, shown = directory.add(
                ctx, entered.name, entered.url, _chosen(entered), entered.hash_numbers, me.name
            )
        except EndpointError as error:
            return list_page(request, me, 422, str(error), entered)
        note(me, "endpoint.add", endpoint.name, endpoint.url)
        return secret_page(request, me, "added", endpoint, shown)

    @routes.get("/{name}")
    def show(
        request: Request, me: Viewer, name: str, state: State = "", before: RowId = 0,
        watch: RowId = 0, replayed: Annotated[int, Query(ge=-1, le=2**62)] = -1,
    ) -> Response:  # fmt: skip
        """`watch`: a delivery whose answer is awaited. `replayed`: how many events were enqueued
        just now."""
        endpoint = _find(ctx, name)
        watched = _watched(ctx, endpoint, watch, 0) if watch else None
        return endpoint_page(
            request, me, endpoint, state, before, watched=watched, replayed=replayed
        )

    @routes.get("/{name}/deliveries/{delivery_id}")
    def watch_delivery(
        request: Request, me: Viewer, name: str, delivery_id: int,
        look: Annotated[int, Query(ge=0, le=_LOOKS)] = 0,
    ) -> Response:  # fmt: skip
        """The part of the page that is renewed until the endpoint has answered."""
        endpoint = _find(ctx, name)
        watched = _watched(ctx, endpoint, delivery_id, look + 1)
        return page(
            request, "_endpoint_delivery.html", me, again=True, watched=watched,
            **_shown(ctx, endpoint),
        )  # fmt: skip

    @routes.post("/{name}/change")
    def change(request: Request, admin: AdminForm, name: str) -> Response:
        me, form = admin
        endpoint, entered = _find(ctx, name), _entered(form)
        try:
            changed = directory.change(ctx, name, entered.url, _chosen(entered))
        except EndpointError as error:
            return endpoint_page(
                request, me, endpoint, status=422, problem=str(error), entered=entered
            )
        note(me, "endpoint.change", name, changed.url)
        return _back(name, "done=endpoint-changed")

    @routes.post("/{name}/test")
    def test(admin: AdminForm, background: BackgroundTasks, name: str) -> Response:
        me, _form = admin
        delivery_id = delivery_log.enqueue_test(ctx, _find(ctx, name).name)
        note(me, "endpoint.test", name)
        background.add_task(queue.reports)
        return _back(name, f"watch={delivery_id}")

    @routes.post("/{name}/pause")
    def pause(admin: AdminForm, name: str) -> Response:
        me, _form = admin
        directory.pause(ctx, _find(ctx, name).name)
        note(me, "endpoint.pause", name)
        return _back(name, "done=endpoint-paused")

    @routes.post("/{name}/resume")
    def resume(admin: AdminForm, background: BackgroundTasks, name: str) -> Response:
        me, _form = admin
        directory.resume(ctx, _find(ctx, name).name)
        note(me, "endpoint.resume", name)
        background.add_task(queue.reports)
        return _back(name, "done=endpoint-resumed")

    @routes.post("/{name}/rotate")
    def rotate(request: Request, admin: AdminForm, name: str) -> Response:
        me, form = admin
        hours = form.get("keep", "")
        if hours not in _KEEP_FORMER:
            raise HTTPException(422, "Choose how long the former secret counts.")
        if form.get("former", "") != _former(_find(ctx, name)):
            # Sent twice, or by two people: the secret in use would be forgotten before its time.
            raise HTTPException(409, "The secret was changed a moment ago. Go back and reload.")
        secret = directory.rotate_secret(ctx, name, timedelta(hours=int(hours)))
        note(me, "endpoint.rotate", name)
        return secret_page(request, me, "rotated", _find(ctx, name), Credentials(secret, ""))

    @routes.post("/{name}/key")
    def show_number_key(request: Request, admin: AdminForm, name: str) -> Response:
        """Of an endpoint of the settings: nobody has been shown its key."""
        me, _form = admin
        endpoint = _find(ctx, name)
        if not (endpoint.from_settings and endpoint.hashes_numbers):
            raise HTTPException(409, "The number key was shown when the endpoint was added.")
        note(me, "endpoint.number_key", name)
        shown = Credentials("", directory.number_key(ctx, name))
        return secret_page(request, me, "key", endpoint, shown)

    @routes.post("/{name}/replay")
    def replay(admin: AdminForm, background: BackgroundTasks, name: str) -> Response:
        me, form = admin
        since = _utc_time(form.get("since", ""))
        count = delivery_log.replay(ctx, _find(ctx, name).name, since)
        note(me, "endpoint.replay", name, f"since {since.isoformat()}")
        background.add_task(queue.reports)
        return _back(name, f"replayed={count}")

    @routes.post("/{name}/backfill")
    def start_backfill(admin: AdminForm, background: BackgroundTasks, name: str) -> Response:
        me, _form = admin
        begun = backfill.start(ctx, _find(ctx, name).name, me.name)
        note(me, "endpoint.backfill", name, f"{begun.total} suppressions")
        background.add_task(queue.reports)
        return _back(name, "done=endpoint-backfill")

    @routes.post("/{name}/remove")
    def remove(admin: AdminForm, name: str) -> Response:
        me, _form = admin
        endpoint = _find(ctx, name)
        directory.remove(ctx, name)
        note(me, "endpoint.remove", name, endpoint.url)
        return RedirectResponse("/endpoints?done=endpoint-removed", 303)

    @routes.post("/{name}/deliveries/{delivery_id}/retry")
    def retry(
        admin: AdminForm, background: BackgroundTasks, name: str, delivery_id: int
    ) -> Response:
        me, _form = admin
        _load_delivery(ctx, _find(ctx, name), delivery_id)
        delivery_log.retry(ctx, delivery_id)
        note(me, "endpoint.retry", f"{name} {delivery_id}")
        background.add_task(queue.reports)
        return _back(name, f"watch={delivery_id}")

    return routes


def _find(ctx: Context, name: str) -> Endpoint:
    """Return an endpoint; raises 404."""
    try:
        if not name_problem(name):
            return directory.find(ctx, name)
    except directory.NoSuchEndpointError:
        pass
    raise HTTPException(404, "There is no such endpoint.")


def _former(endpoint: Endpoint) -> str:
    """Return what tells one rotation of the secret from the next."""
    return endpoint.former_until.isoformat() if endpoint.former_until else ""


def _load_delivery(ctx: Context, endpoint: Endpoint, delivery_id: int) -> LoggedDelivery:
    """Return a delivery to this endpoint; raises 404."""
    try:
        if 0 < delivery_id < 2**62:
            delivery = delivery_log.load_delivery(ctx, delivery_id)
            if delivery.endpoint == endpoint.name:
                return delivery
    except delivery_log.NoSuchDeliveryError:
        pass
    raise HTTPException(404, "There is no such delivery.")


def _back(name: str, query: str) -> Response:
    return RedirectResponse(f"/endpoints/{name}?{query}", 303)


def _entered(form: Form) -> _Entered:
    return _Entered(
        form.get("name", "").strip(), form.get("url", "").strip(),
        tuple(kind for kind in EVENT_NAMES if form.get(f"event-{kind}")),
        bool(form.get("hash_numbers")),
    )  # fmt: skip


def _chosen(entered: _Entered) -> tuple[str, ...]:
    """Return the events that are ticked. Raises `EndpointError` for none: it would mean all."""
    if not entered.events:
        raise EndpointError("events: choose at least one")
    return entered.events


def _utc_time(text: str) -> datetime:
    """Read what a field for a time sends, without a zone; raises 422."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise HTTPException(422, "Give a time, such as 2026-11-27T08:00.") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def _shown(ctx: Context, endpoint: Endpoint, state: State = "", before: int = 0) -> dict[str, Any]:
    """Return what the page and its parts show: the endpoint, its counts and its log."""
    deliveries = delivery_log.list_deliveries(ctx, endpoint.name, state, before, _LISTED)
    return {
        "endpoint": endpoint,
        "counts": directory.counts(ctx, endpoint.id),
        "backfill": backfill.of_endpoint(ctx, endpoint),
        "rows": [_row(ctx, delivery) for delivery in deliveries],
        "state": state,
        "states": _STATES,
        "first": not before,
        "more": deliveries[-1].id if len(deliveries) == _LISTED else None,
        "off": endpoint.state == EndpointState.OFF,
    }


def _row(ctx: Context, delivery: LoggedDelivery) -> dict[str, Any]:
    """Return a delivery for the log, with the page of what it is about."""
    number, contact = delivery.number, delivery.contact or ""
    is_test = delivery.type == EventType.TEST
    return {
        "delivery": delivery,
        "test": is_test,
        "path": f"/numbers/{encrypt_number(ctx.keys, number)}" if number and not is_test else "",
        "record": contact.split("/") if contact.count("/") == 2 else None,
        "erased": number is None and (not contact or contact.startswith(ERASED_PREFIX)),
    }


def _watched(ctx: Context, endpoint: Endpoint, delivery_id: int, look: int) -> dict[str, Any]:
    """Return a delivery that a page waits for, and what there is to say of it.

    `outcome`: "delivered"; "parked"; "failed" since it was enqueued; "held": not tried, because the
    endpoint is not active; "behind": not tried, because the endpoint fails on an earlier event;
    "sending"; "late": nobody has sent it in two minutes.
    """
    delivery = _load_delivery(ctx, endpoint, delivery_id)
    outcome = "sending" if look < _LOOKS else "late"
    if delivery.state != DeliveryState.PENDING:
        outcome = delivery.state.value
    elif delivery.attempts:
        outcome = "failed"
    elif endpoint.state != EndpointState.ACTIVE:
        outcome = "held"
    elif endpoint.failures and endpoint.retry_at is not None:  # both are enqueued without it
        outcome = "behind"
    return {"delivery": delivery, "outcome": outcome, "look": look}

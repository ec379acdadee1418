"""Routes for the endpoints that events are sent to."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, BackgroundTasks, Query
from pydantic import AwareDatetime, Field

from config.event_names import WEBHOOK
from worker.context import Context
from worker.events import backfill, delivery_log
from worker.events import endpoints as directory
from worker.feedback.sources.submitted_reports import Short
from worker.web.api.dependencies import AdminToken, AuditNote, RowId, StrictBody, require_text
from worker.web.api.responses import answers
from worker.web.api.schemas import events as event_schemas
from worker.web.queue import Queue

_LONGEST_ROTATION = 30 * 24  # hours


class EndpointRequest(StrictBody):
    """Add an endpoint. `kind`: "webhook", or a system such as "klaviyo", which has a name alone.

    Of a webhook: `name`: none = one made of the address's host. `events`: those that it subscribes
    to; none = all. `hash_numbers`: send a keyed hash instead of each number.
    """

    name: Annotated[str, Field(max_length=32)] = ""
    kind: Short = WEBHOOK
    url: Annotated[str, Field(max_length=500)] = ""
    events: Annotated[list[Short], Field(max_length=20)] = Field([])
    hash_numbers: bool = False


class ChangeRequest(StrictBody):
    """Change an endpoint; what is left out stays."""

    url: Annotated[str, Field(max_length=500)] | None = None
    events: Annotated[list[Short], Field(max_length=20)] | None = None


class RotateRequest(StrictBody):
    """`keep_hours`: for so long, events are signed with the former secret as well."""

    keep_hours: int = Field(24, ge=0, le=_LONGEST_ROTATION)


class ReplayRequest(StrictBody):
    since: AwareDatetime


def router(ctx: Context, queue: Queue) -> APIRouter:
    """Return the routes of endpoints.

    Long, because each route is a function inside that shares the context; none of them is.
    """
    routes = APIRouter(prefix="/endpoints")
    note = AuditNote(ctx)

    def described(endpoint: directory.Endpoint) -> dict[str, Any]:
        return {**endpoint.as_json(), **directory.counts(ctx, endpoint.id)}

    @routes.get("", summary="All endpoints", **answers(event_schemas.Endpoints))
    def list_endpoints(_who: AdminToken) -> dict[str, Any]:
        return {"endpoints": [described(entry) for entry in directory.all_endpoints(ctx)]}

    @routes.post("", summary="Add an endpoint", **answers(event_schemas.NewEndpoint, status=201))
    def add(who: AdminToken, body: EndpointRequest) -> dict[str, Any]:
        if body.kind != WEBHOOK:
            if body.url or body.events or body.hash_numbers:
                raise directory.EndpointError("url, events and hash_numbers are for webhooks")
            system = directory.add_system(ctx, body.name, body.kind, "api")
            note(who, "endpoint.add", system.name, system.kind)
            return {**system.as_json(), "secret": None, "number_key": None}
        endpoint, shown = directory.add(
            ctx, body.name, body.url, body.events, body.hash_numbers, "api"
        )
        note(who, "endpoint.add", endpoint.name, endpoint.url)
        return {
            **endpoint.as_json(), "secret": shown.secret, "number_key": shown.number_key or None,
        }  # fmt: skip

    @routes.get("/{name}", summary="One endpoint", **answers(event_schemas.EndpointWithCounts, 404))
    def show(_who: AdminToken, name: str) -> dict[str, Any]:
        return described(directory.find(ctx, require_text(name)))

    @routes.patch(
        "/{name}",
        summary="Change an endpoint's address or events",
        **answers(event_schemas.EndpointWithCounts, 404),
    )
    def change(who: AdminToken, name: str, body: ChangeRequest) -> dict[str, Any]:
        endpoint = directory.change(ctx, require_text(name), body.url, body.events)
        note(who, "endpoint.change", endpoint.name, endpoint.url)
        return described(endpoint)

    @routes.delete(
        "/{name}", summary="Remove an endpoint with its log", **answers(event_schemas.Endpoint, 404)
    )
    def remove(who: AdminToken, name: str) -> dict[str, Any]:
        endpoint = directory.find(ctx, require_text(name))
        directory.remove(ctx, endpoint.name)
        note(who, "endpoint.remove", endpoint.name, endpoint.url)
        return endpoint.as_json()

    @routes.post(
        "/{name}/pause",
        summary="Send nothing to an endpoint for now; its events are kept",
        **answers(event_schemas.EndpointWithCounts, 404),
    )
    def pause(who: AdminToken, name: str) -> dict[str, Any]:
        endpoint = directory.pause(ctx, require_text(name))
        note(who, "endpoint.pause", endpoint.name)
        return described(endpoint)

    @routes.post(
        "/{name}/resume",
        summary="Send to an endpoint again, beginning with what it has not confirmed",
        **answers(event_schemas.EndpointWithCounts, 404),
    )
    def resume(who: AdminToken, name: str, background: BackgroundTasks) -> dict[str, Any]:
        endpoint = directory.resume(ctx, require_text(name))
        note(who, "endpoint.resume", endpoint.name)
        background.add_task(queue.reports)
        return described(endpoint)

    @routes.post(
        "/{name}/secret",
        summary="Give an endpoint a new secret",
        **answers(event_schemas.NewSecret, 404, status=201),
    )
    def rotate(who: AdminToken, name: str, body: RotateRequest | None = None) -> dict[str, Any]:
        hours = (body or RotateRequest()).keep_hours
        secret = directory.rotate_secret(ctx, require_text(name), timedelta(hours=hours))
        note(who, "endpoint.rotate", name)
        until = directory.find(ctx, name).as_json()["former_secret_until"]
        return {"secret": secret, "former_secret_until": until}

    @routes.post(
        "/{name}/test",
        summary="Send a test event",
        **answers(event_schemas.EndpointDelivery, 404, status=202),
    )
    def test(who: AdminToken, name: str, background: BackgroundTasks) -> dict[str, Any]:
        delivery_id = delivery_log.enqueue_test(ctx, require_text(name))
        note(who, "endpoint.test", name)
        background.add_task(queue.reports)
        return delivery_log.load_delivery(ctx, delivery_id).as_json()

    @routes.post(
        "/{name}/replay",
        summary="Send all events since a time again",
        **answers(event_schemas.Replayed, 404, status=202),
    )
    def replay(
        who: AdminToken, name: str, body: ReplayRequest, background: BackgroundTasks
    ) -> dict[str, Any]:
        count = delivery_log.replay(ctx, require_text(name), body.since)
        note(who, "endpoint.replay", name, f"since {body.since.isoformat()}")
        background.add_task(queue.reports)
        return {"events": count}

    @routes.post(
        "/{name}/backfill",
        summary="Send all current suppressions to a system",
        **answers(event_schemas.Backfill, 404, status=202),
    )
    def start_backfill(who: AdminToken, name: str, background: BackgroundTasks) -> dict[str, Any]:
        begun = backfill.start(ctx, require_text(name), who)
        note(who, "endpoint.backfill", name, f"{begun.total} suppressions")
        background.add_task(queue.reports)
        return begun.as_json()

    @routes.get(
        "/{name}/deliveries",
        summary="What was sent to an endpoint, newest first",
        **answers(event_schemas.EndpointDeliveries, 404),
    )
    def deliveries(
        _who: AdminToken,
        name: str,
        state: Literal["pending", "delivered", "parked"] | None = None,
        before: Annotated[int, Query(ge=0, le=2**62)] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> dict[str, Any]:
        listed = delivery_log.list_deliveries(ctx, require_text(name), state, before, limit)
        more = listed[-1].id if len(listed) == limit else None
        return {"deliveries": [entry.as_json() for entry in listed], "before": more}

    @routes.post(
        "/deliveries/{delivery_id}/retry",
        summary="Send one event again now",
        **answers(event_schemas.EndpointDelivery, 404, status=202),
    )
    def retry(who: AdminToken, delivery_id: RowId, background: BackgroundTasks) -> dict[str, Any]:
        delivery_log.retry(ctx, delivery_id)
        note(who, "endpoint.retry", str(delivery_id))
        background.add_task(queue.reports)
        return delivery_log.load_delivery(ctx, delivery_id).as_json()

    return routes

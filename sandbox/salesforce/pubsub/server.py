"""The Pub/Sub API: GetTopic, GetSchema and Subscribe, over gRPC without TLS on this machine.

Refuses what the service refuses: calls without its three headers or with a session that is over,
channels that are not there or not selected, replay ids that it does not know, and requests for no
events. A stream ends if no events are asked for, and has a word every `keepalive` seconds.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

from sandbox.salesforce.pubsub import pubsub_api_pb2
from sandbox.salesforce.pubsub.event_bus import (
    ALL_CHANGES,
    EventBus,
    number_of,
    replay_id_of,
    topic_of,
)

messages: Any = pubsub_api_pb2
_CODE = "sfdc.platform.eventbus.grpc."
MAX_REQUESTED = 100
_PER_ANSWER = 20  # events
_THREADS = 32


class PubSubService:
    """`tokens`: the sessions that are good. `keepalive`, `idle`: seconds until an empty answer, and
    until a stream is closed for which nothing is asked. `denied`: objects that our user has not
    View All Records of. `delivered`: events since the start, which count against the allocation.
    """

    def __init__(self, bus: EventBus, tokens: Callable[[], set[str]]) -> None:
        self.bus = bus
        self.keepalive = 270.0
        self.idle = 60.0
        self.denied: set[str] = set()
        self.delivery_limit = 0  # 0: none
        self.delivered = 0
        self.subscribed = 0  # streams that are open
        self.opened = 0  # since the start
        self.refuse_with: grpc.StatusCode | None = None  # each call, as when the service is away
        self._tokens = tokens
        self._cuts = 0
        self._server: Any = None

    def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen; return the port."""
        self._server = grpc.server(ThreadPoolExecutor(_THREADS, "pubsub"))
        unary, stream = grpc.unary_unary_rpc_method_handler, grpc.stream_stream_rpc_method_handler
        handlers = {
            "GetTopic": unary(self.get_topic, messages.TopicRequest.FromString,
                              messages.TopicInfo.SerializeToString),
            "GetSchema": unary(self.get_schema, messages.SchemaRequest.FromString,
                               messages.SchemaInfo.SerializeToString),
            "Subscribe": stream(self.subscribe, messages.FetchRequest.FromString,
                                messages.FetchResponse.SerializeToString),
        }  # fmt: skip
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("eventbus.v1.PubSub", handlers),)
        )
        bound = int(self._server.add_insecure_port(f"{host}:{port}"))
        self._server.start()
        return bound

    def stop(self) -> None:
        self.cut()
        self._server.stop(0.2)

    def cut(self) -> None:
        """End every open stream, as a network does."""
        self._cuts += 1
        with self.bus.on_event:
            self.bus.on_event.notify_all()

    # -- calls ---------------------------------------------------------------------------

    def get_topic(self, request: Any, context: Any) -> Any:
        self._check_caller(context)
        self._entities(request.topic_name, context)
        return messages.TopicInfo(
            topic_name=request.topic_name, tenant_guid="CORE/prod/" + self.bus.org.id,
            can_publish=False, can_subscribe=True, rpc_id=str(uuid.uuid4()),
        )  # fmt: skip

    def get_schema(self, request: Any, context: Any) -> Any:
        self._check_caller(context)
        if not request.schema_id:
            text = "Schema validation failed. The schema ID can't be blank."
            self._refuse(context, grpc.StatusCode.INVALID_ARGUMENT, "schema.validation", text)
        schema = self.bus.schemas.get(request.schema_id)
        if schema is None:
            text = "The schema was not found."
            self._refuse(context, grpc.StatusCode.NOT_FOUND, "schema.notfound", text)
        return messages.SchemaInfo(schema_json=json.dumps(schema), schema_id=request.schema_id)

    def subscribe(self, requests: Iterator[Any], context: Any) -> Iterator[Any]:
        """Deliver events as they come, as many as were asked for."""
        self._check_caller(context)
        first = next(requests, None)
        if first is None:
            return
        entities = self._entities(first.topic_name, context)
        position = self._start(first, context)
        asked = _Asked()
        asked.add(first.num_requested)
        threading.Thread(
            target=self._take, args=(requests, first.topic_name, asked), daemon=True
        ).start()
        cuts = self._cuts
        self.subscribed += 1
        self.opened += 1
        context.add_callback(self._wake)
        spoke = idle_since = time.monotonic()
        try:
            while context.is_active():
                if cuts != self._cuts:
                    text = "RST_STREAM closed stream."
                    self._refuse(context, grpc.StatusCode.UNAVAILABLE, "service.unavailable", text)
                if asked.problem:
                    code = grpc.StatusCode.INVALID_ARGUMENT
                    self._refuse(context, code, asked.problem, "The request is not valid.")
                self._check_caller(context)
                outstanding = asked.outstanding
                found = self.bus.after(position, entities)[: min(outstanding, _PER_ANSWER)]
                found = [event for event in found if event.entity not in self.denied]
                if found:
                    self._count(len(found), context)
                    position = found[-1].number
                    asked.take(len(found))
                    spoke = idle_since = time.monotonic()
                    yield messages.FetchResponse(
                        events=[_consumer_event(event) for event in found],
                        latest_replay_id=found[-1].replay_id,
                        rpc_id=str(uuid.uuid4()),
                        pending_num_requested=asked.outstanding,
                    )
                    continue
                if outstanding:
                    idle_since = time.monotonic()
                elif time.monotonic() - idle_since > self.idle:
                    return
                if outstanding and time.monotonic() - spoke > self.keepalive:
                    with self.bus.on_event:
                        nothing = not self.bus.after(position, entities)
                        position = self.bus.tip if nothing else position
                    if nothing:
                        spoke = time.monotonic()
                        yield messages.FetchResponse(
                            latest_replay_id=replay_id_of(position), rpc_id=str(uuid.uuid4()),
                            pending_num_requested=outstanding,
                        )  # fmt: skip
                with self.bus.on_event:
                    if not self.bus.after(position, entities) or not asked.outstanding:
                        self.bus.on_event.wait(min(0.05, self.keepalive))
        finally:
            self.subscribed -= 1

    # -- checks --------------------------------------------------------------------------

    def _start(self, first: Any, context: Any) -> int:
        invalid = grpc.StatusCode.INVALID_ARGUMENT
        if first.num_requested <= 0:
            text = "The number of requested events must be greater than zero."
            self._refuse(context, invalid, "subscription.fetch.requested.events.invalid", text)
        if first.replay_preset == messages.EARLIEST:
            return self.bus.purged
        if first.replay_preset == messages.LATEST:
            return self.bus.tip
        number = number_of(first.replay_id)
        text = (
            "The Replay ID validation failed. Ensure that the Replay ID is valid and refers to an "
            "event that is within the retention window."
        )
        if not first.replay_id:
            self._refuse(context, invalid, "subscription.fetch.replayid.validation.failed", text)
        if number is None or not self.bus.purged <= number <= self.bus.tip:
            self._refuse(context, invalid, "subscription.fetch.replayid.corrupted", text)
        assert number is not None
        return number

    def _take(self, requests: Iterator[Any], topic: str, asked: _Asked) -> None:
        try:
            for request in requests:
                if request.topic_name not in ("", topic):
                    asked.problem = "subscription.fetch.topic.invalid"
                if request.num_requested <= 0:
                    asked.problem = "subscription.fetch.requested.events.invalid"
                asked.add(request.num_requested)
                self._wake()
        except grpc.RpcError:
            pass  # the client has gone

    def _check_caller(self, context: Any) -> None:
        if self.refuse_with is not None:
            self._refuse(context, self.refuse_with, "service.unavailable", "The service is away.")
        headers = dict(context.invocation_metadata())
        good = (
            headers.get("accesstoken") in self._tokens()
            and str(headers.get("instanceurl", "")).startswith(("http://", "https://"))
            and str(headers.get("tenantid", ""))[:15] == self.bus.org.id[:15]
        )
        if not good:
            text = "Authentication exception occurred. Provide valid authentication."
            self._refuse(context, grpc.StatusCode.UNAUTHENTICATED, "service.auth.error", text)

    def _entities(self, topic: str, context: Any) -> set[str]:
        if topic == ALL_CHANGES:
            return set(self.bus.selected)
        entity = next((name for name in self.bus.selected if topic_of(name) == topic), None)
        if entity is None:
            text = (
                f"The topic information for org CORE/prod/{self.bus.org.id} and topic {topic} not "
                "found. Ensure the topic name is correct and that the topic exists."
            )
            self._refuse(context, grpc.StatusCode.NOT_FOUND, "topic.notfound", text)
        assert entity is not None
        if entity in self.denied:
            text = "Access to the topic is denied."
            self._refuse(context, grpc.StatusCode.PERMISSION_DENIED, "topic.accessdenied", text)
        return {entity}

    def _count(self, events: int, context: Any) -> None:
        self.delivered += events
        if self.delivered > self.delivery_limit > 0:
            text = "You have exceeded the event delivery limit for your org."
            code = grpc.StatusCode.RESOURCE_EXHAUSTED
            self._refuse(context, code, "subscription.limit.exceeded", text)

    @staticmethod
    def _refuse(context: Any, status: grpc.StatusCode, code: str, text: str) -> None:
        context.set_trailing_metadata((("error-code", _CODE + code),))
        context.abort(status, f"{text} rpcId: {uuid.uuid4()}")

    def _wake(self) -> None:
        with self.bus.on_event:
            self.bus.on_event.notify_all()


class _Asked:
    """How many events a client still waits for: at most 100, whatever it asks."""

    def __init__(self) -> None:
        self.problem = ""
        self._lock = threading.Lock()
        self._outstanding = 0

    @property
    def outstanding(self) -> int:
        return self._outstanding

    def add(self, events: int) -> None:
        with self._lock:
            self._outstanding = min(MAX_REQUESTED, self._outstanding + max(0, events))

    def take(self, events: int) -> None:
        with self._lock:
            self._outstanding -= events


def _consumer_event(event: Any) -> Any:
    return messages.ConsumerEvent(
        event=messages.ProducerEvent(
            id=event.id, schema_id=event.schema_id, payload=event.payload
        ),
        replay_id=event.replay_id,
    )  # fmt: skip

"""Subscribe to a channel of change events.

Facts, from Salesforce's Pub/Sub API documents ("Subscribe RPC Method", "Pull Subscription and Flow
Control", "Authentication"):

- Each call carries the headers `accesstoken`, `instanceurl` and `tenantid`.
- A subscription asks for events: at most 100 may be outstanding. If none are, the server closes the
  stream after 60 seconds.
- If there is nothing to deliver, the server sends an empty answer with the latest replay id, at
  least every 270 seconds.
- A replay id is opaque; a subscription begins after it. `LATEST` begins at the tip.
"""

from __future__ import annotations

import io
import json
import logging
import queue
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from config.section import SettingsError
from connectors.errors import ConnectorError, UnavailableError
from connectors.salesforce.pubsub.change_events import ChangeEvent, UnreadableEventError, read_event
from connectors.salesforce.pubsub.errors import ExpiredSessionError, translate

log = logging.getLogger(__name__)

MAX_REQUESTED = 100  # events that may be outstanding
_REFILL_AT = 50  # outstanding events from which on more are asked for
SILENCE = 330.0  # seconds without a word, after which a stream is dead: keepalives come every 270
_CALL_TIMEOUT = 20.0  # seconds, of the calls beside the stream
_SERVICE = "/eventbus.v1.PubSub/"
_Headers = tuple[tuple[str, str], ...]
_GONE = ("INVALID_ARGUMENT", "NOT_FOUND")  # a schema that is refused so will never be had


@dataclass(frozen=True, slots=True)
class Session:
    """What a call is made with. `org`: the org's id."""

    access_token: str
    instance_url: str
    org: str
    user: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An event that we cannot read. What it told of has to be pulled."""

    reason: str


@dataclass(frozen=True, slots=True)
class Batch:
    """What one answer of the stream holds. `replay_id`: from which the stream goes on after it."""

    events: tuple[ChangeEvent | Unreadable, ...]
    replay_id: bytes


@dataclass(frozen=True, slots=True)
class Topic:
    """A channel as the org describes it."""

    name: str
    can_subscribe: bool


class ChangeFeed:
    """The change events of one org. Several threads may subscribe, each to its own channel.

    `session`: gives the session to use; called with the access token of one that was refused, it
    gives a fresh one.
    """

    def __init__(self, url: str, session: Callable[[str], Session]) -> None:
        self._libraries = _load()
        self._session = session
        self._refused = ""  # the last access token that was
        self._schemas: dict[str, tuple[Any, dict[str, Any]]] = {}  # id -> parsed, as JSON
        self._channel = _channel(self._libraries.grpc, url)

    @property
    def user(self) -> str:
        """The id of the user that we are, whose changes are ours."""
        return self._current().user

    def topic(self, channel: str) -> Topic:
        """Ask for a channel; raises `ConnectorError` where the org or our user has none such."""
        request = self._libraries.messages.TopicRequest(topic_name=channel)
        answer = self._unary("GetTopic", request, self._libraries.messages.TopicInfo, channel)
        return Topic(answer.topic_name, bool(answer.can_subscribe))

    def subscribe(
        self,
        channel: str,
        replay_id: bytes | None,
        stopped: threading.Event,
        silence: float = SILENCE,
    ) -> Generator[Batch]:
        """Yield what comes after `replay_id`; None: from the tip of the stream on.

        More events are asked for once the caller has taken a batch. Ends when `stopped` is set.
        Raises `ReplayIdError`, `ExpiredSessionError`, or another `ConnectorError`.
        """
        grpc, messages = self._libraries.grpc, self._libraries.messages
        requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        first = messages.FetchRequest(topic_name=channel, num_requested=MAX_REQUESTED)
        if replay_id is None:
            first.replay_preset = messages.LATEST
        else:
            first.replay_preset, first.replay_id = messages.CUSTOM, replay_id
        requests.put(first)
        headers = self._headers()
        call = self._channel.stream_stream(
            f"{_SERVICE}Subscribe",
            request_serializer=messages.FetchRequest.SerializeToString,
            response_deserializer=messages.FetchResponse.FromString,
        )(iter(requests.get, None), metadata=headers)
        watch = _Watch(call, stopped, silence)
        try:
            for response in call:
                watch.heard()
                events = tuple(self._read(event.event, channel) for event in response.events)
                # What the latest replay id stands for beside events is not said: they may not all
                # have come yet. That of the last event is surely behind us.
                last = response.events[-1].replay_id if events else response.latest_replay_id
                yield Batch(events, bytes(last))
                watch.heard()
                outstanding = max(0, response.pending_num_requested)
                if outstanding <= _REFILL_AT:
                    requests.put(messages.FetchRequest(num_requested=MAX_REQUESTED - outstanding))
            if not stopped.is_set():
                raise UnavailableError(f"salesforce: {channel}: Salesforce closed the stream")
        except grpc.RpcError as error:
            if stopped.is_set():
                return
            if watch.was_silent:
                raise UnavailableError(
                    f"salesforce: {channel}: nothing came for {silence:.0f} seconds"
                ) from None
            raise self._translated(error, channel, headers) from None
        finally:
            watch.end()
            requests.put(None)
            call.cancel()

    def close(self) -> None:
        self._channel.close()

    def _read(self, event: Any, channel: str) -> ChangeEvent | Unreadable:
        """Read one event. Raises where its schema may be had later."""
        try:
            schema = self._schema(event.schema_id, channel)
        except _GoneError as error:
            return Unreadable(str(error))
        parsed, plain = schema
        try:
            reader = self._libraries.fastavro.schemaless_reader
            return read_event(reader(io.BytesIO(event.payload), parsed, None), plain)
        except UnreadableEventError as error:
            return Unreadable(str(error))
        except Exception as error:  # of fastavro, for which there is no common class
            return Unreadable(f"it is not of its schema ({type(error).__name__})")

    def _schema(self, schema_id: str, channel: str) -> tuple[Any, dict[str, Any]]:
        if schema_id not in self._schemas:
            messages = self._libraries.messages
            request = messages.SchemaRequest(schema_id=schema_id)
            answer = self._unary("GetSchema", request, messages.SchemaInfo, channel)
            try:
                plain = json.loads(answer.schema_json)
                parsed = self._libraries.fastavro.parse_schema(plain)
            except Exception as error:
                raise _GoneError(f"its schema is none ({type(error).__name__})") from None
            self._schemas[schema_id] = parsed, plain
        return self._schemas[schema_id]

    def _unary(self, method: str, request: Any, answer: Any, channel: str) -> Any:
        grpc = self._libraries.grpc
        for last_try in (False, True):
            headers = self._headers()
            try:
                return self._channel.unary_unary(
                    _SERVICE + method,
                    request_serializer=type(request).SerializeToString,
                    response_deserializer=answer.FromString,
                )(request, metadata=headers, timeout=_CALL_TIMEOUT)
            except grpc.RpcError as error:
                problem = self._translated(error, channel, headers)
                if isinstance(problem, ExpiredSessionError) and not last_try:
                    continue
                if method == "GetSchema" and error.code().name in _GONE:
                    raise _GoneError(f"its schema is not to be had: {problem}") from None
                raise problem from None
        raise AssertionError("unreachable")

    def _current(self) -> Session:
        session = self._session(self._refused)
        self._refused = ""
        return session

    def _headers(self) -> _Headers:
        session = self._current()
        return (
            ("accesstoken", session.access_token),
            ("instanceurl", session.instance_url),
            ("tenantid", session.org),
        )

    def _translated(self, error: Any, channel: str, headers: _Headers) -> ConnectorError:
        problem = translate(error, channel)
        if isinstance(problem, ExpiredSessionError):
            self._refused = dict(headers)["accesstoken"]
        return problem


class _GoneError(Exception):
    """A schema that will never be had."""


class _Watch:
    """Cancels a call when it is to stop, or when nothing has come for too long."""

    def __init__(self, call: Any, stopped: threading.Event, silence: float) -> None:
        self.was_silent = False
        self._call, self._stopped, self._silence = call, stopped, silence
        self._ended = threading.Event()
        self._word = threading.Event()
        threading.Thread(target=self._run, daemon=True, name="stream-watch").start()

    def heard(self) -> None:
        self._word.set()

    def end(self) -> None:
        self._ended.set()

    def _run(self) -> None:
        waited, step = 0.0, min(0.2, self._silence)
        while not self._ended.wait(step):
            if self._stopped.is_set():
                self._call.cancel()
                return
            waited = 0.0 if self._word.is_set() else waited + step
            self._word.clear()
            if waited >= self._silence:
                self.was_silent = True
                self._call.cancel()
                return


@dataclass(frozen=True, slots=True)
class _Libraries:
    grpc: Any
    fastavro: Any
    messages: Any


def _load() -> _Libraries:
    """Import what the extra `streaming` installs; raises `SettingsError` where it is missing."""
    try:
        import fastavro
        import grpc

        from connectors.salesforce.pubsub import pubsub_api_pb2
    except ImportError as error:
        raise SettingsError(missing_extra(error.name or "")) from None
    return _Libraries(grpc, fastavro, pubsub_api_pb2)


def check_packages() -> None:
    """Raise `SettingsError` where the packages of the extra `streaming` are missing."""
    _load()


def missing_extra(package: str) -> str:
    """Return the line for an operator who has switched streaming on without its packages."""
    named = f" ({package})" if package else ""
    return (
        f"connectors.salesforce.streaming: its packages are not installed{named}; install them "
        "with: pip install 'phone-hygiene[streaming]', or set enabled = false"
    )


def _channel(grpc: Any, url: str) -> Any:
    """Return a gRPC channel: with TLS, but for a stand-in on this machine."""
    parts = urlsplit(url)
    port = parts.port or (80 if parts.scheme == "http" else 443)
    target = f"{parts.hostname}:{port}"
    if parts.scheme == "http":
        return grpc.insecure_channel(target, options=[("grpc.enable_http_proxy", 0)])
    return grpc.secure_channel(target, grpc.ssl_channel_credentials())

"""Set aside messages in Redis that the workers cannot read, so that the workers keep running.

Celery and kombu assume that they put every message into the queue themselves. A text that is not
JSON, or has no properties, ends the worker ("Unrecoverable error",
https://github.com/celery/celery/issues/4308, .../7975, .../kombu/issues/2421), and there is no
hook before it is parsed. So we replace three of their parts by ones that check first:

    Reader    the Redis client that takes messages out of a queue: is it a message at all
    Channel   the same of broadcasts, and of messages that were taken and never acknowledged
    Consumer  is it for a task of ours, with arguments that the task takes (`worker_consumer`)

`worker.store.set_aside` keeps those messages for a while.
"""

from __future__ import annotations

import base64
import inspect
import json
import logging
from datetime import datetime
from functools import cache
from typing import Any, cast, get_type_hints

import redis
from celery import Celery
from celery.worker import consumer
from kombu.transport import TRANSPORT_ALIASES
from kombu.transport import redis as transport
from kombu.utils.encoding import bytes_to_str
from kombu.utils.json import loads

from worker.store import redis_hint
from worker.store.set_aside import KEPT_FOR, SET_ASIDE, set_aside

log = logging.getLogger(__name__)

_OURS = "hygiene."  # what the names of our tasks begin with
# Keys of the transport, and the only type each may have.
_TYPES = {"unacked": "hash", "unacked_index": "zset", "unacked_mutex": "string"}
# What code raises that is given another form than it expects.
_MISREAD = (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError)


# -- keys of another type -----------------------------------------------------------------


def repair(client: Any, queues: tuple[str, ...]) -> None:
    """Move away keys of the transport that have another type, such as a text in the place of a
    queue: each read of one would end the worker. Raises `RedisError`."""
    expected = dict.fromkeys(queues, "list") | _TYPES
    expected |= {f"_kombu.binding.{queue}": "set" for queue in queues}
    with client.pipeline(transaction=False) as pipe:
        for key in expected:
            pipe.type(key)
        types = [bytes_to_str(answer) for answer in pipe.execute()]
    for (key, right), type_ in zip(expected.items(), types, strict=True):
        if type_ not in (right, "none"):
            with client.pipeline() as pipe:
                pipe.rename(key, f"{SET_ASIDE}:{key}")
                pipe.expire(f"{SET_ASIDE}:{key}", KEPT_FOR)
                pipe.execute()
            log.error("the key %s was no %s and was moved to %s:%s", key, right, SET_ASIDE, key)


# -- is it a message -----------------------------------------------------------------------


def fault_of(raw: str | bytes) -> str:
    """Say why a text from a queue cannot be a message of kombu; "" if it can.

    >>> fault_of(b"{not json"), fault_of(b"[1]")
    ('it is no JSON', 'it is no message')
    """
    try:
        message = loads(bytes_to_str(raw))
    except Exception:  # kombu's decoder builds objects of what it reads
        return "it is no JSON"
    if not isinstance(message, dict):
        return "it is no message"
    properties, headers = message.get("properties"), message.get("headers")
    if not isinstance(properties, dict) or not isinstance(headers, dict | None):
        return "it has no properties, or headers of another form"
    if headers and headers.get("compression"):
        return "it is compressed"
    delivery = properties.get("delivery_info")
    texts = (
        properties.get("delivery_tag"), message.get("body"), message.get("content-type"),
        message.get("content-encoding"),
        *(delivery.get(key) for key in ("exchange", "routing_key") if isinstance(delivery, dict)),
    )  # fmt: skip
    if not isinstance(delivery, dict) or not all(isinstance(text, str) for text in texts):
        return "its properties or its body have another form"
    return _fault_of_body(message["body"], properties.get("body_encoding"))


def _fault_of_body(body: str, encoding: object) -> str:
    if encoding is None:
        return ""
    if encoding != "base64":
        return "its body has an encoding that is not known"
    try:
        base64.b64decode(body, validate=True)
    except ValueError:
        return "its body is no base64"
    return ""


class Reader(redis.Redis):
    """Takes messages out of queues. An unreadable message counts as no message."""

    def parse_response(self, connection: Any, command_name: Any, **options: Any) -> Any:
        if command_name != "BRPOP":
            return super().parse_response(connection, command_name, **options)
        try:
            answer = super().parse_response(connection, command_name, **options)
        except redis.ResponseError as error:
            if not str(error).startswith("WRONGTYPE"):
                raise
            from worker.queue.schedule import QUEUES

            repair(self, tuple(QUEUES))
            return None
        if answer and (why := fault_of(answer[1])):
            set_aside(self, bytes_to_str(answer[0]), answer[1], why)
            return None
        return answer


class QoS(transport.QoS):
    """Keeps messages that were taken and not acknowledged; they are given out again
    after a while."""

    def restore_by_tag(self, tag: Any, client: Any = None, leftmost: bool = False) -> None:
        try:
            super().restore_by_tag(tag, client, leftmost)
        except _MISREAD:
            with self.channel.conn_or_acquire(client) as own:
                raw = own.hget(self.unacked_key, tag) or b""
                self._remove_from_indices(tag, own.pipeline()).execute()
                set_aside(own, self.unacked_key, raw, "it cannot be given out again")


class Channel(transport.Channel):
    QoS = QoS

    def _get_client(self) -> type[redis.Redis]:
        super()._get_client()  # checks the version of redis-py
        return Reader

    def _handle_message(self, client: Any, r: Any) -> dict[str, Any]:
        payload: dict[str, Any] = super()._handle_message(client, r)
        data = payload["data"]
        if isinstance(data, (str, bytes)) and (why := fault_of(data)):
            set_aside(self._create_client(), "broadcasts", data, why)
            payload["data"] = None  # kombu passes over it
        return payload


class Transport(transport.Transport):
    Channel = Channel


def register() -> None:
    """Make kombu use these for every redis:// address in this process."""
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = f"{__name__}:Transport"


# -- is it for one of our tasks ------------------------------------------------------------


def fault_of_task(message: Any, app: Celery) -> str:
    """Say why no task can run for a message; "" if one can."""
    headers = message.headers
    name = headers.get("task")
    if not isinstance(name, str) or not name.startswith(_OURS) or name not in app.tasks:
        return "it names no task of ours"
    if message.content_type != "application/json" or message.content_encoding != "utf-8":
        return "its body has a type that we do not accept"
    if not _headers_fit(headers):
        return "its headers have another form"
    try:
        args, kwargs, embedded = json.loads(message.body)
    except Exception:
        return "its body cannot be read"
    if not isinstance(args, list) or not isinstance(kwargs, dict):
        return "its body has another form"
    if not isinstance(embedded, dict | None) or any((embedded or {}).values()):
        return "it asks for more than a task"
    return "" if _fits(app.tasks[name].run, args, kwargs) else "its arguments do not fit the task"


def _headers_fit(headers: dict[str, Any]) -> bool:
    limits = headers.get("timelimit") or [None, None]
    numbers = isinstance(limits, list) and len(limits) == 2
    return (
        isinstance(headers.get("id"), str)
        and numbers
        and all(isinstance(limit, int | float | None) for limit in limits)
        and isinstance(headers.get("retries") or 0, int)
        and all(_is_moment(headers.get(key)) for key in ("eta", "expires"))
    )


def _is_moment(text: object) -> bool:
    if text is None:
        return True
    try:
        datetime.fromisoformat(cast(str, text))
    except (TypeError, ValueError):
        return False
    return True


def _fits(function: Any, args: list[Any], kwargs: dict[str, Any]) -> bool:
    signature, types = _signature(function)
    try:
        arguments = signature.bind(*args, **kwargs).arguments
    except TypeError:
        return False
    return all(type(value) is types.get(name, type(value)) for name, value in arguments.items())


@cache
def _signature(function: Any) -> tuple[inspect.Signature, dict[str, Any]]:
    return inspect.signature(function), get_type_hints(function)


class Consumer(consumer.Consumer):
    """Hands a message to its task, and sets aside messages that are not our tasks."""

    def connection_for_read(self, heartbeat: Any = None) -> Any:
        """Say first what keeps us from Redis, if anything does: what follows tries for ever."""
        redis_hint.warn_unless_it_answers(self.app.conf.broker_url)
        return super().connection_for_read(heartbeat=heartbeat)

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Any:
        handle = super().create_task_handler(*args, **kwargs)

        def on_message(message: Any) -> None:
            why = fault_of_task(message, self.app)
            if not why:
                try:
                    handle(message)
                    return
                except _MISREAD as error:
                    why = f"it cannot be handled ({type(error).__name__})"
            self._set_aside(message, why)

        return on_message

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        """Handle a body that kombu cannot unpack."""
        self._set_aside(message, f"its body cannot be read ({type(exc).__name__})")

    def _set_aside(self, message: Any, why: str) -> None:
        queue = (message.delivery_info or {}).get("routing_key", "")
        known = queue if queue in self.app.amqp.queues else "?"
        with message.channel.conn_or_acquire() as client:
            set_aside(client, known, json.dumps(message._raw), why)
        message.reject_log_error(log, self.connection_errors)

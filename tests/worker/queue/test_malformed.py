"""A queue with what is no message of ours: it is set aside in a line, and the worker goes on."""

from __future__ import annotations

import base64
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery
from constants import NUMBER
from crms import Crm
from fixture_types import Start
from processes import until

from sandbox.run import Sandbox
from worker.context import Context
from worker.store import embedded_redis
from worker.store.set_aside import SET_ASIDE
from worker.sync.runs import lifecycle


def message(body: Any = None, **changes: Any) -> dict[str, Any]:
    """As Celery enqueues a task, but for `changes` of its headers."""
    packed = json.dumps([[], {}, {"callbacks": None}] if body is None else body).encode()
    headers = {
        "lang": "py", "task": "hygiene.revive", "id": "an-id", "retries": 0, "eta": None,
        "expires": None, "timelimit": [None, None], "root_id": "an-id", "argsrepr": "()",
    }  # fmt: skip
    return {
        "body": base64.b64encode(packed).decode(), "content-encoding": "utf-8",
        "content-type": "application/json", "headers": {**headers, **changes},
        "properties": {
            "correlation_id": "an-id", "delivery_mode": 2, "priority": 0, "body_encoding": "base64",
            "delivery_info": {"exchange": "", "routing_key": "reports"}, "delivery_tag": "a-tag",
        },
    }  # fmt: skip


def without(*path: str) -> dict[str, Any]:
    changed = message()
    inner: dict[str, Any] = changed
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return changed


MALFORMED: dict[str, str | bytes] = {
    "no JSON": f"{{not json {NUMBER}",
    "nothing": "",
    "binary": b"\xff\xfe\x00\x81",
    "a list": "[1, 2]",
    "a number": "17",
    "no properties": json.dumps({"body": NUMBER}),
    "no headers": json.dumps(without("headers")),
    "no tag": json.dumps(without("properties", "delivery_tag")),
    "no delivery": json.dumps(without("properties", "delivery_info")),
    "no place": json.dumps(without("properties", "delivery_info", "routing_key")),
    "no body": json.dumps(without("body")),
    "no base64": json.dumps({**message(), "body": "***"}),
    "a body that is no JSON": json.dumps({**message(), "body": base64.b64encode(b"{").decode()}),
    "another encoding": json.dumps(
        {**message(), "properties": {**message()["properties"], "body_encoding": "rot13"}}
    ),
    "pickle": json.dumps(
        {
            **message(),
            "content-type": "application/x-python-serialize",
            "content-encoding": "binary",
            "body": base64.b64encode(pickle.dumps([(), {}, {}])).decode(),
        }
    ),
    "a type that nobody knows": json.dumps({**message(), "content-type": "application/x-thing"}),
    "an unknown task": json.dumps(message(task=f"hygiene.{NUMBER}")),
    "another's task": json.dumps(message(task="celery.chord")),
    "a task that is a list": json.dumps(message(task=["hygiene.revive"])),
    "no id": json.dumps(without("headers", "id")),
    "limits that are none": json.dumps(message(timelimit="soon")),
    "a moment that is none": json.dumps(message(eta="tomorrow")),
    "retries that are text": json.dumps(message(retries="many")),
    "compressed": json.dumps(message(compression="zlib")),
    "arguments too many": json.dumps(message([[NUMBER], {}, {}])),
    "arguments of another type": json.dumps(
        message([["one", "two"], {}, {}], task="hygiene.page")
    ),
    "a keyword that it has not": json.dumps(message([[], {"x": 1}, {}])),
    "a body of another form": json.dumps(message({"task": "hygiene.revive"})),
    "a callback": json.dumps(message([[], {}, {"callbacks": [{"task": "x"}]}])),
    "deeply nested": "[" * 100_000 + "]" * 100_000,
    "a type of kombu's": json.dumps({"__type__": "datetime", "__value__": "never"}),
    "huge": json.dumps({"body": "x" * 8_000_000}),
}  # fmt: skip


@pytest.fixture
def queue(tmp_path: Path) -> redis.Redis:
    return embedded_redis.client(embedded_redis.ensure(tmp_path / "home"))


def log_of(tmp_path: Path) -> str:
    return "".join(log.read_text("utf-8", "replace") for log in tmp_path.glob("process-*.log"))


class TestAMalformedMessage:
    @pytest.mark.parametrize("pool", ["prefork", "solo"])
    def test_it_is_set_aside_and_the_worker_goes_on(
        self, ctx: Context, sandbox: Sandbox, start: Start, queue: redis.Redis, tmp_path: Path,
        pool: str,
    ) -> None:  # fmt: skip
        for place, text in enumerate(MALFORMED.values()):
            queue.lpush(("reports", "runs", "pages")[place % 3], text)
        worker = start(
            "celery", "--app", "worker.app", "worker", "--concurrency", "1", "--pool", pool
        )
        until(lambda: queue.llen(SET_ASIDE) == len(MALFORMED), "all to be set aside", 30)
        crm = Crm.all(sandbox)["hubspot"]
        app = Celery(broker=embedded_redis.url(tmp_path / "home"))
        app.send_task("hygiene.sync", ["hubspot"], queue="runs")
        until(lambda: [run.state for run in lifecycle.recent(ctx)] == ["done"], "the run")
        assert crm.all_checked()
        assert worker.poll() is None
        log = log_of(tmp_path)
        lines = [line for line in log.splitlines() if "set aside" in line]
        assert len(lines) == len(MALFORMED)  # one line each, and nothing else
        assert "Traceback" not in log
        assert NUMBER[-7:] not in log
        kept = [json.loads(text) for text in queue.lrange(SET_ASIDE, 0, -1)]  # type: ignore[union-attr]
        assert any(NUMBER in entry["message"] for entry in kept)
        assert all(entry["why"] and entry["at"] and len(entry["message"]) <= 4000 for entry in kept)

    def test_a_key_of_another_type_is_moved_away(
        self, ctx: Context, start: Start, queue: redis.Redis, tmp_path: Path
    ) -> None:
        """Before the worker starts, and in the place of a queue that it reads already."""
        for key in ("runs", "unacked", "_kombu.binding.pages"):
            queue.set(key, "text")
        queue.sadd("unacked_index", "member")
        worker = start("celery", "--app", "worker.app", "worker", "--pool", "solo")
        until(lambda: "ready" in log_of(tmp_path), "the worker")
        queue.delete("reports")
        queue.set("reports", "text")
        until(lambda: queue.type("reports") != b"string", "the key to be moved")
        app = Celery(broker=embedded_redis.url(tmp_path / "home"))
        app.send_task("hygiene.sync", ["hubspot"], queue="runs")
        until(lambda: [run.state for run in lifecycle.recent(ctx)] == ["done"], "the run")
        assert worker.poll() is None
        assert "Traceback" not in log_of(tmp_path)

    def test_what_was_taken_and_never_acknowledged_may_be_none_either(
        self, ctx: Context, start: Start, queue: redis.Redis, tmp_path: Path
    ) -> None:
        queue.hset("unacked", "tag", "{not json")
        queue.zadd("unacked_index", {"tag": 1.0})
        worker = start("celery", "--app", "worker.app", "worker", "--pool", "solo")
        until(lambda: queue.pubsub_numpat() == 2, "the worker")
        for broadcasts in ("/0.celery.pidbox", "/0.celeryev/worker.heartbeat"):
            queue.publish(broadcasts, f"{{not json {NUMBER}")
            queue.publish(broadcasts, json.dumps({"body": NUMBER}))
        until(lambda: queue.llen(SET_ASIDE) == 5, "all to be set aside", 30)
        assert worker.poll() is None
        assert "Traceback" not in log_of(tmp_path)
        assert NUMBER not in log_of(tmp_path)

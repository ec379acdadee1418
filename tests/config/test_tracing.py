"""OpenTelemetry: one trace from a request to the writes that it set off, and no data in it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from crms import Crm
from fixture_types import Start
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from processes import until

from config import tracing
from worker.context import Context
from worker.store import embedded_redis
from worker.sync.runs import lifecycle
from worker.sync.runs.scope import Scope


class Collector:
    """Takes spans as an OpenTelemetry collector does, by OTLP over HTTP."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    import gzip

                    body = gzip.decompress(body)
                sent = ExportTraceServiceRequest.FromString(body)
                for resource in sent.resource_spans:
                    for scope in resource.scope_spans:
                        collector.spans += scope.spans
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def collector() -> Iterator[Collector]:
    endpoint = Collector()
    yield endpoint
    endpoint.server.shutdown()
    endpoint.server.server_close()


def test_nothing_is_traced_unless_it_is_configured() -> None:
    assert not tracing.wanted({})
    with tracing.span("page", run="1"):
        pass
    assert tracing.handed_on() == {}


def test_a_run_in_the_queue_is_one_trace(
    ctx: Context, crm: Crm, start: Start, collector: Collector, tmp_path: Path
) -> None:
    queue = Celery(broker=embedded_redis.ensure(tmp_path / "home"))
    start("celery", "--app", "worker.app", "worker", "--concurrency", "1",
          OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_BSP_SCHEDULE_DELAY="200",
          )  # fmt: skip
    run_id = lifecycle.open_run(ctx, crm.name, Scope("everything"))
    parent = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"
    queue.send_task("hygiene.read", [run_id], queue="runs", headers={"traceparent": parent})
    until(lambda: lifecycle.load(ctx, run_id).state == "done", "the run")
    wanted = {"hygiene.read", "page", "verify", "decide", "write", "crm.call"}
    until(lambda: wanted <= {span.name for span in collector.spans}, "the spans", 20)
    ours = [span for span in collector.spans if span.trace_id == bytes.fromhex("ab" * 16)]
    assert wanted <= {span.name for span in ours}, "they belong to whoever asked for it"
    sent = str(collector.spans)
    typed = [str(crm.get(record_id, f"phone/{crm.phone}") or "") for record_id in crm.ids()]
    assert not [text for text in typed if len(text) > 6 and text in sent]

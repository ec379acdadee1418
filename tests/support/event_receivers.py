"""A system that receives events, and refuses what the Standard Webhooks specification refuses: it
checks each signature by the specification's own library."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, tzinfo
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest.mock import patch

from standardwebhooks import Webhook, WebhookVerificationError

from worker.context import Context


class _Clock(datetime):
    """What the library takes for the time, in each thread: tests move their clocks forward."""

    of_thread = threading.local()

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return cls.of_thread.now().astimezone(tz)


class Receiver:
    """`messages`: those that were accepted, in order. `status`: what it answers to good ones;
    `seconds`: how long it takes; `refuses`: messages that it fails on. `attempts` and `times`:
    when requests came and when they were accepted, by the monotonic clock."""

    def __init__(self) -> None:
        self.secrets: list[str] = []
        self.messages: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.attempts: list[float] = []
        self.times: list[float] = []
        self.refused: list[str] = []
        self.status = 204
        self.seconds = 0.0
        self.refuses: Callable[[dict[str, Any]], bool] = lambda _message: False
        self.headers: dict[str, str] = {}
        self.now = lambda: datetime.now(UTC)
        self.lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver._receive(dict(self.headers), body)
                self.send_response(status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def follow(self, ctx: Context) -> None:
        """Go by the clock of a context."""
        self.now = lambda: ctx.now()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/hooks/hygiene"

    def _receive(self, headers: dict[str, str], body: bytes) -> int:
        with self.lock:
            self.attempts.append(time.monotonic())
        time.sleep(self.seconds)
        if not 200 <= self.status < 300:
            return self.status
        _Clock.of_thread.now = self.now
        for secret in self.secrets:
            try:
                message = Webhook(secret).verify(body, headers)
            except WebhookVerificationError:
                continue
            if self.refuses(message):
                return 500
            with self.lock:
                self.messages.append(message)
                self.ids.append(headers["webhook-id"])
                self.times.append(time.monotonic())
            return self.status
        with self.lock:
            self.refused.append(json.dumps(headers))
        return 401

    @property
    def types(self) -> list[str]:
        return [message["type"] for message in self.messages]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    try:
        with patch("standardwebhooks.webhooks.datetime", _Clock):
            yield receiver
    finally:
        receiver.close()

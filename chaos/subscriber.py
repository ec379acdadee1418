"""A system outside the CRMs that is told of each change: by events, and by asking the feed.

It checks each signature by the specification's own library, and keeps what it heard in order. None
of the product's code is used.
"""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests
from standardwebhooks import Webhook, WebhookVerificationError

NAME = "dialer"


class Subscriber:
    """`heard`: messages in the order in which they came, as (uid, data with its type). `feed`: the
    changes that it read. `violations`: what it saw that must not be."""

    def __init__(self, web: str, token: str) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.feed: list[dict[str, Any]] = []
        self.violations: list[str] = []
        self.away = 0.0  # until then, it answers 503
        self.drops = 0  # so many of the next messages it takes, and hangs up without an answer
        self._web, self._token = web, token
        self._secret, self._cursor = "", ""
        self._ended = threading.Event()
        self._lock = threading.Lock()
        subscriber = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                body = self.rfile.read(length)
                if len(body) < length:  # its sender was killed meanwhile: this is no message
                    self.close_connection = True
                    return
                status = subscriber._receive(dict(self.headers), body)
                if status is None:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def subscribe(self) -> None:
        """Have ourselves added as an endpoint, and begin to read the feed."""
        url = f"http://127.0.0.1:{self._server.server_port}/"
        answer = self._ask("POST", "/api/endpoints", {"name": NAME, "url": url})
        answer.raise_for_status()
        self._secret = answer.json()["secret"]
        threading.Thread(target=self._follow_feed, daemon=True).start()

    def _ask(self, method: str, path: str, body: Any = None) -> requests.Response:
        headers = {"Authorization": f"Bearer {self._token}"}
        return requests.request(method, self._web + path, json=body, headers=headers, timeout=4)

    def _receive(self, headers: dict[str, str], body: bytes) -> int | None:
        if time.monotonic() < self.away:
            return 503
        try:
            message = Webhook(self._secret).verify(body, headers)
        except WebhookVerificationError as error:
            self.violations.append(f"promise 20: a signature is not good: {error}")
            return 401
        with self._lock:
            self.heard.append((headers["webhook-id"], {"type": message["type"], **message["data"]}))
            if self.drops:
                self.drops -= 1
                return None
        return 204

    def _follow_feed(self) -> None:
        """Read on and on, as fast as it goes: what is committed late must not be passed by."""
        while not self._ended.wait(0.05):
            self.read_feed()

    def read_feed(self) -> None:
        try:
            answer = self._ask("GET", f"/api/suppressions/changes?since={self._cursor}&limit=7")
        except requests.RequestException:
            return
        if answer.status_code != 200:
            return
        part = answer.json()
        self.feed += part["changes"]
        self._cursor = part["next"]

    def close(self) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()

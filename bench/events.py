"""From a signed STOP to an event at an endpoint: `python -m bench.events --reports M --rate R`.

Real processes: the web process, one Celery worker with two children, beat, the CRMs' stand-ins with
the numbers. Five endpoints subscribe; one of them never answers. M signed Twilio replies ("STOP")
are sent at `--rate` a second. It reports the times from the sending of a webhook until each good
endpoint had its event, with a signature that the specification's own library verifies.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import requests
from standardwebhooks import Webhook

from bench.reports import ACCOUNT, CRMS, processes, send, share_numbers, summary
from bench.sync import stand_ins
from chaos.postgres import free_port
from config.settings import load
from worker.context import Context
from worker.events import endpoints as directory
from worker.store import embedded_redis
from worker.store.engine import upgrade
from worker.sync.pages.runner import run_to_completion
from worker.sync.runs import lifecycle
from worker.sync.runs.scope import Scope

_LONGEST = 120.0  # seconds until what has not come counts as lost


class Endpoint:
    """`times`: when the event of each number came, by the monotonic clock. One that is `dead` takes
    requests and never answers."""

    def __init__(self, dead: bool = False) -> None:
        self.times: dict[str, float] = {}
        self.secret = ""
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if dead:
                    time.sleep(3600)
                headers = dict(self.headers)
                message = Webhook(endpoint.secret).verify(body, headers)
                endpoint.times.setdefault(message["data"]["number"], time.monotonic())
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.events", description=__doc__)
    parser.add_argument("--contacts", type=int, default=4000)
    parser.add_argument("--reports", type=int, default=600)
    parser.add_argument("--rate", type=float, default=20, help="reports a second")
    parser.add_argument("--database", default="", help="SQLite by default")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, stand_ins(args.contacts) as crm:
        config = Path(home) / "hygiene.toml"
        config.write_text(
            "[verification.providers.twilio]\nenabled = false\n"
            '[events]\nallow_addresses = ["127.0.0.0/8"]\n',
            encoding="utf-8",
        )
        port = free_port()
        web = f"http://127.0.0.1:{port}"
        env = {**crm, "HYGIENE_HOME": home, "HYGIENE_CONFIG": str(config),
               "DATABASE_URL": args.database or f"sqlite:///{home}/hygiene.db",
               "PORT": str(port), "PUBLIC_URL": web,
               **ACCOUNT}  # fmt: skip
        settings = load(env)
        upgrade(settings.database_url)
        ctx = Context.create(settings)
        for name in CRMS:
            run_to_completion(ctx, lifecycle.open_run(ctx, name, Scope("everything")))
        bases = {"salesforce": crm["SALESFORCE_LOGIN_URL"], "hubspot": crm["HUBSPOT_API_URL"]}
        numbers = share_numbers(ctx, bases, args.reports)
        endpoints = {f"good-{place}": Endpoint() for place in range(4)} | {"dead": Endpoint(True)}
        for name, endpoint in endpoints.items():
            kinds = ("number.suppressed",)
            endpoint.secret = directory.add(ctx, name, endpoint.url, kinds, False, "bench")[
                1
            ].secret
        embedded_redis.ensure(settings.home)
        with processes(env):
            wait_until_ready(web)
            print(f"{args.reports:,} signed STOPs at {args.rate:g}/s, one endpoint of five is dead")
            sent = send_all(web, numbers, args.rate)
            report({name: each for name, each in endpoints.items() if name != "dead"}, sent)
        ctx.close()
        embedded_redis.stop(settings.home)


def wait_until_ready(web: str) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            requests.get(f"{web}/healthz", timeout=1)
            break
        except requests.RequestException:
            time.sleep(0.3)
    time.sleep(5)


def send_all(web: str, numbers: list[str], rate: float) -> dict[str, float]:
    """Send a STOP from each number; return when each was sent."""
    begun, sent = time.monotonic(), {}
    for place, number in enumerate(numbers):
        sent[number] = time.monotonic()
        send(web, number, place, ACCOUNT["TWILIO_AUTH_TOKEN"])
        time.sleep(max(0.0, begun + (place + 1) / rate - time.monotonic()))
    return sent


def report(endpoints: dict[str, Endpoint], sent: dict[str, float]) -> None:
    until = time.monotonic() + _LONGEST
    while any(len(each.times) < len(sent) for each in endpoints.values()):
        if time.monotonic() > until:
            break
        time.sleep(0.2)
    for name, endpoint in endpoints.items():
        times = [endpoint.times[number] - at for number, at in sent.items()
                 if number in endpoint.times]  # fmt: skip
        print(f"  {name}: {summary(times)}; {len(sent) - len(times)} lost")


if __name__ == "__main__":
    main()

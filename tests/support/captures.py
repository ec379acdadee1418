"""The web process with a provider that counts and waits, and a form that asks it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from fake_providers import CountingProvider, step
from serving import WebServer

from config.settings import Settings, load
from worker.capture import keys
from worker.capture.keys import KeyValues
from worker.capture.model import CaptureKey
from worker.context import Context
from worker.verification.models import Answer
from worker.verification.providers.offline import OfflineProvider
from worker.verification.registry import ChainPlan
from worker.web.app import make_app

ORIGIN = "https://shop.example.com"


class HangingProvider(CountingProvider):
    """Answers once it is let go: at once, unless `hold` was called."""

    def __init__(self, verdict: Any = "valid") -> None:
        self._gate = threading.Event()
        self._gate.set()
        super().__init__(
            wait=lambda: assert_released(self._gate),
            answer=lambda question: Answer(question.number, verdict, "mobile"),
        )

    def hold(self) -> None:
        self._gate.clear()

    def release(self) -> None:
        self._gate.set()


def assert_released(gate: threading.Event) -> None:
    assert gate.wait(30), "nobody let the provider answer"


def settings_for(folder: Path, database_url: str, toml: str = "") -> Settings:
    """Settings of an installation without a CRM."""
    path = folder / "hygiene.toml"
    path.write_text(toml, encoding="utf-8")
    return load({
        "HYGIENE_HOME": str(folder / "home"), "DATABASE_URL": database_url,
        "HYGIENE_CONFIG": str(path), "ADMIN_TOKEN": "secret",
    })  # fmt: skip


def settled(url: str, key: str, number: str, **how: str) -> dict[str, Any]:
    """Ask about a number, and again until nothing more is to come."""
    first = ask(url, key, number, **how)
    assert first.status_code == 200, first.text
    answer: dict[str, Any] = first.json()
    deadline = time.monotonic() + 20
    while answer["poll"]:
        assert time.monotonic() < deadline, "no late answer"
        time.sleep(0.02)
        again = ask(url, key, "", method="GET", path=answer["poll"], **how)
        answer |= again.json()
    return answer


@contextmanager
def serving(settings: Settings, *providers: CountingProvider) -> Iterator[tuple[str, Context]]:
    """Serve the product with the numbering plan and these providers; yield address and context."""
    app = make_app(settings)
    ctx: Context = app.state.ctx
    steps = [step(OfflineProvider(), "format"), *(step(provider) for provider in providers)]
    ctx.providers = ChainPlan(tuple(steps))
    server = WebServer(app)
    try:
        yield server.start(), ctx
    finally:
        for provider in providers:
            if isinstance(provider, HangingProvider):
                provider.release()
        server.stop()


def add_key(ctx: Context, name: str = "shop", **values: Any) -> CaptureKey:
    return keys.add(ctx, name, KeyValues(**{"origins": (ORIGIN,), **values}), "kim")


def ask(
    url: str, key: str, number: str, country: str = "US", origin: str = ORIGIN,
    method: str = "POST", path: str = "/api/numbers/verify", **headers: str,
) -> requests.Response:  # fmt: skip
    """Ask as a form does."""
    body = {"number": number, "country": country} if method == "POST" else None
    shown = {"Authorization": f"Bearer {key}"} | ({"Origin": origin} if origin else {})
    return requests.request(method, url + path, json=body, headers=shown | headers, timeout=10)

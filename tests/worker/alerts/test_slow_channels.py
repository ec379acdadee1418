"""A mail server or a webhook that answers byte by byte holds nobody up."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from limits import lower_limits

from config.alerts import AlertSettings
from config.settings import Settings
from worker.alerts import channels
from worker.alerts.message import Message

SAID = Message(
    "key", "run_failed", "salesforce: run R failed", "The token expired.", link="/runs/R"
)


@pytest.fixture
def dripping() -> Iterator[int]:
    """A port that sends a byte now and then, and never a whole line."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                taken, _ = server.accept()
                for byte in b"220-HTTP/1.1 200 OK" * 100:
                    taken.sendall(bytes([byte]))
                    time.sleep(0.05)
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    yield server.getsockname()[1]
    server.close()


@pytest.mark.parametrize("channel", ["email", "webhook"])
def test_a_channel_that_drips_is_given_up(
    channel: str, dripping: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lower_limits(monkeypatch, alert_deadline=0.5)
    settings = Settings(
        home=tmp_path,
        database_url=f"sqlite:///{tmp_path}/hygiene.db",
        smtp_url=f"smtp://127.0.0.1:{dripping}",
        alert_webhook_url=f"http://127.0.0.1:{dripping}/hook",
        alerts=AlertSettings(email_to=("ops@example.com",)),
    )
    started = time.monotonic()
    with pytest.raises(channels.ChannelError):
        channels.send(settings, channel, SAID)
    assert time.monotonic() - started < 3

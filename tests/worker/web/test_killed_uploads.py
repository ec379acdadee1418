"""A web process that is killed with -9 while an import arrives over HTTP, or right after: nothing
half arrived counts, what its sender got an answer for is there, and the next try is not blocked."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest
import requests
import sqlalchemy as sa
from logins import by_link
from processes import kill, responds, until

from config.settings import load
from worker.context import Context
from worker.ops import retention
from worker.registries import uploads
from worker.registries.model import load_one
from worker.store.engine import ensure_schema
from worker.store.tables import feedback

pytestmark = pytest.mark.timeout(400)  # eight starts of a web process

TOML = '[registries.litigators]\nchannels = ["call", "text"]\ncolumn = "Phone"\n'
PAGE = "/registries/litigators"
NUMBERS = 60_000  # a body of 800 kB
REPORTS = 1000
# How much of the body arrives, and how long after it the process is killed.
MOMENTS = ((0.5, 0.1), (1.0, 0.04), (1.0, 0.3))


class Installation:
    """A web process of its own, which can be killed and started again."""

    def __init__(self, folder: Path, port: int, database_url: str) -> None:
        path = folder / "hygiene.toml"
        path.write_text(TOML, encoding="utf-8")
        self.env = {
            "HYGIENE_HOME": str(folder / "home"), "HYGIENE_CONFIG": str(path), "PORT": str(port),
            "DATABASE_URL": database_url, "ADMIN_TOKEN": "secret", "TMPDIR": str(folder / "tmp"),
        }  # fmt: skip
        (folder / "tmp").mkdir()
        self.folder, self.port, self.url = folder, port, f"http://127.0.0.1:{port}"
        settings = load(self.env)
        ensure_schema(settings.database_url)
        self.ctx = Context.create(settings)

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        with (self.folder / "web.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "worker", "web"], env={**os.environ, **self.env},
                stdout=log, stderr=log,
            )  # fmt: skip
        try:
            until(lambda: responds(f"{self.url}/healthz"), "the web process")
            yield process
        finally:
            kill(process)

    def kept(self) -> list[Path]:
        folder = self.ctx.settings.home / "uploads"
        return [path for path in folder.rglob("*") if path.is_file()] if folder.exists() else []

    def in_force(self) -> int:
        with self.ctx.store.read() as connection:
            return load_one(connection, self.ctx.settings, "litigators").numbers

    def reports(self) -> int:
        with self.ctx.store.read() as connection:
            return connection.scalar(sa.select(sa.func.count()).select_from(feedback)) or 0


@pytest.fixture
def installation(
    tmp_path: Path, free_port: int, either_database_url: str
) -> Iterator[Installation]:
    made = Installation(tmp_path, free_port, either_database_url)
    yield made
    made.ctx.close()


def send(installation: Installation, prepared: requests.PreparedRequest, share: float) -> Sender:
    """Send a request's headers and a share of its body."""
    assert isinstance(prepared.body, bytes)
    head = f"POST {prepared.path_url} HTTP/1.1\r\nHost: 127.0.0.1:{installation.port}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in prepared.headers.items())
    sender = socket.create_connection(("127.0.0.1", installation.port), timeout=10)
    sender.sendall(head.encode() + b"\r\n" + prepared.body[: int(share * len(prepared.body))])
    return Sender(sender)


class Sender:
    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def answer(self) -> str:
        """The first line of what was answered before the end; "" if nothing was."""
        self._connection.settimeout(5)
        with self._connection:
            try:
                return self._connection.recv(64).decode("latin-1").partition("\r\n")[0]
            except ConnectionError:
                return ""


def multipart(installation: Installation, admin: requests.Session) -> requests.PreparedRequest:
    page = admin.get(f"{installation.url}{PAGE}", timeout=30).text
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None
    content = "Phone\r\n" + "".join(f"+1202{2_000_000 + n}\r\n" for n in range(NUMBERS))
    return admin.prepare_request(
        requests.Request(
            "POST", f"{installation.url}{PAGE}/upload",
            files={"csrf": (None, found[1]), "kind": (None, "whole"),
                   "file": ("list.csv", content.encode())},
        )
    )  # fmt: skip


def test_a_file_of_a_registry(installation: Installation) -> None:
    ctx, admin = installation.ctx, by_link(installation.ctx)
    loaded = 0
    for share, seconds in MOMENTS:
        with installation.running() as process:  # and what was killed before is tried again
            if loaded:
                assert upload_again(installation, admin) == NUMBERS
            sender = send(installation, multipart(installation, admin), share)
            time.sleep(seconds)
            kill(process)
            answer = sender.answer()
        with ctx.store.read() as connection:
            waiting = uploads.of(connection, "litigators")
        if share < 1:
            assert (answer, waiting, installation.kept()) == ("", None, [])
        if "303" in answer:
            assert waiting is not None
        assert installation.in_force() == loaded  # no worker has loaded it yet
        loaded = NUMBERS
    with installation.running():
        assert upload_again(installation, admin) == NUMBERS
    orphans = installation.kept()  # had arrived, and nobody was told so
    at = ctx.now()
    ctx.now = lambda: at.replace(year=at.year + 1)
    assert retention.purge_expired(ctx)["uploads"] == len(orphans) < len(MOMENTS)
    assert not installation.kept()
    assert not list((installation.folder / "tmp").iterdir())


def upload_again(installation: Installation, admin: requests.Session) -> int:
    """Send the file again, and load what waits. Return how many numbers are in force."""
    with installation.ctx.store.read() as connection:
        waits = uploads.of(connection, "litigators") is not None
    again = admin.send(multipart(installation, admin), timeout=30, allow_redirects=False)
    assert again.status_code == (409 if waits else 303)
    assert uploads.load_due(installation.ctx, ()) == 1
    return installation.in_force()


def test_reports_by_the_api(installation: Installation) -> None:
    missing: list[requests.PreparedRequest] = []
    for turn, (share, seconds) in enumerate(MOMENTS):
        with installation.running() as process:
            send_again(installation, missing)
            before = installation.reports()
            prepared = reports_of(installation, turn)
            sender = send(installation, prepared, share)
            time.sleep(seconds)
            kill(process)
            answer = sender.answer()
        new = installation.reports() - before
        if share < 1:
            assert (answer, new) == ("", 0)
        if "202" in answer:
            assert new == REPORTS
        missing = [prepared]
    with installation.running():
        send_again(installation, missing)
    assert installation.reports() == REPORTS * len(MOMENTS)


def reports_of(installation: Installation, turn: int) -> requests.PreparedRequest:
    body = [
        {"kind": "opt_out", "number": f"+1{202 + turn}555{place:04}", "key": f"{turn}/{place}"}
        for place in range(REPORTS)
    ]
    return requests.Request(
        "POST", f"{installation.url}/api/feedback", data=orjson.dumps(body),
        headers={"Authorization": "Bearer secret", "Content-Type": "application/json"},
    ).prepare()  # fmt: skip


def send_again(installation: Installation, missing: list[requests.PreparedRequest]) -> None:
    """Send what was killed again: each report counts once."""
    for prepared in missing:
        before = installation.reports()
        again = requests.Session().send(prepared, timeout=60).json()
        assert again["stored"] + again["known"] == REPORTS
        assert again["stored"] == installation.reports() - before

"""A connector and a provider of installed packages: the examples of the guides, as pip installs
them, and a run with both."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from constants import ROOT

EXAMPLES = ROOT / "docs" / "examples"
TOKEN, KEY = "json-crm-secret-token", "acme-secret-key"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip has installed the two examples, without any network."""
    target = tmp_path_factory.mktemp("site")
    sources = []
    for name in ("json_crm", "acme_lookups"):  # pip builds beside the sources
        copy = tmp_path_factory.mktemp("build") / name
        copy.mkdir()
        for path in (EXAMPLES / name).iterdir():
            if path.is_file():
                (copy / path.name).write_bytes(path.read_bytes())
        sources.append(str(copy))
    command = [
        sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps",
        "--no-build-isolation", "--disable-pip-version-check", "--target", str(target), *sources,
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return target


class _Acme(BaseHTTPRequestHandler):
    asked: list[str]

    def do_GET(self) -> None:
        good = self.headers["X-Key"] == KEY
        body = json.dumps({"exists": True, "line": "cell", "network": "Acme Mobile"}).encode()
        self.asked.append(self.path)
        self.send_response(200 if good else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: Any) -> None:
        pass


@pytest.fixture
def acme() -> Iterator[tuple[str, list[str]]]:
    """The address of the lookup service, and the paths that it was asked for."""
    handler = type("Acme", (_Acme,), {"asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", handler.asked
    server.shutdown()
    server.server_close()


@pytest.fixture
def crm(tmp_path: Path) -> Path:
    fields = {
        "phone": "text", "country": "text", "source": "text", "phone_status": "text",
        "phone_e164": "text", "phone_line_type": "text", "wrong_number": "bool",
        "do_not_contact": "bool", "hygiene_run": "text", "hygiene_reason": "text",
        "hygiene_checked_at": "datetime",
    }  # fmt: skip
    people = {
        "1": {"phone": "020 7219 4272", "country": "GB", "source": "Web"},
        "2": {"phone": "12", "country": "GB"},
        "10": {"phone": None},
    }
    path = tmp_path / "crm.json"
    path.write_text(json.dumps({"token": TOKEN, "fields": fields, "people": people}), "utf-8")
    return path


class Installation:
    def __init__(self, site: Path, home: Path, toml: str) -> None:
        config = home / "hygiene.toml"
        config.write_text(toml, "utf-8")
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self.env = {
            **kept, "PYTHONPATH": os.pathsep.join((str(site), str(ROOT))),
            "HYGIENE_HOME": str(home / "home"), "HYGIENE_CONFIG": str(config),
            "JSONCRM_TOKEN": TOKEN, "ACME_KEY": KEY,
        }  # fmt: skip

    def hygiene(self, *args: str, exit_code: int = 0, **env: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "worker", *args], env={**self.env, **env}, cwd=ROOT,
            capture_output=True, text=True, timeout=150, check=False,
        )  # fmt: skip
        assert done.returncode == exit_code, done.stderr
        return done.stdout or done.stderr


@pytest.fixture
def installation(
    site: Path, tmp_path: Path, crm: Path, acme: tuple[str, list[str]]
) -> Installation:
    return Installation(
        site,
        tmp_path,
        f'[connectors.jsoncrm]\npath = "{crm}"\n'
        f'[verification.providers.acme]\noptions = {{ url = "{acme[0]}" }}\n'
        '[[verification.steps]]\nprovider = "offline"\ncheck_level = "format"\n'
        '[[verification.steps]]\nprovider = "acme"\n',
    )


def test_a_sync_reads_asks_and_writes(
    installation: Installation, crm: Path, acme: tuple[str, list[str]]
) -> None:
    (result,) = json.loads(installation.hygiene("sync", "--json"))
    assert (result["connector"], result["state"]) == ("jsoncrm", "done")
    assert result["lookups"]["acme"]["asked"] == 1
    assert acme[1] == ["/me", "/v1/+442072194272"]
    people = json.loads(crm.read_text("utf-8"))["people"]
    assert people["1"]["phone_status"] == "valid"
    assert people["1"]["phone_line_type"] == "mobile"
    assert people["2"]["phone_status"] == "invalid"
    assert people["1"]["phone"] == "020 7219 4272"


def test_a_table_that_is_wrong_is_told_by_its_key(installation: Installation) -> None:
    config = Path(installation.env["HYGIENE_CONFIG"])
    config.write_text(config.read_text("utf-8").replace("path =", "pathe ="), "utf-8")
    output = installation.hygiene("settings", exit_code=2)
    assert "connectors.jsoncrm.pathe: no such setting; did you mean 'path'?" in output


def test_a_secret_comes_from_the_environment_and_is_never_shown(installation: Installation) -> None:
    shown = installation.hygiene("settings", "--json")
    assert "JSONCRM_TOKEN" in shown
    assert TOKEN not in shown
    output = installation.hygiene("settings", exit_code=2, JSONCRM_TOKEN="")
    assert "JSONCRM_TOKEN: missing" in output

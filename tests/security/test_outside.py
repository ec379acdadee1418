"""What a hostile or broken world can do to us: docs/security.md names each of these."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import forking
import pytest
import requests
from constants import NUMBER, ROOT
from crms import Crm
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from lookups import connect_provider

from config.settings import Settings, SettingsError, load
from connectors.errors import AuthError, ConnectorError
from sandbox.run import Sandbox
from worker.alerts import channels
from worker.alerts.message import of_alert
from worker.alerts.rules import Alert
from worker.context import Context
from worker.verification.errors import ProviderError
from worker.verification.models import Question
from worker.web.limits import Limits

SECRETS = ("salesforce-secret-1", "hubspot-secret-2", "twilio-secret-3", "admin-secret-4")


class Listener:
    """A server that keeps what it is sent and answers as it is told."""

    def __init__(
        self, status: int = 200, location: str = "", tls: ssl.SSLContext | None = None
    ) -> None:
        self.seen: list[tuple[str, str, str]] = []
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                listener.seen.append((self.path, str(self.headers), body.decode("latin-1")))
                self.send_response(status)
                if location:
                    self.send_header("Location", location + self.path)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            do_GET = do_POST = do_PATCH = do_PUT = _answer

            def log_message(self, *_args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def foreign_host() -> Iterator[Listener]:
    """Where nothing of ours may ever arrive."""
    listener = Listener()
    yield listener
    listener.stop()
    assert listener.seen == []


@pytest.fixture
def redirecting(foreign_host: Listener) -> Iterator[Listener]:
    listener = Listener(307, foreign_host.url)
    yield listener
    listener.stop()


@pytest.fixture
def self_signed(tmp_path: Path) -> Iterator[Listener]:
    """A server whose certificate nobody we trust has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1)).sign(key, hashes.SHA256())
    )  # fmt: skip
    path = tmp_path / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ) + certificate.public_bytes(serialization.Encoding.PEM)
    )  # fmt: skip
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(path)
    listener = Listener(tls=tls)
    yield listener
    listener.stop()
    assert listener.seen == [], "nothing was sent to a server that is not trusted"


def crm_settings(name: str, url: str, tmp_path: Path) -> dict[str, str]:
    known = {
        "salesforce": {"SALESFORCE_LOGIN_URL": url, "SALESFORCE_CLIENT_ID": "id",
                       "SALESFORCE_CLIENT_SECRET": SECRETS[0]},
        "hubspot": {"HUBSPOT_API_URL": url, "HUBSPOT_ACCESS_TOKEN": SECRETS[1]},
    }  # fmt: skip
    config = tmp_path / "quick.toml"
    config.write_text("[http]\nbackoff_initial = 0.01\nattempts = 2\nbackoff_max = '1s'\n")
    return {"HYGIENE_HOME": str(tmp_path), "HYGIENE_CONFIG": str(config), **known[name]}


class TestAddresses:
    @pytest.mark.parametrize("name", [
        "SALESFORCE_LOGIN_URL", "HUBSPOT_API_URL", "TWILIO_LOOKUP_URL", "NUMVERIFY_URL",
        "CLEAROUTPHONE_URL", "RND_URL", "OIDC_ISSUER", "ALERT_WEBHOOK_URL",
    ])  # fmt: skip
    @pytest.mark.parametrize("url", [
        "http://169.254.169.254/latest/meta-data", "http://10.0.0.8", "http://localhost.a.example",
        "file:///etc/passwd", "gopher://127.0.0.1", "https://user:pass@example.com", "//a.example",
    ])  # fmt: skip
    def test_in_the_clear_lead_to_this_machine_alone(self, name: str, url: str) -> None:
        """Nobody reaches a cloud's metadata service or another service inside by an address."""
        env = {
            name: url, "SALESFORCE_CLIENT_ID": "a", "SALESFORCE_CLIENT_SECRET": "b",
            "HUBSPOT_ACCESS_TOKEN": "a", "TWILIO_ACCOUNT_SID": "a", "TWILIO_AUTH_TOKEN": "b",
            "NUMVERIFY_ACCESS_KEY": "a", "CLEAROUTPHONE_API_TOKEN": "a", "RND_REFRESH_TOKEN": "a",
            "RND_COMPANY_ID": "b", "OIDC_CLIENT_ID": "a", "OIDC_CLIENT_SECRET": "b",
        }  # fmt: skip
        with pytest.raises(SettingsError) as error:
            load(env)
        assert any(line.startswith(f"{name}:") for line in error.value.problems)

    @pytest.mark.parametrize("name", ["salesforce", "hubspot"])
    def test_of_a_crm_that_redirects_are_not_followed(
        self, name: str, redirecting: Listener, tmp_path: Path
    ) -> None:
        ctx = Context.create(load(crm_settings(name, redirecting.url, tmp_path)))
        with pytest.raises(ConnectorError):
            ctx.open(name).describe()
        assert redirecting.seen
        ctx.close()

    @pytest.mark.parametrize("name", ["twilio", "numverify", "clearoutphone"])
    def test_of_a_provider_that_redirects_are_not_followed(
        self, name: str, redirecting: Listener, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        variable = {"twilio": "TWILIO_LOOKUP_URL"}.get(name, f"{name.upper()}_URL")
        provider = connect_provider(sandbox, name, tmp_path, **{variable: redirecting.url})
        with pytest.raises(ProviderError):
            provider.ask([Question(NUMBER)], "line_type")
        assert redirecting.seen

    def test_of_an_alert_that_redirects_are_not_followed(
        self, redirecting: Listener, make_settings: Callable[..., Settings]
    ) -> None:
        settings = make_settings(ALERT_WEBHOOK_URL=f"{redirecting.url}/hook")
        alert = Alert("k", "run_failed", "a run failed", "/runs")
        with pytest.raises(channels.ChannelError):
            channels.send(settings, "webhook", of_alert(settings, alert))
        assert redirecting.seen

    @pytest.mark.parametrize("instance", [
        "http://evil.example.com", "http://169.254.169.254", "ftp://example.com",
        "https://user@evil.example.com",
    ])  # fmt: skip
    def test_that_a_login_answers_with_are_looked_at(
        self, instance: str, sandbox: Sandbox, make_context: Callable[..., Context],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        body = {"access_token": "t", "instance_url": instance}
        fault = Crm.all(sandbox)["salesforce"].fault(
            "oauth2/token", "status", status=200, body=body
        )
        with pytest.raises(AuthError, match="not safe"):
            make_context().open("salesforce").describe()
        assert fault.hits == 1


class TestCertificates:
    @pytest.mark.parametrize("name", ["salesforce", "hubspot"])
    def test_of_a_crm_are_checked(self, name: str, self_signed: Listener, tmp_path: Path) -> None:
        ctx = Context.create(load(crm_settings(name, self_signed.url, tmp_path)))
        with pytest.raises(ConnectorError):
            ctx.open(name).describe()
        ctx.close()

    @pytest.mark.parametrize("name", ["twilio", "numverify", "clearoutphone"])
    def test_of_a_provider_are_checked(
        self, name: str, self_signed: Listener, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        variable = {"twilio": "TWILIO_LOOKUP_URL"}.get(name, f"{name.upper()}_URL")
        provider = connect_provider(sandbox, name, tmp_path, **{variable: self_signed.url})
        with pytest.raises(ProviderError):
            provider.ask([Question(NUMBER)], "line_type")

    def test_are_nowhere_left_unchecked_by_the_code(self) -> None:
        off = re.compile(
            r"verify(_ssl)?\s*=\s*False|CERT_NONE|_create_unverified"
            r"|check_hostname\s*=\s*False|ssl_cert_reqs\s*=\s*None"
        )
        for folder in ("config", "connectors", "worker"):
            for path in (ROOT / folder).rglob("*.py"):
                text = path.read_text(encoding="utf-8")
                if path.name == "redis_url.py":  # reads that word, where an operator says so
                    text = text.replace("CERT_NONE", "")
                assert not off.search(text), path


class TestRequests:
    def test_without_end_are_refused(self, serve: Callable[..., str]) -> None:
        url = serve(ADMIN_TOKEN="t" * 30)
        answer = requests.post(
            f"{url}/api/feedback", data=b"[" + b"1," * 3_000_000 + b"1]",
            headers={"Authorization": f"Bearer {'t' * 30}", "Content-Type": "application/json"},
            timeout=20,
        )  # fmt: skip
        assert answer.status_code == 413

    def test_in_pieces_without_a_length_are_refused_too(self, serve: Callable[..., str]) -> None:
        def without_end() -> Iterator[bytes]:
            for _ in range(200):
                yield b"x" * 65_536

        url = serve(ADMIN_TOKEN="t" * 30)
        try:
            answer = requests.post(f"{url}/api/feedback", data=without_end(), timeout=20,
                                   headers={"Authorization": f"Bearer {'t' * 30}"})  # fmt: skip
            assert answer.status_code == 413
        except requests.RequestException:
            pass  # it was cut off while it still sent
        assert requests.get(f"{url}/healthz", timeout=5).status_code == 200

    def test_that_never_end_are_given_up_and_hold_nobody_up(
        self, serve: Callable[..., str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        original = Limits.__init__
        monkeypatch.setattr(Limits, "__init__", lambda self, app: original(self, app, longest=1.0))
        url = serve()
        host, port = url.removeprefix("http://").split(":")
        slow = [socket.create_connection((host, int(port))) for _ in range(50)]
        for connection in slow:
            connection.sendall(
                b"POST /webhooks/hubspot HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\na"
            )
        began = time.monotonic()
        assert requests.get(f"{url}/healthz", timeout=5).status_code == 200
        assert time.monotonic() - began < 3
        for connection in slow:
            connection.settimeout(10)
            answer = connection.recv(200)
            assert b" 408 " in answer or b" 503 " in answer or answer == b""
            connection.close()

    @pytest.mark.parametrize("path", [
        "/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py",
        "/static/%2e%2e%2f%2e%2e%2fstore/tables.py", "/static//etc/passwd", "/static/app.css/..",
        "/runs/..%2f..%2fetc", "/confirm/..%2f..%2fetc%2fpasswd",
    ])  # fmt: skip
    def test_lead_to_no_file_that_is_not_meant_for_them(
        self, path: str, serve: Callable[..., str]
    ) -> None:
        host, port = serve().removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=5) as plain:
            plain.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            answer = b""
            while part := plain.recv(65_536):
                answer += part
        assert b"sqlalchemy" not in answer
        assert b"root:" not in answer
        assert int(answer.split()[1]) in (303, 401, 403, 404, 405, 410)

    def test_of_headers_without_end_are_refused(self, serve: Callable[..., str]) -> None:
        url = serve()
        with contextlib.suppress(requests.RequestException):  # it may be cut off at once
            answer = requests.get(f"{url}/healthz", headers={"X-Long": "a" * 500_000}, timeout=5)
            assert answer.status_code in (400, 431)
        assert requests.get(f"{url}/healthz", timeout=5).status_code == 200


class TestInjection:
    @pytest.mark.parametrize("name", [
        "x' OR Name != '", "x\\' OR Name LIKE '%", "O'Brien", "a\nb", "%", "') OR (Id != '",
    ])  # fmt: skip
    def test_into_a_query_is_a_name_like_any_other(
        self, name: str, sandbox: Sandbox, ctx: Context
    ) -> None:
        connector = ctx.connector("salesforce")
        sandbox.salesforce.org.create("Campaign", {"Name": name, "IsActive": True})
        assert (
            list(connector.list_members("list", name) or ()) == []
        )  # that campaign's, who are none

    @pytest.mark.parametrize("record_id", [
        "003' OR Id != '", "../../etc/passwd", "003000000000001?x=1", "1 OR 1=1", "", "%00",
    ])  # fmt: skip
    def test_into_an_id_finds_nothing(self, record_id: str, ctx: Context) -> None:
        for name in ("salesforce", "hubspot"):
            connector = ctx.connector(name)
            with contextlib.suppress(ConnectorError):  # the CRM may refuse it
                assert connector.fetch(connector.objects[0], [record_id]) == []


class TestSecrets:
    @pytest.mark.parametrize("command", [
        ("sync", "--json"), ("doctor", "--json"), ("settings", "--json"),
        ("runs", "list", "--json"),
        ("crm", "check", "hubspot"), ("crm", "check", "salesforce"), ("-v", "sync"),
    ])  # fmt: skip
    def test_are_in_nothing_that_a_command_says(
        self, command: tuple[str, ...], tmp_path: Path
    ) -> None:
        """Also where the credentials are wrong, and the CRM quotes what it was sent."""
        body = {"message": f"bad token {SECRETS[1]}", "error_description": f"secret={SECRETS[0]}"}
        refusing = Sandbox.start(contacts=1, leads=0)
        for service in (refusing.salesforce, refusing.hubspot, refusing.twilio):
            from sandbox.service import Fault

            service.faults.append(Fault(".", "status", status=401, body=body, times=10**6))
        env = {
            **refusing.env("twilio"), "SALESFORCE_CLIENT_SECRET": SECRETS[0],
            "HUBSPOT_ACCESS_TOKEN": SECRETS[1], "TWILIO_AUTH_TOKEN": SECRETS[2],
            "ADMIN_PASSWORD": SECRETS[3], "HYGIENE_HOME": str(tmp_path), "PATH": "/usr/bin:/bin",
        }  # fmt: skip
        try:
            done = forking.run(("worker", *command), env)
        finally:
            refusing.stop()
        output = done.stdout + done.stderr
        log = tmp_path / "error.log"
        output += log.read_text() if log.exists() else ""
        assert output
        assert not [secret for secret in SECRETS if secret in output]

    def test_may_stand_in_files(self, tmp_path: Path) -> None:
        path = tmp_path / "token"
        path.write_text("pat-na1-from-a-file\n")
        settings = load({"HUBSPOT_ACCESS_TOKEN_FILE": str(path), "HYGIENE_HOME": str(tmp_path)})
        assert settings.hubspot is not None
        assert settings.hubspot.access_token == "pat-na1-from-a-file"

    @pytest.mark.parametrize(("env", "message"), [
        ({"ADMIN_TOKEN_FILE": "/no/such/file"}, "ADMIN_TOKEN_FILE: /no/such/file cannot be read"),
        ({"ADMIN_TOKEN_FILE": "/dev/null"}, "ADMIN_TOKEN_FILE: /dev/null is empty"),
        ({"ADMIN_TOKEN_FILE": "/dev/null", "ADMIN_TOKEN": "x"}, "are both set"),
    ])  # fmt: skip
    def test_in_files_that_are_not_there_are_a_clear_error(
        self, env: dict[str, str], message: str
    ) -> None:
        with pytest.raises(SettingsError, match=re.escape(message)):
            load(env)


class TestRights:
    def test_of_hubspot_that_a_sync_needs_are_three(
        self, sandbox: Sandbox, make_context: Callable[..., Context], sync: Callable[..., Any]
    ) -> None:
        sandbox.hubspot.scopes = {
            "crm.objects.contacts.read", "crm.objects.contacts.write", "crm.schemas.contacts.read",
        }  # fmt: skip
        assert sync(make_context(), "hubspot")["state"] == "done"

    def test_stand_ins_listen_on_this_machine_alone(self, sandbox: Sandbox) -> None:
        assert sandbox.host == "127.0.0.1"
        assert all(sandbox.url(name).startswith("http://127.0.0.1:") for name in sandbox.ports)

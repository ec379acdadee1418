"""`rediss://`: every client checks who is there, unless it is told not to."""

from __future__ import annotations

import ipaddress
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import forking
import pytest
from constants import PASSWORD
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from processes import kill, until

from chaos.postgres import free_port as find_free_port
from config.settings import SettingsError, load
from worker.store import embedded_redis


class TlsRedis:
    """A Redis behind TLS, with a certificate of its own for 127.0.0.1; `heard`: bytes that came."""

    def __init__(self, home: Path) -> None:
        self.home, self.heard = home, 0
        embedded_redis.ensure(home)
        self.certificate = home / "server.pem"
        self._make_certificate()
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(self.certificate)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._tls = tls
        threading.Thread(target=self._accept, daemon=True).start()

    def _make_certificate(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
        now = datetime.now(UTC)
        here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        certificate = (
            x509.CertificateBuilder().subject_name(name).issuer_name(name)
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
            .add_extension(here, critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )  # fmt: skip
        self.certificate.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ) + certificate.public_bytes(serialization.Encoding.PEM)
        )  # fmt: skip

    def _accept(self) -> None:
        while True:
            try:
                came, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(came,), daemon=True).start()

    def _serve(self, came: socket.socket) -> None:
        with suppress(OSError), self._tls.wrap_socket(came, server_side=True) as outer:
            inner = socket.socket(socket.AF_UNIX)
            inner.connect(str(embedded_redis.socket_path(self.home)))
            threading.Thread(target=self._back, args=(inner, outer), daemon=True).start()
            while part := outer.recv(65_536):
                self.heard += len(part)
                inner.sendall(part)
            inner.close()

    @staticmethod
    def _back(inner: socket.socket, outer: socket.socket) -> None:
        with suppress(OSError):
            while part := inner.recv(65_536):
                outer.sendall(part)

    def stop(self) -> None:
        self._socket.close()
        embedded_redis.stop(self.home)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TlsRedis]:
    redis_server = TlsRedis(tmp_path)
    yield redis_server
    redis_server.stop()


@pytest.mark.parametrize(("host", "query", "variables", "wanted"), [
    ("127.0.0.1", "", {}, "refused"),
    ("127.0.0.1", "?ssl_cert_reqs=CERT_REQUIRED", {"REDIS_SSL_CERT_REQS": "none"}, "refused"),
    ("localhost", "?ssl_ca_certs={certificate}", {}, "refused"),
    ("127.0.0.1", "?ssl_ca_certs={certificate}", {}, "works"),
    ("127.0.0.1", "?ssl_cert_reqs=CERT_NONE", {}, "works"),
    ("127.0.0.1", "", {"REDIS_SSL_CERT_REQS": "none"}, "works"),
])  # fmt: skip
def test_every_client_does_the_same(
    server: TlsRedis, host: str, query: str, variables: dict[str, str], wanted: str, tmp_path: Path
) -> None:
    url = f"rediss://{host}:{server.port}/0{query.format(certificate=server.certificate)}"
    env = {**os.environ, "REDIS_URL": url, "HYGIENE_HOME": str(tmp_path / "home"), **variables}
    done = forking.run(["tests.support.redis_clients"], env)
    answers = json.loads(done.stdout or "{}")
    assert set(answers.values()) == {wanted}, (answers, done.stderr)
    assert "insecure" not in done.stderr
    assert (server.heard > 0) == (wanted == "works")


_PROCESSES = {
    "worker": ("celery", "--app", "worker.app", "worker", "--pool", "solo", "--queues", "reports"),
    "beat": ("celery", "--app", "worker.app", "beat"),
    "web": ("worker", "web"),
}  # fmt: skip


@pytest.mark.parametrize("process", _PROCESSES)
def test_a_process_says_once_what_to_do_about_a_self_signed_certificate(
    server: TlsRedis, tmp_path: Path, process: str
) -> None:
    """Celery quotes the error of TLS at each of its tries, and they have no end."""
    port, log = find_free_port(), tmp_path / "log"
    env = {
        **os.environ, "REDIS_URL": f"rediss://:a-secret@127.0.0.1:{server.port}/0",
        "HYGIENE_HOME": str(tmp_path / "home"), "PORT": str(port), "ADMIN_PASSWORD": PASSWORD,
    }  # fmt: skip

    def said() -> int:
        return log.read_text("utf-8").count("REDIS_SSL_CERT_REQS=none")

    with log.open("wb") as file:
        started = subprocess.Popen([sys.executable, "-m", *_PROCESSES[process]], env=env,
                                   stdout=file, stderr=subprocess.STDOUT)  # fmt: skip
    try:
        until(lambda: said() > 0, "the hint")
        if process == "worker":
            until(lambda: log.read_text("utf-8").count("Trying again") > 1, "two tries more")
    finally:
        kill(started)
    assert said() == 1, log.read_text("utf-8")
    assert "a-secret" not in log.read_text("utf-8")


@pytest.mark.parametrize(("query", "message"), [
    ("?ssl_cert_reqs=maybe", "ssl_cert_reqs must be required or none"),
    ("?ssl_check_hostname=x", "ssl_check_hostname must be true or false"),
    ("?ssl_ca_certs=/no/such/file", "there is no file /no/such/file"),
])  # fmt: skip
def test_what_cannot_be_meant_is_a_clear_error(query: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as error:
        load({"REDIS_URL": f"rediss://cache.example/0{query}"})
    assert error.value.problems[0].startswith("REDIS_URL: ")

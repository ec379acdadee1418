"""A real TLS server with a certificate of its own CA, in front of a stand-in that speaks http."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
import struct
import threading
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Trouble = Literal["cut", "reset", "plain", "slow", "alert"]

_SIGNS_CERTIFICATES = x509.KeyUsage(
    digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
    key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
    decipher_only=False,
)  # fmt: skip


class Ca:
    """`path`: its certificate, as SSL_CERT_FILE and REQUESTS_CA_BUNDLE take it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key, self._cert = self._made("CA of the tests", None)
        self.path = folder / "ca.pem"
        self.path.write_bytes(self._cert.public_bytes(serialization.Encoding.PEM))

    def _made(
        self, name: str, issuer: x509.Certificate | None, address: str = "127.0.0.1"
    ) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.subject if issuer else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), True)
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), False
            )
        )
        # Python 3.13 and newer refuse an authority without key usage, and a certificate that does
        # not name its authority's key.
        signer = self._key if issuer else key
        for extension in (
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
        ):
            builder = builder.add_extension(extension, False)
        if issuer is None:
            builder = builder.add_extension(_SIGNS_CERTIFICATES, True)
        return key, builder.sign(signer, hashes.SHA256())

    def context(self, address: str = "127.0.0.1") -> ssl.SSLContext:
        key, cert = self._made(address, self._cert, address)
        path = self._folder / "server.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + cert.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


class TlsFront:
    """Takes TLS and speaks to a port of this machine. The next `times` connections meet `trouble`:
    `cut` (the end of the stream instead of a handshake), `reset`, `plain` (an answer in plain
    http), `slow` (nothing for a long while), `alert` (it refuses the handshake)."""

    def __init__(self, ca: Ca, port: int) -> None:
        self.trouble: Trouble = "cut"
        self.times = 0
        self.met = 0
        self._context = ca.context()
        self._behind = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._server.close()

    def _serve(self) -> None:
        while True:
            try:
                taken, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(taken,), daemon=True).start()

    def _one(self, taken: socket.socket) -> None:
        if self.met < self.times:
            self.met += 1
            self._trouble(taken)
            return
        try:
            inside = self._context.wrap_socket(taken, server_side=True)
        except OSError:
            return
        behind = socket.create_connection(("127.0.0.1", self._behind))
        for here, there in ((inside, behind), (behind, inside)):
            threading.Thread(target=_copy, args=(here, there), daemon=True).start()

    def _trouble(self, taken: socket.socket) -> None:
        if self.trouble == "slow":
            threading.Event().wait(5)
        taken.recv(4096)
        if self.trouble == "plain":
            taken.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        if self.trouble == "alert":  # fatal, internal_error
            taken.sendall(bytes([21, 3, 3, 0, 2, 2, 80]))
        if self.trouble == "reset":
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        taken.close()


def _copy(here: socket.socket, there: socket.socket) -> None:
    try:
        while data := here.recv(65536):
            there.sendall(data)
    except OSError:
        pass
    for end in (here, there):
        end.close()

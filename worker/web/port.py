"""Check, before anything is started, that the port of the web process is free."""

from __future__ import annotations

import socket

from config.section import SettingsError


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server can listen on it. One that is still closing does not count."""
    with socket.socket() as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            opened.bind((host, port))
        except OSError:
            return False
    return True


def check_port(port: int, host: str = "127.0.0.1") -> None:
    """Raise `SettingsError` if it is in use, or if our user may not use it."""
    if not is_free(port, host):
        why = "is in use by another program" if port >= 1024 else "is in use, or reserved for root"
        raise SettingsError(f"PORT: {port} {why}; set PORT to a free port, such as 8080")

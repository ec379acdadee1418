"""The line of HTML with which a form includes the script (pure)."""

from __future__ import annotations

from config.settings import Settings
from worker.capture.model import CaptureKey

SCRIPT = "/capture.js"


def snippet(settings: Settings, key: CaptureKey) -> str:
    """Return the line for a key. Without PUBLIC_URL it names this machine alone."""
    base = settings.public_url.rstrip("/") or f"http://127.0.0.1:{settings.port}"
    return f'<script src="{base}{SCRIPT}" data-key="{key.key}" data-country="" async></script>'

"""Values that several tests share: paths, numbers, names of flags, secrets, commands.

The numbers lie in real ranges; the lines are invented. A value that only one file uses stays in it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

NUMBER, OTHER, THIRD = "+14155552671", "+14155552672", "+14155552673"
NEW_YORK, BRITISH = "+12125557890", "+442072194272"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)

# Canonical names of the flags that stop contact, and the CRMs' phone fields beside the first one.
STOP_FLAGS = ("do_not_contact", "do_not_call", "do_not_text")
OTHER_PHONES = {
    "salesforce": ("MobilePhone", "HomePhone", "OtherPhone"), "hubspot": ("mobilephone",),
}  # fmt: skip

PUBLIC_URL = "https://hygiene.example.com"
CLOSED_PORT = "127.0.0.1:9"  # of the discard service (RFC 863), which runs nowhere
TWILIO_TOKEN = "twilio-auth-token"
HUBSPOT_SECRET = "hubspot-client-secret"
PASSWORD = "a long and fictional one"
HTML = {"Accept": "text/html"}

# A worker as the Procfile starts it, with two processes.
WORKER = ("celery", "--app", "worker.app", "worker", "--concurrency", "2", "--loglevel", "info")

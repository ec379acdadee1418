"""What is told to people, in a form that each channel renders in its own way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from config.redaction import redact_secrets
from config.settings import Settings
from worker.alerts.rules import Alert


@dataclass(frozen=True, slots=True)
class Table:
    """The first column names a row; the others are right-aligned where a format can do that."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with lines of text, then a table. `path`: of the page that shows more."""

    title: str
    lines: tuple[str, ...] = ()
    table: Table | None = None
    path: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """Plain text throughout: each format escapes it. `key` tells that a message is the same one,
    sent again. `kind`: of the alert, or "digest". `link` is absolute if PUBLIC_URL is set, else the
    path of the page."""

    key: str
    kind: str
    title: str
    text: str
    sections: tuple[Section, ...] = ()
    link: str = ""

    @property
    def base_url(self) -> str:
        """Return what a page's path is appended to; "" without PUBLIC_URL."""
        scheme, mark, rest = self.link.partition("://")
        return f"{scheme}{mark}{rest.partition('/')[0]}" if mark else ""

    def as_json(self) -> dict[str, Any]:
        """Return what a plain webhook gets."""
        return {
            "text": f"{self.text} {self.link}", "kind": self.kind, "key": self.key,
            "link": self.link,
        }  # fmt: skip


def page_link(settings: Settings, path: str) -> str:
    """Return the address of a page, or its path where nobody said how we are reached."""
    return f"{settings.public_url}{path}"


def of_alert(settings: Settings, alert: Alert) -> Message:
    text = redact_secrets(alert.text)
    first = text.partition("\n")[0]
    return Message(alert.key, alert.kind, first, text, link=page_link(settings, alert.path))

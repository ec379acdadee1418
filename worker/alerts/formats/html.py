"""A message as the HTML part of an email.

Mail readers understand little: so tables, styles at the elements, no images, no scripts, nothing
that is loaded from anywhere (so nobody learns who has read it). No colour is set but the grey of
lines: text and background are the reader's own, light or dark
(https://www.litmus.com/blog/the-ultimate-guide-to-dark-mode-for-email-marketers, on
`color-scheme`). Widths are shares, so that it fits a telephone.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from worker.alerts.message import Message, Section, Table

_FONT = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
_LINE = "border-bottom:1px solid #888888"
_CELL = "padding:4px 6px 4px 0;vertical-align:top"
_PART = "margin:0 0 12px 0"


def html(message: Message) -> str:
    """Return a whole HTML document."""
    return "\n".join(_document(message))


def _document(message: Message) -> Iterator[str]:
    yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="color-scheme" content="light dark">'
    yield '<meta name="supported-color-schemes" content="light dark">'
    yield "<style>:root { color-scheme: light dark; supported-color-schemes: light dark; }</style>"
    yield f"<title>{escape(message.title)}</title>\n</head>"
    yield f'<body style="margin:0;padding:12px;{_FONT};font-size:15px;line-height:1.45">'
    yield '<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0"'
    yield f' style="max-width:640px;margin:0 auto;{_FONT};font-size:15px;line-height:1.45"><tr><td>'
    yield f'<h1 style="font-size:20px;line-height:1.3;{_PART}">{escape(message.title)}</h1>'
    if message.text != message.title:
        for line in message.text.splitlines():
            yield f'<p style="{_PART};overflow-wrap:anywhere">{escape(line)}</p>'
    for section in message.sections:
        yield from _section(section, message.base_url)
    yield _link(message.link, "Open the page", bool(message.base_url))
    yield "</td></tr></table>\n</body>\n</html>"


def _section(section: Section, base_url: str) -> Iterator[str]:
    yield f'<h2 style="font-size:16px;margin:20px 0 6px 0;{_LINE}">{escape(section.title)}</h2>'
    for line in section.lines:
        yield f'<p style="margin:0 0 6px 0;overflow-wrap:anywhere">{escape(line)}</p>'
    if section.table is not None:
        yield from _table(section.table)
    if section.path and base_url:
        yield _link(base_url + section.path, f"More: {section.title.lower()}", True)


def _table(table: Table) -> Iterator[str]:
    yield '<table width="100%" cellpadding="0" cellspacing="0" border="0"'
    yield f' style="{_FONT};font-size:14px;border-collapse:collapse;margin:0 0 8px 0"><tr>'
    for place, column in enumerate(table.columns):
        yield _cell("th", column, place, f";{_LINE}")
    yield "</tr>"
    for row in table.rows:
        yield "<tr>" + "".join(_cell("td", cell, n) for n, cell in enumerate(row)) + "</tr>"
    yield "</table>"


def _cell(tag: str, text: str, place: int, style: str = "") -> str:
    side = "right" if place else "left"
    scope = ' scope="col"' if tag == "th" else ""
    style += "" if tag == "th" else ";overflow-wrap:anywhere"  # headings break between words only
    return f'<{tag}{scope} align="{side}" style="{_CELL}{style}">{escape(text)}</{tag}>'


def _link(link: str, words: str, absolute: bool) -> str:
    if not link:
        return ""
    target = escape(link, quote=True)
    shown = f'<a href="{target}">{escape(words)}</a>' if absolute else escape(link)
    return f'<p style="{_PART};overflow-wrap:anywhere">{shown}</p>'

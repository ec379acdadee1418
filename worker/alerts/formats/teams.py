"""A message for Microsoft Teams: an Adaptive Card for a webhook of Workflows (Power Automate).

Microsoft retires the Office 365 connectors, with their addresses at webhook.office.com: announced
in July 2024, no new ones from August 2024, addresses to be renewed by January 2025, and the end put
off from December 2025 into 2026 [1]; Argo CD's documents give 31 March 2026 as the end, those of
Databricks Labs DQX May 2026. What takes their place is a flow with the trigger "When a Teams
webhook request is received", which Teams offers as "Post to a channel when a webhook request is
received".

- The body is a message with `attachments`, each of them an Adaptive Card; the older MessageCard is
  not supported [2].
- A message that a flow posts has at most about 28 KB, else it is refused as "Request Entity too
  large" [3]. Cards of more than some 21 KB were refused all the same [4].
- More than four calls a second are throttled [5].
- `TextBlock` and `FactSet` read Markdown, `TextRun` does not; `RichTextBlock`, which holds
  `TextRun`s, needs version 1.2 [6]. `Table` needs 1.5, and clients were seen that show it empty.

So all text stands in `TextRun`s, where nothing has to be escaped, and each row of a table is a
line.

[1] https://devblogs.microsoft.com/microsoft365dev/retirement-of-office-365-connectors-within-microsoft-teams/
[2] https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using
[3] https://learn.microsoft.com/connectors/teams/ (known issues and limitations)
[4] https://www.rubydoc.info/gems/msteams_hermes/MsTeamsHermes/Message
[5] https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook
[6] https://adaptivecards.io/explorer/TextRun.html, https://adaptivecards.io/explorer/RichTextBlock.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from worker.alerts.message import Message, Section, Table

MAX_BYTES: Final = 20_000  # below what was refused
_MAX_LINE: Final = 2000  # characters: one text alone must not fill the card
_CUT: Final = "This message was too long for Teams. The rest is on the page."

Element = dict[str, Any]


def teams(message: Message) -> dict[str, Any]:
    """Return the body of the webhook's call."""
    body = [_text(message.title, weight="Bolder", size="Medium")]
    if message.text != message.title:
        body += [_text(line) for line in message.text.splitlines()]
    for section in message.sections:
        body += _section(section)
    if message.link and not message.base_url:
        body.append(_text(message.link))
    return _fitting(body, message)


def _section(section: Section) -> Iterator[Element]:
    yield {**_text(section.title, weight="Bolder"), "separator": True, "spacing": "Medium"}
    for line in section.lines:
        yield _text(line)
    if section.table is not None:
        yield from _rows(section.table)


def _rows(table: Table) -> Iterator[Element]:
    for row in table.rows:
        cells = [
            f"{column} {cell}"
            for column, cell in zip(table.columns[1:], row[1:], strict=True)
            if cell
        ]
        yield {
            "type": "RichTextBlock",
            "spacing": "Small",
            "inlines": [
                _run(row[0], weight="Bolder"),
                *([_run(f": {', '.join(cells)}")] if cells else []),
            ],
        }


def _text(text: str, **style: str) -> Element:
    return {"type": "RichTextBlock", "spacing": "Small", "inlines": [_run(text, **style)]}


def _run(text: str, **style: str) -> Element:
    shown = text if len(text) <= _MAX_LINE else f"{text[: _MAX_LINE - 1]}…"
    return {"type": "TextRun", "text": shown, **style}


def _fitting(body: list[Element], message: Message) -> dict[str, Any]:
    """Return the card with as much of its body as Teams takes; where some is left out, a line says
    so."""
    room = MAX_BYTES - _size(_card([_text(_CUT)], message))
    kept: list[Element] = []
    for element in body:
        room -= _size(element) + 1
        if room < 0:
            return _card([*kept, _text(_CUT)], message)
        kept.append(element)
    return _card(kept, message)


def _card(body: list[Element], message: Message) -> dict[str, Any]:
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "fallbackText": message.title[:_MAX_LINE],
        "body": body,
    }
    if message.base_url:
        card["actions"] = [
            {"type": "Action.OpenUrl", "title": "Open the page", "url": message.link}
        ]
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return {"type": "message", "attachments": [attachment]}


def encode(body: dict[str, Any]) -> bytes:
    """Return the body as it is sent: as UTF-8, which is shorter than escapes."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _size(value: dict[str, Any]) -> int:
    return len(encode(value))

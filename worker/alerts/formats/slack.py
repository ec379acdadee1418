"""A message for an incoming webhook of Slack, in Block Kit.

- A message has up to 50 blocks [1], a section's text up to 3,000 characters [2], a header is plain
  text of up to 150 [3]. All blocks together take some 13,200 characters (`msg_blocks_too_long`),
  which no document says [4].
- `&`, `<` and `>` are written as entities, else they are commands such as `<!channel>` [5].
  `verbatim` leaves names of channels and people, and addresses, as they are [6].
- `text` is what notifications show of a message with blocks [7].
- About one message a second is taken; then 429 with `Retry-After` [8].

[1] https://docs.slack.dev/reference/block-kit/blocks
[2] https://docs.slack.dev/reference/block-kit/blocks/section-block
[3] https://docs.slack.dev/reference/block-kit/blocks/header-block
[4] https://github.com/slackapi/bolt-js/issues/2509
[5] https://docs.slack.dev/messaging/formatting-message-text
[6] https://docs.slack.dev/reference/block-kit/composition-objects/text-object
[7] https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
[8] https://docs.slack.dev/apis/web-api/rate-limits
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from worker.alerts.formats.plain import table_lines
from worker.alerts.message import Message, Section

MAX_BLOCKS: Final = 50
MAX_TEXT: Final = 3000  # characters of a text object
MAX_HEADER: Final = 150
MAX_ALL: Final = 12_000  # characters of all blocks: below what was measured
_FENCE: Final = "```"
_CUT: Final = "This message was too long for Slack. The rest is on the page."

Block = dict[str, Any]


def slack(message: Message) -> dict[str, Any]:
    """Return the body of the webhook's call."""
    blocks: list[Block] = [_header(message.title)]
    if message.text != message.title or len(message.title) > MAX_HEADER:
        blocks += _sections(message.text.splitlines())
    for section in message.sections:
        blocks += _section(section, message.base_url)
    link = _sections_of([_link(message.link, "Open the page", bool(message.base_url))])
    return {"text": _short(message.title, MAX_TEXT), "blocks": _fitting(blocks, list(link))}


def escape(text: str) -> str:
    """Write the three characters that Slack reads as commands as entities.

    >>> escape("<!channel> R&D")
    '&lt;!channel&gt; R&amp;D'
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _header(title: str) -> Block:
    return {"type": "header", "text": {"type": "plain_text", "text": _short(title, MAX_HEADER)}}


def _short(text: str, room: int) -> str:
    """Return a text with its entities, cut where it is too long, no entity in two."""
    pieces = list(_pieces([text], room - 1))
    return escape(text) if len(escape(text)) <= room else f"{pieces[0]}…"


def _section(section: Section, base_url: str) -> Iterator[Block]:
    title = f"*{escape(section.title)}*"
    yield from _sections_of([title, *_pieces(section.lines)])
    if section.table is not None:
        yield from _table([line.replace("`", "'") for line in table_lines(section.table)])
    if section.path and base_url:
        yield from _sections_of([_link(base_url + section.path, "More", True)])


def _table(lines: list[str]) -> Iterator[Block]:
    """Yield a table as text of one width, so that its columns stay where they are."""
    room = MAX_TEXT - 2 * len(_FENCE) - 2
    for part in _grouped(_pieces(lines, room), room):
        yield _text_block(f"{_FENCE}\n{part}\n{_FENCE}")


def _sections(lines: Iterable[str]) -> Iterator[Block]:
    yield from _sections_of(_pieces(lines))


def _sections_of(escaped: Iterable[str]) -> Iterator[Block]:
    for part in _grouped(filter(None, escaped), MAX_TEXT):
        yield _text_block(part)


def _text_block(text: str) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _pieces(lines: Iterable[str], room: int = MAX_TEXT) -> Iterator[str]:
    """Yield lines with their entities, and one that is too long in pieces, no entity cut in two."""
    for line in lines:
        piece = ""
        for character in line:
            entity = escape(character)
            if len(piece) + len(entity) > room:
                yield piece
                piece = ""
            piece += entity
        yield piece


def _grouped(lines: Iterable[str], room: int) -> Iterator[str]:
    """Join as many lines as one text may hold."""
    group: list[str] = []
    size = 0
    for line in lines:
        if group and size + 1 + len(line) > room:
            yield "\n".join(group)
            group, size = [], 0
        size += len(line) + (1 if group else 0)
        group.append(line)
    if group:
        yield "\n".join(group)


def _link(link: str, words: str, absolute: bool) -> str:
    """Return a link; a path, where nobody said how we are reached. `|` would end the address."""
    if not absolute:
        return escape(link)
    return f"<{escape(link).replace('|', '%7C')}|{words}>"


def _fitting(blocks: list[Block], link: list[Block]) -> list[Block]:
    """Return as many blocks as Slack takes, and the link; where some are left out, a line says
    so."""
    kept: list[Block] = []
    size = sum(map(_length, link)) + len(_CUT)
    for block in blocks:
        size += _length(block)
        if size > MAX_ALL or len(kept) + len(link) + 1 >= MAX_BLOCKS:
            return [*kept, _text_block(_CUT), *link]
        kept.append(block)
    return [*kept, *link]


def _length(block: Block) -> int:
    return len(block["text"]["text"])

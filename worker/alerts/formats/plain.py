"""A message as plain text: for terminals, and for mail readers that show no HTML."""

from __future__ import annotations

from collections.abc import Iterator

from worker.alerts.message import Message, Section, Table

_GAP = "  "


def plain(message: Message) -> str:
    """Return the whole message; its last line is the link, if it leads to a page.

    Without PUBLIC_URL it is a path, and "/" alone says nothing.
    """
    parts = [message.text, *("\n".join(_section(section)) for section in message.sections)]
    if message.link not in ("", "/"):
        parts.append(message.link)
    return "\n\n".join(parts) + "\n"


def _section(section: Section) -> Iterator[str]:
    yield section.title
    yield "-" * len(section.title)
    yield from section.lines
    if section.table is not None:
        if section.lines:
            yield ""
        yield from table_lines(section.table)


def table_lines(table: Table) -> Iterator[str]:
    """Yield a table's header and rows, in columns.

    >>> table = Table(("status", "now"), (("valid", "70"), ("invalid", "5")))
    >>> print(*table_lines(table), sep="\\n")
    status   now
    valid     70
    invalid    5
    """
    rows = (table.columns, *table.rows)
    widths = [max(len(row[n]) for row in rows) for n in range(len(table.columns))]
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        yield _GAP.join(cells).rstrip()

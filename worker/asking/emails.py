"""The words of an email: its subject, its plain text, and the same as a page of HTML. Pure.

The page loads nothing, so that nobody learns who has read it, and sets no colours: text and
background are the reader's own. A link shows its whole address.
"""

from __future__ import annotations

import unicodedata
from html import escape

from config.settings import Settings
from worker.asking.texts import TEXTS

_NOT_IN_A_LINE = frozenset({"Cc", "Cs", "Zl", "Zp"})  # controls, and what ends a line


def subject(settings: Settings, language: str) -> str:
    return TEXTS[language].subject.format(company=one_line(settings.feedback.company))


def plain(settings: Settings, language: str, link: str) -> str:
    """Return the words with the recipient's link, and where the sender is (15 USC 7704(a)(5))."""
    paragraphs = ["\n".join(lines) for lines in _paragraphs(settings, language, link)]
    return "\n\n".join(paragraphs) + "\n"


def html(settings: Settings, language: str, link: str) -> str:
    """Return the same as an HTML document."""
    paragraphs = [
        f"<p>{'<br>'.join(_shown(line, link) for line in lines)}</p>"
        for lines in _paragraphs(settings, language, link)
    ]
    return "\n".join(
        [
            f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{escape(subject(settings, language))}</title>\n</head>\n<body>",
            *paragraphs,
            "</body>\n</html>\n",
        ]
    )


def one_line(text: str) -> str:
    """Return a text without ends of lines and other controls.

    >>> one_line("Acme\\r\\nBcc: x"), one_line("R&D\\u2028 Ltd")
    ('Acme Bcc: x', 'R&D Ltd')
    """
    kept = (" " if unicodedata.category(char) in _NOT_IN_A_LINE else char for char in text)
    return " ".join("".join(kept).split())


def _paragraphs(settings: Settings, language: str, link: str) -> list[list[str]]:
    texts, page = TEXTS[language], _page(language, link)
    return [
        [texts.email.format(company=one_line(settings.feedback.company)), page],
        [texts.unsubscribe, page],
        [one_line(line) for line in settings.asking.postal_address.splitlines()],
    ]


def _page(language: str, link: str) -> str:
    return f"{link}?lang={language}"


def _shown(line: str, link: str) -> str:
    shown = escape(line)
    return f'<a href="{shown}">{shown}</a>' if line.startswith(f"{link}?") else shown

"""Read an email field as the one address that a message goes to. Pure.

What a field holds may come from a form that anybody can fill in. So only a plain address is taken:
no list, group, comment, quotes or route, and no encoded word, which a mail program would read as
something else. The grammar is that of RFC 5321, 4.1.2 and RFC 6531, 3.3 (`Dot-string`, `Domain`);
the lengths are those of RFC 5321, 4.5.3.1.
"""

from __future__ import annotations

import re
import unicodedata

import idna

_ATOM = r"(?:[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]|[^\x00-\x7f])+"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_LONGEST_LOCAL, _LONGEST_DOMAIN, _LONGEST = 64, 255, 254  # octets; a path has two more: "<>"
_WRITTEN = "LMN"  # letters, marks and digits: beyond ASCII, an address has nothing else


def mailbox(text: str) -> str:
    """Return the address, its domain in the letters of DNS; "" if the text is not one plain
    address.

    >>> [mailbox(text) for text in (" Kim@Example.com ", "kim@straße.example", "a@b.example, c@d")]
    ['Kim@example.com', 'kim@xn--strae-oqa.example', '']
    """
    local, at, domain = text.strip().rpartition("@")
    if not at or "=?" in local or not _LOCAL.fullmatch(local):
        return ""
    if any(not char.isascii() and unicodedata.category(char)[0] not in _WRITTEN for char in local):
        return ""
    ascii_domain = _ascii(domain)
    address = f"{local}@{ascii_domain}"
    is_short = (
        len(local.encode()) <= _LONGEST_LOCAL
        and len(ascii_domain) <= _LONGEST_DOMAIN
        and len(address.encode()) <= _LONGEST
    )
    return address if ascii_domain and is_short else ""


def _ascii(domain: str) -> str:
    """Return a domain of two labels or more as A-labels (RFC 5891), "" for what is none."""
    try:
        encoded = idna.encode(domain, uts46=True, std3_rules=True).decode()
    except (idna.IDNAError, UnicodeError, ValueError):
        return ""
    last = encoded.rpartition(".")[2]
    return encoded if "." in encoded and not last.isdecimal() and last else ""

"""Find people by name or email with Salesforce's own search.

By Parameterized Search with a POST, so that what is searched for stands in the body and not in an
address, as the `q` of a SOQL query would. Sources: REST API Developer Guide, "Search with
Parameters in the Request Body" (version 36.0 and later; `q`, `in`, `sobjects` with `fields`,
`limit` and `where`; "SOSL clauses aren't supported"); SOQL and SOSL Reference, "FIND
{SearchQuery}" (words are joined by AND, `*` stands for further characters at a word's end, and the
reserved characters need a backslash, also inside quotation marks).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.records import FoundPerson
from connectors.salesforce.call import Call

_RESERVED = re.compile(r"""[?&|!{}\[\]()^~*:\\"'+\-]""")
_OPERATORS = frozenset({"and", "or", "not"})
_SHORTEST = 2  # "search term must be longer than one character"
_EMAIL_FIELDS = {"Account": "PersonEmail"}


def escaped(text: str) -> str:
    """Escape what SOSL reserves.

    >>> escaped("O'Hara-Lee (UK)")
    "O\\\\'Hara\\\\-Lee \\\\(UK\\\\)"
    """
    return _RESERVED.sub(lambda match: "\\" + match.group(), text)


def search_query(text: str) -> str:
    """Return the query for a name, whose words may be begun only, or for an email; "" where it is
    too short to be searched for.

    >>> search_query("kim o'ha"), search_query("Kim and Lee"), search_query("K")
    ("kim* o\\\\'ha*", 'Kim* "and" Lee*', '')
    >>> search_query("kim.doe@example.com")
    '"kim.doe@example.com"'
    """
    words = [word for word in text.split() if any(map(str.isalnum, word))]
    if max(map(len, words), default=0) < _SHORTEST:
        return ""
    if "@" in text:
        return " ".join(f'"{escaped(word)}"' for word in words)
    return " ".join(_term(word) for word in words)


def _term(word: str) -> str:
    if word.casefold() in _OPERATORS:
        return f'"{word}"'
    # A word of one letter takes no asterisk, and none may follow a sign.
    return f"{escaped(word)}{'*' if len(word) >= _SHORTEST and word[-1].isalnum() else ''}"


def find(
    call: Call, text: str, limit: int, objects: Mapping[str, Sequence[str]]
) -> list[FoundPerson]:
    """Return people in the order of the org's search. `objects`: those that are read, each with
    the tests in SOQL that a read has."""
    query = search_query(text)
    if not query:
        return []
    body = {
        "q": query,
        "in": "EMAIL" if "@" in text else "NAME",
        "sobjects": [
            {"name": name, "fields": ["Id", "Name", _email_field(name)], "limit": limit,
             **({"where": " AND ".join(tests)} if tests else {})}
            for name, tests in objects.items()
        ],
    }  # fmt: skip
    answer = call("read", "parameterizedSearch/", "POST", json=body)
    people = [_person(row) for row in answer["searchRecords"]]
    return [person for person in people if person.object in objects][:limit]


def _email_field(object_name: str) -> str:
    return _EMAIL_FIELDS.get(object_name, "Email")


def _person(row: Mapping[str, Any]) -> FoundPerson:
    name = row["attributes"]["type"]
    return FoundPerson(name, row["Id"], row.get("Name") or "", row.get(_email_field(name)) or "")

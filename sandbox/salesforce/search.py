"""Parameterized Search: what a query of it means, and the records that it finds.

Sources: REST API Developer Guide, "Search with Parameters in the Request Body"; SOQL and SOSL
Reference, "FIND {SearchQuery}": words are delimited by spaces, signs and changes between letters
and digits; all of them must be found; `*` ends a word that may go on; a reserved character without
a backslash is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from sandbox.salesforce import soql
from sandbox.salesforce.org import Org
from sandbox.salesforce.rest import check_names, error, matching
from sandbox.service import answer
from sandbox.table import Record

_RESERVED = frozenset("?&|!{}[]()^~:'+-")
_OPERATORS = frozenset({"and", "or", "not"})
_WORD = re.compile(r"[^\W\d_]+|\d+")
_SCOPES = {
    "NAME": ("Name",),
    "EMAIL": ("Email", "PersonEmail"),
    "ALL": ("Name", "Email", "PersonEmail", "Phone", "MobilePhone"),
}
_MOST = 2000


class SearchError(Exception):
    """A query that the org refuses."""


@dataclass(frozen=True)
class Term:
    """Words that come one after another; the last of them may be a beginning."""

    words: tuple[str, ...]
    begun: bool = False

    def is_in(self, words: list[str]) -> bool:
        size = len(self.words)
        return any(
            words[at : at + size - 1] == list(self.words[:-1])
            and (
                words[at + size - 1].startswith(self.words[-1])
                if self.begun
                else words[at + size - 1] == self.words[-1]
            )
            for at in range(len(words) - size + 1)
        )


def parse(query: str) -> list[Term]:
    """Return the terms of a query, all of which must be found; raises `SearchError`."""
    terms = [term for term in _terms(query) if term.words]
    if sum(len(word) for term in terms for word in term.words) < 2:
        raise SearchError(f"search term must be longer than one character: {query}")
    return terms


def _terms(query: str) -> Iterator[Term]:
    at = 0
    while at < len(query):
        if query[at].isspace():
            at += 1
            continue
        quoted = query[at] == '"'
        at += quoted
        text, begun = "", False
        while at < len(query) and (query[at] != '"' if quoted else not query[at].isspace()):
            sign = query[at]
            if sign == "\\":
                at += 1
                sign = query[at : at + 1]
                if not sign:
                    raise SearchError(f"unexpected end of the search: {query}")
            elif sign == "*":
                begun, sign = True, ""
                if not text:
                    raise SearchError("a search term cannot begin with a wildcard")
            elif sign in _RESERVED or sign == '"':
                raise SearchError(f"line 1:{at} no viable alternative at character '{sign}'")
            text += sign
            at += 1
        if quoted:
            if at >= len(query):
                raise SearchError("mismatched character '<EOF>' expecting '\"'")
            at += 1
        elif text.lower() in _OPERATORS:
            raise SearchError(f"unexpected token: {text}")
        yield Term(tuple(_words(text)), begun)


def _words(text: Any) -> list[str]:
    return _WORD.findall(str(text or "").lower())


def parameterized(org: Org, body: Record, version: str) -> web.Response:
    """Answer a search with parameters in its body."""
    try:
        terms = parse(str(body.get("q") or ""))
    except SearchError as problem:
        return error("MALFORMED_SEARCH", str(problem))
    scope = _SCOPES.get(str(body.get("in", "ALL")).upper())
    if scope is None:
        return error("MALFORMED_SEARCH", f"unknown scope: {body['in']}")
    rows: list[Record] = []
    try:
        for wanted in body.get("sobjects") or ():
            rows += _rows(org, terms, scope, wanted, version)
    except soql.SoqlError as problem:
        return error(problem.code, problem.message)
    return answer({"searchRecords": rows[:_MOST]})


def _rows(
    org: Org, terms: list[Term], scope: tuple[str, ...], wanted: Record, version: str
) -> list[Record]:
    name, fields = wanted["name"], wanted.get("fields") or ["Id"]
    where = f" WHERE {wanted['where']}" if wanted.get("where") else ""
    text = f"SELECT {', '.join(fields)} FROM {name}{where}"
    query = soql.parse(text)
    check_names(org, text, query)
    rows = []
    for record in matching(org, query, everything=False):
        texts = [_words(record.get(field)) for field in scope]
        if all(any(term.is_in(words) for words in texts) for term in terms):
            url = f"/services/data/{version}/sobjects/{name}/{record['Id']}"
            values = {field: record.get(field) for field in fields}
            rows.append({"attributes": {"type": name, "url": url}, **values})
    return rows[: int(wanted.get("limit") or _MOST)]

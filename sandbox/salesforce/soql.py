"""The part of SOQL that a connector needs: SELECT, FROM, WHERE, ORDER BY, LIMIT, OFFSET.

Errors have the form of the true service: a message with the query's line, a caret under the
offending place, and "ERROR at Row:1:Column:n".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Record = dict[str, Any]
Test = Callable[[Record], bool]


class SoqlError(Exception):
    """`code` is Salesforce's errorCode, `message` its message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Query:
    fields: tuple[str, ...]
    count_only: bool
    object: str
    object_at: int
    test: Test
    lower_bounds: dict[str, Any]  # field -> value, for "field >= / > value" joined by AND
    order: tuple[tuple[str, bool, bool], ...]  # field, descending, nulls last
    limit: int | None
    offset: int
    mentioned: tuple[tuple[str, int], ...]  # every field named, with its place
    tested: frozenset[str] = frozenset()  # fields that WHERE names


_TOKEN = re.compile(
    r"""\s*(?:(?P<string>'(?:\\.|[^'\\])*')
    |(?P<date>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))
    |(?P<day>\d{4}-\d\d-\d\d)
    |(?P<number>-?\d+(?:\.\d+)?)
    |(?P<op><=|>=|!=|<>|=|<|>|\(|\)|,)
    |(?P<word>[A-Za-z_][\w.]*))""",
    re.VERBOSE,
)


def located(query: str, at: int, text: str) -> str:
    line = query.replace("\n", " ")
    start = max(0, at - 40)
    return (
        f"\n{line[start : at + 40]}\n{' ' * (at - start)}^\nERROR at Row:1:Column:{at + 1}\n{text}"
    )


class _Parser:
    def __init__(self, query: str) -> None:
        self.query = query
        self.tokens: list[tuple[str, str, int]] = []
        at = 0
        end = len(query.rstrip())
        while at < end:
            match = _TOKEN.match(query, at)
            if not match:
                self.fail(at, f"unexpected token: '{query[at : at + 1]}'")
            assert match is not None
            kind = match.lastgroup or ""
            self.tokens.append((kind, match.group(kind), match.start(kind)))
            at = match.end()
        self.at = 0
        self.bounds: dict[str, Any] = {}
        self.mentioned: list[tuple[str, int]] = []
        self.tested: set[str] = set()

    def fail(self, at: int, text: str) -> None:
        raise SoqlError("MALFORMED_QUERY", located(self.query, at, text))

    def peek(self) -> tuple[str, str, int]:
        if self.at < len(self.tokens):
            return self.tokens[self.at]
        return ("end", "<EOF>", len(self.query))

    def next(self) -> tuple[str, str, int]:
        token = self.peek()
        self.at += 1
        return token

    def keyword(self, *words: str) -> bool:
        kind, text, _ = self.peek()
        if kind == "word" and text.upper() in words:
            self.at += 1
            return True
        return False

    def expect(self, word: str) -> None:
        _kind, text, at = self.next()
        if text.upper() != word:
            self.fail(at, f"unexpected token: '{text}'")

    def name(self) -> str:
        kind, text, at = self.next()
        if kind != "word":
            self.fail(at, f"unexpected token: '{text}'")
        self.mentioned.append((text, at))
        return text

    def parse(self) -> Query:
        self.expect("SELECT")
        fields: list[str] = []
        count_only = False
        if self.peek()[1].upper() == "COUNT":
            self.next()
            self.expect("(")
            self.expect(")")
            count_only = True
        else:
            fields.append(self.name())
            while self.peek()[1] == ",":
                self.next()
                fields.append(self.name())
        self.expect("FROM")
        kind, object_name, object_at = self.next()
        if kind != "word":
            self.fail(object_at, f"unexpected token: '{object_name}'")
        test: Test = lambda _record: True  # noqa: E731
        if self.keyword("WHERE"):
            test = self.either(top=True)
        order: list[tuple[str, bool, bool]] = []
        if self.keyword("ORDER"):
            self.expect("BY")
            order.append(self.sort())
            while self.peek()[1] == ",":
                self.next()
                order.append(self.sort())
        limit = int(self.next()[1]) if self.keyword("LIMIT") else None
        offset = int(self.next()[1]) if self.keyword("OFFSET") else 0
        kind, text, at = self.peek()
        if kind != "end":
            self.fail(at, f"unexpected token: '{text}'")
        return Query(
            tuple(fields),
            count_only,
            object_name,
            object_at,
            test,
            self.bounds,
            tuple(order),
            limit,
            offset,
            tuple(self.mentioned),
            frozenset(self.tested),
        )

    def sort(self) -> tuple[str, bool, bool]:
        field = self.name()
        descending = False
        if self.keyword("DESC"):
            descending = True
        else:
            self.keyword("ASC")
        nulls_last = False
        if self.keyword("NULLS"):
            nulls_last = self.next()[1].upper() == "LAST"
        return field, descending, nulls_last

    def either(self, top: bool = False) -> Test:
        tests = [self.both(top)]
        while self.keyword("OR"):
            self.bounds = {}
            tests.append(self.both(False))
        return tests[0] if len(tests) == 1 else lambda r: any(test(r) for test in tests)

    def both(self, top: bool) -> Test:
        tests = [self.one(top)]
        while self.keyword("AND"):
            tests.append(self.one(top))
        return tests[0] if len(tests) == 1 else lambda r: all(test(r) for test in tests)

    def one(self, top: bool) -> Test:
        if self.keyword("NOT"):
            inner = self.one(False)
            return lambda r: not inner(r)
        if self.peek()[1] == "(":
            self.next()
            test = self.either()
            self.expect(")")
            return test
        field = self.name()
        self.tested.add(field)
        kind, op, at = self.next()
        if op.upper() == "NOT":
            self.expect("IN")
            unwanted = {_folded(value) for value in self.values()}
            return lambda r: _folded(_value(r, field)) not in unwanted
        if op.upper() == "IN":
            if field.endswith("Id"):  # given with 15 characters or with 18
                ids = {_short(value) for value in self.values()}
                return lambda r: _short(_value(r, field)) in ids
            values = {_folded(value) for value in self.values()}
            return lambda r: _folded(_value(r, field)) in values
        if op.upper() == "LIKE":
            pattern = re.compile(
                re.escape(str(self.value())).replace("%", ".*").replace("_", "."), re.IGNORECASE
            )
            return lambda r: bool(pattern.fullmatch(str(_value(r, field) or "")))
        if kind != "op":
            self.fail(at, f"unexpected token: '{op}'")
        value = self.value()
        if top and op in (">", ">="):
            self.bounds[field] = value
        return _compare(field, op, value)

    def values(self) -> set[Any]:
        self.expect("(")
        values = {self.value()}
        while self.peek()[1] == ",":
            self.next()
            values.add(self.value())
        self.expect(")")
        return values

    def value(self) -> Any:
        kind, text, at = self.next()
        if kind == "string":
            return re.sub(r"\\(.)", r"\1", text[1:-1])
        if kind == "number":
            return float(text) if "." in text else int(text)
        if kind == "date":
            return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)
        if kind == "day":
            return datetime.fromisoformat(text).replace(tzinfo=UTC)
        if kind == "word" and text.lower() in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[text.lower()]
        self.fail(at, f"unexpected token: '{text}'")
        return None


def _short(value: Any) -> Any:
    """An id without the three characters that only repeat its capitals."""
    return value[:15] if isinstance(value, str) else value


def _folded(value: Any) -> Any:
    """Text as SOQL compares it: without regard to case."""
    return value.casefold() if isinstance(value, str) else value


def _value(record: Record, field: str) -> Any:
    value: Any = record
    for part in field.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _compare(field: str, op: str, value: Any) -> Test:
    # SOQL compares text without regard to case, and null only with = and !=.
    fold = value.casefold() if isinstance(value, str) and not field.endswith("Id") else value

    def current_value(record: Record) -> Any:
        current = _value(record, field)
        return (
            current.casefold()
            if isinstance(fold, str) and isinstance(current, str) and not (field.endswith("Id"))
            else current
        )

    if op == "=" and field.endswith("Id"):
        return lambda r: _short(_value(r, field)) == _short(value)
    if op == "=":
        return lambda r: current_value(r) == fold
    if op in ("!=", "<>"):
        return lambda r: current_value(r) != fold
    table: dict[str, Callable[[Any, Any], bool]] = {
        "<": lambda a, b: a < b,
        "<=": lambda a, b: a <= b,
        ">": lambda a, b: a > b,
        ">=": lambda a, b: a >= b,
    }
    relation = table[op]
    return lambda r: (
        (current := current_value(r)) is not None and fold is not None and relation(current, fold)
    )


def parse(query: str) -> Query:
    return _Parser(query).parse()

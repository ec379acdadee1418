"""The queries that a read sends to an org, where in them a read stands, and the form of ids."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

NEW_JOB = "new"


@dataclass(frozen=True, slots=True)
class Position:
    """Where a read stands: after this id; in a job (`NEW_JOB`: one that is to be started).

    `left`: about how many records are still to come; None where that is not known.
    """

    after: str = ""
    job: str = ""
    left: int | None = None

    @classmethod
    def of(cls, cursor: str | None) -> Position:
        """From a page's cursor. Earlier releases kept the part of a job's result as well."""
        after, _, rest = (cursor or "").partition("/")
        return cls(after, rest.partition("/")[0])

    @property
    def cursor(self) -> str:
        return f"{self.after}/{self.job}"


@dataclass(frozen=True, slots=True)
class Query:
    """What a read asks for. `tombstones`: checkboxes that say that a record has gone away."""

    object: str
    columns: tuple[str, ...]
    tests: tuple[str, ...]
    tombstones: tuple[str, ...] = ()

    @property
    def operation(self) -> str:
        return "queryAll" if self.tombstones else "query"

    def soql(self, after: str = "", limit: int | None = None, order: str = "Id") -> str:
        """In order of id, so that a read can go on from any record."""
        tests = [*self.tests, f"Id > {quoted(after)}"] if after else self.tests
        where = f" WHERE {' AND '.join(tests)}" if tests else ""
        most = f" LIMIT {limit}" if limit else ""
        return f"SELECT {', '.join(self.columns)} FROM {self.object}{where} ORDER BY {order}{most}"


def quoted(text: str) -> str:
    """A SOQL string literal; the only characters that need care are \\ and '.

    >>> quoted("O'Hara")
    "'O\\\\'Hara'"
    """
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def listed(values: Iterable[str]) -> str:
    """For `IN`.

    >>> listed(["a", "b"])
    "('a', 'b')"
    """
    return f"({', '.join(map(quoted, values))})"


_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def full_id(record_id: str) -> str:
    """An id of 18 characters, as the API gives it, from one of 15, as pages and reports show it.

    The three characters more say which of the others are capitals, five of them each.
    Source: Salesforce Help, "How to convert a 15 character Id to an 18 character Id".

    >>> full_id("00130000000ABCd"), full_id("00130000000ABCdAAO")
    ('00130000000ABCdAAO', '00130000000ABCdAAO')
    """
    if len(record_id) != 15:
        return record_id
    parts = (record_id[start : start + 5] for start in (0, 5, 10))
    return record_id + "".join(
        _CHECK[sum(1 << place for place, letter in enumerate(part) if letter.isupper())]
        for part in parts
    )

"""Lists on disk as they come: any delimiter, any encoding, rows kept to the byte.

A row is carried as the very text that stood in the file (`Row.raw`) beside its cells, so that what
is written out again differs by nothing but what is added to it.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, NamedTuple

from charset_normalizer import from_bytes

_SAMPLE = 256 * 1024
MAX_ROW = 1024 * 1024  # characters: a longer "row" is an unclosed quote, not a row
_DELIMITERS = ",;\t|"

csv.field_size_limit(MAX_ROW + 1)


class ListError(Exception):
    """The file cannot be used as a list; the text says why, for an operator."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the file is written; `newline` ends its rows."""

    encoding: str
    delimiter: str
    newline: str


class Row(NamedTuple):
    """`raw` has no line end; `end` is it ("" at the end of a file). `problem`: why it is broken."""

    number: int  # of the row's first line, counting from 1
    raw: str
    end: str
    cells: Sequence[str]
    problem: str = ""


def open_text(path: Path, encoding: str, mode: str = "r") -> IO[str]:
    """Open so that every byte survives: undecodable ones travel as surrogates, ends as they are."""
    errors = (
        "surrogateescape"
        if encoding.replace("_", "-").startswith(("utf-8", "ascii"))
        else ("strict")
    )
    return path.open(mode, encoding=encoding, errors=errors, newline="")


def undecodable(path: Path, encoding: str, error: UnicodeError) -> ListError:
    """What an operator is told of a list that turns out to be written in another encoding."""
    if not isinstance(error, UnicodeDecodeError | UnicodeEncodeError):
        return ListError(f"{path}: {error}")
    return ListError(f"{path}: it is not {encoding} throughout ({error.reason}); save it as UTF-8")


def readable(text: str) -> str:
    """A cell as other programs can take it: U+FFFD for each byte that could not be decoded.

    >>> readable("W" + chr(0xDCE9) + "b").encode()
    b'W\\xef\\xbf\\xbdb'
    """
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def detect(path: Path) -> Dialect:
    """Find encoding, delimiter and line end; raises `ListError`."""
    try:
        with path.open("rb") as file:
            sample = file.read(_SAMPLE)
    except OSError as error:
        raise ListError(f"{path} cannot be read: {error.strerror}") from error
    if not sample.strip(b"\xef\xbb\xbf\xff\xfe \r\n\t"):
        raise ListError(f"{path} is empty: a header row with column names is needed")
    encoding = _encoding(sample)
    try:
        text = sample.decode(encoding, errors="ignore")
    except LookupError:
        raise ListError(f"{path}: its encoding {encoding} is not known here") from None
    if "\x00" in text:
        raise ListError(f"{path} is not a text file; export the list as CSV")
    first = next(_logical_lines(text.splitlines(keepends=True)), "")
    delimiter = _delimiter(first)
    newline = "\r\n" if "\r\n" in text else "\n" if "\n" in text else "\r" if "\r" in text else "\n"
    return Dialect(encoding, delimiter, newline)


def _encoding(sample: bytes) -> str:
    # A byte order mark stays in the text as its first character, so that it is written back.
    if sample.startswith(b"\xef\xbb\xbf"):
        return "utf-8"
    if sample.startswith(b"\xff\xfe"):
        return "utf-16-le"
    if sample.startswith(b"\xfe\xff"):
        return "utf-16-be"
    # A sample may be cut within a character, so up to three bytes of its end do not count.
    for cut in range(4):
        try:
            sample[: len(sample) - cut].decode("utf-8")
        except UnicodeDecodeError:
            continue
        return "utf-8"
    best = from_bytes(sample[:65_536]).best()
    # One byte a character always decodes: what cannot be told apart is at least kept as it was.
    return best.encoding if best is not None else "latin-1"


def _delimiter(first: str) -> str:
    counts = {mark: len(next(csv.reader([first], delimiter=mark), [])) for mark in _DELIMITERS}
    best = max(counts, key=lambda mark: counts[mark])
    if counts[best] > 1:
        return best
    # A single column: its own delimiter cannot be seen, and a comma changes nothing.
    return ","


def _logical_lines(lines: Sequence[str]) -> Iterator[str]:
    held = ""
    for line in lines:
        held += line
        if held.count('"') % 2 == 0:
            yield held
            held = ""
    if held:
        yield held


def _cut_end(text: str) -> tuple[str, str]:
    if text[-1:] == "\n" and text[-2:-1] != "\r":
        return text[:-1], "\n"
    for end in ("\r\n", "\n", "\r"):
        if text.endswith(end):
            return text[: -len(end)], end
    return text, ""


class Record(NamedTuple):
    """The lines of one row as they stand in the file. `number`: of the first, counting from 1."""

    number: int
    text: str
    problem: str = ""


class Plain(NamedTuple):
    """Some rows of one line each, with no quotes: all that most lists are made of. `number`: of the
    first. Each line ends with `end`."""

    number: int
    lines: list[str]
    end: str


class Records(Iterator[Record]):
    """Cuts an opened list into rows, which a quote may stretch over several lines."""

    def __init__(self, file: IO[str]) -> None:
        self._lines = iter(file)
        self._again: deque[str] = deque()  # lines that were taken to belong to the row before
        self._number = 0

    def __next__(self) -> Record:
        line = self._line()
        if not line:
            raise StopIteration
        self._number += 1
        quotes = line.count('"')
        if not quotes % 2:
            return Record(self._number, line)
        start = self._number
        record, taken = line, [line]
        while quotes % 2 and len(record) <= MAX_ROW:
            more = self._line()
            if not more:
                break
            taken.append(more)
            record += more
            quotes += more.count('"')
        if quotes % 2:
            # The quote that opened here never closes: only this line is broken, not all below.
            self._again.extendleft(reversed(taken[1:]))
            return Record(start, line, "a quote is opened and never closed")
        self._number += len(taken) - 1
        return Record(start, record)

    def _line(self) -> str:
        return self._again.popleft() if self._again else next(self._lines, "")

    def some(self, count: int) -> Plain | list[Record]:
        """The next rows, at most so many; none at the end of the list."""
        if not self._again:
            lines = list(islice(self._lines, count))
            if end := _plain_end(lines):
                first = self._number + 1
                self._number += len(lines)
                return Plain(first, lines, end)
            self._again.extend(lines)
        return list(islice(self, count))


def _plain_end(lines: Sequence[str]) -> str:
    """What each of the lines ends with; "" where not all end alike, or one is not plain."""
    text = "".join(lines)
    if not text or '"' in text or max(map(len, lines)) > MAX_ROW:
        return ""
    returns = text.count("\r")
    if text.count("\n") != len(lines) or (returns and text.count("\r\n") != returns):
        return ""
    if returns not in (0, len(lines)):
        return ""
    return "\r\n" if returns else "\n"


def row_of(record: Record, delimiter: str) -> Row:
    """The cells of a row; a broken one comes with its problem."""
    raw, end = _cut_end(record.text)
    if record.problem:
        return Row(record.number, raw, end, (), record.problem)
    # csv wants quoted line breaks as they are; only the row's own end is cut off.
    plain = raw.removeprefix("\ufeff") if record.number == 1 else raw
    if '"' not in plain and "\r" not in plain and 0 < len(plain) <= MAX_ROW:
        return Row(record.number, raw, end, plain.split(delimiter))
    try:
        cells = next(csv.reader([plain], delimiter=delimiter, strict=False), [])
    except csv.Error as error:
        return Row(record.number, raw, end, [], str(error))
    return Row(record.number, raw, end, cells)


def rows(file: IO[str], dialect: Dialect) -> Iterator[Row]:
    """Stream the rows of an opened list. A broken row is given with its problem, never dropped."""
    return (row_of(record, dialect.delimiter) for record in Records(file))


_PHONE = re.compile(
    r"phone|mobile|\bcell|\bfax\b|\btel\b|\btel[ée]|telefon|handy|móvil|movil|celular|gsm|"
    r"whatsapp|\bmsisdn|телефон|numer tel",
    re.IGNORECASE,
)
_NOT_PHONE = re.compile(
    r"status|e164|line.?type|country|type$|opt|verified|best phone|reason", re.IGNORECASE
)
_COUNTRY = re.compile(
    r"^(mailing |billing |shipping |home |company )?"
    r"(country|country.?(code|name|/region)|land|pays|"
    r"país|pais|paese|kraj|nation|страна|країна)$",
    re.IGNORECASE,
)
_ID = re.compile(r"^(record |contact |lead |customer |user )?(id|uuid|guid|key|number)$", re.I)
_SOURCE = re.compile(r"^(lead |original |traffic )?source$", re.IGNORECASE)
_EMAIL = re.compile(r"e-?mail", re.IGNORECASE)


def guess_columns(header: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Which columns hold phones, country, id, source and email, told by their names."""

    def named(pattern: re.Pattern[str]) -> tuple[str, ...]:
        return tuple(c for c in header if pattern.search(c.replace("_", " ").strip()))

    phones = tuple(c for c in named(_PHONE) if not _NOT_PHONE.search(c.replace("_", " ")))
    return {
        "phones": phones,
        "country": named(_COUNTRY)[:1],
        "id": named(_ID)[:1],
        "source": named(_SOURCE)[:1],
        "email": named(_EMAIL)[:1],
    }

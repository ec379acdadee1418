"""Lists on disk as they come: any delimiter, any encoding, rows kept to the byte.

A row is carried as the very text that stood in the file (`Row.raw`) beside its cells, so that what
is written out again differs by nothing but what is added to it.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import dropwhile, islice, takewhile
from pathlib import Path
from typing import IO, NamedTuple

from connectors.csv_list.encodings import detect_encoding, known_encoding
from connectors.csv_list.errors import ListError

_SAMPLE = 256 * 1024
MAX_ROW = 1024 * 1024  # characters: a longer "row" is an unclosed quote, not a row
_DELIMITERS = ",;\t|"

csv.field_size_limit(MAX_ROW + 1)


@dataclass(frozen=True, slots=True)
class Layout:
    """What an operator says of a list; what is "" is told by the list itself. `sheet`: of a
    workbook, the first by default. `header`: whether the first row holds the columns' names."""

    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    header: bool = True


TOLD_BY_ITSELF = Layout()


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the file is written. `newline` ends its rows. `preamble`: the lines above the header that
    are no rows: Excel's "sep=;" and blank ones. `sure`: whether no other encoding would do nearly
    as well."""

    encoding: str
    delimiter: str
    newline: str
    preamble: str = ""
    sure: bool = True

    def doubt(self, name: str) -> str:
        """A line for whoever should look at the result; "" where nothing is in doubt."""
        if self.sure:
            return ""
        return (
            f"the encoding of {name} is uncertain; {self.encoding} fits best. If letters look "
            "wrong, name it with --encoding (such as cp1250 or cp1252)"
        )


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
    return ListError(
        f"{path}: it is not {encoding} throughout ({error.reason}); save it as UTF-8, or name "
        "its encoding"
    )


def readable(text: str) -> str:
    """A cell as other programs can take it: U+FFFD for each byte that could not be decoded, and
    without NUL, which databases refuse.

    >>> readable("W" + chr(0xDCE9) + "b" + chr(0)).encode()
    b'W\\xef\\xbf\\xbdb'
    """
    if text.isascii():
        return text.replace("\x00", "") if "\x00" in text else text
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return text.replace("\x00", "")


def detect(path: Path, layout: Layout = TOLD_BY_ITSELF, name: str = "") -> Dialect:
    """Find encoding, delimiter and line end, but for what `layout` says; raises `ListError`.
    `name`: what the list is called in messages."""
    name = name or str(path)
    try:
        with path.open("rb") as file:
            sample = file.read(_SAMPLE)
    except OSError as error:
        raise ListError(f"{name} cannot be read: {error.strerror}") from error
    if not sample.strip(b"\xef\xbb\xbf\xff\xfe \r\n\t"):
        raise _empty(name)
    whole = len(sample) < _SAMPLE
    encoding, sure = detect_encoding(sample, whole)
    if layout.encoding:
        encoding, sure = _chosen(layout.encoding, sample), True
    text = sample.decode(encoding, errors="ignore")
    if _is_binary(text):
        raise ListError(f"{name} is not a text file; export the list as CSV or .xlsx")
    lines = _lines(text, whole)
    newline = "\r\n" if "\r\n" in text else "\n" if "\n" in text else "\r" if "\r" in text else "\n"
    sep = _SEP.fullmatch(lines[0]) if lines else None
    declared = ""
    preamble: list[str] = []
    if sep is not None:
        preamble.append(lines.pop(0))
        declared = "\t" if sep["mark"] == "\\t" else sep["mark"]
    filled = dropwhile(lambda line: not line.strip(_BLANK), lines)
    delimiter = layout.delimiter or declared or _delimiter([*islice(_logical_lines(filled), 50)])
    blank = [*takewhile(lambda line: _holds_nothing(line, delimiter), lines)]
    if whole and len(blank) == len(lines):
        raise _empty(name)
    return Dialect(encoding, delimiter, newline, "".join(preamble + blank), sure)


# What a line may hold and be blank: spaces, a byte order mark, the mark at the end of a DOS file.
_BLANK = " \t\r\n\ufeff\x1a"


def _holds_nothing(line: str, delimiter: str) -> bool:
    """Whether a line has no cell with anything in it. A quote that stays open may begin one."""
    return line.count('"') % 2 == 0 and not line.strip(f'{_BLANK}"{delimiter}')


def _empty(name: str) -> ListError:
    return ListError(f"{name} is empty: a header row with column names is needed")


# Excel reads it, and says so nowhere: https://en.wikipedia.org/wiki/Comma-separated_values
_SEP = re.compile(r"\ufeff?\"?sep=(?P<mark>\\t|[^\r\n\"])\"?(?P=mark)*[ \t]*[\r\n]*", re.IGNORECASE)


def parse_delimiter(text: str) -> str:
    """A delimiter as somebody names it: the character itself, or `tab`; raises `ListError`."""
    named = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
    mark = named.get(text.lower(), text)
    if len(mark) != 1 or mark in '"\r\n\x00':
        raise ListError(f"--delimiter: write one character, or tab ({text!r})")
    return mark


def _chosen(named: str, sample: bytes) -> str:
    """The encoding that an operator names, without what belongs to the text (a byte order mark)."""
    encoding = known_encoding(named)
    if encoding is None:
        raise ListError(
            f"--encoding: {named!r} is not a known encoding; examples: utf-8, cp1250, cp949"
        )
    plain = encoding.lower().replace("_", "-")
    if plain in ("utf-8-sig", "utf8-sig"):
        return "utf-8"
    if plain in ("utf-16", "utf16"):
        return "utf-16-be" if sample.startswith(b"\xfe\xff") else "utf-16-le"
    if plain in ("utf-32", "utf32"):
        return "utf-32-be" if sample.startswith(b"\x00\x00\xfe\xff") else "utf-32-le"
    return encoding


def _is_binary(text: str) -> bool:
    """Whether it is no text. A NUL or another control character stands in many a list."""
    controls = sum(map(text.count, _CONTROLS))
    return text.count("\x00") > 1 and controls > len(text) * 0.1


_CONTROLS = [chr(code) for code in range(32) if chr(code) not in "\t\n\r\f\v"]


_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+$")


def _lines(text: str, whole: bool) -> list[str]:
    """The lines with their ends; without a last one that may be cut."""
    lines = _LINE.findall(text)
    return lines if whole or len(lines) < 2 else lines[:-1]


def _delimiter(lines: Sequence[str]) -> str:
    """What cuts the first row, and most others into as many cells."""
    best, most = ",", (False, 1, 0.0)
    for mark in _DELIMITERS:
        widths = [len(cells) for cells in _cells_of(lines, mark)]
        if not widths or widths[0] < 2:
            continue
        alike = widths.count(widths[0]) / len(widths)
        if (rank := (alike >= 0.7, widths[0], alike)) > most:
            best, most = mark, rank
    return best  # of a single column the delimiter cannot be seen, and a comma changes nothing


def _cells_of(lines: Sequence[str], mark: str) -> Iterator[list[str]]:
    for line in lines:
        if line.strip():
            try:
                yield next(csv.reader([line.strip("\r\n")], delimiter=mark), [])
            except csv.Error:
                yield []


def _logical_lines(lines: Iterable[str]) -> Iterator[str]:
    logical_line = ""
    for line in lines:
        logical_line += line
        if logical_line.count('"') % 2 == 0:
            yield logical_line
            logical_line = ""
    if logical_line:
        yield logical_line


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

    def __init__(self, file: IO[str], preamble: str = "") -> None:
        self._lines = iter(file)
        self._again: deque[str] = deque()  # lines that were taken to belong to the row before
        self._number = len(_LINE.findall(preamble))  # of the lines that are no rows
        deque(islice(self._lines, self._number), maxlen=0)

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
            physical_line = self._line()
            if not physical_line:
                break
            taken.append(physical_line)
            record += physical_line
            quotes += physical_line.count('"')
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
        problem = "a cell is over 1 MiB" if len(plain) > MAX_ROW else str(error)
        return Row(record.number, raw, end, [], problem)
    return Row(record.number, raw, end, cells)


def fitted(
    raw: str, cells: Sequence[str], width: int, delimiter: str
) -> tuple[str, Sequence[str]] | None:
    """Return a row's text and cells with as many cells as the header has; None if it has others.

    Spreadsheets leave out the empty cells at the end of a row, or write a delimiter too many.

    >>> fitted("Kim,+49 30 901820", ["Kim", "+49 30 901820"], 4, ",")
    ('Kim,+49 30 901820,,', ['Kim', '+49 30 901820', '', ''])
    >>> fitted("Kim,x,", ["Kim", "x", ""], 2, ","), fitted("Kim,x,y", ["Kim", "x", "y"], 2, ",")
    (('Kim,x', ['Kim', 'x']), None)
    """
    missing = width - len(cells)
    if missing >= 0:
        return raw + delimiter * missing, [*cells, *[""] * missing]
    if any(cells[width:]) or not raw.endswith(delimiter * -missing):
        return None
    return raw[:missing], cells[:width]


def is_blank(raw: str) -> bool:
    """Return whether a line holds nothing: spaces, or the mark at the end of a file of DOS."""
    return not raw.strip(" \t\x1a")


def rows(file: IO[str], dialect: Dialect) -> Iterator[Row]:
    """Stream the rows of an opened list. A broken row is given with its problem, never dropped."""
    return (row_of(record, dialect.delimiter) for record in Records(file, dialect.preamble))


def head(path: Path, dialect: Dialect, count: int) -> list[Row]:
    """The first rows of a list, its header among them."""
    with open_text(path, dialect.encoding) as file:
        return [*islice(rows(file, dialect), count)]

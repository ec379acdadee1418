"""Keep spreadsheets from running a cell that we write as a formula. Every CSV file and workbook of
ours goes through here.

Sources for what starts a formula, and for what may precede it without disarming it:
https://owasp.org/www-community/attacks/CSV_Injection (`=`, `+`, `-`, `@`, tab, CR, LF; separators
within a cell), OWASP ASVS 1.2.10 (NUL), and what importers were seen to strip: spaces of any kind
and invisible marks (https://github.com/zvory/csv-safe/pull/25). Fullwidth and other compatible
forms count as what they fold to (NFKC), as East Asian versions of Excel take them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

GUARD = "'"

# `|` and `%` start no formula in today's programs, but some importers took them for one.
_TRIGGERS = "=+-@|%"
_COMPATIBLE = "＝＋－＠｜％﹦﹢﹣﹫﹪⁼⁺⁻₌₊₋﬩−"  # all that fold to a trigger, and the minus sign
_TRIGGER = re.compile(f"[{re.escape(_TRIGGERS + _COMPATIBLE)}]")
_ALWAYS = re.compile(r"[\t\r\n\x00]")  # as a cell's first character, whatever follows
# Another program may cut the file at another separator, and then a cell starts behind each.
_SEPARATORS = frozenset(",;\t|\r\n")
_PLAIN_NUMBER = re.compile(r"\+[0-9]{3,15}")
_ARITHMETIC = re.compile(r"[\d ().\-−/+]*(?=$|[,;\t|\r\n])")
# Nothing to see, though Unicode calls them letters or symbols (fillers, the blank of Braille).
_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800")


def formula_safe(cell: str) -> str:
    """A cell as it may be written: an apostrophe before what a spreadsheet would run.

    A plus with 3 to 15 digits and nothing else is a phone number in E.164 and stays as it is: a
    spreadsheet reads a number there, and dialers must be able to. Guarding twice changes nothing.

    >>> formula_safe("=1+1"), formula_safe(" ＝1"), formula_safe("+14155550123")
    ("'=1+1", "' ＝1", '+14155550123')
    >>> formula_safe("'=1+1"), formula_safe("call; =1+1"), formula_safe("a-b")
    ("'=1+1", "call;' =1+1", 'a-b')
    """
    if _PLAIN_NUMBER.fullmatch(cell):
        return cell
    places = {0} if _ALWAYS.match(cell) else set()
    for trigger in _TRIGGER.finditer(cell):
        places.update(_starts_of_cell(cell, trigger.start()))
    for place in sorted(places, reverse=True):
        cell = cell[:place] + GUARD + cell[place:]
    return cell


def without_guard(cell: str) -> str:
    """A cell of ours as it was before `formula_safe`.

    >>> without_guard("'=1+1"), without_guard("call;' =1+1"), without_guard("'quoted'")
    ('=1+1', 'call; =1+1', "'quoted'")
    """
    if GUARD not in cell:
        return cell
    places = [place for place, mark in enumerate(cell) if mark == GUARD]
    for place in reversed(places):
        if place and cell[place - 1] not in _SEPARATORS:
            continue
        bare = cell[:place] + cell[place + 1 :]
        if formula_safe(bare)[place : place + 1] == GUARD:
            cell = bare
    return cell


def csv_line(cells: Sequence[str], delimiter: str = ",") -> str:
    """A line of a CSV file of ours: each cell guarded, quoted where needed, ended by a newline."""
    return encode_cells([formula_safe(cell) for cell in cells], delimiter) + "\n"


def encode_cells(cells: Sequence[str], delimiter: str) -> str:
    """Cells as text, quoted where needed; never an end of line."""
    plain = delimiter.join(cells)
    if not _QUOTED.search(plain) and plain.count(delimiter) == len(cells) - 1:
        return plain
    return delimiter.join(
        '"' + cell.replace('"', '""') + '"' if delimiter in cell or _QUOTED.search(cell) else cell
        for cell in cells
    )


_QUOTED = re.compile(r'["\n\r]')


def _starts_of_cell(cell: str, place: int) -> set[int]:
    """Where the cells begin whose first visible mark stands at `place`: behind the separator that
    is nearest, and at the start where nothing visible is before. Empty for a mark within."""
    starts: set[int] = set()
    while place:
        before = cell[place - 1]
        if before in _SEPARATORS and not starts and not _is_harmless(cell, place):
            starts.add(place)
        if not _is_unseen(before):
            return starts
        place -= 1
    return {0, *starts}


def _is_unseen(mark: str) -> bool:
    """Whether an importer may strip it, or a reader not see it: spaces, controls, unseen marks."""
    return mark == '"' or mark in _BLANK or unicodedata.category(mark)[0] in "ZCM"


def _is_harmless(cell: str, place: int) -> bool:
    """Within a sentence a further phone number is no formula that could do anything."""
    return _ARITHMETIC.match(cell, place) is not None

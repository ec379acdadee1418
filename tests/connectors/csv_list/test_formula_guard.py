"""No cell that we write is run as a formula by the spreadsheet that opens it."""

from __future__ import annotations

import csv
import io
import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connectors.csv_list.formula_guard import csv_line, formula_safe, without_guard

TRIGGERS = "=+-@＝＋－＠﹢﹣﹦﹫%|"
UNSEEN = [
    "", " ", "   ", "\u00a0", "\u2003", "\u3000", "\x00", "\ufeff", "\u200b", "\u200c", "\u200d",
    "\u2060", "\u00ad", "\u202e", "\t", "\r", "\n", "\r\n", "\v", "\x1c", "\x85", "\u2028",
    "\ufe0f", "\u3164", "\u180e", " \x00\ufeff\t ", '"',
]  # fmt: skip
ANY_TEXT = st.text(st.sampled_from([*TRIGGERS, *"".join(UNSEEN), *"a1';,\"'(|"]), max_size=12)


def visible_text(cell: str) -> str:
    """What is left of a cell when a spreadsheet has stripped what nobody sees."""
    start = 0
    while start < len(cell) and unicodedata.category(cell[start])[0] in "ZCM":
        start += 1
    return cell[start:].lstrip("\u3164\u2800")


@pytest.mark.parametrize("unseen", UNSEEN)
@pytest.mark.parametrize("trigger", TRIGGERS)
def test_a_formula_is_guarded_whatever_stands_before_it(unseen: str, trigger: str) -> None:
    assert formula_safe(f"{unseen}{trigger}cmd|' /C calc'!A0").startswith("'")


@pytest.mark.parametrize("first", ["\t", "\r", "\n", "\x00"])
def test_a_cell_never_starts_with_what_importers_take_off(first: str) -> None:
    assert formula_safe(f"{first}text").startswith("'")


@given(ANY_TEXT | st.text())
@example("+1")
def test_no_cell_starts_with_a_trigger_once_it_is_stripped(text: str) -> None:
    written = formula_safe(text)
    if re.fullmatch(r"\+[0-9]{3,15}", written, re.ASCII):
        return  # a phone number
    folded = unicodedata.normalize("NFKC", visible_text(written)[:1])
    assert folded not in tuple("=+-@|%\u2212")


@given(ANY_TEXT | st.text())
def test_nor_does_a_cell_that_another_separator_makes_of_it(text: str) -> None:
    for part in re.split(r"[,;\t|\r\n]", formula_safe(text)):
        folded = unicodedata.normalize("NFKC", visible_text(part)[:1])
        assert folded not in tuple("=@%"), part
        if folded in ("+", "-", "\u2212"):
            assert not re.search(r"[^\W\d]", part), part


@given(ANY_TEXT)
def test_guarding_again_adds_nothing(text: str) -> None:
    assert formula_safe(formula_safe(text)) == formula_safe(text)


@given(ANY_TEXT.filter(lambda text: "'" not in text))
def test_the_guard_can_be_taken_off_again(text: str) -> None:
    assert without_guard(formula_safe(text)) == text


@pytest.mark.parametrize(
    "text", ["+14155550123", "4155550123", "", "a=b", "Ann-Marie", "50%", "a|b", "o'clock", "'t"]
)
def test_what_is_no_formula_stays(text: str) -> None:
    assert formula_safe(text) == text
    assert without_guard(text) == text


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=12), min_size=2, max_size=4))
def test_a_line_is_read_back_cell_by_cell(cells: list[str]) -> None:
    rows = list(csv.reader(io.StringIO(csv_line(cells), newline="")))
    assert rows == [[formula_safe(cell) for cell in cells]]

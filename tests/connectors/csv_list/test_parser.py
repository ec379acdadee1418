"""Rows taken many at once are the rows taken one by one."""

from __future__ import annotations

import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connectors.csv_list.parser import Plain, Record, Records, row_of

LINES = st.lists(
    st.tuples(
        st.text(st.sampled_from('ab,"\u00e9 '), max_size=6),
        st.sampled_from(["\n", "\r\n", "\r", "\n\n"]),
    ),
    max_size=12,
).map(lambda lines: "".join(text + end for text, end in lines))


def one_by_one(text: str) -> list[tuple[int, str, str]]:
    records = Records(io.StringIO(text, newline=""))
    return [row_facts(record) for record in records]


def row_facts(record: Record) -> tuple[int, str, str]:
    row = row_of(record, ",")
    return row.number, row.raw + row.end, row.problem


def read_in_batches(text: str, count: int) -> list[tuple[int, str, str]]:
    records = Records(io.StringIO(text, newline=""))
    facts: list[tuple[int, str, str]] = []
    while batch := records.some(count):
        if isinstance(batch, Plain):
            assert all(line.endswith(batch.end) for line in batch.lines)
            facts += [(batch.number + n, line, "") for n, line in enumerate(batch.lines)]
        else:
            facts += [row_facts(record) for record in batch]
    return facts


@given(LINES, st.integers(1, 5))
@example('a,"never closed\nb\nc\nd\n', 2)
@example("a\nb", 2)
def test_rows_taken_together_are_those_taken_alone(text: str, count: int) -> None:
    assert read_in_batches(text, count) == one_by_one(text)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a,b\nc,d\n", True),
        ("a,b\r\nc,d\r\n", True),
        ("a,b\r\nc,d\n", False),
        ("a,b\nc,d", False),
        ('a,"b"\nc,d\n', False),
        ("a\rb\n", False),
    ],
)
def test_only_lines_without_quotes_that_end_alike_are_taken_together(
    text: str, plain: bool
) -> None:
    batch = Records(io.StringIO(text, newline="")).some(10)
    assert isinstance(batch, Plain) == plain

"""A list on disk as a CRM: nothing of it is lost or changed but the columns of ours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fixture_types import Sync

from config.connectors import CsvSettings
from connectors.csv_list.connector import CsvConnector
from connectors.errors import ConnectorError
from connectors.records import Update
from worker.context import Context


def opened(path: Path, **settings: Any) -> CsvConnector:
    connector = CsvConnector(CsvSettings(path=str(path), **settings))
    connector.apply_schema(connector.describe())
    return connector


def test_a_sync_adds_its_columns_and_a_second_one_changes_nothing(
    make_context: Callable[..., Context], sync: Sync, tmp_path: Path
) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(b'id,phone,country\r\n007,020 7219 4272,UK\r\n008,"none",UK\r\n')
    ctx = make_context(f'[connectors.csv]\npath = "{path}"\n')
    result = sync(ctx, "csv")
    assert result["contacts"] == {
        "read": 2, "changed": 2, "written": 2, "failed": 0, "unchanged": 0, "gone": 0,
    }  # fmt: skip
    text = path.read_bytes()
    assert text.startswith(b"id,phone,country,phone status,")
    assert b"\r\n007,020 7219 4272,UK,valid,+442072194272,landline" in text
    assert b'\r\n008,"none",UK,invalid' in text
    assert sync(ctx, "csv")["contacts"]["written"] == 0
    assert path.read_bytes() == text


def test_a_row_that_the_list_no_longer_has_is_deleted(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(b"id,phone\n1,a\n2,b\n")
    connector = opened(path)
    assert connector.deleted("row", ["1", "3"]) == {"3": None}
    path.write_bytes(b"id,phone\n")
    assert connector.deleted("row", ["1", "3"]) == {}, "a list that is empty says nothing"


def test_blank_lines_above_the_header_are_no_rows_and_stay(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(b"\r\n,\r\nid,phone\r\n1,a\r\n,b\r\n")
    connector = opened(path)
    (page,) = connector.read("row")
    assert [contact.id for contact in page.contacts] == ["1", "row-2"]
    connector.write([Update("row", "1", {"reason": "kept"})])
    connector.close()
    assert path.read_bytes() == (b"\r\n,\r\nid,phone,hygiene reason\r\n1,a,kept\r\n,b,\r\n")
    assert [contact.id for contact in opened(path).fetch("row", ["1", "row-2"])] == ["1", "row-2"]


def test_updates_survive_a_kill_before_they_are_folded_into_the_file(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(b"id,phone\n1,a\n2,b\n")
    connector = opened(path)
    connector.write([Update("row", "2", {"reason": "kept"})])
    assert path.read_bytes() == b"id,phone\n1,a\n2,b\n"
    # No close(): this is another process after a kill.
    again = opened(path)
    assert again.fetch("row", ["2"])[0].current["reason"] == "kept"
    again.close()
    assert path.read_bytes() == b"id,phone,hygiene reason\n1,a,\n2,b,kept\n"


def test_a_half_written_line_of_the_journal_is_passed_by(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(b"id,phone\n1,a\n2,b\n")
    opened(path).write([Update("row", "1", {"reason": "kept"})])
    journal = path.with_name("list.csv.updates.jsonl")
    journal.write_bytes(journal.read_bytes() + b'["2",{"hygiene re')
    again = opened(path)
    assert again.fetch("row", ["1"])[0].current["reason"] == "kept"
    assert again.fetch("row", ["2"])[0].current["reason"] is None


def test_values_are_never_taken_for_numbers_or_formulas(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(b"id,phone\n001,0049301234\n")
    connector = opened(path)
    assert connector.fetch("row", ["001"])[0].phones == {"phone": "0049301234"}
    connector.write([Update("row", "001", {"reason": "=1+1"})])
    connector.close()
    assert path.read_bytes() == b"id,phone,hygiene reason\n001,0049301234,'=1+1\n"
    again = opened(path)
    assert again.fetch("row", ["001"])[0].current["reason"] == "=1+1", (
        "or it is written in each sync"
    )
    again.write([Update("row", "001", {"reason": "\u00a0=1+1"})])
    again.close()
    assert path.read_text("utf-8").endswith(",'\u00a0=1+1\n"), "one apostrophe, not two"


def test_rows_that_repeat_an_id_are_told_apart(
    make_context: Callable[..., Context], sync: Sync, tmp_path: Path
) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(b"id,phone\nrow-5,020 7219 4272\n7,020 7219 4273\n7,none\n7,n/a\n,1\n")
    ctx = make_context(f'[connectors.csv]\npath = "{path}"\ndefault_country = "GB"\n')
    result = sync(ctx, "csv")["contacts"]
    assert (result["read"], result["written"], result["failed"]) == (5, 5, 0)
    lines = path.read_text().splitlines()[1:]
    assert [line.split(",")[2] for line in lines] == ["valid", "valid", *["invalid"] * 3]
    assert sync(ctx, "csv")["contacts"]["written"] == 0


def test_a_row_without_its_last_cells_is_a_contact_like_any_other(
    make_context: Callable[..., Context], sync: Sync, tmp_path: Path
) -> None:
    """Spreadsheets leave out the empty cells at the end of a row."""
    path = tmp_path / "list.csv"
    path.write_bytes(
        b"id,phone,note,city\n1,020 7219 4272\n2\n\n3,020 7219 4273,x,y,z\n4,020 7219 4274,,,\n"
    )
    ctx = make_context(f'[connectors.csv]\npath = "{path}"\ndefault_country = "GB"\n')
    assert sync(ctx, "csv")["contacts"]["read"] == 3
    lines = path.read_text().splitlines()
    assert lines[1].startswith("1,020 7219 4272,,,valid,+442072194272")
    assert lines[2].startswith("2,,,,")
    assert (lines[3], lines[4]) == ("", "3,020 7219 4273,x,y,z"), "it has a cell too many"
    assert lines[5].startswith("4,020 7219 4274,,,valid,+442072194274")
    assert {line.count(",") for line in (lines[0], lines[1], lines[2], lines[5])} == {
        lines[0].count(",")
    }
    again = sync(ctx, "csv")["contacts"]
    assert (again["read"], again["written"]) == (3, 0), "the one with a cell too many stays out"
    with path.open("a") as file:
        file.write("5,020 7219 4275\n")
    assert sync(ctx, "csv")["contacts"]["written"] == 1


def test_an_id_that_is_no_id_gives_way_to_the_number_of_its_row(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(f"id,phone\n{'9' * 500},a\n 8 ,b\n", encoding="utf-8")
    (page,) = opened(path).read("row")
    assert [contact.id for contact in page.contacts] == ["row-1", "8"]


def test_bytes_that_cannot_be_read_stay_in_the_file_and_stop_nothing(
    make_context: Callable[..., Context], sync: Sync, tmp_path: Path
) -> None:
    """Far behind the start of the list, by which its encoding was told."""
    path = tmp_path / "list.csv"
    good = "".join(f"{n},+44 20 7219 4272,Café\n" for n in range(12_000)).encode()
    odd = b"W\xe9b,+44 20 7219 4273,W\xe9b\nx,\xff\xfe7,Web\n"
    path.write_bytes(b"id,phone,source\n" + good + odd)
    result = sync(make_context(f'[connectors.csv]\npath = "{path}"\n'), "csv")
    assert result["contacts"]["written"] == 12_002
    assert result["sources"]["W�b"] == {"contacts": 1, "numbers": 1, "bad": 0}
    first, other = path.read_bytes().splitlines()[-2:]
    assert first.startswith(b"W\xe9b,+44 20 7219 4273,W\xe9b,valid,+442072194273")
    assert other.startswith(b"x,\xff\xfe7,Web,invalid,")


def test_a_list_that_is_in_its_encoding_only_at_its_start_says_so(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    good = "".join(f"{n},+44 20 7219 4272,Café – “x”\n" for n in range(12_000)).encode("cp1252")
    path.write_bytes(b"id,phone,source\n" + good + b"x,+44 20 7219 4273,\x81\n")
    before = path.read_bytes()
    with pytest.raises(ConnectorError, match=r"path: .*throughout .*; save it as UTF-8"):
        list(opened(path).read("row"))
    connector = opened(path)
    connector.write([Update("row", "1", {"reason": "kept"})])
    with pytest.raises(ConnectorError, match="save it as UTF-8"):
        connector.close()
    assert path.read_bytes() == before
    kept = {"list.csv", "list.csv.updates.jsonl"}
    assert {entry.name for entry in tmp_path.iterdir()} == kept, "no half-written list is left"


def test_two_columns_of_one_name_are_two_phones(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(b"sep=;\r\nid;Phone;Phone;\r\n1;a;b;c\r\n")
    connector = opened(path)
    assert connector.fetch("row", ["1"])[0].phones == {"Phone": "a", "Phone (2)": "b"}
    connector.write([Update("row", "1", {"status/Phone (2)": "invalid"})])
    connector.close()
    assert path.read_bytes() == (
        b"sep=;\r\nid;Phone;Phone;;Phone (2) status\r\n1;a;b;c;invalid\r\n"
    )
    again = opened(path)
    assert again.phone_fields("row") == ("Phone", "Phone (2)")
    assert again.fetch("row", ["1"])[0].current["status/Phone (2)"] == "invalid"


def test_what_is_named_in_the_settings_counts_over_what_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes("id|T^l|x\n1|a|b\n".replace("^", "é").encode("mac-roman"))
    connector = opened(path, encoding="mac-roman", delimiter="|", phone_columns=("tél",))
    assert connector.fetch("row", ["1"])[0].phones == {"Tél": "a"}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"1,+442072194272\n2,+442072194273\n", "add a row with names"),
        (b"PK\x03\x04 a workbook", "workbook"),
    ],
)
def test_a_list_that_cannot_be_one_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    with pytest.raises(ConnectorError, match=says):
        opened(path)

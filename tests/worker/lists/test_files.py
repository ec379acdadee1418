"""`hygiene clean` in a terminal: workbooks, standard streams, an output that is whole or not."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import openpyxl
import pytest
from constants import BRITISH

Ran = subprocess.CompletedProcess[bytes]


def hygiene(*arguments: str, cwd: Path, given: bytes = b"") -> Ran:
    return subprocess.run(
        [sys.executable, "-m", "worker", "clean", *arguments],
        input=given, capture_output=True, cwd=cwd, check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )  # fmt: skip


def workbook(path: Path, *sheets: tuple[str, list[list[Any]]]) -> Path:
    book = openpyxl.Workbook()
    del book["Sheet"]
    for title, rows in sheets:
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def cells_of(path: Path) -> list[list[Any]]:
    (sheet,) = openpyxl.load_workbook(path).worksheets
    return [[cell.value for cell in row] for row in sheet.iter_rows()]


def rows_of(text: bytes, encoding: str = "utf-8", delimiter: str = ",") -> list[list[str]]:
    return [*csv.reader(io.StringIO(text.decode(encoding), newline=""), delimiter=delimiter)]


class TestWorkbooks:
    ROWS: ClassVar[list[list[Any]]] = [
        ["Name", "Phone", "Since", "Sum"],
        ["Ann", 442072194272.0, datetime(2026, 1, 31), 12.5],
        ["Bob", "020 7219 4272", None, None],
        [None, None, None, None],
        ["=1+1", "none"],
    ]  # fmt: skip

    def test_numbers_and_dates_come_through_as_they_were(self, tmp_path: Path) -> None:
        workbook(tmp_path / "in.xlsx", ("Leads", self.ROWS))
        ran = hygiene("in.xlsx", "-o", "out.xlsx", "--country", "GB", "--json", cwd=tmp_path)
        assert ran.returncode == 0, ran.stderr
        assert json.loads(ran.stdout)["fields"] == {"valid": 2, "invalid": 1}
        header, ann, bob, empty, last = cells_of(tmp_path / "out.xlsx")
        assert header[4:7] == ["Phone status", "Phone e164", "Phone line type"]
        assert ann[:4] == ["Ann", 442072194272, datetime(2026, 1, 31), 12.5]
        assert ann[4:6] == ["valid", BRITISH]
        assert bob[1] == "020 7219 4272"
        assert bob[5] == BRITISH
        assert not any(empty)
        assert last[4] == "invalid"

    def test_a_formula_is_its_value_and_text_that_looks_like_one_stays_text(
        self, tmp_path: Path
    ) -> None:
        path = workbook(tmp_path / "in.xlsx", ("L", [["Note", "Phone"], ["x", BRITISH]]))
        book = openpyxl.load_workbook(path)
        book["L"]["A2"].value = "=cmd|' /C calc'!A0"
        book["L"]["A2"].data_type = "s"
        book.save(path)
        hygiene("in.xlsx", "-o", "out.xlsx", cwd=tmp_path)
        (sheet,) = openpyxl.load_workbook(tmp_path / "out.xlsx").worksheets
        assert sheet["A2"].value == "=cmd|' /C calc'!A0"
        assert sheet["A2"].data_type == "s"

    @pytest.mark.parametrize(("value", "written"), [(442072194272.0, "442072194272"),
                                                    (442072194272, "442072194272")])  # fmt: skip
    def test_a_number_is_written_to_a_text_list_with_its_digits(
        self, tmp_path: Path, value: float, written: str
    ) -> None:
        workbook(tmp_path / "in.xlsx", ("L", [["Phone", "Big"], [value, 12345678901.0]]))
        ran = hygiene("in.xlsx", "-o", "-", "--country", "GB", cwd=tmp_path)
        assert rows_of(ran.stdout)[1][:4] == [written, "12345678901", "valid", BRITISH]

    def test_text_goes_to_a_workbook(self, tmp_path: Path) -> None:
        (tmp_path / "in.csv").write_bytes(
            'Jméno;Telefon\nJiří;602 123 456\n"a;b";x\n'.encode("cp1250")
        )
        ran = hygiene("in.csv", "-o", "out.xlsx", "--country", "CZ", cwd=tmp_path)
        assert ran.returncode == 0, ran.stderr
        rows = cells_of(tmp_path / "out.xlsx")
        assert rows[1][:4] == ["Jiří", "602 123 456", "valid", "+420602123456"]
        assert rows[2][:3] == ["a;b", "x", "invalid"]

    def test_of_several_sheets_the_first_is_read_and_it_is_said(self, tmp_path: Path) -> None:
        leads, old = [["Phone"], [BRITISH]], [["Phone"], ["none"]]
        workbook(tmp_path / "in.xlsx", ("Leads", leads), ("Old", old))
        first = hygiene("in.xlsx", "-o", "-", cwd=tmp_path)
        assert rows_of(first.stdout)[1][1] == "valid"
        assert b"'Leads' is read; there are also Old (choose with --sheet)" in first.stderr
        other = hygiene("in.xlsx", "-o", "-", "--sheet", "Old", cwd=tmp_path)
        assert rows_of(other.stdout)[1][1] == "invalid"
        none = hygiene("in.xlsx", "-o", "-", "--sheet", "New", cwd=tmp_path)
        assert none.returncode == 2
        assert b"there are: Leads, Old" in none.stderr

    def test_empty_rows_above_the_header_stay_where_they_are(self, tmp_path: Path) -> None:
        rows: list[list[Any]] = [[None], [None, None], ["Name", "Phone"], ["Ann", BRITISH]]
        workbook(tmp_path / "in.xlsx", ("L", rows))
        ran = hygiene("in.xlsx", "-o", "out.xlsx", "--json", cwd=tmp_path)
        assert ran.returncode == 0, ran.stderr
        assert json.loads(ran.stdout)["rows"] == 1
        above, also, header, ann = cells_of(tmp_path / "out.xlsx")
        assert not any([*above, *also])
        assert header[:3] == ["Name", "Phone", "Phone status"]
        assert ann[2] == "valid"

    def test_an_empty_sheet_is_named(self, tmp_path: Path) -> None:
        workbook(tmp_path / "in.xlsx", ("Cover", [[None]]), ("Leads", [["Phone"], [BRITISH]]))
        ran = hygiene("in.xlsx", "-o", "-", cwd=tmp_path)
        assert ran.returncode == 2
        assert b"sheet 'Cover' is empty" in ran.stderr
        assert b"--sheet" in ran.stderr

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 600, b"save it as .xlsx"),
            (b"PK\x03\x04 cut off", b"damaged"),
        ],
    )
    def test_what_is_no_workbook_is_one_line(
        self, tmp_path: Path, content: bytes, says: bytes
    ) -> None:
        (tmp_path / "in.xlsx").write_bytes(content)
        ran = hygiene("in.xlsx", "-o", "out.csv", cwd=tmp_path)
        assert ran.returncode == 2
        assert says in ran.stderr
        assert ran.stderr.count(b"\n") == 1
        assert not (tmp_path / "out.csv").exists()


class TestStandardStreams:
    def test_a_list_goes_through_a_pipe_and_nothing_else_does(self, tmp_path: Path) -> None:
        ran = hygiene("-", "-o", "-", cwd=tmp_path, given=f"phone\r\n{BRITISH}\r\n".encode())
        assert ran.returncode == 0
        assert ran.stdout == (
            b"phone,phone status,phone e164,phone line type,phone extension,phone reason\r\n"
            b"+442072194272,valid,+442072194272,landline,,\r\n"
        )
        assert b"1 row ->" in ran.stderr
        assert not list(tmp_path.iterdir())

    def test_a_workbook_goes_in_by_a_pipe(self, tmp_path: Path) -> None:
        path = workbook(tmp_path / "in.xlsx", ("L", [["Phone"], [BRITISH]]))
        ran = hygiene("-", "-o", "-", cwd=tmp_path, given=path.read_bytes())
        assert rows_of(ran.stdout)[1][:2] == [BRITISH, "valid"]

    def test_two_documents_do_not_share_standard_output(self, tmp_path: Path) -> None:
        ran = hygiene("-", "-o", "-", "--json", cwd=tmp_path, given=b"phone\n1\n")
        assert ran.returncode == 2
        assert ran.stdout == b""
        assert b"--json" in ran.stderr


class TestTheOutput:
    def test_that_exists_is_replaced_only_on_demand(self, tmp_path: Path) -> None:
        (tmp_path / "in.csv").write_text(f"phone\n{BRITISH}\n")
        (tmp_path / "out.csv").write_text("mine")
        (tmp_path / "out.csv").chmod(0o600)
        refused = hygiene("in.csv", "-o", "out.csv", cwd=tmp_path)
        assert refused.returncode == 2
        assert b"--force" in refused.stderr
        assert (tmp_path / "out.csv").read_text() == "mine"
        assert hygiene("in.csv", "-o", "out.csv", "--force", cwd=tmp_path).returncode == 0
        assert "valid" in (tmp_path / "out.csv").read_text()
        assert (tmp_path / "out.csv").stat().st_mode & 0o777 == 0o600

    def test_that_is_a_link_stays_one(self, tmp_path: Path) -> None:
        (tmp_path / "in.csv").write_text(f"phone\n{BRITISH}\n")
        (tmp_path / "real.csv").write_text("old")
        (tmp_path / "out.csv").symlink_to(tmp_path / "real.csv")
        assert hygiene("in.csv", "-o", "out.csv", "--force", cwd=tmp_path).returncode == 0
        assert (tmp_path / "out.csv").is_symlink()
        assert "valid" in (tmp_path / "real.csv").read_text()

    @pytest.mark.parametrize(
        ("target", "says"),
        [("no/such/out.csv", b"there is no folder no/such"), (".", b"is a folder"),
         ("in.csv", b"another file"), ("out.xls", b"name it .xlsx")],
    )  # fmt: skip
    def test_that_cannot_be_is_one_line_before_reading(
        self, tmp_path: Path, target: str, says: bytes
    ) -> None:
        (tmp_path / "in.csv").write_text("phone\n1\n")
        ran = hygiene("in.csv", "-o", target, cwd=tmp_path)
        assert ran.returncode == 2
        assert says in ran.stderr
        assert ran.stderr.count(b"\n") == 1

    def test_on_a_device_leaves_the_device(self, tmp_path: Path) -> None:
        (tmp_path / "in.csv").write_text(f"phone\n{BRITISH}\n")
        os.mkfifo(tmp_path / "pipe")
        with subprocess.Popen(["cat", "pipe"], cwd=tmp_path, stdout=subprocess.PIPE) as reader:
            hygiene("in.csv", "-o", "pipe", cwd=tmp_path)
            assert reader.communicate(timeout=30)[0].count(b"valid") == 1
        assert (tmp_path / "pipe").is_fifo()


class TestWhatIsNamed:
    def test_encoding_and_delimiter(self, tmp_path: Path) -> None:
        (tmp_path / "in.csv").write_bytes("Город^phone\nКиїв^+442072194272\n".encode("koi8-u"))
        ran = hygiene("in.csv", "-o", "-", "--encoding", "koi8-u", "--delimiter", "^", cwd=tmp_path)
        assert rows_of(ran.stdout, "koi8-u", "^")[1][:4] == ["Київ", BRITISH, "valid", BRITISH]

    def test_an_encoding_that_is_in_doubt_is_said(self, tmp_path: Path) -> None:
        (tmp_path / "in.csv").write_bytes("a;phone\nNovotný;1\n".encode("cp1250"))
        ran = hygiene("in.csv", "-o", "-", cwd=tmp_path)
        assert b"--encoding" in ran.stderr
        assert ran.returncode == 0

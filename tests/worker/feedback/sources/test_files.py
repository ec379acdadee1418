"""Lists of numbers and reports, in whatever form an office sends them."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import pytest
from constants import BRITISH

from connectors.csv_list.errors import ListError
from connectors.csv_list.parser import Layout
from worker.feedback.sources.files import Refusals, open_refusals, read_numbers, read_reports
from worker.segments import campaign_outcomes


def written(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def numbers(path: Path, column: str = "", **layout: str) -> list[str]:
    refused = Refusals()
    read = [*read_numbers(path, column, "GB", refused, layout=Layout(**layout))]
    assert refused.first == []
    return read


@pytest.mark.parametrize(
    "content",
    [
        f"{BRITISH}\n",
        "sep=;\r\nName;Phone\r\nx;020 7219 4272\r\n",
        "\ufeff\"sep=;\"\r\nName;Phone\r\nx;020 7219 4272\r\n",
        "Name,Phone\nx\x00,020 7219\x00 4272\n",
        "Phone Type,Phone verified date,Phone\nmobile,2026-01-31,'02072194272\n",
        'Phone\n"=""02072194272"""\n',
        "Phone\n442072194272.00\n",
        "Jméno;Telefon\nJiří;020 7219 4272\n".encode("cp1250"),
        "Name\tPhone\nx\t020 7219 4272\n".encode("utf-16"),
        "Name\tPhone\nx\t020 7219 4272\n".encode("utf-32"),
        "\n,,\nName,Phone\nx,020 7219 4272\n",
    ],
)  # fmt: skip
def test_numbers_are_read_however_the_list_is_written(tmp_path: Path, content: bytes | str) -> None:
    assert numbers(written(tmp_path / "list.csv", content)) == [BRITISH]


def test_numbers_of_a_workbook(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "Notes"
    sheet = book.create_sheet("List")
    for row in ([None], ["Name", "Phone"], ["x", 442072194272.0], ["y", None]):
        sheet.append(row)
    book.save(tmp_path / "list.xlsx")
    assert numbers(tmp_path / "list.xlsx", sheet="List") == [BRITISH]
    refused = Refusals()
    with pytest.raises(ListError, match="'Notes' is empty"):
        [*read_numbers(tmp_path / "list.xlsx", "Phone", "", refused)]
    assert "choose with --sheet" in refused.notes[0]


def test_of_two_columns_of_one_name_neither_is_passed_over(tmp_path: Path) -> None:
    path = written(tmp_path / "list.csv", f"Number,number\n,{BRITISH}\n")
    with pytest.raises(ListError, match="at places 1 and 2"):
        numbers(path)
    assert numbers(path, "2") == [BRITISH]


def test_without_a_header_the_first_number_is_not_lost(tmp_path: Path) -> None:
    path = written(tmp_path / "list.csv", f"Ann,{BRITISH}\nBob,020 7219 4273\n")
    with pytest.raises(ListError, match="its cell 2 holds a phone number"):
        numbers(path)
    assert numbers(path, "2") == [BRITISH, "+442072194273"]


def test_reports_are_free_of_what_a_database_refuses(tmp_path: Path) -> None:
    path = written(tmp_path / "list.csv", f"number,kind,note\n{BRITISH},wrong number,'=a\x00b\n")
    refused = Refusals()
    ((_, _, report),) = read_reports(path, {}, {}, refused)
    assert (report.kind, report.evidence) == ("wrong_number", "=ab")


def test_rows_that_are_refused_run_nowhere(tmp_path: Path) -> None:
    path = written(tmp_path / "list.csv", "number\n \u00a0=cmd|' /C calc'!A0\n")
    with open_refusals(tmp_path / "refused.csv") as refused:
        assert [*read_numbers(path, "", "", refused)] == []
    with (tmp_path / "refused.csv").open(encoding="utf-8", newline="") as file:
        _, (line, why, row) = csv.reader(file)
    assert (line, why) == ("2", "no phone number; see --country")
    assert row.startswith("'")


def test_outcomes_of_campaigns(tmp_path: Path) -> None:
    content = "sep=;\nCampaign;Day;Sent\nPříští září;2026-01-31;5\n\n".encode("cp1250")
    path = written(tmp_path / "list.csv", content)
    assert campaign_outcomes.from_file(path) == [
        {"campaign": "Příští září", "day": "2026-01-31", "sent": "5"}
    ]
    twice = written(tmp_path / "two.csv", "campaign,day,sent,Sent\nx,2026-01-31,5,6\n")
    with pytest.raises(ListError, match="2 columns"):
        campaign_outcomes.from_file(twice)


@pytest.mark.parametrize(
    ("kind", "hour"), [("opt_out", 23), ("complaint", 23), ("opt_in", 0), ("confirmed", 0)]
)
@pytest.mark.parametrize("day", ["2026-11-02", "20261102"])
def test_of_a_day_alone_a_stop_counts_from_its_end_and_a_yes_from_its_beginning(
    tmp_path: Path, kind: str, hour: int, day: str
) -> None:
    path = written(tmp_path / "reports.csv", f"number,kind,at\n+14155552671,{kind},{day}\n")
    ((_, _, report),) = read_reports(path, {}, {}, Refusals())
    assert report.at is not None
    assert (report.at.day, report.at.hour) == (2, hour)


@pytest.mark.parametrize("moment", ["2026-11-02T00:00:00Z", "2026-11-02 00:00"])
def test_a_stop_with_a_time_counts_from_then(tmp_path: Path, moment: str) -> None:
    path = written(tmp_path / "reports.csv", f"number,kind,at\n+14155552671,opt_out,{moment}\n")
    ((_, _, report),) = read_reports(path, {}, {}, Refusals())
    assert report.at == datetime(2026, 11, 2, tzinfo=UTC)

"""How the files of registries are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.registries import RegistrySettings
from connectors.csv_list.errors import ListError
from worker.registries.formats import READERS
from worker.registries.formats.model import Line


def read(tmp_path: Path, text: str, name: str, **settings: object) -> list[Line]:
    file = tmp_path / "file"
    file.write_bytes(text.encode())
    chosen = RegistrySettings(format=name, **settings)  # type: ignore[arg-type]
    return list(READERS[name](file, chosen))  # type: ignore[index]


class TestTheNationalDoNotCallRegistry:
    def test_full_lists_hold_an_area_code_and_a_number(self, tmp_path: Path) -> None:
        assert read(tmp_path, "415,5552671\r\n415,5552672\r\n\r\n4155552673\n", "ftc") == [
            Line(14155552671), Line(14155552672), Line(14155552673)
        ]  # fmt: skip

    @pytest.mark.parametrize(
        "line",
        [
            "415,5552671,A,2003-08-27",
            "415,5552671,2003-08-27T13:23:21-04:00,a",
            '"415","5552671","A"',
        ],
    )
    def test_change_lists_say_what_happened_wherever_it_stands(
        self, tmp_path: Path, line: str
    ) -> None:
        assert read(tmp_path, line, "ftc") == [Line(14155552671, "add")]
        assert read(tmp_path, line.upper().replace("A", "D"), "ftc") == [
            Line(14155552671, "remove")
        ]

    @pytest.mark.parametrize("line", ["415,555267", "115,5552671", "415;x", "<ac val='415'>"])
    def test_anything_else_is_no_number(self, tmp_path: Path, line: str) -> None:
        assert read(tmp_path, line, "ftc") == [Line(None)]


def test_the_telephone_preference_service_writes_twelve_characters(tmp_path: Path) -> None:
    text = "0207 3787244\r\n01635 506160\r\n0191 5657153\r\n07860 338653\r\n016977 2345\r\n"
    assert [line.number for line in read(tmp_path, text, "tps")] == [
        442073787244, 441635506160, 441915657153, 447860338653, 44169772345,
    ]  # fmt: skip
    assert read(tmp_path, "02073787244 \r\nname\r\n", "tps") == [Line(442073787244), Line(None)]


class TestATable:
    def test_is_read_by_the_columns_of_the_settings(self, tmp_path: Path) -> None:
        text = (
            "Name,Cell,What\nA B,(415) 555-2671,added\nC D,415-555-2672,DELETED\n,,\nE F,none,x\n"
        )
        lines = read(tmp_path, text, "csv", column="Cell", action_column="What", countries=["US"])
        assert lines == [
            Line(14155552671, "add"), Line(14155552672, "remove"), Line(None, "add")
        ]  # fmt: skip

    def test_of_bare_numbers_needs_no_settings(self, tmp_path: Path) -> None:
        assert read(tmp_path, "14155552671\n+14155552672\n", "csv") == [
            Line(14155552671), Line(14155552672)
        ]  # fmt: skip

    def test_with_several_columns_of_numbers_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ListError, match="column"):
            read(tmp_path, "phone,mobile phone\n+14155552671,+14155552672\n", "csv")

    def test_of_ten_digits_is_no_number_without_a_country(self, tmp_path: Path) -> None:
        assert read(tmp_path, "phone\n415 555 2671\n", "csv") == [Line(None)]

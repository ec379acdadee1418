"""`hygiene clean`: every byte of the input is kept, columns are added, nothing is half written."""

from __future__ import annotations

import csv
import io
import tracemalloc
from pathlib import Path

import pytest
from constants import BRITISH
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from limits import lower_limits

from connectors.csv_list.errors import ListError
from connectors.csv_list.parser import Layout
from worker.lists.clean import CleanOptions, Summary, clean
from worker.phones import ContactLocation, parse_contact


def cleaned(tmp_path: Path, content: bytes, **options: str) -> tuple[Summary, bytes]:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(content)
    target.unlink(missing_ok=True)
    chosen = CleanOptions(**options)  # type: ignore[arg-type]
    return clean(source, target, chosen), target.read_bytes()


class TestWhatIsKept:
    def test_rows_and_columns_to_the_byte(self, tmp_path: Path) -> None:
        lines = [b"Name,Phone,Note", b'"M\xc3\xbcller, Jo",020 7219 4272,"a ""quoted"" note"',
                 b"00123,  none  ,=1+1", b'"two\r\nlines",,x']  # fmt: skip
        summary, out = cleaned(tmp_path, b"\r\n".join(lines) + b"\r\n", default_country="GB")
        assert summary.rows == 3
        for line in lines:
            assert line + b"," in out
        rows = list(csv.DictReader(out.decode().splitlines(keepends=True)))
        assert [row["Phone status"] for row in rows] == ["valid", "invalid", ""]
        assert rows[0]["Phone e164"] == BRITISH

    @pytest.mark.parametrize(
        ("encoding", "delimiter"),
        [("utf-8-sig", ","), ("utf-16", "\t"), ("cp1252", ";"), ("utf-8", "|")],
    )
    def test_encoding_and_delimiter(self, tmp_path: Path, encoding: str, delimiter: str) -> None:
        text = delimiter.join(("Straße", "Telefon", "Land")) + "\n"
        text += delimiter.join(("Süßweg 1 – café", "030 901820", "Österreich")) + "\n"
        text += delimiter.join(("Größe", "0171 2345678", "Deutschland")) + "\n"
        content = text.encode(encoding)
        summary, out = cleaned(tmp_path, content)
        rows = list(csv.DictReader(out.decode(encoding).splitlines(), delimiter=delimiter))
        assert rows[0]["Straße"] == "Süßweg 1 – café"
        assert rows[1]["Telefon e164"] == "+491712345678"
        assert summary.country_column == "Land"
        assert out.startswith(content[:6])

    def test_a_row_that_is_broken_is_copied_counted_and_listed(self, tmp_path: Path) -> None:
        content = b'name,phone\nA,+442072194272\nB,"+44\nC,+442072194272,extra\nD,+442072194272\n'
        summary, out = cleaned(tmp_path, content)
        assert summary.broken == 2
        assert [entry["line"] for entry in summary.broken_rows] == [3, 4]
        assert b'\nB,"+44\nC,+442072194272,extra\nD,+442072194272,valid' in out

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
    @given(
        st.lists(
            st.tuples(
                st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12),
                st.text(alphabet="+0123456789 ()-/x,;\"'=\n", max_size=24),
            ),
            max_size=8,
        )
    )
    def test_any_list_that_csv_writes_comes_through(
        self, tmp_path: Path, rows: list[tuple[str, str]]
    ) -> None:
        source, target = tmp_path / "in.csv", tmp_path / "out.csv"
        with source.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("name", "phone"), *rows])
        clean(source, target, CleanOptions(default_country="US"))
        with source.open(encoding="utf-8", newline="") as file:
            before = list(csv.reader(file))
        with target.open(encoding="utf-8", newline="") as file:
            after = list(csv.reader(file))
        assert [row[:2] for row in after] == [row[:2] for row in before]

    def test_bytes_that_do_not_fit_the_encoding_are_kept(self, tmp_path: Path) -> None:
        rows = b"A,+442072194272\n" * 40_000
        _, out = cleaned(tmp_path, b"name,phone\n" + rows + b"\xff\xfe\xfa,+442072194272\n")
        assert b"\n\xff\xfe\xfa,+442072194272,valid" in out

    def test_added_cells_never_run_as_formulas(self, tmp_path: Path) -> None:
        _, out = cleaned(tmp_path, b"phone\n=cmd()|' /C calc'!A0 +442072194272\n@SUM(1)\n")
        for row in csv.reader(out.decode().splitlines()[1:]):
            for cell in row[1:]:
                assert not cell.startswith(("=", "@", "-"))
                assert not cell.startswith("+") or cell[1:].isdigit()

    def test_a_column_that_is_there_already_is_not_overwritten(self, tmp_path: Path) -> None:
        _, out = cleaned(tmp_path, b"phone,phone status\n+442072194272,mine\n")
        header, row = csv.reader(out.decode().splitlines())
        assert header[:2] == ["phone", "phone status"]
        assert row[:2] == [BRITISH, "mine"]
        assert "phone status (checked)" in header


class TestColumns:
    def test_two_of_one_name_each_have_their_own_result(self, tmp_path: Path) -> None:
        _, out = cleaned(tmp_path, b"Phone,Phone,phone \n+442072194272,none,020 7219 4273\n")
        header, row = csv.reader(out.decode().splitlines())
        assert row[:3] == [BRITISH, "none", "020 7219 4273"]
        by_column = dict(zip(header, row, strict=True))
        assert by_column["Phone status"] == "valid"
        assert by_column["Phone (2) status"] == "invalid"
        assert by_column["phone (3) e164"] == "+442072194273"
        assert by_column["Phone e164"] == BRITISH

    def test_a_name_takes_all_columns_of_that_name_and_a_place_takes_one(
        self, tmp_path: Path
    ) -> None:
        content = b"Nr,Nr,x\n+442072194272,none,1\n"
        both, _ = cleaned(tmp_path, content, phone_columns=["Nr"])  # type: ignore[arg-type]
        summary, _ = cleaned(tmp_path, content, phone_columns=["2"])  # type: ignore[arg-type]
        assert both.phone_columns == ("Nr", "Nr (2)")
        assert summary.phone_columns == ("Nr (2)",)
        assert summary.fields == {"invalid": 1}

    def test_a_column_without_a_name_goes_by_its_place(self, tmp_path: Path) -> None:
        summary, out = cleaned(
            tmp_path,
            b"a,,,\n1,+442072194272,,\n",
            phone_columns=["2"],  # type: ignore[arg-type]
        )
        assert summary.phone_columns == ("column 2",)
        assert out.startswith(b"a,,,,column 2 status,")

    def test_a_country_that_two_columns_may_tell_is_asked_for(self, tmp_path: Path) -> None:
        with pytest.raises(ListError, match=r"at places 2 and 3.*--country-column 2"):
            cleaned(tmp_path, b"phone,C,C\n1,US,DE\n", country_column="C")

    def test_a_list_that_was_cleaned_is_cleaned_again_by_its_own_columns(
        self, tmp_path: Path
    ) -> None:
        content = b"Phone,Phone\n020 7219 4272,=1+1\n"
        for _ in range(3):
            summary, content = cleaned(tmp_path, content, default_country="GB")
            assert summary.phone_columns == ("Phone", "Phone (2)")
        header, row = csv.reader(content.decode().splitlines())
        assert len(header) == len(set(header)) + 1
        assert header[22:24] == ["Phone status (checked 2)", "Phone e164 (checked 2)"]
        assert row[:2] == ["020 7219 4272", "=1+1"]
        assert not any("''" in cell for cell in row)

    def test_an_extension_of_its_own_column_goes_with_its_phone(self, tmp_path: Path) -> None:
        content = (
            b"Phone,Phone Ext,Mobile\n020 7219 4272,12,none\n020 7219 4272 x7,12.0,\nnone,3,\n"
        )
        summary, out = cleaned(tmp_path, content, default_country="GB")
        assert summary.phone_columns == ("Phone", "Mobile")
        extensions = [row["Phone extension"] for row in csv.DictReader(out.decode().splitlines())]
        assert extensions == ["12", "7", ""]


class TestTheCountryOfANumber:
    """As a sync tells it: by country, state, email and website."""

    @pytest.mark.parametrize(
        ("header", "row", "expected"),
        [
            ("Phone,State", "(415) 555-2671,California", "+14155552671"),
            ("Phone,Email", "030 901820,kim@example.de", "+4930901820"),
            ("Phone,Company website", "030 901820,https://www.example.de/kontakt", "+4930901820"),
            ("Phone,Country,Email", "01 42 68 53 00,FRANCE METROPOLITAINE,x@y.com", "+33142685300"),
            ("Phone,Country,State", "030 901820,DE - Germany,Berlin", "+4930901820"),
            ("Phone,Country,Email", "030 901820,+49,", "+4930901820"),
            ('"Phone",Email', '"030 901820",kim@example.de', "+4930901820"),
        ],
    )
    def test_is_told_by_what_else_the_row_says(
        self, tmp_path: Path, header: str, row: str, expected: str
    ) -> None:
        _, out = cleaned(tmp_path, f"{header}\n{row}\n".encode())
        (result,) = csv.DictReader(out.decode().splitlines())
        assert (result["Phone status"], result["Phone e164"]) == ("valid", expected)

    def test_a_number_of_another_country_stays_unverified(self, tmp_path: Path) -> None:
        content = b"Phone,Country,Email\n44 20 7219 4272,France,kim@example.co.uk\n"
        _, out = cleaned(tmp_path, content)
        (result,) = csv.DictReader(out.decode().splitlines())
        assert result["Phone status"] == "unverified"
        assert "email" in result["Phone reason"]

    def test_a_reason_is_a_sentence_that_says_what_to_do(self, tmp_path: Path) -> None:
        content = b"Phone\n(415) 555-2671\nn/a\n+442072194272 ask for Kim\n"
        _, out = cleaned(tmp_path, content)
        assert [row["Phone reason"] for row in csv.DictReader(out.decode().splitlines())] == [
            "A local number whose country is unknown. Add the country to the contact.",
            "A placeholder, not a phone number. Ask the contact for the right number.",
            "Note beside the number: ask for Kim",
        ]

    def test_words_that_say_not_to_call_are_heeded(self, tmp_path: Path) -> None:
        notes = {
            "DO NOT CALL": "do_not_contact",
            "(wrong number)": "wrong_number",
            "disconnected 3/2021": "unreachable",
            "do not call before 9am": "valid",  # for a person; it stands in the reason
            "call after 5pm": "valid",
        }
        rows = "".join(f"+442072194272 {note}\n" for note in notes)
        _, out = cleaned(tmp_path, f"Phone\n{rows}".encode())
        results = list(csv.DictReader(out.decode().splitlines()))
        assert [row["Phone status"] for row in results] == [*notes.values()]
        assert all(
            note.strip("()") in row["Phone reason"]
            for note, row in zip(notes, results, strict=True)
        )

    def test_is_told_by_the_other_phones_of_the_row(self, tmp_path: Path) -> None:
        content = (
            b"Phone,Mobile,Fax\n"
            b"030 901820,+49 151 23456789,\n"
            b"030 901820,+44 20 7219 4272,+49 151 23456789\n"  # they do not agree
            b"030 901820,,none\n"
        )
        _, out = cleaned(tmp_path, content)
        rows = list(csv.DictReader(out.decode().splitlines()))
        assert [row["Phone e164"] for row in rows] == ["+4930901820", "", ""]
        assert "other number" in rows[0]["Phone reason"]
        assert [row["Phone status"] for row in rows[1:]] == ["unverified", "unverified"]

    @pytest.mark.parametrize(
        ("phones", "country", "default"),
        [
            (("030 901820", "+49 151 23456789"), "", None),
            (("030 901820", "+49 151 23456789"), "", "GB"),
            (("44 20 7219 4272", "+44 20 7219 4273"), "France", None),
            (("020 7219 4272", "07400 123456"), "", "GB"),
            (("030 901820", "020 7219 4272"), "", None),
            (("442072194272", "020 7219 4273"), "", None),
        ],
    )
    def test_a_row_is_read_as_a_sync_reads_a_contact(
        self, tmp_path: Path, phones: tuple[str, str], country: str, default: str | None
    ) -> None:
        content = f"Phone,Mobile,Country\n{phones[0]},{phones[1]},{country}\n".encode()
        _, out = cleaned(tmp_path, content, default_country=default or "")
        (row,) = csv.DictReader(out.decode().splitlines())
        where = ContactLocation(country, default=default)
        readings = parse_contact({"Phone": phones[0], "Mobile": phones[1]}, where)
        for name, reading in readings.items():
            numbers = reading.numbers
            assert row[f"{name} e164"] == (numbers[0].e164 if numbers else "")
            if numbers and numbers[0].confidence == "low":
                assert row[f"{name} status"] == "unverified"

    def test_the_country_option_comes_last(self, tmp_path: Path) -> None:
        content = b"Phone,Email\n030 901820,kim@example.de\n020 7219 4272,kim@example.com\n"
        _, out = cleaned(tmp_path, content, default_country="GB")
        rows = list(csv.DictReader(out.decode().splitlines()))
        assert [row["Phone e164"] for row in rows] == ["+4930901820", BRITISH]


class TestHowListsComeFromSpreadsheets:
    @pytest.mark.parametrize(
        "first", ["sep=;", '"sep=;"', "\ufeffsep=;", "SEP=;", "sep=;;;", '\ufeff"sep=;"']
    )
    def test_the_line_that_names_the_delimiter_is_no_row(self, tmp_path: Path, first: str) -> None:
        content = f"{first}\r\nA,B;Phone\r\nx,y;+442072194272\r\n".encode()
        summary, out = cleaned(tmp_path, content)
        assert (summary.rows, summary.delimiter) == (1, ";")
        lines = out.decode().splitlines()
        assert lines[0] == first
        assert lines[1].startswith("A,B;Phone;Phone status;")
        assert lines[2].startswith("x,y;+442072194272;valid;+442072194272")

    @pytest.mark.parametrize("mark", ["\t", "\\t"])
    def test_also_for_tabs_and_in_utf_16(self, tmp_path: Path, mark: str) -> None:
        text = f"sep={mark}\r\nName\tPhone\r\nÉ\t+442072194272\r\n"
        summary, out = cleaned(tmp_path, text.encode("utf-16"))
        assert summary.delimiter == "\t"
        assert "É\t+442072194272\tvalid" in out.decode("utf-16")

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_any_line_end_and_none_at_the_last(self, tmp_path: Path, end: str) -> None:
        content = end.join(["Name;Phone", "A;+442072194272", "", "B;none"])
        summary, out = cleaned(tmp_path, content.encode())
        assert summary.fields == {"valid": 1, "invalid": 1}
        assert out.decode().split(end)[1].startswith("A;+442072194272;valid")

    def test_a_nul_in_a_cell_refuses_nothing(self, tmp_path: Path) -> None:
        content = b"Name,Phone\nA\x00,+44\x002072194272\nB,none\n"
        summary, out = cleaned(tmp_path, content)
        assert summary.fields == {"valid": 1, "invalid": 1}
        assert b"A\x00,+44\x002072194272,valid,+442072194272" in out

    def test_utf_16_without_a_mark(self, tmp_path: Path) -> None:
        for code in ("utf-16-le", "utf-16-be"):
            text = "Name;Phone\nÉva;+442072194272\n"
            summary, out = cleaned(tmp_path, text.encode(code))
            assert summary.encoding == code
            assert "Éva;+442072194272;valid" in out.decode(code)

    @pytest.mark.parametrize("code", ["utf-32", "utf-32-le", "utf-32-be"])
    def test_utf_32_by_its_mark(self, tmp_path: Path, code: str) -> None:
        text = "Name;Phone\r\nÉva;+442072194272\r\n"
        content = (text if code == "utf-32" else f"\ufeff{text}").encode(code)
        summary, out = cleaned(tmp_path, content)
        assert summary.encoding in ("utf-32-le", "utf-32-be")
        assert out.decode("utf-32").splitlines()[1].startswith("Éva;+442072194272;valid")
        assert out.startswith(content[:4])

    def test_utf_32_that_is_named(self, tmp_path: Path) -> None:
        for content in ("\ufeffPhone\n+442072194272\n".encode("utf-32-be"),
                        "Phone\n+442072194272\n".encode("utf-32")):  # fmt: skip
            layout = Layout(encoding="utf-32")
            _, out = cleaned(tmp_path, content, layout=layout)  # type: ignore[arg-type]
            assert "+442072194272,valid" in out.decode("utf-32")

    @pytest.mark.parametrize(
        "above",
        ["\n", "\r\n\r\n", "  \n\t\n", "\ufeff\n", ";;\n", '"";" ";\n\n', "sep=;\n\n", "\x1a\r\n"],
    )
    def test_blank_lines_above_the_header_stay_where_they_are(
        self, tmp_path: Path, above: str
    ) -> None:
        summary, out = cleaned(tmp_path, f'{above}Name;Phone\nA;+442072194272\nB;"1\n'.encode())
        assert (summary.rows, summary.fields["valid"]) == (2, 1)
        assert summary.phone_columns == ("Phone",)
        text = out.decode()
        assert text.startswith(f"{above}Name;Phone;Phone status;")
        broken = summary.broken_rows[0]["line"]
        assert text.split("\n")[broken - 1] == 'B;"1', "its number is that of the file"

    def test_a_column_name_may_begin_with_a_line_break(self, tmp_path: Path) -> None:
        _, out = cleaned(tmp_path, b'\n"\nName",Phone\nA,+442072194272\n')
        assert out.startswith(b'\n"\nName",Phone,Phone status,')

    def test_blank_lines_above_a_list_without_a_header(self, tmp_path: Path) -> None:
        layout = Layout(header=False)
        summary, out = cleaned(tmp_path, b"\n\n+442072194272\n", layout=layout)  # type: ignore[arg-type]
        assert (summary.rows, summary.fields) == (1, {"valid": 1})
        assert out.startswith(b"\n\n+442072194272,valid")

    @pytest.mark.parametrize(
        "first",
        [b"Ann,+442072194272", b"Ann,020 7219 4272", b"+442072194272", b"Ann,x,ann@example.org"],
    )
    def test_a_list_without_a_header_loses_no_contact(self, tmp_path: Path, first: bytes) -> None:
        content = first + b"\n" + first + b"\n"
        with pytest.raises(ListError, match="--no-header") as refused:
            cleaned(tmp_path, content)
        assert "7219" not in str(refused.value), "numbers are not for error messages"
        assert b"status" not in content
        if b"@" in first:
            return
        summary, out = cleaned(
            tmp_path,
            content,
            layout=Layout(header=False),
            default_country="GB",  # type: ignore[arg-type]
        )
        assert (summary.rows, summary.fields) == (2, {"valid": 2})
        assert out.count(b"valid") == out.count(b"+442072194272,landline") == 2

    def test_delimiters_within_names_do_not_count(self, tmp_path: Path) -> None:
        summary, _ = cleaned(tmp_path, b"Name, first;Phone\nA;+442072194272\nB, C, D;none\n")
        assert summary.delimiter == ";"
        assert summary.rows == 2
        assert summary.broken == 0

    def test_a_cell_longer_than_any_row_is_broken_and_told(self, tmp_path: Path) -> None:
        content = b'Name,Phone\n"' + b"x" * (2 << 20) + b'",1\nA,+442072194272\n'
        summary, out = cleaned(tmp_path, content)
        assert summary.broken == 1
        assert out.endswith(b"A,+442072194272,valid,+442072194272,landline,,\n")

    def test_a_list_of_names_alone_is_no_fault(self, tmp_path: Path) -> None:
        summary, out = cleaned(tmp_path, b"Name;Phone\r\n")
        assert summary.rows == 0
        assert out.startswith(b"Name;Phone;Phone status;")


class TestRowsOfAnotherLength:
    """Spreadsheets leave out the empty cells at the end of a row, or write a delimiter too many."""

    @pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    @pytest.mark.parametrize("quoted", [False, True])
    def test_missing_cells_at_the_end_are_empty(
        self, tmp_path: Path, delimiter: str, end: str, quoted: bool
    ) -> None:
        name = '"Jo, ""Kim"""' if quoted else "Kim"
        lines = [["Name", "Phone", "Note", "City"], [name, "020 7219 4272"], [name], [],
                 [name, "020 7219 4273", "x"], [name, "020 7219 4274", "x", "y"]]  # fmt: skip
        text = end.join(delimiter.join(cells) for cells in lines)
        summary, out = cleaned(tmp_path, text.encode(), default_country="GB")
        assert (summary.rows, summary.padded, summary.broken) == (5, 3, 0)
        assert summary.fields == {"valid": 3}
        rows = list(csv.DictReader(io.StringIO(out.decode(), newline=""), delimiter=delimiter))
        assert [row["Phone e164"] for row in rows] == [
            "+442072194272", "", "+442072194273", "+442072194274"
        ]  # fmt: skip
        assert all(None not in row.values() and None not in row for row in rows)

    def test_a_row_with_more_cells_is_kept_aside(self, tmp_path: Path) -> None:
        summary, out = cleaned(tmp_path, b"Name,Phone\nA,+442072194272,x\nB,+442072194272\n")
        assert (summary.padded, summary.broken) == (0, 1)
        assert summary.broken_rows == [{"line": 2, "problem": "has 3 cells where the header has 2"}]
        assert b"\nA,+442072194272,x\nB,+442072194272,valid" in out

    @pytest.mark.parametrize("behind", ["", ",", ",,,"])
    def test_a_delimiter_at_the_end_of_each_line_is_no_cell(
        self, tmp_path: Path, behind: str
    ) -> None:
        lines = f'Name,Phone\nA,+442072194272{behind}\n"B",+442072194272{behind}\n'
        summary, out = cleaned(tmp_path, lines.encode())
        assert (summary.padded, summary.broken) == (0, 0)
        rows = list(csv.DictReader(out.decode().splitlines()))
        assert [row["Phone status"] for row in rows] == ["valid", "valid"]

    @pytest.mark.parametrize("blank", ["", "   ", "\t", "\x1a"])
    def test_a_blank_line_stays_one(self, tmp_path: Path, blank: str) -> None:
        content = f"Name,Phone\n{blank}\nA,+442072194272\n{blank}"
        summary, out = cleaned(tmp_path, content.encode())
        assert (summary.padded, summary.broken) == (0, 0)
        assert f"\n{blank}\nA,".encode() in out
        assert out.endswith(blank.encode())

    def test_no_workbook_is_told_to_lack_cells(self, tmp_path: Path) -> None:
        """Each row of a sheet ends where its last cell does."""
        cleaned(tmp_path, b"Name,Phone,Note\nA,+442072194272\n")
        book, again = tmp_path / "in.xlsx", tmp_path / "again.csv"
        summary = clean(tmp_path / "in.csv", book)
        assert summary.padded == 1
        assert clean(book, again, CleanOptions(("Phone",))).padded == 0


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (b"", "is empty"),
            (b"\n\n \n", "is empty"),
            (b",,\n,,\n", "is empty"),
            ("\ufeff\n".encode("utf-32"), "is empty"),
            (b'"Name,Phone\nA,1\n', "a quote is opened and never closed"),
            (b"name,city\nA,B\n", "--phone-column"),
            (b"\x00\x01\x02\x00phone", "not a text file"),
        ],
    )
    def test_a_list_without_phones_says_what_to_do(
        self, tmp_path: Path, content: bytes, says: str
    ) -> None:
        source, target = tmp_path / "in.csv", tmp_path / "out.csv"
        source.write_bytes(content)
        with pytest.raises(ListError, match=says):
            clean(source, target)
        assert not target.exists()

    def test_the_list_itself_is_never_the_target(self, tmp_path: Path) -> None:
        source = tmp_path / "in.csv"
        source.write_bytes(b"phone\n1\n")
        with pytest.raises(ListError, match="another file"):
            clean(source, source)
        assert source.read_bytes() == b"phone\n1\n"

    def test_a_failure_half_way_leaves_no_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source, target = tmp_path / "in.csv", tmp_path / "out.csv"
        source.write_bytes(b"phone\n" + b"+442072194272\n" * 50)

        def full(_descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("worker.lists.clean.os.fsync", full)
        with pytest.raises(ListError, match="No space left"):
            clean(source, target)
        assert list(tmp_path.iterdir()) == [source]


class TestMemory:
    def test_stays_flat_as_lists_grow(self, tmp_path: Path) -> None:
        def peak(rows: int) -> int:
            source, target = tmp_path / f"{rows}.csv", tmp_path / f"{rows}-out.csv"
            with source.open("w", encoding="utf-8") as file:
                file.write("id,phone,country\n")
                file.writelines(f"{n},020 7946 {n % 1000:04},GB\n" for n in range(rows))
            tracemalloc.start()
            assert clean(source, target).rows == rows
            _, most = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            return most

        peak(2_000)  # tables that are built once
        small, large = peak(2_000), peak(40_000)
        assert large < small + 2_000_000


class TestALongList:
    def test_is_done_by_all_cores_with_the_same_result(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rows = [
            f'{n},"two{chr(10)}lines {n}",020 7219 {n % 10000:04}' if n % 7 else f"{n},short"
            for n in range(2500)
        ]
        rows[1234] = '1234,"never closed,020 7219 4272'
        content = "Id,Note,Phone\n" + "\n".join(rows) + "\n"
        alone = cleaned(tmp_path, content.encode(), default_country="GB")
        lower_limits(monkeypatch, long_list=1)
        monkeypatch.setattr("os.cpu_count", lambda: 2)
        together = cleaned(tmp_path, content.encode(), default_country="GB")
        assert together[1] == alone[1]
        assert together[0] == alone[0]
        assert together[0].broken > 300

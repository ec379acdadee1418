"""`hygiene clean`: every byte of the input is kept, columns are added, nothing is half written."""

from __future__ import annotations

import csv
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.csvtext import ListError
from worker.clean import Summary, clean


def cleaned(tmp_path: Path, content: bytes, **options: str) -> tuple[Summary, bytes]:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(content)
    target.unlink(missing_ok=True)
    return clean(source, target, **options), target.read_bytes()  # type: ignore[arg-type]


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
        assert rows[0]["Phone e164"] == "+442072194272"

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
        clean(source, target, default_country="US")
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
        assert row[:2] == ["+442072194272", "mine"]
        assert "phone status (checked)" in header


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (b"", "is empty"),
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

        monkeypatch.setattr("worker.clean.os.fsync", full)
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
        monkeypatch.setattr("worker.clean._LONG", 1)
        monkeypatch.setattr("os.cpu_count", lambda: 2)
        together = cleaned(tmp_path, content.encode(), default_country="GB")
        assert together[1] == alone[1]
        assert together[0] == alone[0]
        assert together[0].broken > 300

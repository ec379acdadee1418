"""Parquet files for a warehouse: each row once and as it is, and nobody who was erased."""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from constants import NUMBER, OTHER, THIRD
from limits import lower_limits

from config import stopping
from worker.cli.main import main
from worker.context import Context
from worker.ops.export import ExportError
from worker.ops.warehouse import changes, manifest, parts
from worker.ops.warehouse import export as exporting
from worker.ops.warehouse.changes import ExportedRow, OrderError, differences
from worker.ops.warehouse.export import Summary
from worker.store.bulk import insert
from worker.store.tables import contact_numbers, contacts, lookups
from worker.store.views import VIEWS, View
from worker.suppression.erasure import erase_contact, erase_number

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
BOOKKEEPING = ("row_key", "export", "row_hash")


@pytest.fixture
def ctx(make_context: Callable[..., Context]) -> Context:
    return make_context(SECRET_KEY="a key for these tests")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "warehouse"


def add_contacts(ctx: Context, numbers: dict[str, str]) -> None:
    """Contacts of the index by record id, each with one number."""
    with ctx.store.write() as connection:
        key = {"connector": "csv", "object": "rows"}
        insert(connection, contacts, [
            {**key, "record_id": name, "fingerprint": "f", "statuses": {"phone": "valid"},
             "last_seen_flags": {}, "reason": "", "source": "Web", "campaign": "", "country": "US",
             "month": "", "person": "", "value": None, "content_hash": "", "waiting": False,
             "checked_at": NOW}
            for name in numbers
        ])  # fmt: skip
        insert(connection, contact_numbers, [
            {**key, "record_id": name, "field": "phone", "place": 0, "number": number,
             "extension": ""}
            for name, number in numbers.items()
        ])  # fmt: skip


def many(count: int) -> dict[str, str]:
    # Ids that a language, and a database by default, would sort in another order than by code.
    return {f"{'aBäZ€_'[n % 6]}{n}": f"+1415555{n:04d}" for n in range(count)}


def change(ctx: Context, record_id: str, **values: Any) -> None:
    with ctx.store.write() as connection:
        of_record = contacts.c.record_id == record_id
        connection.execute(sa.update(contacts).where(of_record).values(**values))


def run(ctx: Context, target: Path) -> Summary:
    return exporting.export(ctx.store, ctx.keys, target, ctx.now())


def exported(target: Path, dataset: str) -> list[dict[str, Any]]:
    """The rows of a dataset, from the files that the manifest names; no others are there."""
    listed = json.loads((target / "manifest.json").read_text("utf-8"))["datasets"][dataset]
    paths = [target / file["path"] for file in listed]
    assert sorted(paths) == sorted((target / dataset).iterdir())
    for path, file in zip(paths, listed, strict=True):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == file["sha256"]
        assert pq.read_metadata(path).num_rows == file["rows"]
    return [row for path in paths for row in pq.read_table(path, partitioning=None).to_pylist()]


def of_table(ctx: Context, view: View) -> list[str]:
    with ctx.store.read() as connection:
        return sorted(repr(dict(row._mapping)) for row in connection.execute(sa.select(view.table)))


def assert_equal(ctx: Context, target: Path) -> None:
    """The files hold what the views do, each row once."""
    for view in VIEWS:
        rows = exported(target, view.name)
        plain = [{k: v for k, v in row.items() if k not in BOOKKEEPING} for row in rows]
        assert sorted(map(repr, map(_in_utc, plain))) == of_table(ctx, view)
        assert len({row["row_key"] for row in rows}) == len(rows)


def _in_utc(row: dict[str, Any]) -> dict[str, Any]:
    return {k: v.astimezone(UTC) if isinstance(v, datetime) else v for k, v in row.items()}


def is_anywhere(target: Path, text: str) -> bool:
    """Whether a text stands in a file, compressed or not, or in a file's statistics."""
    for path in (path for path in target.rglob("*") if path.is_file()):
        if text.encode() in path.read_bytes():
            return True
        if path.suffix == ".parquet" and text in repr(pq.read_table(path).to_pylist()):
            return True
    return False


class TestAnExport:
    @pytest.fixture
    def ctx(self, make_context: Callable[..., Context], either_database_url: str) -> Context:
        return make_context(DATABASE_URL=either_database_url, SECRET_KEY="a key")

    def test_holds_what_the_views_do_and_then_only_writes_what_changed(
        self, ctx: Context, target: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lower_limits(monkeypatch, parquet_rows=40, parquet_read=7)
        add_contacts(ctx, many(100))
        first = run(ctx, target)
        assert (first.export, first.datasets["v_contacts"].written) == (1, 100)
        assert first.datasets["v_numbers"].files == 3
        assert_equal(ctx, target)

        change(ctx, "B1", source="Fair")
        add_contacts(ctx, {"new": THIRD})
        with ctx.store.write() as connection:
            for table in (contacts, contact_numbers):
                connection.execute(sa.delete(table).where(table.c.record_id == "a6"))
        before = {row["record_id"]: row["row_key"] for row in exported(target, "v_contacts")}
        second = run(ctx, target)
        counts = second.datasets["v_contacts"]
        assert (counts.rows, counts.written, counts.deleted) == (100, 2, 1)
        assert_equal(ctx, target)
        newest = [row for row in exported(target, "v_contacts") if row["export"] == 2]
        assert {row["record_id"] for row in newest} == {"B1", "new"}
        # A warehouse finds the row that changed, and the one that is gone, by their keys.
        assert before["B1"] in {row["row_key"] for row in newest}
        gone = [row for row in exported(target, "deleted") if row["dataset"] == "v_contacts"]
        assert [(row["row_key"], row["export"]) for row in gone] == [(before["a6"], 2)]

    def test_has_the_types_of_the_document(self, ctx: Context, target: Path) -> None:
        with ctx.store.write() as connection:
            insert(connection, lookups, [{
                "number": NUMBER, "provider": "twilio", "package": "", "since": "", "run_id": "r",
                "state": "lost", "verdict": "", "detail": "", "cost": 1.25, "at": NOW,
            }])  # fmt: skip
        run(ctx, target)
        assert_equal(ctx, target)
        for view in VIEWS:  # also where there is no row
            (path,) = (target / view.name).iterdir()
            schema = pq.read_schema(path)
            assert schema.names == [*view.columns, *BOOKKEEPING]
            types = {
                "text": "string", "integer": "int64", "float": "double", "boolean": "bool",
                "decimal": "decimal128(12, 6)", "timestamp": "timestamp[us, tz=UTC]",
            }  # fmt: skip
            for name, kind in view.columns.items():
                assert str(schema.field(name).type) == types[kind]


class TestAnErasure:
    def test_leaves_nothing_of_the_person_in_any_file(self, ctx: Context, target: Path) -> None:
        add_contacts(ctx, {"kept": OTHER, "erased-id": NUMBER})
        run(ctx, target)
        assert is_anywhere(target, NUMBER)
        erase_number(ctx, NUMBER, "admin")
        counts = run(ctx, target).datasets
        assert not is_anywhere(target, NUMBER)
        assert not is_anywhere(target, "erased-id")
        assert_equal(ctx, target)
        assert counts["v_contacts"].deleted == counts["v_numbers"].deleted == 1
        assert len(exported(target, "deleted")) == 2

    def test_reaches_former_versions_of_rows(self, ctx: Context, target: Path) -> None:
        add_contacts(ctx, {"kept": NUMBER, "other": THIRD})
        run(ctx, target)
        with ctx.store.write() as connection:
            of_record = contact_numbers.c.record_id == "kept"
            connection.execute(sa.update(contact_numbers).where(of_record).values(number=OTHER))
        run(ctx, target)
        assert not is_anywhere(target, NUMBER)  # whether it is erased or not
        assert is_anywhere(target, THIRD)

    def test_between_an_interrupted_export_and_the_next(
        self, ctx: Context, target: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lower_limits(monkeypatch, parquet_rows=2, parquet_read=1)
        add_contacts(ctx, {"a": OTHER, "b-erased": NUMBER, "c": THIRD, "d": "+14155552674"})
        with stopped_after(monkeypatch, rows=3), pytest.raises(stopping.Stopped):
            run(ctx, target)
        assert is_anywhere(target, "b-erased")
        erase_contact(ctx, "csv", "rows", "b-erased", "admin")
        counts = run(ctx, target).datasets["v_contacts"]
        assert not is_anywhere(target, "b-erased")
        assert_equal(ctx, target)
        # No export that was completed had it: there is nothing to delete.
        assert (counts.written, counts.deleted) == (3, 0)


class stopped_after:
    """Have the export told to stop after it has read some rows."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
        self._patch, self._rows = monkeypatch, rows

    def __enter__(self) -> None:
        self._checks = 0

        def check() -> None:
            self._checks += 1
            if self._checks > self._rows:
                raise stopping.Stopped

        self._context = self._patch.context()
        self._context.__enter__().setattr(stopping, "check", check)

    def __exit__(self, *error: object) -> None:
        self._context.__exit__(None, None, None)


class TestAnInterruptedExport:
    def test_is_taken_up_behind_the_files_that_it_completed(
        self, ctx: Context, target: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lower_limits(monkeypatch, parquet_rows=10, parquet_read=1)
        add_contacts(ctx, many(40))
        run(ctx, target)
        with ctx.store.write() as connection:
            connection.execute(sa.update(contacts).values(source="Fair"))
        complete = (target / "manifest.json").read_text("utf-8")
        with stopped_after(monkeypatch, rows=25), pytest.raises(stopping.Stopped):
            run(ctx, target)
        document = json.loads((target / "manifest.json").read_text("utf-8"))
        assert document["datasets"] == json.loads(complete)["datasets"]  # what readers go by
        pending = [target / file["path"] for file in document["pending"]["v_contacts"]]
        assert len(pending) == 2
        written = {path: path.stat().st_ino for path in pending}
        counts = run(ctx, target).datasets["v_contacts"]
        assert counts.written == 40
        assert {path: path.stat().st_ino for path in pending} == written
        assert_equal(ctx, target)
        assert not list(target.rglob("*.partial"))

    def test_that_was_killed_leaves_nothing_behind(self, ctx: Context, target: Path) -> None:
        add_contacts(ctx, {"a": NUMBER})
        run(ctx, target)
        for name in ("part-000002-00001.parquet", "part-000002-00002.parquet.partial"):
            (target / "v_contacts" / name).write_bytes(b"half a file")
        run(ctx, target)
        assert_equal(ctx, target)

    def test_of_which_a_full_disk_is_the_reason_changes_nothing(
        self, ctx: Context, target: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        add_contacts(ctx, {"a": NUMBER})
        run(ctx, target)
        change(ctx, "a", source="Fair")

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(parts, "put_in_place", full)
            with pytest.raises(ExportError, match="No space left"):
                run(ctx, target)
        assert [row["source"] for row in exported(target, "v_contacts")] == ["Web"]
        run(ctx, target)
        assert_equal(ctx, target)


def test_small_files_are_merged_and_say_still_what_was_written_when(
    ctx: Context, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lower_limits(monkeypatch, parquet_files=4)
    for number, (record_id, phone) in enumerate(many(6).items(), 1):
        add_contacts(ctx, {record_id: phone})
        assert run(ctx, target).datasets["v_contacts"].files < 4
        assert_equal(ctx, target)
        assert {row["export"] for row in exported(target, "v_contacts")} == set(
            range(1, number + 1)
        )
    assert run(ctx, target).datasets["v_contacts"].written == 0


class TestADirectory:
    def test_is_private(self, ctx: Context, target: Path) -> None:
        add_contacts(ctx, {"a": NUMBER})
        run(ctx, target)
        for path in target.rglob("*"):
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)

    def test_with_something_else_in_it_is_left_alone(self, ctx: Context, target: Path) -> None:
        target.mkdir()
        (target / "letter.txt").write_text("mine")
        with pytest.raises(ExportError, match="not empty"):
            run(ctx, target)

    def test_of_another_database_is_left_alone(
        self, ctx: Context, target: Path, make_context: Callable[..., Context], tmp_path: Path,
        empty_database: Path,
    ) -> None:  # fmt: skip
        run(ctx, target)
        shutil.copy(empty_database, tmp_path / "other.db")
        url = f"sqlite:///{tmp_path / 'other.db'}"
        with pytest.raises(ExportError, match="another database"):
            run(make_context(DATABASE_URL=url, SECRET_KEY="another"), target)

    def test_of_which_a_file_is_missing_is_not_taken_for_deleted_rows(
        self, ctx: Context, target: Path
    ) -> None:
        add_contacts(ctx, {"a": NUMBER})
        run(ctx, target)
        next((target / "v_numbers").iterdir()).unlink()
        with pytest.raises(ExportError, match=r"v_numbers.* is missing"):
            run(ctx, target)

    def test_is_written_by_one_export_at_a_time(self, ctx: Context, target: Path) -> None:
        with manifest.locked(target), pytest.raises(ExportError, match="another export"):
            run(ctx, target)


def test_the_command_prints_the_counts_and_keeps_that_it_ran(
    ctx: Context, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "DATABASE_URL": ctx.settings.database_url, "HYGIENE_HOME": str(ctx.settings.home),
        "SECRET_KEY": "a key for these tests",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    add_contacts(ctx, {"a": NUMBER})
    done = CliRunner().invoke(main, ["export", "--parquet", str(target), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["datasets"]["v_contacts"] == {
        "rows": 1, "written": 1, "deleted": 0, "replaced": 0, "files": 1,
    }  # fmt: skip
    assert "warehouse.export" in CliRunner().invoke(main, ["audit", "--json"]).output
    forgotten = CliRunner().invoke(main, ["forget", "--number", NUMBER, "--json"])
    assert f"hygiene export --parquet {target}" in forgotten.stderr  # whoever erases is reminded
    wrong = CliRunner().invoke(main, ["export", "all.zip", "--parquet", str(target)])
    assert wrong.exit_code == 2


class TestAComparison:
    def test_takes_the_youngest_of_several_files_for_the_row(self) -> None:
        old, young = ExportedRow((1,), 1, 0, "k", 10), ExportedRow((1,), 0, 5, "k", 11)
        (found,) = differences([((1,), ("x",))], [[old], [young]])
        assert found == changes.Difference((1,), ("x",), [young, old])

    def test_refuses_rows_out_of_order_rather_than_take_them_for_deleted(self) -> None:
        rows = iter([((2,), ()), ((1,), ())])
        with pytest.raises(OrderError):
            list(differences(rows, []))

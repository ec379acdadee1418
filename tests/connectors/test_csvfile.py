"""A list on disk as a CRM: nothing of it is lost or changed but the columns of ours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from config.settings import CsvSettings
from connectors.base import Update
from connectors.csvfile import CsvConnector
from worker.sync.context import Context

Sync = Callable[..., dict[str, Any]]


def opened(path: Path, **settings: Any) -> CsvConnector:
    connector = CsvConnector(CsvSettings(path=str(path), **settings))
    connector.use(connector.describe())
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


def test_updates_survive_a_kill_before_they_are_folded_into_the_file(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(b"id,phone\n1,a\n2,b\n")
    connector = opened(path)
    connector.write([Update("row", "2", {"reason": "kept"})])
    assert path.read_bytes() == b"id,phone\n1,a\n2,b\n"
    # No close(): this is another process after a kill.
    again = opened(path)
    assert again.fetch("row", ["2"])[0].held["reason"] == "kept"
    again.close()
    assert path.read_bytes() == b"id,phone,hygiene reason\n1,a,\n2,b,kept\n"


def test_a_half_written_line_of_the_journal_is_passed_by(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(b"id,phone\n1,a\n2,b\n")
    opened(path).write([Update("row", "1", {"reason": "kept"})])
    journal = path.with_name("list.csv.updates.jsonl")
    journal.write_bytes(journal.read_bytes() + b'["2",{"hygiene re')
    again = opened(path)
    assert again.fetch("row", ["1"])[0].held["reason"] == "kept"
    assert again.fetch("row", ["2"])[0].held["reason"] is None


def test_values_are_never_taken_for_numbers_or_formulas(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(b"id,phone\n001,0049301234\n")
    connector = opened(path)
    assert connector.fetch("row", ["001"])[0].phones == {"phone": "0049301234"}
    connector.write([Update("row", "001", {"reason": "=1+1"})])
    connector.close()
    assert path.read_bytes() == b"id,phone,hygiene reason\n001,0049301234,'=1+1\n"

"""Everything that is ours leaves in one file, and comes back into either database."""

from __future__ import annotations

import json
import shutil
import stat
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from constants import NUMBER, OTHER
from crms import Crm
from fixture_types import Sync

from worker.access import users
from worker.context import Context
from worker.feedback import report_log as feedback_log
from worker.feedback.models import Feedback
from worker.ops.export import ExportError, export, load
from worker.store import Store, open_store
from worker.store.errors import StoreError
from worker.store.tables import contacts, metadata

KEY = "the key of both databases"
LEFT_OUT = {"sessions", "throttles", "claims"}


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: Path, empty_database: Path) -> str:
    """An empty database to move into."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_database_url"))
    shutil.copy(empty_database, tmp_path / "target.db")
    return f"sqlite:///{tmp_path / 'target.db'}"


@pytest.fixture
def ctx(make_context: Callable[..., Context]) -> Context:
    return make_context(SECRET_KEY=KEY)


@pytest.fixture
def full(ctx: Context, crm: Crm, sync: Sync) -> Context:
    """A database with something in most of its tables."""
    sync(ctx, crm.name)
    report = Feedback("k", "opt_out", NUMBER, "test", ctx.now())
    keys = ctx.keys
    with ctx.store.write() as connection:
        feedback_log.store(connection, [report], ctx.now(), keys)
    users.upsert_user(ctx.store, "kim", "correct horse battery", "admin", ctx.now())
    return ctx


def rows(store: Store) -> dict[str, list[Any]]:
    with store.read() as connection:
        return {
            table.name: sorted(map(repr, connection.execute(sa.select(table)).all()))
            for table in metadata.sorted_tables
            if table.name not in LEFT_OUT
        }


def test_what_is_loaded_is_what_was_exported(
    full: Context, crm: Crm, sync: Sync, target: str, tmp_path: Path,
    make_context: Callable[..., Context],
) -> None:  # fmt: skip
    path = tmp_path / "all.zip"
    counts = export(full.store, path, full.now(), with_secrets=True)
    assert counts["contacts"] > 50
    store = open_store(target)
    assert load(store, path) == counts
    assert rows(store) == rows(full.store)
    store.close()
    # Work goes on there as if nothing had happened: nothing is new, and new rows find a place.
    there = make_context(DATABASE_URL=target, SECRET_KEY=KEY)
    assert sync(there, crm.name, "everything")["contacts"]["written"] == 0
    record_id = crm.ids()[0]
    crm.edit(record_id, {f"phone/{crm.phone}": OTHER})
    assert sync(there, crm.name, "everything")["contacts"]["written"] == 1


def test_secrets_stay_behind_unless_they_are_wanted(full: Context, tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    export(full.store, path, full.now())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with zipfile.ZipFile(path) as archive:
        content = b"".join(archive.read(name) for name in archive.namelist())
        manifest = json.loads(archive.read("manifest.json"))
    assert b"argon2" not in content
    assert not {"users", "api_tokens", "sessions"} & manifest["rows"].keys()
    assert manifest["rows"]["feedback"] == 1


def test_a_database_that_is_not_empty_is_left_alone(full: Context, tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    export(full.store, path, full.now())
    before = rows(full.store)
    with pytest.raises(StoreError, match="not empty"):
        load(full.store, path)
    assert rows(full.store) == before


@pytest.mark.parametrize("broken", [b"", b"PK\x03\x04half", b"{}"])
def test_a_broken_file_loads_nothing(broken: bytes, target: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.zip"
    path.write_bytes(broken)
    store = open_store(target)
    with pytest.raises(ExportError, match="cannot be read"):
        load(store, path)
    store.close()


def test_a_file_that_breaks_off_loads_nothing(full: Context, target: str, tmp_path: Path) -> None:
    path, bad = tmp_path / "all.zip", tmp_path / "bad.zip"
    export(full.store, path, full.now())
    with zipfile.ZipFile(path) as good, zipfile.ZipFile(bad, "w") as out:
        for name in good.namelist():
            text = good.read(name)
            out.writestr(name, text[: len(text) // 2] if name == "contacts.jsonl" else text)
    store = open_store(target)
    with pytest.raises(ExportError, match="cannot be read"):
        load(store, bad)
    with store.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(contacts)) == 0
    store.close()


def test_of_another_version_is_refused(full: Context, target: str, tmp_path: Path) -> None:
    path, other = tmp_path / "all.zip", tmp_path / "other.zip"
    export(full.store, path, full.now() + timedelta(0))
    with zipfile.ZipFile(path) as good, zipfile.ZipFile(other, "w") as out:
        manifest = json.loads(good.read("manifest.json"))
        out.writestr("manifest.json", json.dumps({**manifest, "schema": "0001"}))
    store = open_store(target)
    with pytest.raises(ExportError, match="with the same version"):
        load(store, other)
    store.close()

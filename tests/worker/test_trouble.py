"""A machine or a service in trouble, and one bad record: a line each, and nothing is lost."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from crms import Crm

from config.settings import Settings
from sandbox.run import Sandbox
from worker.store.tables import failures
from worker.sync import judge, page, reporting, runs
from worker.sync.context import Context
from worker.sync.drive import drive

Sync = Callable[..., dict[str, Any]]


@pytest.fixture
def env(
    make_settings: Callable[..., Settings], sandbox: Sandbox, tmp_path: Path, database_url: str
) -> dict[str, str]:
    make_settings()
    return {
        **os.environ, **sandbox.env(), "HYGIENE_HOME": str(tmp_path / "home"),
        "DATABASE_URL": database_url, "HYGIENE_CONFIG": str(tmp_path / "hygiene.toml"),
    }  # fmt: skip


def hygiene(
    env: dict[str, str], *args: str, most_bytes: int = resource.RLIM_INFINITY
) -> subprocess.CompletedProcess[str]:
    """`hygiene ARGS` on a disk that takes no file of more than `most_bytes`."""
    limits = (most_bytes, resource.RLIM_INFINITY)
    return subprocess.run(
        [sys.executable, "-m", "worker", *args], env=env, capture_output=True, text=True,
        timeout=60, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limits),
    )  # fmt: skip


class TestTheDisk:
    def test_full_in_the_middle_of_a_sync(
        self, ctx: Context, sandbox: Sandbox, env: dict[str, str], tmp_path: Path
    ) -> None:
        size = (tmp_path / "hygiene.db").stat().st_size
        done = hygiene(env, "sync", "salesforce", "--json", most_bytes=size + 100_000)
        assert done.returncode == 1, done.stderr
        assert "disk" in done.stderr
        assert "Traceback" not in done.stderr
        assert len(done.stderr.splitlines()) == 1, done.stderr
        (run,) = runs.recent(ctx)
        assert run.id in done.stderr
        # There is space again.
        drive(ctx, runs.reopen(ctx, run.id).id)
        assert Crm.all(sandbox)["salesforce"].all_checked()
        assert reporting.result(ctx, run.id)["contacts"]["failed"] == 0

    def test_a_settings_file_that_is_a_folder_and_a_database_that_is_none(
        self, env: dict[str, str], tmp_path: Path
    ) -> None:
        (tmp_path / "text").write_text("no database " * 1000)
        for change in (
            {"HYGIENE_CONFIG": str(tmp_path)},
            {"DATABASE_URL": f"sqlite:///{tmp_path}"},
            {"DATABASE_URL": f"sqlite:///{tmp_path}/text"},
            {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"},
            {"HUBSPOT_API_URL": "http://no-such-host.invalid"},
        ):
            done = hygiene({**env, **change}, "sync", "hubspot")
            assert done.returncode == 2, done.stderr
            assert "Traceback" not in done.stderr
            assert len(done.stderr.splitlines()) == 1, done.stderr


class TestOneRecord:
    @pytest.mark.parametrize("step", ["read", "decide"])
    def test_that_cannot_be_worked_on_is_set_aside_alone(
        self, make_context: Callable[..., Context], sandbox: Sandbox, sync: Sync,
        monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, step: str,
    ) -> None:  # fmt: skip
        ctx = make_context("[sync]\npage_contacts = 100\n")
        crm = Crm.all(sandbox)["hubspot"]
        bad = crm.ids()[17]
        if step == "read":
            reader = judge.reader

            def reading(*args: Any, **more: Any) -> Any:
                read = reader(*args, **more)
                return lambda contact: read(contact) if contact.id != bad else [] + 1  # type: ignore[operator]

            monkeypatch.setattr(page.judge, "reader", reading)
        else:
            count = page._count

            def counting(tally: Any, one: Any, decision: Any) -> None:
                count(tally, one, decision if one.contact.id != bad else None)

            monkeypatch.setattr(page, "_count", counting)
        result = sync(ctx, "hubspot")
        assert result["state"] == "done"
        assert result["contacts"]["failed"] == 1
        assert result["contacts"]["read"] == len(crm.ids())
        assert crm.all_checked(but=bad)
        with ctx.store.read() as connection:
            (row,) = connection.execute(sa.select(failures)).all()
        assert row.record_id == bad
        assert "worker/" in row.message or "tests/" in row.message  # where the fault is
        assert "Traceback" not in caplog.text

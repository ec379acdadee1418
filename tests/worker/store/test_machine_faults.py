"""A machine or a service in trouble, and one bad record: a line each, and nothing is lost."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import forking
import psycopg
import pytest
import redis
import sqlalchemy as sa
from celery import Celery
from constants import CLOSED_PORT
from crms import Crm
from fixture_types import Sync
from processes import until

from config.settings import Settings
from sandbox.run import Sandbox
from worker.context import Context
from worker.store import embedded_redis
from worker.store.engine import open_store
from worker.store.machine_faults import trouble
from worker.store.redis_server import find_server, how_to_install
from worker.store.tables import failures
from worker.sync.pages import fields
from worker.sync.pages.runner import run_to_completion
from worker.sync.pages.steps import PageCounts
from worker.sync.runs import lifecycle, report
from worker.verification.rate_limit import SharedPace


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
    env: dict[str, str], *args: str, most_bytes: int | None = None
) -> subprocess.CompletedProcess[str]:
    """`hygiene ARGS` on a disk that takes no file of more than `most_bytes`."""
    return forking.run(("worker", *args), env, most_bytes=most_bytes)


class TestTheDisk:
    def test_full_in_the_middle_of_a_sync(
        self, ctx: Context, sandbox: Sandbox, env: dict[str, str]
    ) -> None:
        # SQLite's log of what is not in the database file yet reaches this in the middle.
        done = hygiene(env, "sync", "salesforce", "--json", most_bytes=300_000)
        assert done.returncode == 1, done.stderr
        assert "disk" in done.stderr
        assert "Traceback" not in done.stderr
        assert len(done.stderr.splitlines()) == 1, done.stderr
        (run,) = lifecycle.recent(ctx)
        assert run.id in done.stderr
        assert not Crm.all(sandbox)["salesforce"].all_checked(), "it was in the middle"
        # There is space again.
        run_to_completion(ctx, lifecycle.resume(ctx, run.id).id)
        assert Crm.all(sandbox)["salesforce"].all_checked()
        assert report.result(ctx, run.id)["contacts"]["failed"] == 0

    def test_a_settings_file_that_is_a_folder_and_a_database_that_is_none(
        self, env: dict[str, str], tmp_path: Path
    ) -> None:
        (tmp_path / "text").write_text("no database " * 1000)
        for change in (
            {"HYGIENE_CONFIG": str(tmp_path)},
            {"DATABASE_URL": f"sqlite:///{tmp_path}"},
            {"DATABASE_URL": f"sqlite:///{tmp_path}/text"},
            {"DATABASE_URL": f"postgresql://nobody@{CLOSED_PORT}/none"},
            {"HUBSPOT_API_URL": "http://no-such-host.invalid"},
        ):
            done = hygiene({**env, **change}, "sync", "hubspot")
            assert done.returncode == 2, done.stderr
            assert "Traceback" not in done.stderr
            assert len(done.stderr.splitlines()) == 1, done.stderr


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Path]:
    """A disk on which nothing can be written; root may write whatever a file's mode says."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0:
        place.chmod(0o500)
        yield place
        place.chmod(0o700)
        return
    mounting = ["mount", "-t", "tmpfs", "-o", "size=1m,ro", "tmpfs", str(place)]
    if subprocess.run(mounting, check=False, capture_output=True).returncode:
        pytest.skip("root without the right to mount has no disk that is read-only")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("command", [("sync", "hubspot"), ("up",), ("db", "upgrade")])
def test_a_home_that_cannot_be_made_is_said_in_one_line(
    env: dict[str, str], locked: Path, command: tuple[str, ...]
) -> None:
    database = f"sqlite:///{locked}/home/hygiene.db"
    done = hygiene({**env, "HYGIENE_HOME": f"{locked}/home", "DATABASE_URL": database}, *command)
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    problems = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert len(problems) == 1, done.stderr
    assert str(locked) in problems[0]
    assert re.search("make it writable|give it", problems[0]), problems[0]


def test_beat_without_a_place_for_its_schedule_says_so_and_ends(
    env: dict[str, str], locked: Path
) -> None:
    """A supervisor starts it again, and then it has one."""
    done = subprocess.run(
        [sys.executable, "-m", "celery", "--app", "worker.app", "beat"],
        env={**env, "HYGIENE_HOME": f"{locked}/home", "REDIS_URL": f"redis://{CLOSED_PORT}/0"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert re.search("make it writable|give it", done.stderr), done.stderr


class TestWhatCannotBeReached:
    """Each line says what to do next, and repeats no secret."""

    @pytest.fixture
    def listener(self) -> Iterator[int]:
        """A port whose server hangs up, as one that speaks TLS does to one that does not."""
        with socket.create_server(("127.0.0.1", 0)) as server:

            def hang_up() -> None:
                with suppress(OSError):
                    while True:
                        server.accept()[0].close()

            threading.Thread(target=hang_up, daemon=True).start()
            yield server.getsockname()[1]

    @pytest.mark.parametrize(
        ("url", "line"),
        [
            ("redis://:a-secret@no-such-host.invalid/0", "host of REDIS_URL is not known"),
            (f"redis://:a-secret@{CLOSED_PORT}/0", "nothing listens at the host and port of REDIS"),
            ("redis://:a-secret@127.0.0.1:{port}/0", "write rediss://"),
        ],
    )
    def test_redis(self, listener: int, url: str, line: str) -> None:
        with pytest.raises(redis.RedisError) as caught:
            embedded_redis.client(url.format(port=listener)).ping()
        fault = trouble(caught.value)
        assert fault is not None
        assert line in fault.line
        assert fault.passes
        assert "a-secret" not in fault.line

    @pytest.mark.parametrize(
        ("text", "line", "passes"),
        [
            ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate",
             "set REDIS_SSL_CERT_REQS=none", False),
            ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: Hostname mismatch, "
             "certificate is not valid for 'cache'.", "another host than REDIS_URL names", False),
            ("[SSL: WRONG_VERSION_NUMBER] wrong version number", "write redis://", False),
        ],
    )  # fmt: skip
    def test_redis_by_tls(self, text: str, line: str, passes: bool) -> None:
        fault = trouble(redis.ConnectionError(f"Error 1 connecting to cache:6379. {text}"))
        assert fault is not None
        assert line in fault.line
        assert fault.passes == passes

    @pytest.mark.parametrize(
        ("changed", "line"),
        [
            ({"username": "nobody"}, "does not accept our user or password"),
            ({"database": "no_such"}, "no database of this name"),
            ({"host": "no-such-host.invalid"}, "host of DATABASE_URL is not known"),
            ({"port": 9}, "nothing listens at the host and port of DATABASE_URL"),
            ({"query": {"sslmode": "require"}}, "speaks no TLS"),
            ({"query": {"sslmode": "maybe"}}, "must be disable, allow, prefer"),
        ],
    )
    def test_postgresql(
        self, postgres_database_url: str, changed: dict[str, Any], line: str
    ) -> None:
        url = sa.make_url(postgres_database_url).set(password="a-secret", **changed)
        store = open_store(url.render_as_string(hide_password=False))
        with pytest.raises(sa.exc.SQLAlchemyError) as caught, store.read():
            pass
        fault = trouble(caught.value)
        assert fault is not None, caught.value
        assert line in fault.line
        assert "a-secret" not in fault.line

    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ('FATAL:  no pg_hba.conf entry for host "10.0.0.9", user "app", database "app", no '
             "encryption", "add ?sslmode=require"),
            ('FATAL:  no pg_hba.conf entry for host "10.0.0.9", user "app", database "app", SSL '
             "encryption", "pg_hba.conf, or correct"),
            ('root certificate file "/root/root.crt" does not exist', "add &sslrootcert=FILE"),
            ("SSL error: certificate verify failed", "name its authority"),
            ('server certificate for "db" does not match host name "10.0.0.9"', "the host as its"),
            ('FATAL:  password authentication failed for user "app"', "our user or password"),
        ],
    )  # fmt: skip
    def test_postgresql_by_its_words(self, text: str, line: str) -> None:
        fault = trouble(psycopg.OperationalError(f'connection to server at "db" failed: {text}'))
        assert fault is not None
        assert line in fault.line
        assert not fault.passes


class TestRedis:
    """A real Redis that answers, and does not do what we ask."""

    @pytest.fixture
    def server(self, tmp_path: Path) -> Iterator[redis.Redis]:
        path, data = tmp_path / "r.sock", tmp_path / "data"
        data.mkdir()
        installed = find_server()
        assert installed is not None, how_to_install()
        command = [installed.program, "--port", "0", "--unixsocket", str(path),
                   "--save", "", "--dir", str(data)]  # fmt: skip
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        client = redis.Redis.from_url(f"unix://{path}")
        until(lambda: path.exists() and client.ping(), "Redis answers")
        yield client
        process.kill()
        process.wait()

    def disk_full(self, server: redis.Redis, folder: Path) -> None:
        """A removed folder: `dir` itself cannot be changed from Redis 7.0 on."""
        server.config_set("save", "1 1")
        folder.rmdir()
        server.set("a", 1)
        server.bgsave()
        until(lambda: server.info()["rdb_last_bgsave_status"] == "err", "the save has failed")

    @pytest.mark.parametrize(
        ("state", "line"),
        [
            ("full", "out of memory.*maxmemory"),
            ("disk", "cannot save its data to disk.*free some space"),
            ("replica", "names a replica, which accepts no writes: name the primary"),
            ("master down", "replica that has lost its primary"),
            ("no password", "requires a password: see REDIS_URL"),
            ("wrong password", "does not accept our password: see REDIS_URL"),
            ("lonely", "too few replicas"),
        ],
    )
    def test_that_refuses_says_why_however_it_was_asked(
        self, server: redis.Redis, tmp_path: Path, state: str, line: str
    ) -> None:
        url = f"redis+socket://{tmp_path}/r.sock"
        used = embedded_redis.client(
            url if state != "wrong password" else url.replace("//", "//:no@")
        )
        if state == "full":
            server.config_set("maxmemory", 1)
        elif state == "disk":
            self.disk_full(server, tmp_path / "data")
        elif state in ("replica", "master down"):
            if state == "master down":
                server.config_set("replica-serve-stale-data", "no")
            server.execute_command("REPLICAOF", "127.0.0.1", "1")
        elif state == "lonely":
            server.config_set("min-replicas-to-write", 1)
        else:
            server.config_set("requirepass", "right")

        def by_pipeline() -> None:
            with used.pipeline(transaction=False) as pipe:
                pipe.get("k") if state == "master down" else pipe.set("k", 1)
                pipe.execute()

        ways = {
            "a command": lambda: used.get("k") if state == "master down" else used.set("k", 1),
            "a pipeline": by_pipeline,
            "a script": lambda: SharedPace(used)._slot(keys=["k"], args=["1"]),
        }
        if state == "master down":  # writes are refused as those of any replica
            del ways["a script"]
        for way, ask in ways.items():
            with pytest.raises(redis.RedisError) as caught:
                ask()
            fault = trouble(caught.value)
            assert fault is not None, f"{way}: {caught.value!r}"
            assert re.search(line, fault.line), f"{way}: {fault.line}"
        if state not in ("wrong password", "master down"):
            app = Celery("x", broker=url)
            with pytest.raises(Exception) as failed:
                app.send_task("hygiene.page", retry=False)
            fault = trouble(failed.value)
            assert fault is not None
            assert re.search(line, fault.line), fault.line

    def test_that_takes_no_writes_is_a_problem_to_the_doctor_until_it_does(
        self, server: redis.Redis, tmp_path: Path, make_settings: Callable[..., Settings]
    ) -> None:
        from worker.ops import doctor

        settings = make_settings().model_copy(
            update={"redis_url": f"redis+socket://{tmp_path}/r.sock"}
        )
        server.execute_command("REPLICAOF", "127.0.0.1", "1")
        (check,) = doctor._redis(settings)
        assert check.verdict == "problem"
        assert "name the primary" in check.text
        server.execute_command("REPLICAOF", "NO", "ONE")
        assert [check.verdict for check in doctor._redis(settings)] == ["ok"]


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
            reader = fields.reader

            def reading(*args: Any, **kwargs: Any) -> Any:
                read = reader(*args, **kwargs)
                return lambda contact: read(contact) if contact.id != bad else [] + 1  # type: ignore[operator]

            monkeypatch.setattr(fields, "reader", reading)
        else:
            add = PageCounts.add

            def adding(counts: Any, contact: Any, decision: Any) -> None:
                add(counts, contact, decision if contact.id != bad else None)  # type: ignore[arg-type]

            monkeypatch.setattr(PageCounts, "add", adding)
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

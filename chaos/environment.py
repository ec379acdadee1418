"""PostgreSQL, Redis and the product's processes, which the campaign starts, breaks and ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg
import redis

from chaos.postgres import Server, free_port
from worker.store.redis_server import find_server, how_to_install

ROOT = Path(__file__).resolve().parent.parent
_DISK_MB = 400  # of the database's own disk, where one can be mounted


def until(condition: Any, seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(0.05)


class Postgres:
    """A server of our own. With root's rights on a small disk of its own, that can run full."""

    def __init__(self, home: Path) -> None:
        self._home = home / "postgres"
        self._home.mkdir()
        home.chmod(0o755)  # the server may run as another user
        self.own_disk = self._mount()
        self._server = Server(
            self._home,
            (
                "max_connections = 200", "shared_buffers = 48MB", "min_wal_size = 32MB",
                "max_wal_size = 48MB", "deadlock_timeout = 200ms", "autovacuum = off",
            ),
        )  # fmt: skip
        self.start()

    def _mount(self) -> bool:
        if os.getuid() != 0:
            return False
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={_DISK_MB}m", "tmpfs", str(self._home)],
            capture_output=True, check=False,
        )  # fmt: skip
        return mounted.returncode == 0

    def start(self) -> None:
        for _ in range(20):
            self._server.start()
            if self.is_up():
                return
            time.sleep(0.3)
        raise TimeoutError("PostgreSQL did not start")

    def stop(self, how: str = "immediate") -> None:
        self._server.stop(how)

    def is_up(self) -> bool:
        try:
            with self.connect("postgres"):
                return True
        except psycopg.Error:
            return False

    def url(self, name: str) -> str:
        return self._server.url(name)

    def connect(self, name: str) -> psycopg.Connection[Any]:
        return psycopg.connect(self.url(name), autocommit=True, connect_timeout=5)

    def create(self, name: str, template: str = "template0") -> None:
        with self.connect("postgres") as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')

    def drop(self, name: str) -> None:
        with self.connect("postgres") as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def dump(self, name: str, target: Path) -> None:
        """All that a database holds, as text, for whoever looks into a failure."""
        with target.open("wb") as out:
            subprocess.run(
                [str(self._server.programs.folder / "pg_dump"), "--column-inserts", "--data-only",
                 self.url(name)],
                stdout=out, stderr=subprocess.DEVNULL, check=False,
            )  # fmt: skip

    def terminate_connections(self, name: str) -> None:
        """End all connections to a database."""
        with self.connect("postgres") as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
            )

    def fill_disk(self) -> None:
        """Leave no room on its disk."""
        with suppress(OSError), (self._home / "ballast").open("wb", buffering=0) as file:
            while True:
                file.write(b"\0" * 65_536)

    def free_disk(self) -> None:
        (self._home / "ballast").unlink(missing_ok=True)
        if not self.is_up():  # it may have given up for want of room
            self.start()

    def close(self) -> None:
        self.stop()
        if self.own_disk:
            subprocess.run(["umount", "-l", str(self._home)], check=False, capture_output=True)


class Redis:
    """A server of our own that keeps nothing on disk."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        server = find_server()
        assert server is not None, how_to_install()
        self._process = subprocess.Popen(
            [server.program, "--port", str(self.port), "--save", "", "--appendonly",
             "no", "--dir", str(self._home), "--bind", "127.0.0.1"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        until(self._is_up, 10, "Redis")

    def client(self) -> redis.Redis:
        return redis.Redis(port=self.port, socket_timeout=3)

    def _is_up(self) -> bool:
        try:
            return bool(self.client().ping())
        except redis.RedisError:
            return False

    def flush(self) -> None:
        with suppress(redis.RedisError):
            self.client().flushall()

    def restart(self, away: float) -> None:
        self._process.kill()
        self._process.wait()
        time.sleep(away)
        self.start()

    @contextmanager
    def paused(self) -> Iterator[None]:
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def dump(self) -> str:
        """Return all that it holds now, as text."""
        entries: list[str] = []
        with suppress(redis.RedisError):
            client = self.client()
            for key in client.scan_iter(count=500):
                kind = client.type(key)
                entries.append(repr(key))
                if kind == b"list":
                    entries += map(repr, client.lrange(key, 0, -1))
                elif kind == b"hash":
                    entries.append(repr(client.hgetall(key)))
                elif kind == b"string":
                    entries.append(repr(client.get(key)))
                elif kind in (b"set", b"zset"):
                    entries.append(repr(client.zrange(key, 0, -1) if kind == b"zset"
                                      else client.smembers(key)))  # fmt: skip
        return "\n".join(entries)

    def close(self) -> None:
        self._process.send_signal(signal.SIGCONT)
        self._process.kill()
        self._process.wait()


@dataclass
class Process:
    """A process of the product. `role`: worker, beat, web, stream, or old (a worker of another
    version)."""

    name: str
    role: str
    pid: int
    argv: list[str]
    overrides: dict[str, Any] = field(default_factory=dict)

    @property
    def alive(self) -> bool:
        try:
            return bool(psutil.Process(self.pid).status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False

    def process_tree(self) -> list[psutil.Process]:
        try:
            parent = psutil.Process(self.pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def signal(self, number: int) -> None:
        for member in self.process_tree():
            with suppress(psutil.NoSuchProcess):
                member.send_signal(number)

    def kill(self) -> None:
        """Kill it and its children at once with -9, as if the machine lost its power."""
        self.signal(signal.SIGKILL)
        with suppress(TimeoutError):
            until(lambda: not self.alive, 5, self.name)


@dataclass(frozen=True)
class Command:
    """A command of the product that was started. `log`: its stderr; `done`: its exit code, in the
    end."""

    pid: int
    log: Path
    out: Path
    done: Path

    def wait(self, seconds: float) -> int | None:
        """Return its exit code; None if it still runs by then; -1 if the process ended without
        leaving its code (`os._exit`)."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.done.exists() and (code := self.done.read_text()):
                return int(code)
            if not psutil.pid_exists(self.pid):
                return int(self.done.read_text()) if self.done.exists() else -1
            time.sleep(0.02)
        return None


class ForkServer:
    """Starts the product's processes (`chaos.fork_server`)."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "chaos.fork_server"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip
        self._lock = threading.Lock()  # faults strike in threads of their own

    def start(self, argv: Sequence[str], env: dict[str, str], log: Path, overrides: dict[str, Any],
              **fields: str) -> int:  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {
            "argv": list(argv),
            "env": env,
            "log": str(log),
            "overrides": overrides,
            **fields,
        }
        with self._lock:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            return int(json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


class Environment:
    """One database server, one Redis, one fork server; a database and logs for each schedule."""

    def __init__(self) -> None:
        self._tmp = tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True)
        self.home = Path(self._tmp.name)
        self.postgres = Postgres(self.home)
        self.redis = Redis(self.home)
        self.fork_server = ForkServer()
        self.postgres.create("empty")
        self.logs = self.home / "logs"
        self.env: dict[str, str] = {}
        self.processes: list[Process] = []
        self.mutant = ""
        self.readings: dict[str, str] = {}  # of the release that commands are of (`overrides`)
        self._count = 0
        self.start_schedule({"DATABASE_URL": self.postgres.url("empty")}, "empty")
        code, _ = self.command("worker", "db", "upgrade")
        if code:
            raise RuntimeError(self.log_text())

    def start_schedule(self, env: dict[str, str], name: str) -> None:
        """Begin a schedule with its own environment, logs and database, and without processes."""
        self.database = name
        self.logs = self.home / name
        self.logs.mkdir()
        self.processes = []
        self.readings = {}
        self._count = 0
        system = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "TZ", "HOME")}
        self.env = {**system, "REDIS_URL": self.redis.url, "XDG_STATE_HOME": str(self.logs),
                    "HYGIENE_HOME": str(self.logs / "home"), **env}  # fmt: skip

    def start_process(self, role: str, argv: Sequence[str], **overrides: Any) -> Process:
        self._count += 1
        name = f"{role}-{self._count}"
        env = dict(self.env)
        if role == "beat":  # as on a machine of its own
            env["HYGIENE_HOME"] = str(self.logs / name)
            Path(env["HYGIENE_HOME"]).mkdir()
        patches = {**overrides, "mutant": self.mutant}
        log = self.logs / f"{name}.log"
        if role == "old":
            with log.open("wb") as out:
                pid = subprocess.Popen(
                    [sys.executable, "-m", *argv], env=env, stdin=subprocess.DEVNULL, stdout=out,
                    stderr=out, start_new_session=True, cwd=overrides["tree"],
                ).pid  # fmt: skip
        else:
            pid = self.fork_server.start(argv, env, log, patches)
        process = Process(name, role, pid, list(argv), overrides)
        self.processes.append(process)
        return process

    def restart(self, process: Process) -> Process:
        """Start a killed process again, as its supervisor does."""
        self.processes.remove(process)
        return self.start_process(process.role, process.argv, **process.overrides)

    def command(self, *argv: str, timeout: float = 90) -> tuple[int, str]:
        """Run a command of the product to its end; return its exit code and stdout."""
        command = self.start_command(*argv)
        code = command.wait(timeout)
        if code is None:
            os.kill(command.pid, signal.SIGKILL)
            raise TimeoutError(" ".join(argv))
        return code, command.out.read_text()

    def start_command(self, *argv: str) -> Command:
        self._count += 1
        log, out, done = (
            self.logs / f"command-{self._count}.{end}" for end in ("log", "out", "done")
        )
        pid = self.fork_server.start(
            argv,
            self.env,
            log,
            {"mutant": self.mutant, "readings": self.readings},
            out=str(out),
            done=str(done),
        )
        return Command(pid, log, out, done)

    def with_role(self, *roles: str) -> list[Process]:
        return [process for process in self.processes if process.role in roles and process.alive]

    def stop_all(self) -> None:
        for process in self.processes:
            process.signal(signal.SIGCONT)
            process.kill()

    def log_text(self) -> str:
        """Return everything that the processes of this schedule logged."""
        return self._text("*.log")

    def output_text(self) -> str:
        """Return what its commands printed for their operator."""
        return self._text("*.out")

    def _text(self, pattern: str) -> str:
        files = sorted(self.logs.glob(pattern))
        return "\n".join(path.read_text(errors="replace") for path in files)

    def close(self) -> None:
        self.stop_all()
        self.fork_server.close()
        self.redis.close()
        self.postgres.close()
        with suppress(OSError):
            self._tmp.cleanup()

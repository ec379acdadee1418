"""Other users of the machine read nothing of an installation, be it new or old."""

from __future__ import annotations

import logging
import os
import stat
import subprocess
from pathlib import Path

import forking
import pytest

from config.settings import load
from worker.ops import doctor_checks
from worker.store import embedded_redis
from worker.store.private_files import protect_home


def open_to_others(folder: Path) -> list[str]:
    """What group or others may use, of a folder and all in it. A socket is kept by its folder."""
    return [
        f"{path.name} {stat.S_IMODE(path.lstat().st_mode):o}"
        for path in (folder, *folder.rglob("*"))
        if path.lstat().st_mode & 0o077 and not path.is_symlink()
    ]


def run(home: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """A command as somebody runs it whose umask hides nothing."""
    return forking.run(("worker", *args), {**os.environ, "HYGIENE_HOME": str(home)}, umask=0)


def test_a_new_home_is_for_its_user_alone(tmp_path: Path) -> None:
    home = tmp_path / "deep" / "home"
    assert run(home, "db", "upgrade").returncode == 0
    old = os.umask(0)
    try:
        embedded_redis.ensure(home)
        assert {"hygiene.db", "redis.log", "redis.lock"} <= {path.name for path in home.iterdir()}
        assert open_to_others(home) == []
    finally:
        os.umask(old)
        embedded_redis.stop(home)


def test_a_home_of_before_is_mended_with_a_word(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert run(home, "db", "upgrade").returncode == 0
    (home / "numbers.csv").write_text("x")
    (home / "demo").mkdir()
    (home / "demo" / "web.log").write_text("x")
    for path in (home, *home.rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o666)
    result = run(home, "users", "list")
    assert open_to_others(home) == []
    assert (
        "HYGIENE_HOME was open to other users of this machine (0777): it is 0700" in result.stderr
    )
    assert "hygiene.db was open" in result.stderr
    assert "open to other users" not in run(home, "users", "list").stderr


def test_a_database_elsewhere_is_mended_and_its_folder_left(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    env = {**os.environ, "HYGIENE_HOME": str(tmp_path / "home"),
           "DATABASE_URL": f"sqlite:///{tmp_path / 'numbers.db'}"}  # fmt: skip
    for _ in range(2):
        forking.run(("worker", "users", "list"), env, umask=0).check_returncode()
        assert stat.S_IMODE((tmp_path / "numbers.db").stat().st_mode) == 0o600
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
        (tmp_path / "numbers.db").chmod(0o644)


def test_other_things_in_the_same_folder_are_left_as_they_are(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    for name in ("pyproject.toml", "script.sh", "hygiene.db"):
        (tmp_path / name).write_text("x")
        (tmp_path / name).chmod(0o755)
    protect_home(tmp_path)
    assert sorted(open_to_others(tmp_path)) == ["pyproject.toml 755", "script.sh 755"]
    assert "hygiene.db was open" in caplog.text


def test_what_cannot_be_mended_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "hygiene.db").touch(0o600)
    settings = load({"HYGIENE_HOME": str(home)})
    text = "\n".join(check.text for check in doctor_checks.check_settings(settings, {}))
    assert str(home) not in text
    home.chmod(0o770)
    (home / "hygiene.db").chmod(0o644)
    text = "\n".join(check.text for check in doctor_checks.check_settings(settings, {}))
    assert f"HYGIENE_HOME is open to other users: chmod go-rwx {home}" in text
    assert "the database is open to other users" in text
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    protect_home(home)
    assert stat.S_IMODE(home.stat().st_mode) == 0o770
    text = "\n".join(check.text for check in doctor_checks.check_settings(settings, {}))
    assert "HYGIENE_HOME belongs to another user" in text


def test_a_folder_that_somebody_else_laid_out_for_the_socket_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a path is too long its socket lies in the machine's folder for all."""
    home = tmp_path / ("deep" * 20) / ("deeper" * 10)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    folder = embedded_redis.socket_path(home).parent
    elsewhere = tmp_path / "theirs"
    elsewhere.mkdir()
    folder.unlink(missing_ok=True)  # of an earlier run whose folders had the same names
    folder.symlink_to(elsewhere)
    with pytest.raises(embedded_redis.RedisError, match="another user"):
        embedded_redis.ensure(home)

"""A wheel of the product, installed and used from an empty folder, with the checkout out of sight.

The wheel is built and installed by this environment's own tools, without the network. Its
dependencies are this environment's, by a line in a `.pth` file; that of the editable install of the
checkout is not read from there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import tomllib
import urllib.error
import urllib.request
import venv
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
import requests
from constants import NUMBER
from terminals import LINK

from config.version import product_version
from worker.store import embedded_redis

ROOT = Path(__file__).parent.parent
PACKAGES = ("config", "connectors", "worker", "sandbox")
_BUILD = "import setuptools.build_meta as b; b.build_wheel('dist')"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, since setuptools leaves folders beside the sources."""
    copy = tmp_path_factory.mktemp("source")
    ignore = shutil.ignore_patterns("__pycache__")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, copy / package, ignore=ignore)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    (copy / "dist").mkdir()
    subprocess.run([sys.executable, "-c", _BUILD], cwd=copy, check=True, capture_output=True)
    (built,) = (copy / "dist").glob("*.whl")
    return built


class Installed:
    """An environment with the wheel in it, used from an empty folder."""

    def __init__(self, wheel: Path, place: Path) -> None:
        self._environment = place / "environment"
        self.folder = place / "empty"
        self.folder.mkdir()
        venv.create(self._environment, with_pip=False, symlinks=True)
        python = self._environment / "bin" / "python"
        subprocess.run(
            [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet",
             "--disable-pip-version-check", "--no-index", "--no-deps", str(wheel)],
            check=True, capture_output=True,
        )  # fmt: skip
        (self.packages,) = self._environment.glob("lib/python*/site-packages")
        dependencies = sysconfig.get_path("purelib")
        (self.packages / "dependencies.pth").write_text(f"{dependencies}\n")
        self.env = {
            "PATH": f"{self._environment}/bin:{os.defpath}", "HOME": str(place), "LANG": "C.UTF-8"
        }  # fmt: skip

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=self.folder, env=self.env, capture_output=True, text=True, check=False,
            timeout=120,
        )  # fmt: skip

    def doctor(self) -> dict[str, str]:
        """What each check of `hygiene doctor` found; the last one of a name counts."""
        checks = json.loads(self.run("hygiene", "doctor", "--json").stdout)
        return {check["name"]: check["verdict"] for check in checks}


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(wheel, tmp_path_factory.mktemp("installed"))


class TestTheWheel:
    def test_holds_every_file_of_the_packages(self, wheel: Path) -> None:
        """Migrations, templates, static files, the commented settings, py.typed, ..."""
        files = {
            str(path.relative_to(ROOT))
            for package in PACKAGES
            for path in (ROOT / package).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        with zipfile.ZipFile(wheel) as archive:
            names = set(archive.namelist())
        assert "config/hygiene.toml" in files
        assert files <= names
        assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == set(PACKAGES)

    def test_needs_the_stand_ins_packages_for_the_demo_alone(self, wheel: Path) -> None:
        with zipfile.ZipFile(wheel) as archive:
            (name,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
            metadata = Parser().parsestr(archive.read(name).decode())
        needs = metadata.get_all("Requires-Dist") or []
        for package in ("aiohttp", "sortedcontainers"):
            (line,) = (need for need in needs if need.startswith(package))
            assert 'extra == "demo"' in line
        assert "demo" in (metadata.get_all("Provides-Extra") or [])


class TestFromAnEmptyFolder:
    def test_the_packages_are_the_wheels(self, installed: Installed) -> None:
        show = "import config, connectors, sandbox, worker; print(*(m.__file__ for m in " \
               "(config, connectors, sandbox, worker)), sep='\\n')"  # fmt: skip
        shown = installed.run("python", "-c", show)
        for line in shown.stdout.splitlines():
            assert line.startswith(str(installed.packages)), line
        assert len(shown.stdout.splitlines()) == 4, shown.stderr

    def test_version_and_help(self, installed: Installed) -> None:
        assert installed.run("hygiene", "--version").stdout == (
            f"hygiene, version {product_version()}\n"
        )
        assert "Usage: hygiene" in installed.run("hygiene", "--help").stdout
        assert not list(installed.folder.iterdir())

    def test_a_list_is_cleaned(self, installed: Installed) -> None:
        (installed.folder / "leads.csv").write_text("name,phone\nKim,+1 415 555 2671\n")
        done = installed.run("hygiene", "clean", "leads.csv", "-o", "out.csv", "--country", "US")
        assert done.returncode == 0, done.stderr
        assert NUMBER in (installed.folder / "out.csv").read_text()

    def test_the_database_is_made_and_the_doctor_looks_at_it(self, installed: Installed) -> None:
        done = installed.run("hygiene", "db", "upgrade")
        assert done.returncode == 0, done.stderr
        assert (installed.folder / ".hygiene" / "hygiene.db").is_file()
        checks = installed.doctor()
        assert checks["database"] == "ok"
        assert "redis" in checks
        assert checks["connectors"] == "problem", "none is connected"

    @pytest.mark.timeout(240)
    def test_everything_is_started_by_up(self, installed: Installed, free_port: int) -> None:
        home = installed.folder / ".hygiene"
        log = installed.folder / "up.log"
        with log.open("wb") as file:
            env = {**installed.env, "PORT": str(free_port)}
            up = subprocess.Popen(
                ["hygiene", "up"], cwd=installed.folder, env=env,
                stdin=subprocess.DEVNULL, stdout=file, stderr=file,
            )  # fmt: skip
        try:
            end = time.monotonic() + 180
            # "queue" is ok once the worker has carried out a task that beat sent; the style sheet
            # is a file of the wheel.
            wanted = {"/readyz": r'"queue": ?"ok"', "/static/app.css": "color-scheme"}
            while not all(re.search(text, _get(free_port, path)) for path, text in wanted.items()):
                assert up.poll() is None, log.read_text()
                assert time.monotonic() < end, log.read_text()
                time.sleep(0.3)
            assert "only this machine can reach the pages" in log.read_text()
            # What it writes goes to a file, which shows no login link: the pages are closed.
            answer = requests.get(f"http://127.0.0.1:{free_port}/runs", timeout=10)
            assert (answer.status_code, "No password is set here" in answer.text) == (403, True)
            assert "one-time login link" in log.read_text()
            assert not LINK.search(log.read_text())
        finally:
            up.send_signal(signal.SIGTERM)
            code = up.wait(60)
        assert code == 130, log.read_text()
        assert not embedded_redis.answers(home)


def _get(port: int, path: str) -> str:
    """The answer; nothing that any pattern matches if there is none yet."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return str(answer.read().decode())
    except (urllib.error.URLError, OSError):
        return ""


class TestWithoutTheStandIns:
    """As in the production image, which has neither their code nor their packages."""

    def test_the_demo_says_in_one_line_what_to_install(self, wheel: Path, tmp_path: Path) -> None:
        installed = Installed(wheel, tmp_path)
        shutil.rmtree(installed.packages / "sandbox")
        done = installed.run("hygiene", "demo", "--once")
        assert done.returncode == 2
        (line,) = done.stderr.strip().splitlines()
        assert 'pip install "phone-hygiene[demo]"' in line
        assert not list(installed.folder.iterdir())
        assert installed.run("hygiene", "--help").returncode == 0

    def test_the_image_gets_neither(self) -> None:
        dockerfile = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
        assert "sandbox" not in dockerfile
        assert "ARG LOCK=requirements.lock\n" in dockerfile
        assert '--require-hashes -r "$LOCK"' in dockerfile
        assert not {"aiohttp", "sortedcontainers"} & _locked("requirements.lock")
        assert {"aiohttp", "sortedcontainers"} <= _locked("requirements-demo.lock")


def _locked(name: str) -> set[str]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return {line.split("==")[0] for line in lines if line[:1].isalnum()}


def _pinned(name: str) -> set[str]:
    """Package and version of each line that is one."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return {line.split()[0] for line in lines if line[:1].isalnum()}


class TestPlatforms:
    """What installs `requirements.txt` and runs the checkout in place (Heroku, Render, ...)."""

    def test_the_requirements_are_the_lock(self) -> None:
        lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
        assert [line for line in lines if not line.startswith("#")] == ["-r requirements.lock"]

    def test_the_locks_agree(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        assert "demo" in project["optional-dependencies"]
        assert _locked("requirements.lock") < _locked("requirements-demo.lock")
        assert _locked("requirements-demo.lock") < _locked("requirements-dev.lock")
        assert "setuptools" in _locked("requirements.lock"), "the image installs without isolation"

    def test_the_one_with_change_events_is_the_same_and_what_they_need(self) -> None:
        streaming = _pinned("requirements-streaming.lock")
        assert _pinned("requirements.lock") < streaming < _pinned("requirements-dev.lock")
        more = {pin.split("==")[0] for pin in streaming - _pinned("requirements.lock")}
        assert more == {"grpcio", "protobuf", "fastavro"}
        dockerfile = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
        assert "COPY requirements.lock requirements-streaming.lock " in dockerfile

    def test_the_python_is_one_that_the_project_allows(self) -> None:
        python = (ROOT / ".python-version").read_text(encoding="utf-8").strip()
        assert python in ("3.11", "3.12", "3.13", "3.14")
        assert f"python:{python}-slim" in (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")

    def test_the_procfiles_commands_need_no_installed_product(self, tmp_path: Path) -> None:
        """The platform's Python finds only the dependencies; the product lies in the folder."""
        checkout = tmp_path / "app"
        for package in ("config", "connectors", "worker"):
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / package, checkout / package, ignore=ignore)
        shutil.copy(ROOT / "pyproject.toml", checkout)
        environment = tmp_path / "environment"
        venv.create(environment, with_pip=False, symlinks=True)
        (packages,) = environment.glob("lib/python*/site-packages")
        for path in Path(sysconfig.get_path("purelib")).iterdir():
            if not path.name.startswith(("phone_hygiene-", "__editable__")):
                (packages / path.name).symlink_to(path)
        env = {"PATH": f"{environment}/bin:{os.defpath}", "HOME": str(tmp_path)}
        procfile = dict(
            line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines()
        )
        workers = ("worker", "reports", "writes")
        assert procfile.keys() == {"release", "web", *workers, "beat", "stream"}
        for command in (procfile["release"], "python -m worker --version"):
            done = subprocess.run(
                command.split(), cwd=checkout, env=env, capture_output=True, text=True,
                check=False, timeout=120,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
        assert done.stdout.endswith(f"version {product_version()}\n")
        assert procfile["web"] == "python -m worker web"
        assert procfile["stream"] == "python -m worker stream"
        for name in ("worker", "beat"):
            assert procfile[name].startswith(f"celery --app worker.app {name} ")
        for name in ("reports", "writes"):
            assert procfile[name].startswith(f"celery --app worker.app worker --queues {name} ")

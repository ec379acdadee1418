"""What the benches measured, as JSON: a figure with its unit and what limits it.

A bench prints for people, and records its figures for `bench.run`, which names a file in
BENCH_RESULTS; without it, nothing is recorded.
"""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
from pathlib import Path

import msgspec
import psycopg
from msgspec import Struct

RESULTS = Path(__file__).parent / "results.json"


class Figure(Struct, frozen=True):
    """`limit`: what limits it, so what would have to change for a better one."""

    bench: str
    name: str
    value: float
    unit: str
    limit: str


class Machine(Struct, frozen=True):
    """`load`: of the last minute, before the first bench: over zero, others were at work too."""

    cpu: str
    cores: int
    memory_gb: float
    system: str
    python: str
    sqlite: str
    postgresql: str
    commit: str
    load: float


class Results(Struct, frozen=True):
    """`skipped`: bench -> why it has no figures, or not all of them."""

    at: str
    note: str
    machine: Machine
    seconds: float
    figures: list[Figure]
    skipped: dict[str, str]


def record(bench: str, name: str, value: float, unit: str, limit: str) -> None:
    """Record a figure where `bench.run` wants it."""
    if path := os.environ.get("BENCH_RESULTS"):
        with Path(path).open("ab") as file:
            file.write(msgspec.json.encode(Figure(bench, name, value, unit, limit)) + b"\n")


def recorded(path: Path) -> list[Figure]:
    lines = path.read_bytes().splitlines() if path.exists() else []
    return [msgspec.json.decode(line, type=Figure) for line in lines]


def write(path: Path, results: Results) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")


def read(path: Path = RESULTS) -> Results:
    return msgspec.json.decode(path.read_bytes(), type=Results)


def machine() -> Machine:
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return Machine(
        cpu=_cpu_model(), cores=os.cpu_count() or 1, memory_gb=round(pages * size / 2**30, 1),
        system=f"{platform.system()} {platform.release()}", python=platform.python_version(),
        sqlite=sqlite3.sqlite_version, postgresql=_postgresql(), commit=_commit(),
        load=round(os.getloadavg()[0], 2),
    )  # fmt: skip


def _cpu_model() -> str:
    path = Path("/proc/cpuinfo")
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()


def _postgresql() -> str:
    """The version of the server of BENCH_POSTGRES_URL; "not used" without one."""
    server = os.environ.get("BENCH_POSTGRES_URL")
    if not server:
        return "not used"
    with psycopg.connect(server) as connection:
        row = connection.execute("SHOW server_version").fetchone()
    return str(row[0]) if row else "unknown"


def _commit() -> str:
    """The commit that was measured, with a plus sign if files were changed since."""
    here = Path(__file__).parent

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=here, capture_output=True, text=True)
        return done.stdout.strip()

    return (git("rev-parse", "--short", "HEAD") or "unknown") + (
        "+" if git("status", "--porcelain", "--untracked-files=no") else ""
    )

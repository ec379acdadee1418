"""Measure scrubs and registries: `python -m bench.scrub [--rows N] [--postgresql URL]`.

On an empty database it puts N rows into the suppression list and N numbers on a registry, then
measures, in processor time of this process and in wall time (the database's own work is only in
the latter on PostgreSQL):

- the import of the registry, and of the same file again;
- a scrub of 10,000 numbers, one in twenty of which is suppressed or listed, in this process and by
  `POST /api/scrub`;
- what matching adds to a page of a sync (500 numbers);
- a list of a million lines, and by how much the process grows meanwhile.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import requests
import sqlalchemy as sa
import uvicorn

from config.settings import Settings, load
from worker.context import Context
from worker.registries import imports, matching
from worker.registries.imports import ImportRequest
from worker.scrub.files import Columns, ListedNumbers, answer_line
from worker.scrub.model import Question
from worker.scrub.scrub import Scrub
from worker.store.engine import upgrade
from worker.web.app import make_app

T = TypeVar("T")
TOKEN = "the token of this bench"
_TOML = """
[registries.us-dnc]
authority = "FTC"
countries = ["US"]
format = "ftc"
"""


def number(place: int) -> int:
    """Return a number of the US plan, without its plus; the places lie in the order of numbers."""
    area = 201 + place // 7_000_000
    return int(f"1{area}{2_000_000 + place % 7_000_000:07d}")


def measure(what: str, work: Callable[[], T]) -> T:
    began, spent = time.monotonic(), time.process_time()
    result = work()
    took, used = time.monotonic() - began, time.process_time() - spent
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{what}: {took:.2f} s wall, {used:.2f} s processor, peak {peak} MB", flush=True)
    return result


def fill_suppressions(ctx: Context, rows: int) -> None:
    """Put rows into the suppression list, as a list that was imported makes them."""
    postgresql = ctx.store.engine.dialect.name == "postgresql"
    series = (
        f"SELECT generate_series(0, {rows - 1}) AS n"
        if postgresql
        else f"SELECT 0 AS n UNION ALL SELECT n + 1 FROM series WHERE n < {rows - 1}"
    )
    text = "CAST(10000000000 + (201 + n / 7000000) * 10000000 + 2000000 + n % 7000000 AS TEXT)"
    with ctx.store.write() as connection:
        if not postgresql:
            connection.exec_driver_sql("PRAGMA cache_size = -1000000")
        connection.exec_driver_sql(
            "INSERT INTO suppressions (key, number, contact, person, channels, reason, source, "
            f"evidence, since, lifted_by, lifted_why) WITH RECURSIVE series AS ({series}) "
            f"SELECT 'list:bench:+' || {text}, '+' || {text}, '', '', 'call text', 'list', "
            "'bench', '', '2026-01-01 00:00:00.000000', '', '' FROM series".replace("%", "%%")
            if postgresql
            else "INSERT INTO suppressions (key, number, contact, person, channels, reason, "
            "source, evidence, since, lifted_by, lifted_why) "
            f"WITH RECURSIVE series AS ({series}) "
            f"SELECT 'list:bench:+' || {text}, '+' || {text}, '', '', 'call text', 'list', "
            "'bench', '', '2026-01-01 00:00:00.000000', '', '' FROM series"
        )
    if postgresql:
        with ctx.store.engine.connect() as raw:
            raw.execution_options(isolation_level="AUTOCOMMIT").execute(sa.text("ANALYZE"))


def write_list(path: Path, rows: int) -> None:
    """Write a registry's file: numbers behind those of the suppression list."""
    with path.open("w") as file:
        for place in range(rows):
            text = str(number(rows + place))
            file.write(f"{text[1:4]},{text[4:]}\n")


def questions(rows: int) -> list[Question]:
    """Return 10,000 numbers, as people spell them: 250 suppressed, 250 listed, the others free."""
    asked = []
    for place in range(10_000):
        if place % 40 == 0:
            value = number(place * (rows // 10_000))
        elif place % 40 == 20:
            value = number(rows + place * (rows // 10_000))
        else:
            value = number(3 * rows + place * 13)
        text = str(value)
        spelt = f"({text[1:4]}) {text[4:7]}-{text[7:]}" if place % 2 else f"+{text}"
        asked.append(Question(spelt, "call", "US"))
    return asked


def scrub(ctx: Context, asked: list[Question]) -> None:
    run = Scrub(ctx, "bench", "call")
    denied = sum(not answer.allow for answer in run.answer(asked))
    run.certify()
    print(f"  {denied} of {len(asked)} denied: {dict(run.tally.reasons)}")


def scrub_by_http(settings: Settings, asked: list[Question]) -> None:
    """Scrub by the API, in this process: its processor time is the client's and the server's."""
    server = uvicorn.Server(uvicorn.Config(make_app(settings), port=0, log_config=None))
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.05)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/api/scrub"
    body = {
        "channel": "call",
        "numbers": [{"number": each.number, "country": each.country} for each in asked],
    }

    def ask() -> None:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        answer = requests.post(url, json=body, headers=headers, timeout=60)
        answer.raise_for_status()
        reasons = Counter(each["reason"] for each in answer.json()["results"])
        print(f"  of {len(asked)}: {dict(reasons)}")

    for _ in range(4):
        measure("a scrub of 10,000 numbers by HTTP", ask)
    server.should_exit = True


def match_pages(ctx: Context, rows: int) -> None:
    for page in range(200):
        numbers = [f"+{number(3 * rows + page * 500 + place)}" for place in range(500)]
        with ctx.store.read() as connection:
            matching.find(connection, numbers)


def long_list(ctx: Context, folder: Path) -> None:
    path = folder / "million.csv"
    with path.open("w") as file:
        file.write("name,phone\n")
        for place in range(1_000_000):
            file.write(f"A Person,{number(60_000_000 + place)}\n")
    listed = ListedNumbers(path, "call", Columns("phone", country="US"))
    run = Scrub(ctx, "bench", "call")

    def lines() -> Iterator[Question]:
        for _, question in listed:
            yield question

    with (folder / "out.csv").open("w") as out:
        for answer in run.answer(lines()):
            out.write(answer_line(["A Person", answer.number], ["name", "phone"], answer))
    run.certify()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.scrub", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--postgresql", default="", metavar="URL", help="an empty database")
    parser.add_argument("--again", action="store_true", help="import the same file again")
    parser.add_argument("--million", action="store_true", help="also a list of a million lines")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "hygiene.toml").write_text(_TOML)
        env = {
            "HYGIENE_HOME": name, "HYGIENE_CONFIG": str(folder / "hygiene.toml"),
            "ADMIN_TOKEN": TOKEN,
        }  # fmt: skip
        if args.postgresql:
            env["DATABASE_URL"] = args.postgresql
        settings = load(env)
        upgrade(settings.database_url)
        ctx = Context.create(settings)
        if args.million:
            registry = folder / "small.txt"
            write_list(registry, 1000)
            request = ImportRequest("us-dnc", [registry], "whole", "bench")
            imports.import_files(ctx, request, ())
            measure("10,000 numbers", lambda: scrub(ctx, questions(10_000)))
            measure("a list of a million lines", lambda: long_list(ctx, folder))
            return
        registry = folder / "registry.txt"
        write_list(registry, args.rows)
        request = ImportRequest("us-dnc", [registry], "whole", "bench")
        for what in ("the first import", "the same file again")[: 1 + args.again]:
            done = measure(
                f"{what}, {args.rows:,} numbers", lambda: imports.import_files(ctx, request, ())
            )
            print(f"  {done.added:,} added, {done.removed:,} removed")
        measure(f"filling {args.rows:,} suppressions", lambda: fill_suppressions(ctx, args.rows))
        asked = questions(args.rows)
        for _ in range(3):
            measure("a scrub of 10,000 numbers", lambda: scrub(ctx, asked))
        scrub_by_http(settings, asked)
        measure("matching 200 pages of 500 numbers", lambda: match_pages(ctx, args.rows))
        ctx.close()


if __name__ == "__main__":
    main()

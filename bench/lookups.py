"""How much of a provider's rate limit is used: `python -m bench.lookups`.

A stand-in for Twilio Lookup takes 200 ms for an answer and lets 50 lookups a second in. It is asked
about 600 numbers by one worker process, then by two that share the limit through a real Redis; one
number a call, and in batches. Stated is the share of the limit that was used, counted at the
stand-in, and how many calls it had to refuse.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from pathlib import Path

from bench.results import record
from config.settings import load
from sandbox.run import Sandbox
from worker.context import Context
from worker.store import embedded_redis
from worker.store.engine import upgrade
from worker.verification.conditions import Subject
from worker.verification.reservation import LookupRequest

LATENCY, PER_SECOND, NUMBERS = 0.2, 50, 600
# (what is measured, at_once, batch)
CASES = (("one a call", 16, 1), ("in batches", 4, 20))


def work(env: dict[str, str], numbers: list[str]) -> None:
    """What a worker process does with one page."""
    ctx = Context.create(load(env))
    verified = ctx.chain().verify([Subject(n) for n in numbers], LookupRequest("bench", ctx.owner))
    assert not verified.unanswered, verified.unanswered
    ctx.close()


def measure(workers: int, at_once: int, batch: int) -> tuple[float, int, int]:
    """Lookups a second, calls made, calls refused."""
    sandbox = Sandbox.start(contacts=0)
    sandbox.twilio.latency, sandbox.twilio.per_second = LATENCY, PER_SECOND
    moments: list[float] = []
    charge = sandbox.twilio.charge

    def charged(number: str, package: str) -> None:
        moments.append(time.monotonic())
        charge(number, package)

    sandbox.twilio.charge = charged  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "hygiene.toml").write_text(
            "[verification.budget]\nday = 'none'\nmonth = 'none'\n[verification.providers.twilio]\n"
            f"per_second = {PER_SECOND}\nat_once = {at_once}\nbatch = {batch}\n"
        )
        env = {
            **sandbox.env("twilio"),
            "HYGIENE_HOME": folder,
            "HYGIENE_CONFIG": str(home / "hygiene.toml"),
        }
        upgrade(load(env).database_url)
        embedded_redis.ensure(home)
        numbers = [f"+1415555{n:04d}" for n in range(2000, 2000 + NUMBERS)]
        spawn = multiprocessing.get_context("spawn")
        processes = [
            spawn.Process(target=work, args=(env, numbers[place::workers]))
            for place in range(workers)
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
            assert process.exitcode == 0
        embedded_redis.stop(home)
    calls, refused = sandbox.twilio.counters.total(), sandbox.twilio.refused.total()
    sandbox.stop()
    assert len(moments) == NUMBERS, f"{len(moments)} charged"
    moments.sort()
    # From the first answer to the last: as many lookups as came after the first call's.
    after_first = NUMBERS - batch
    return after_first / (moments[-1] - moments[0]), calls, refused


def main() -> None:
    print(f"{NUMBERS} numbers, {LATENCY * 1000:.0f} ms an answer, limit {PER_SECOND} a second; "
          f"{os.cpu_count()} cores")  # fmt: skip
    print(
        f"{'':14} {'workers':>7} {'a second':>9} {'of the limit':>13} {'calls':>6} {'refused':>8}"
    )
    for name, at_once, batch in CASES:
        for workers in (1, 2):
            rate, calls, refused = measure(workers, at_once, batch)
            share = rate / PER_SECOND
            print(f"{name:14} {workers:7} {rate:9.1f} {share:13.1%} {calls:6} {refused:8}")
            figure = f"{name}, {workers} worker{'s' if workers > 1 else ''}: of the limit"
            record("lookups", figure, share * 100, "%", "the provider's lookups a second")


if __name__ == "__main__":
    main()

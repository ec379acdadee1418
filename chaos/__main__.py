"""`python -m chaos`: run schedules of faults against the real system and report what broke."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import time
from collections import Counter
from pathlib import Path

from chaos import plan
from chaos.campaign import Result, run
from chaos.environment import Environment
from chaos.mutants import MUTANTS
from chaos.postgres import NoPostgresError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--schedules", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1, help="of the first; the others follow")
    parser.add_argument("--flavour", choices=plan.FLAVOURS)
    parser.add_argument("--mutants", action="store_true",
                        help="check that the broken builds are caught")  # fmt: skip
    parser.add_argument("--mutant", choices=MUTANTS, help="one of them")
    parser.add_argument("--tries", type=int, default=6, help="schedules for each broken build")
    parser.add_argument("--keep", type=Path, help="where logs of schedules are kept")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # and end what was started
    # Faults cut clients off in mid-call all the time: the stand-ins need not log that.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    try:
        environment = Environment()
    except NoPostgresError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        if args.mutants or args.mutant:
            names = [args.mutant] if args.mutant else list(MUTANTS)
            return _mutants(environment, names, args)
        return _campaign(environment, args)
    finally:
        environment.close()


def _campaign(environment: Environment, args: argparse.Namespace) -> int:
    results: list[Result] = []
    began = time.monotonic()
    for seed in range(args.seed, args.seed + args.schedules):
        result = run(environment, plan.make(seed, args.flavour), keep=args.keep)
        results.append(result)
        _report(result)
    broken = [result for result in results if result.broken]
    faults = Counter(kind for result in results for kind in result.injected)
    print(f"\n{len(results)} schedules in {(time.monotonic() - began) / 60:.1f} minutes: "
          f"{faults.total()} faults of {len(faults)} kinds, "
          f"{sum(r.contacts for r in results):,} contacts, "
          f"{sum(r.messages for r in results):,} messages, "
          f"{sum(r.writes for r in results):,} writes seen by the CRMs")  # fmt: skip
    print(", ".join(f"{kind} {count}" for kind, count in faults.most_common()))
    print(f"broken promises: {len(broken)} schedules"
          + (f" (seeds {', '.join(str(r.seed) for r in broken)})" if broken else ""))  # fmt: skip
    return 1 if broken else 0


def _report(result: Result) -> None:
    state = "BROKEN" if result.broken else "ok"
    print(
        f"seed {result.seed:5} {result.flavour:7} {state:6} {result.seconds:5.1f} s, consistent "
        f"after {result.recovery_seconds:4.1f} s: {' '.join(result.injected)}",
        flush=True,
    )
    for line in result.broken[:15]:
        print(f"    {line}", flush=True)


def _mutants(environment: Environment, names: list[str], args: argparse.Namespace) -> int:
    missed = []
    for name in names:
        mutant = MUTANTS[name]
        began = time.monotonic()
        caught = ""
        for seed in range(args.seed, args.seed + args.tries):
            result = run(
                environment, plan.make(seed, mutant.flavour, mutant.fault), name, args.keep
            )
            if result.outdated:
                caught = ""
                break
            if result.broken:
                caught = result.broken[0]
                break
        outcome = f"caught by seed {seed}: {caught}" if caught else "NOT caught"
        if result.outdated:
            outcome = f"NOT tried, it does not fit the code any more: {result.outdated}"
        seconds = time.monotonic() - began
        print(f"promise {mutant.promise:2}, {name} ({seconds:.0f} s): {outcome}", flush=True)
        if not caught:
            missed.append(name)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

"""How much of what the CRMs allow a first sync uses: `python -m bench.limits --contacts N`.

HubSpot: 190 calls in ten seconds, five searches a second, 150 ms a call (`--latency`). What the
limit allows: 190 calls at once and 19 a second from then on. A call that was told to slow down
counts against us: none should be.

Salesforce by Bulk jobs: each call takes 150 ms, each job ten seconds (`--job`), and the org works
on four at once (`--at-once`) and queues the rest, as it does. What that allows: the query jobs one
after another, and the ingest jobs four at a time without a pause.

The stand-ins are in a process of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import Any

import requests

from bench.results import record
from bench.sync import stand_ins
from config.settings import load
from worker.store.engine import upgrade

_LIMIT, _WINDOW = 190, 10.0


def sync(connector: str, env: dict[str, str]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "worker", "sync", connector, "--json"],
        env={**os.environ, **env}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        check=True,
    )  # fmt: skip
    result: dict[str, Any] = json.loads(done.stdout)[0]
    return result


def slow_down(base: str, match: str, seconds: float, settings: Mapping[str, float]) -> None:
    requests.post(f"{base}/settings", json=settings, timeout=5).raise_for_status()
    fault = {"match": match, "kind": "delay", "times": 10**9, "seconds": seconds}
    requests.post(f"{base}/faults", json=fault, timeout=5).raise_for_status()


def hubspot(crm: dict[str, str], env: dict[str, str], latency: float) -> None:
    base = f"{crm['HUBSPOT_API_URL']}/_sandbox"
    limits = {"ten_second_limit": _LIMIT, "search_per_second": 5}
    slow_down(base, "/crm/objects/2026-09/contacts", latency, limits)
    result = sync("hubspot", env)
    counters = requests.get(f"{base}/counters", timeout=5).json()
    seconds, calls = result["seconds"], sum(result["api_calls"].values())
    allowed = _LIMIT + _LIMIT / _WINDOW * max(0.0, seconds - _WINDOW)
    print(
        f"hubspot: {result['contacts']['read']:,} contacts in {seconds:.1f} s: {calls} calls of "
        f"{allowed:.0f} that were allowed, {calls / allowed:.1%} of the limit; "
        f"{sum(counters['refused'].values())} told to slow down, "
        f"{counters['total'] - calls} not counted",
        flush=True,
    )  # fmt: skip
    used, told = calls / allowed, sum(counters["refused"].values())
    record("limits", "hubspot: calls of those allowed", used * 100, "%", "HubSpot's ten seconds")
    record("limits", "hubspot: told to slow down", told, "calls", "nothing: none should be")


def salesforce(
    crm: dict[str, str], env: dict[str, str], latency: float, job: float, at_once: int
) -> None:
    base = f"{crm['SALESFORCE_LOGIN_URL']}/_sandbox"
    slow_down(base, "/services/data/", latency, {"bulk.seconds": job, "bulk.at_once": at_once})
    result = sync("salesforce", env)
    routes = requests.get(f"{base}/counters", timeout=5).json()["routes"]

    def called(method: str, path: str) -> int:
        return sum(n for route, n in routes.items() if re.fullmatch(f"{method} .*{path}/?", route))

    queries, jobs = called("POST", "jobs/query"), called("POST", "jobs/ingest")
    looks = called("GET", "jobs/ingest/{id}")
    least = job * (queries + jobs / at_once)
    seconds = result["seconds"]
    if not jobs:
        print("salesforce: so few contacts took no ingest job; measure it with more (--contacts)")
        return
    print(
        f"salesforce: {result['contacts']['read']:,} contacts in {seconds:.1f} s: {queries} query "
        f"jobs and {jobs} ingest jobs of {job:g} s, {at_once} at once, take {least:.1f} s, "
        f"{least / seconds:.1%} of it; {looks / jobs:.1f} looks a job"
    )
    jobs_limit = "Bulk jobs that the org works on at once"
    record("limits", "salesforce: time that the jobs need", least / seconds * 100, "%", jobs_limit)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.limits", description=__doc__)
    parser.add_argument("--contacts", type=int, default=40_000)
    parser.add_argument("--latency", type=float, default=150, help="milliseconds a call")
    parser.add_argument("--job", type=float, default=10.0, help="seconds that a Bulk job takes")
    parser.add_argument("--at-once", type=int, default=4, help="jobs that the org works on")
    args = parser.parse_args()
    for measure, arguments in ((hubspot, ()), (salesforce, (args.job, args.at_once))):
        with tempfile.TemporaryDirectory() as home, stand_ins(args.contacts) as crm:
            env = {**crm, "HYGIENE_HOME": home}
            upgrade(load(env).database_url)
            measure(crm, env, args.latency / 1000, *arguments)


if __name__ == "__main__":
    main()

"""How much of HubSpot's limit a first sync uses: `python -m bench.limits --contacts N`.

190 calls in ten seconds, five searches a second, 150 ms a call (`--latency`), the stand-in in a
process of its own. What the limit allows: 190 calls at once and 19 a second from then on. A call
that was told to slow down counts against us: none should be.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from typing import Any

import requests

from bench.sync import stand_ins
from config.settings import load
from worker.store.db import upgrade

_LIMIT, _WINDOW = 190, 10.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.limits", description=__doc__)
    parser.add_argument("--contacts", type=int, default=40_000)
    parser.add_argument("--latency", type=float, default=150, help="milliseconds a call")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, stand_ins(given.contacts) as crm:
        env = {**crm, "HYGIENE_HOME": home}
        upgrade(load(env).database_url)
        base = f"{crm['HUBSPOT_API_URL']}/_sandbox"
        settings = {"ten_second_limit": _LIMIT, "search_per_second": 5}
        requests.post(f"{base}/settings", json=settings, timeout=5).raise_for_status()
        fault = {"match": "/crm/v3/objects/contacts", "kind": "delay", "times": 10**9,
                 "seconds": given.latency / 1000}  # fmt: skip
        requests.post(f"{base}/faults", json=fault, timeout=5).raise_for_status()
        done = subprocess.run(
            [sys.executable, "-m", "worker", "sync", "hubspot", "--json"],
            env={**os.environ, **env}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            check=True,
        )  # fmt: skip
        made = requests.get(f"{base}/counters", timeout=5).json()["total"]
    result: dict[str, Any] = json.loads(done.stdout)[0]
    seconds, calls = result["seconds"], sum(result["api_calls"].values())
    allowed = _LIMIT + _LIMIT / _WINDOW * max(0.0, seconds - _WINDOW)
    print(
        f"hubspot: {result['contacts']['read']:,} contacts in {seconds:.1f} s: {calls} calls of "
        f"{allowed:.0f} that were allowed, {calls / allowed:.1%} of the limit; "
        f"{made - calls} told to slow down"
    )


if __name__ == "__main__":
    main()

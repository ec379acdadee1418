"""What others take for the same contacts, in one run: `python -m bench.peers --contacts N`.

| peer | what it does |
| --- | --- |
| HubSpot's client | reads all contacts as its documentation shows, and throws them away |
| `query_all_iter` | a script with simple-salesforce that reads all, and throws it away |
| dlt's HubSpot source | reads all contacts into a DuckDB file |
| `hygiene sync` | reads, verifies, decides, records and writes back all of them |

Each is a process of its own, against a stand-in in another one; CPU after its imports, memory at
its most. dlt is no dependency. It runs where BENCH_DLT_PYTHON names an interpreter that has
`dlt[duckdb]`, and BENCH_DLT_SOURCES the folder `sources` of github.com/dlt-hub/verified-sources; it
asks for `/crm/v3/properties/contacts` and `/crm/v3/objects/contacts`, which the stand-in answers.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce

from bench import baseline
from bench.results import record
from bench.sync import isolated, stand_ins
from config.settings import Settings, load
from connectors.fields import configured
from connectors.salesforce.auth import http_session
from worker.store.engine import upgrade

# Runs under the interpreter that has dlt; prints contacts, CPU seconds and MB.
_DLT = """
import json, resource, sys, time
import dlt
from hubspot import helpers, hubspot
base, token, folder, names = sys.argv[1:]
helpers.BASE_URL = base + "/"
cpu = time.process_time()
wanted = {"contact": names.split(",")}
source = hubspot(api_key=token, include_custom_props=False, properties=wanted)
pipeline = dlt.pipeline("bench", pipelines_dir=folder, dataset_name="crm",
                        destination=dlt.destinations.duckdb(folder + "/local.duckdb"))
pipeline.run(source.with_resources("contacts"))
count = pipeline.last_trace.last_normalize_info.row_counts["contacts"]
spent = time.process_time() - cpu
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print(json.dumps({"contacts": count, "cpu": spent / count * 1e6, "memory": memory}))
"""


def query_all_iter(settings: Settings) -> int:
    """Read all contacts and leads; returns how many."""
    assert settings.salesforce is not None
    login = requests.post(
        f"{settings.salesforce.login_url}/services/oauth2/token",
        data={
            "grant_type": "client_credentials",
            "client_id": settings.salesforce.client_id,
            "client_secret": settings.salesforce.client_secret,
        },
        timeout=10,
    ).json()
    session = http_session(settings.salesforce, (10.0, 60.0))
    session.mount("http://", HTTPAdapter())
    client = Salesforce(
        instance_url=login["instance_url"], session_id=login["access_token"], session=session
    )
    mapping, count = settings.connectors.salesforce, 0
    for name, wanted in mapping.objects.items():
        columns = dict.fromkeys(("Id", *configured(name, wanted, mapping.fields).read))
        for _row in client.query_all_iter(f"SELECT {', '.join(columns)} FROM {name}"):
            count += 1
    return count


def measure(peer: str) -> dict[str, Any]:
    """Run a peer in this process."""
    settings, cpu = load(), time.process_time()
    if peer == "query_all_iter":
        count = query_all_iter(settings)
    else:
        count = baseline.hubspot(settings, write=False)
    spent = time.process_time() - cpu
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {"contacts": count, "cpu": spent / count * 1e6, "memory": memory}


class PeerError(Exception):
    """A peer did not run to its end."""


def _last_line(command: list[str], env: dict[str, str]) -> dict[str, Any]:
    done = subprocess.run(command, env={**os.environ, **env}, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise PeerError(f"exit code {done.returncode}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def dlt_source(env: dict[str, str], folder: str) -> dict[str, Any] | str:
    """Measure dlt's HubSpot source; if it cannot be, returns why."""
    python, sources = os.environ.get("BENCH_DLT_PYTHON"), os.environ.get("BENCH_DLT_SOURCES")
    if not python or not sources:
        return "not installed (BENCH_DLT_PYTHON, BENCH_DLT_SOURCES: see bench/peers.py)"
    settings = load(env)
    assert settings.hubspot is not None
    mapping = settings.connectors.hubspot
    names = configured("contacts", mapping.objects["contacts"], mapping.fields).read
    command = [python, "-c", _DLT, settings.hubspot.api_url, settings.hubspot.access_token or "",
               folder, ",".join(names)]  # fmt: skip
    beside = {"PYTHONPATH": sources, "RUNTIME__DLTHUB_TELEMETRY": "false", "HOME": folder}
    try:
        return _last_line(command, beside)
    except PeerError as error:
        return f"it failed: {error}"


def compare(contacts: int) -> None:
    me = [sys.executable, "-m", "bench.peers", "--peer"]
    clients = {"hubspot": "HubSpot's client", "salesforce": "query_all_iter"}
    print(f"{contacts:,} contacts in each CRM; CPU in microseconds a contact, memory in MB")
    for connector, client in clients.items():
        with tempfile.TemporaryDirectory() as folder, stand_ins(contacts) as crm:
            env = {**crm, "HYGIENE_HOME": folder}
            upgrade(load(env).database_url)
            found = {f"{client}, reading alone": _last_line([*me, client], env)}
            if connector == "hubspot":
                with tempfile.TemporaryDirectory() as apart:
                    dlt = dlt_source(env, apart)
                if isinstance(dlt, str):
                    print(f"skipped: dlt's HubSpot source: {dlt}")
                    record("peers", "dlt's HubSpot source", 0.0, "skipped", dlt)
                else:
                    found["dlt's HubSpot source, into DuckDB"] = dlt
            found["hygiene sync, all of its work"] = isolated(env, "sync", connector)
        for name, result in found.items():
            assert result["contacts"] == contacts, (name, result)
            print(f"{connector:10} {name:36} {result['cpu']:7.0f} {result['memory']:6.0f} MB")
            full = f"{connector}: {name}"
            record("peers", full, result["cpu"], "µs of CPU a contact", _LIMITS.get(name, _PULL))
            record("peers", f"{full}, memory", result["memory"], "MB", _MEMORY)


_PULL = "decoding answers into objects of the client"
_LIMITS = {
    "dlt's HubSpot source, into DuckDB": "extract, normalize and load, each through files",
    "hygiene sync, all of its work": "rows of index, writes and answers in the database",
}
_MEMORY = "what is held at once of what was read"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("--contacts", type=int, default=10_000)
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer:
        print(json.dumps(measure(args.peer)))
        return
    compare(args.contacts)


if __name__ == "__main__":
    main()

"""`python -m sandbox`: the stand-ins as a program; prints the environment that connects to them."""

from __future__ import annotations

import argparse
import signal

from sandbox.run import CRMS, PROVIDERS, Sandbox


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--contacts", type=int, default=200, help="people in each CRM")
    parser.add_argument(
        "--leads", type=int, default=None, help="how many of them are Salesforce leads (a fifth)"
    )
    parser.add_argument("--seed", type=int, default=7)
    for name in (*CRMS, *PROVIDERS):
        parser.add_argument(f"--{name}-port", type=int, default=0)
    parser.add_argument(
        "--providers", action="store_true", help="print the environment of the lookups as well"
    )
    parser.add_argument(
        "--bare", action="store_true", help="CRMs in which the worker's fields do not exist yet"
    )
    parser.add_argument(
        "--streaming", action="store_true", help="also deliver Salesforce's change events (gRPC)"
    )
    given = parser.parse_args()
    sandbox = Sandbox.start(
        given.contacts,
        given.leads,
        given.seed,
        not given.bare,
        {name: getattr(given, f"{name}_port") for name in (*CRMS, *PROVIDERS)},
    )
    if given.streaming:
        sandbox.stream()
    for name, value in sandbox.env(*(PROVIDERS if given.providers else ())).items():
        print(f"export {name}={value}", flush=True)
    print(f"# contact pages: {sandbox.salesforce_url}/ui  {sandbox.hubspot_url}/ui", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: exit(0))
    try:
        signal.pause()
    except KeyboardInterrupt:
        print()


if __name__ == "__main__":
    main()

"""Measure what repairing damaged texts costs: decoding a page of 100 contacts, by way and by page.

    python -m bench.decoding

Intact answers must be decoded about as fast as by orjson alone.
"""

from __future__ import annotations

import timeit
from collections.abc import Callable

import orjson

from connectors.http.lenient_json import decode

_TIMES = 300


def page() -> bytes:
    """An answer of HubSpot's list, with the properties that we ask for."""
    properties = {
        "phone": "+1 415 555 2671", "mobilephone": "(415) 555-2671", "country": "United States",
        "email": "someone@example.com", "hygiene_reason": "The number is in its country's plan",
        **{f"hygiene_{n}": None for n in range(12)},
    }  # fmt: skip
    entry = {"updatedAt": "2026-11-26T10:00:00.000Z", "archived": False, "properties": properties}
    return orjson.dumps({"results": [{"id": str(n), **entry} for n in range(100)]})


def main() -> None:
    intact = page()
    half_emoji = intact.replace(b"(415) 555-2671", b"(415) 555-2671 \\ud83d", 1)
    broken_byte = intact.replace(b"(415) 555-2671", b"(415) 555-2671 \xff", 1)

    def report(what: str, call: Callable[[], object]) -> None:
        best = min(timeit.repeat(call, number=_TIMES, repeat=5)) / _TIMES
        print(f"{what:44} {best * 1e6:7.0f} \u00b5s")

    print(f"{len(intact):,} bytes")
    report("orjson alone", lambda: orjson.loads(intact))
    report("decode", lambda: decode(intact))
    report("decode, with half of an emoji", lambda: decode(half_emoji))
    report("decode, with a byte that is no UTF-8", lambda: decode(broken_byte))


if __name__ == "__main__":
    main()
